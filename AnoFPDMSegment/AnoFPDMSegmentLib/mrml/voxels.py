"""Numpy arrays and matrices in and out of MRML nodes. Arrays are indexed [k, j, i]."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import vtk
from vtk.util.numpy_support import get_vtk_array_type, vtk_to_numpy

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def imageOf(array: NDArray[Any]) -> vtk.vtkImageData:
    """A copy of the array as an image with unit spacing, as volume nodes hold it."""
    image = vtk.vtkImageData()
    fillImage(image, array)
    return image


def fillImage(image: vtk.vtkImageData, array: NDArray[Any]) -> None:
    """Copy the array into the image, which takes its size and type."""
    scalarType = get_vtk_array_type(array.dtype)
    size = array.shape[::-1]
    if image.GetDimensions() != size or image.GetScalarType() != scalarType or not image.GetPointData().GetScalars():
        image.SetDimensions(size)
        image.AllocateScalars(scalarType, 1)
    voxelsOf(image)[...] = array
    image.GetPointData().GetScalars().Modified()
    image.Modified()


def voxelsOf(image: vtk.vtkImageData) -> NDArray[Any]:
    """The voxels of a scalar image, shared with it: call `Modified` on scalars and image after a change."""
    i, j, k = image.GetDimensions()
    voxels: NDArray[Any] = vtk_to_numpy(image.GetPointData().GetScalars()).reshape(k, j, i)
    return voxels


def setVoxels(node: Any, array: NDArray[Any]) -> None:
    """Copy the array into a volume node; everything that shows it updates once."""
    if node.GetImageData() is None:
        node.SetAndObserveImageData(imageOf(array))
        return
    fillImage(node.GetImageData(), array)
    # Slice layers listen to the node, not to its image.
    node.Modified()


def arrayOfMatrix(matrix: vtk.vtkMatrix4x4) -> NDArray[np.float64]:
    """4 x 4."""
    import numpy as np

    return np.array([[matrix.GetElement(row, column) for column in range(4)] for row in range(4)])


def matrixOfArray(values: NDArray[np.float64]) -> vtk.vtkMatrix4x4:
    """From 4 x 4."""
    matrix = vtk.vtkMatrix4x4()
    matrix.DeepCopy([float(value) for value in values.ravel()])
    return matrix


def ijkToRAS(node: Any) -> NDArray[np.float64]:
    """4 x 4 of a volume node, without its parent transform."""
    matrix = vtk.vtkMatrix4x4()
    node.GetIJKToRASMatrix(matrix)
    return arrayOfMatrix(matrix)


def setIJKToRAS(node: Any, values: NDArray[np.float64]) -> None:
    """Place a volume node."""
    node.SetIJKToRASMatrix(matrixOfArray(values))


def parentToWorld(node: Any) -> NDArray[np.float64]:
    """4 x 4 from the node's own coordinates to the world; the identity without a parent transform.

    Raises ValueError if the transform is not linear.
    """
    import numpy as np

    transform = node.GetParentTransformNode()
    if transform is None:
        return np.eye(4)
    if not isTransformLinear(node):
        raise ValueError(f"the parent transform of {node.GetName()} is not linear")
    matrix = vtk.vtkMatrix4x4()
    transform.GetMatrixTransformToWorld(matrix)
    return arrayOfMatrix(matrix)


def isTransformLinear(node: Any) -> bool:
    """Whether the way from the node's own coordinates to the world is linear; it is without a parent transform."""
    transform = node.GetParentTransformNode()
    return transform is None or bool(transform.IsTransformToWorldLinear())
