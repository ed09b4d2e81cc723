"""Heatmap, segmentation and healthy prediction lie where the anomaly is, whatever the grid and the transforms."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import SimpleITK as sitk
from bright_model import NAME
from evidence_makers import SETTINGS, make_case
from scene_makers import LESION, SAMPLE, add_transform, add_volume, world_points

from anofpdm.results.detection import Detection, build_detection

AXIAL = np.diag([-1.0, -1.0, 1.0])
SAGITTAL = np.array([[0.0, 0.0, -1.0], [-1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
"""Columns i, j, k along P, S, L in RAS."""
CORONAL = np.array([[-1.0, 0.0, 0.0], [0.0, 0.0, 1.0], [0.0, -1.0, 0.0]])
LEFT_HANDED = np.diag([1.0, 1.0, -1.0])
BALL_RAS = np.array([28.0, -14.0, 21.0])
RADIUS_MM = 16.0


def rotation(degrees: float, axis: tuple[float, float, float] = (1, 2, 3)) -> np.ndarray:
    """3 x 3 (Rodrigues' formula)."""
    x, y, z = np.array(axis) / np.linalg.norm(axis)
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    angle = np.radians(degrees)
    return np.asarray(np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross)


def placed(axes: np.ndarray, spacing: tuple[float, float, float], size: tuple[int, int, int]) -> np.ndarray:
    """IJKToRAS of a volume around the origin."""
    matrix = np.eye(4)
    matrix[:3, :3] = axes * spacing
    matrix[:3, 3] = -matrix[:3, :3] @ ((np.array(size) - 1) / 2)
    return matrix


def affine(linear: np.ndarray, shift: tuple[float, float, float]) -> np.ndarray:
    """4 x 4."""
    matrix = np.eye(4)
    matrix[:3, :3] = linear
    matrix[:3, 3] = shift
    return matrix


SPACING, SIZE = (3.0, 3.0, 5.0), (60, 64, 32)
GRIDS = {
    "axial": placed(AXIAL, SPACING, SIZE),
    "sagittal": placed(SAGITTAL, SPACING, SIZE),
    "coronal": placed(CORONAL, SPACING, SIZE),
    "oblique": placed(rotation(17) @ AXIAL, SPACING, SIZE),
    "far oblique": placed(rotation(50, (1, -1, 0.3)) @ CORONAL, SPACING, SIZE),
    "left-handed": placed(LEFT_HANDED, SPACING, SIZE),
    "left-handed oblique": placed(rotation(12) @ LEFT_HANDED @ SAGITTAL, SPACING, SIZE),
    "anisotropic": placed(AXIAL, (1.2, 3.0, 7.0), (150, 64, 23)),
}
TRANSFORMS = {
    "none": None,
    "shift": affine(np.eye(3), (40.0, -25.0, 60.0)),
    "turned": affine(rotation(35, (0.2, 1, 0.5)), (5.0, 10.0, -20.0)),
    "turned upside down": affine(rotation(180, (1, 0, 0)), (0.0, 0.0, 15.0)),
    "mirrored": affine(np.diag([-1.0, 1.0, 1.0]), (0.0, 0.0, 0.0)),
    "scaled": affine(np.diag([1.2, 1.2, 1.2]), (0.0, 0.0, 0.0)),
}


def detect(node: Any, ball: np.ndarray) -> Detection:
    """What the worker would find on the exported volume, with an anomaly at `ball` (RAS mm in the world)."""
    from AnoFPDMSegmentLib.mrml.input_volumes import worldGeometry

    return build_detection(make_case(worldGeometry(node), [(ball, RADIUS_MM)]), SETTINGS)


def centroid(node: Any, array: np.ndarray) -> np.ndarray:
    return np.asarray((world_points(node) * array[..., None]).sum(axis=(0, 1, 2)) / array.sum())


def check_places(result: Any, ball: np.ndarray, tolerance_mm: float) -> None:
    """Heatmap, segmentation and healthy prediction in the world, by Slicer's own means."""
    from AnoFPDMSegmentLib.mrml.segmentation_node import SEGMENT_ID
    from AnoFPDMSegmentLib.mrml.voxels import voxelsOf

    score = voxelsOf(result.heatmapNode.GetImageData())
    assert (score >= 1).sum() > 20
    assert np.linalg.norm(centroid(result.heatmapNode, score >= 1) - ball) < tolerance_mm
    center = result.segmentationNode.GetSegmentCenterRAS(SEGMENT_ID)
    assert np.linalg.norm(np.array(center) - ball) < tolerance_mm
    assert np.array_equal(exported_mask(result), score >= 1)
    # The made-up head is 0.2 without the anomaly.
    raised = (voxelsOf(result.healthyPredictionNode.GetImageData()) - 0.3).clip(0)
    assert np.linalg.norm(centroid(result.healthyPredictionNode, raised) - ball) < tolerance_mm


def exported_mask(result: Any) -> np.ndarray:
    """The segmentation on the heatmap's voxels, resampled by Slicer in the world."""
    import vtk

    from AnoFPDMSegmentLib.mrml.segmentation_node import SEGMENT_ID
    from AnoFPDMSegmentLib.mrml.voxels import voxelsOf

    context = result.context
    labelmap = context.addNode("vtkMRMLLabelMapVolumeNode", "exported")
    ids = vtk.vtkStringArray()
    ids.InsertNextValue(SEGMENT_ID)
    logic = context.moduleLogic("Segmentations")
    assert logic.ExportSegmentsToLabelmapNode(result.segmentationNode, ids, labelmap, result.heatmapNode)
    mask = voxelsOf(labelmap.GetImageData()) > 0
    context.removeNode(labelmap)
    return np.array(mask)


@pytest.mark.parametrize("transform", TRANSFORMS)
@pytest.mark.parametrize("grid", ["axial", "left-handed oblique"])
def test_transformed_inputs(scene: Any, grid: str, transform: str) -> None:
    check_result_follows(scene, GRIDS[grid], TRANSFORMS[transform])


@pytest.mark.parametrize("grid", GRIDS)
def test_every_grid(scene: Any, grid: str) -> None:
    check_result_follows(scene, GRIDS[grid], None)


def check_result_follows(scene: Any, ijk_to_ras: np.ndarray, transform: np.ndarray | None) -> None:
    """The result lies at the anomaly, and goes along when the input's transform changes."""
    from AnoFPDMSegmentLib.mrml.result import Result
    from AnoFPDMSegmentLib.mrml.voxels import matrixOfArray

    size = (150, 64, 23) if ijk_to_ras[0, 0] == -1.2 else SIZE
    node = add_volume(scene, np.ones(size[::-1], np.float32), ijk_to_ras, "head")
    moved = None if transform is None else add_transform(scene, transform, node)
    to_world = np.eye(4) if transform is None else transform
    ball = (to_world @ [*BALL_RAS, 1.0])[:3]
    result = Result.create(scene, node, detect(node, ball))
    voxel = np.linalg.norm(ijk_to_ras[:3, :3], axis=0).max()
    check_places(result, ball, voxel)
    if moved is not None:
        turned = affine(rotation(-60, (1, 0, 0)), (3.0, 4.0, 5.0))
        moved.SetMatrixTransformToParent(matrixOfArray(turned))
        check_places(result, (turned @ [*BALL_RAS, 1.0])[:3], voxel)
        result.centreOn(1)


def test_findings_are_shown_where_they_lie_now(scene: Any) -> None:
    """Views jump to the finding even after the input was moved."""
    from AnoFPDMSegmentLib.mrml.headless import addSliceView
    from AnoFPDMSegmentLib.mrml.result import Result
    from AnoFPDMSegmentLib.mrml.voxels import arrayOfMatrix, matrixOfArray

    view = addSliceView(scene, "Red").GetSliceNode()
    node = add_volume(scene, np.ones(SIZE[::-1], np.float32), GRIDS["left-handed"], "head")
    transform = add_transform(scene, TRANSFORMS["turned"], node)
    ball = (TRANSFORMS["turned"] @ [*BALL_RAS, 1.0])[:3]
    result = Result.create(scene, node, detect(node, ball))
    for matrix in (TRANSFORMS["turned"], TRANSFORMS["shift"]):
        transform.SetMatrixTransformToParent(matrixOfArray(matrix))
        result.centreOn(1)
        now = (matrix @ [*BALL_RAS, 1.0])[:3]
        assert np.linalg.norm(arrayOfMatrix(view.GetSliceToRAS())[:3, 3] - now) < 6
        index = result.sliceAt(tuple(now))
        first, last = result.detection.components[0].slice_range
        assert first <= index <= last
        result.centreOnSlice(index)
        assert result.sliceAt(tuple(arrayOfMatrix(view.GetSliceToRAS())[:3, 3])) == index
    assert result.sliceAt((0.0, 0.0, 5000.0)) is None


@pytest.mark.slow
def test_the_whole_way_of_a_dicom_input_under_a_transform(scene: Any, bright_place: Path, tmp_path: Path) -> None:
    """Loaded by Slicer, exported by us, examined by a quick model: the outline meets the planted lesion."""
    import vtk

    from anofpdm import Detector
    from AnoFPDMSegmentLib.mrml.input_volumes import exportVolume
    from AnoFPDMSegmentLib.mrml.result import Result

    files = write_dicom(sitk.ReadImage(str(SAMPLE)), tmp_path / "dicom")
    names = vtk.vtkStringArray()
    for file in files:
        names.InsertNextValue(str(file))
    node = scene.moduleLogic("Volumes").AddArchetypeVolume(str(files[0]), "dicom", 0, names)
    turn = affine(rotation(12, (0, 0.3, 1)), (10.0, -5.0, 8.0))
    add_transform(scene, turn, node)
    exportVolume(node, tmp_path / "flair.nrrd")
    result = Result.create(scene, node, Detector.from_model(bright_place / NAME).detect(tmp_path / "flair.nrrd"))
    found = world_points(result.heatmapNode)[exported_mask(result)]
    lesion = sitk.ReadImage(str(LESION))
    voxels = np.argwhere(sitk.GetArrayViewFromImage(lesion) > 0)[:, ::-1]
    planted = np.array([lesion.TransformIndexToPhysicalPoint(v.tolist()) for v in voxels]) * [-1, -1, 1]
    planted = planted @ turn[:3, :3].T + turn[:3, 3]
    inside = (np.linalg.norm(found[:, None] - planted[None, ::7], axis=-1).min(axis=1) < 6).mean()
    assert len(found) > 200 and inside > 0.6


def write_dicom(image: sitk.Image, folder: Path) -> list[Path]:
    """One file a slice, sorted by position."""
    folder.mkdir()
    image = sitk.Cast(image, sitk.sitkInt16)
    direction = image.GetDirection()
    writer = sitk.ImageFileWriter()
    writer.KeepOriginalImageUIDOn()
    files = []
    for k in range(image.GetDepth()):
        one = image[:, :, k]
        position = image.TransformIndexToPhysicalPoint((0, 0, k))
        for key, value in {
            "0008|0060": "MR",
            "0008|0016": "1.2.840.10008.5.1.4.1.1.4",
            "0008|0018": f"1.2.826.0.1.3680043.2.1125.7.{k + 1}",
            "0020|000d": "1.2.826.0.1.3680043.2.1125.5",
            "0020|000e": "1.2.826.0.1.3680043.2.1125.6",
            "0020|0013": str(k + 1),
            "0020|0032": "\\".join(f"{p:.8f}" for p in position),
            "0020|0037": "\\".join(f"{d:.8f}" for d in (*direction[::3], *direction[1::3])),
            "0018|0050": f"{image.GetSpacing()[2]:.6f}",
        }.items():
            one.SetMetaData(key, value)
        files.append(folder / f"{k:03d}.dcm")
        writer.SetFileName(str(files[-1]))
        writer.Execute(one)
    return files
