"""Pictures as PNG files in memory, by vtk."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import vtk
from vtk.util.numpy_support import numpy_to_vtk, vtk_to_numpy

if TYPE_CHECKING:
    from numpy.typing import NDArray


def pngBytes(picture: NDArray[np.uint8]) -> bytes:
    """Of a picture [h, w, 3], row 0 on top."""
    height, width, channels = picture.shape
    image = vtk.vtkImageData()
    image.SetDimensions(width, height, 1)
    # vtk's rows run upward.
    values = np.ascontiguousarray(picture[::-1]).reshape(-1, channels)
    image.GetPointData().SetScalars(numpy_to_vtk(values, deep=True))
    writer = vtk.vtkPNGWriter()
    writer.WriteToMemoryOn()
    # Of 9, for gray slices with a heatmap hardly larger than at the usual 5 and sooner written.
    writer.SetCompressionLevel(3)
    writer.SetInputData(image)
    writer.Write()
    return bytes(vtk_to_numpy(writer.GetResult()))
