"""From a volume to the model's stack of slices and back, in physical space."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt
import SimpleITK as sitk

from .geometry import VolumeGeometry
from .stack_grid import ROUNDING, StackGrid

CHUNK_BYTES = 16 * 2**20
"""Most bytes of finely sampled slices held at a time."""
BORDER_SLACK = 1e-6
"""Sampling grids shrink by this fraction towards the middle of the volume they read.

Points that lie on its border would otherwise count as inside or outside by rounding alone; the
shift stays below a thousandth of a millimetre.
"""

FloatStack = npt.NDArray[np.float32]


def sample_stack(image: sitk.Image, grid: StackGrid, *, slab_average: bool) -> FloatStack:
    """The volume on the stack's grid, [S, H, W] float32, averaged over each pixel's area.

    Each pixel is the mean of linearly interpolated samples no further apart than the volume's
    voxels; with `slab_average` also across the slice's thickness (the slice spacing), else in the
    slice's middle plane. Samples outside the volume count as 0.
    """
    return _sample(image, grid, _samples_per_pixel(image, grid, slab_average))


def sample_stack_coverage(image: sitk.Image, grid: StackGrid, *, slab_average: bool = True) -> FloatStack:
    """The fraction [S, H, W] of each pixel's samples (see `sample_stack`) that lie inside the volume."""
    geometry = VolumeGeometry.from_image(image)
    # The whole field of view as one voxel: interpolation inside it is 1 everywhere.
    whole = sitk.Image(1, 1, 1, sitk.sitkFloat32) + 1.0
    whole.SetDirection(geometry.direction)
    whole.SetSpacing([n * s for n, s in zip(geometry.size, geometry.spacing, strict=True)])
    whole.SetOrigin([float(c) for c in geometry.center])
    return _sample(whole, grid, _samples_per_pixel(image, grid, slab_average))


def stack_to_volume(stack: npt.NDArray[Any], grid: VolumeGeometry, geometry: VolumeGeometry) -> FloatStack:
    """A map [S, H, W] on the stack's grid, brought to a volume's grid: [k, j, i] float32.

    Linear interpolation in physical space; 0 where a voxel's center lies more than half a pixel or half a slice
    beyond the outermost centers of the stack. Raises ValueError if `stack` does not fit `grid`.
    """
    source = grid.to_image_like(np.ascontiguousarray(stack, dtype=np.float32))
    return _resample(source, geometry)


def labels_to_volume(labels: npt.NDArray[Any], grid: VolumeGeometry, geometry: VolumeGeometry) -> npt.NDArray[np.uint8]:
    """A label map uint8 [S, H, W] on the stack's grid, brought to a volume's grid: [k, j, i].

    The nearest pixel counts; 0 beyond the stack, as in `stack_to_volume`.
    """
    source = grid.to_image_like(np.ascontiguousarray(labels, dtype=np.uint8))
    found = sitk.GetArrayFromImage(_resample_image(source, geometry, sitk.sitkNearestNeighbor))
    return np.asarray(found, dtype=np.uint8)


def _samples_per_pixel(image: sitk.Image, grid: StackGrid, slab_average: bool) -> tuple[int, int, int]:
    """How many samples along the columns, rows and slices of the grid make one pixel."""
    # Voxels crossed per millimetre, along each axis of the grid.
    directions = np.asarray(image.GetDirection()).reshape(3, 3)
    steps = directions.T @ grid.direction_matrix / np.asarray(image.GetSpacing())[:, None]
    density = np.linalg.norm(steps, axis=0)
    counts = [max(1, math.ceil(float(s * d) - ROUNDING)) for s, d in zip(grid.spacing, density, strict=True)]
    return counts[0], counts[1], counts[2] if slab_average else 1


def _sample(image: sitk.Image, grid: StackGrid, samples: tuple[int, int, int]) -> FloatStack:
    """Mean over `samples` (columns, rows, slices) points per pixel, a few slices at a time."""
    width, height, slices = grid.size
    spacing = tuple(s / n for s, n in zip(grid.spacing, samples, strict=True))
    first = [(1 / n - 1) / 2 for n in samples]
    chunk = max(1, CHUNK_BYTES // (4 * width * height * math.prod(samples)))
    result = np.empty((slices, height, width), dtype=np.float32)
    for start in range(0, slices, chunk):
        count = min(chunk, slices - start)
        origin = grid.to_physical([first[0], first[1], start + first[2]])
        fine = VolumeGeometry(
            size=(width * samples[0], height * samples[1], count * samples[2]),
            spacing=(spacing[0], spacing[1], spacing[2]),
            origin=(float(origin[0]), float(origin[1]), float(origin[2])),
            direction=grid.direction,
        )
        values = _resample_image(image, fine)
        if samples != (1, 1, 1):
            values = sitk.BinShrink(values, samples)
        result[start : start + count] = sitk.GetArrayViewFromImage(values)
    return result


def _resample(image: sitk.Image, target: VolumeGeometry) -> FloatStack:
    values: FloatStack = sitk.GetArrayFromImage(_resample_image(image, target))
    return values


def _resample_image(image: sitk.Image, target: VolumeGeometry, interpolator: int = sitk.sitkLinear) -> sitk.Image:
    """Interpolation of `image` at the voxels of `target`; 0 outside of `image`."""
    center = VolumeGeometry.from_image(image).center
    origin = center + (np.asarray(target.origin) - center) * (1 - BORDER_SLACK)
    resample = sitk.ResampleImageFilter()
    resample.SetInterpolator(interpolator)
    resample.SetDefaultPixelValue(0.0)
    resample.SetOutputPixelType(sitk.sitkFloat32)
    resample.SetSize(target.size)
    resample.SetOutputOrigin([float(o) for o in origin])
    resample.SetOutputSpacing([s * (1 - BORDER_SLACK) for s in target.spacing])
    resample.SetOutputDirection(target.direction)
    values: sitk.Image = resample.Execute(image)
    return values
