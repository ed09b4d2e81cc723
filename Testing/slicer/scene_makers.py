"""Volumes for tests on real MRML."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from phantom_sample import phantom_samples

SAMPLES = phantom_samples()
SAMPLE = SAMPLES / "phantom_lesion.nii.gz"
LESION = SAMPLES / "phantom_lesion_mask.nii.gz"


def load_volume(scene: Any, path: Path, name: str | None = None) -> Any:
    """A volume node of a file, through Slicer's own reader."""
    node = scene.moduleLogic("Volumes").AddArchetypeVolume(str(path), name or path.name.partition(".")[0])
    assert node is not None, path
    return node


def add_volume(scene: Any, array: NDArray[Any], ijk_to_ras: NDArray[Any] | None = None, name: str = "volume") -> Any:
    """A scalar volume node of an array [k, j, i]."""
    from AnoFPDMSegmentLib.mrml.voxels import setIJKToRAS, setVoxels

    node = scene.addNode("vtkMRMLScalarVolumeNode", name)
    setVoxels(node, array)
    setIJKToRAS(node, np.eye(4) if ijk_to_ras is None else ijk_to_ras)
    return node


def put_over_images(scene: Any, node: Any, opacity: float) -> None:
    """A volume, or none, over the background of all slice views, as a user would choose it there."""
    for composite in scene.nodes("vtkMRMLSliceCompositeNode"):
        composite.SetForegroundVolumeID(node.GetID() if node else None)
        composite.SetForegroundOpacity(opacity)


def add_transform(scene: Any, matrix: NDArray[Any], *nodes: Any) -> Any:
    """A linear transform over the nodes."""
    from AnoFPDMSegmentLib.mrml.voxels import matrixOfArray

    transform = scene.addNode("vtkMRMLLinearTransformNode", "transform")
    transform.SetMatrixTransformToParent(matrixOfArray(matrix))
    for node in nodes:
        node.SetAndObserveTransformNodeID(transform.GetID())
    return transform


def add_grid_transform(scene: Any, *nodes: Any) -> Any:
    """As Slicer's DICOM reader makes it for a series with a missing slice, over the nodes: 5 mm from the middle on."""
    import slicer
    import vtk
    from vtk.util.numpy_support import vtk_to_numpy

    grid = vtk.vtkImageData()
    grid.SetDimensions(2, 2, 32)
    grid.SetSpacing(60, 64, 1)
    grid.AllocateScalars(vtk.VTK_DOUBLE, 3)
    displacements = vtk_to_numpy(grid.GetPointData().GetScalars()).reshape(32, 2, 2, 3)
    displacements[...] = 0
    displacements[16:, :, :, 2] = 5
    content = slicer.vtkOrientedGridTransform()
    content.SetDisplacementGridData(grid)
    transform = scene.addNode("vtkMRMLGridTransformNode", "volume acquisition transform")
    transform.SetAndObserveTransformToParent(content)
    for node in nodes:
        node.SetAndObserveTransformNodeID(transform.GetID())
    return transform


def world_points(node: Any) -> NDArray[np.float64]:
    """RAS [k, j, i, 3] of every voxel of a volume node in the world, by Slicer's own transforms."""
    import vtk

    from AnoFPDMSegmentLib.mrml.voxels import arrayOfMatrix, ijkToRAS

    i, j, k = (np.arange(n) for n in node.GetImageData().GetDimensions())
    index = np.stack(np.meshgrid(k, j, i, indexing="ij")[::-1], axis=-1)
    world = vtk.vtkMatrix4x4()
    if node.GetParentTransformNode():
        node.GetParentTransformNode().GetMatrixTransformToWorld(world)
    matrix = arrayOfMatrix(world) @ ijkToRAS(node)
    points: NDArray[np.float64] = index @ matrix[:3, :3].T + matrix[:3, 3]
    return points
