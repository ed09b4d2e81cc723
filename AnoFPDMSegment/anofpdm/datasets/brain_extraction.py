"""An approximate brain mask of a whole head, by thresholds and morphology.

Made for simulating skull-stripped training images, not for measuring: it separates brain from scalp
by the dark skull between them, keeps bright lesions, and is rough at the skull base. Torch-free.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import SimpleITK as sitk

from ..arrays import BoolArray, FloatArray
from ..volumes.preparation import PreparedCase
from ..volumes.resampling import sample_stack
from ..volumes.stack_grid import StackGrid

FINE_PIXEL_MM = 1.3
"""The skull is 4-8 mm thick; pixels are at most this large where it is looked for."""


@dataclass(frozen=True)
class BrainExtraction:
    """How the brain is cut out; lengths in mm."""

    darkness: float = 0.55
    """Voxels below this share of the deep tissue's median are skull, CSF or air."""
    scalp_mm: float = 4.0
    """This much of the head's border is never brain."""
    opening_mm: float = 4.5
    """Bridges between brain and scalp thinner than twice this are cut."""
    closing_mm: float = 8.0
    """Sulci and gaps up to twice this wide are filled."""
    deep_mm: float = 30.0
    """Tissue this far inside the head is taken for brain when the threshold is set."""


DEFAULT_EXTRACTION = BrainExtraction()


def brain_on_grid(image: sitk.Image, case: PreparedCase, settings: BrainExtraction = DEFAULT_EXTRACTION) -> BoolArray:
    """Approximate brain [S, H, W] on the case's stack; its head where the skull is gone already.

    `image`: the first modality, from which the case was prepared.
    """
    if case.skull_stripped:
        return case.head.copy()
    factor = max(1, math.ceil(case.grid.pixel_mm / FINE_PIXEL_MM - 1e-6))
    fine = sample_stack(image, _finer(case.grid, factor), slab_average=True)
    head = case.head.repeat(factor, axis=1).repeat(factor, axis=2)
    brain = extract_brain(fine, head, case.grid.pixel_mm / factor, case.grid.slice_spacing_mm, settings)
    slices, height, width = case.head.shape
    shares = brain.reshape(slices, height, factor, width, factor).mean(axis=(2, 4))
    return np.asarray((shares >= 0.5) & case.head)


def extract_brain(
    stack: FloatArray,
    head: BoolArray,
    pixel_mm: float,
    slice_mm: float,
    settings: BrainExtraction = DEFAULT_EXTRACTION,
) -> BoolArray:
    """Approximate brain [S, H, W] of a whole-head stack (FLAIR, T1 or T2), slices inferior to superior."""
    depth = np.stack([_distance_inside(plane, pixel_mm) for plane in head])
    deep = head & (depth > min(settings.deep_mm, 0.5 * float(depth.max(initial=0.0))))
    if not deep.any():
        return np.zeros(head.shape, dtype=bool)
    thresholds = settings.darkness * _tissue_level(stack, deep)
    tissue = (stack > thresholds[:, None, None]) & (depth > settings.scalp_mm)
    core = np.stack([_distance_inside(_fill(plane), pixel_mm) > settings.opening_mm for plane in tissue])
    core = _main_component(core, deep)
    brain = np.zeros(head.shape, dtype=bool)
    for k in np.flatnonzero(core.any(axis=(1, 2))):
        grown = _distance_outside(core[k], pixel_mm) <= settings.opening_mm + 0.5 * pixel_mm
        closed = _close(grown & _fill(tissue[k]), settings.closing_mm, pixel_mm)
        brain[k] = _fill(closed) & head[k]
    return brain


def move_border(mask: BoolArray, head: BoolArray, mm: float, pixel_mm: float) -> BoolArray:
    """A brain mask [..., H, W] cut looser (mm > 0, never beyond the head) or tighter (mm < 0) in plane."""
    flat, heads = mask.reshape(-1, *mask.shape[-2:]), head.reshape(-1, *head.shape[-2:])
    if mm < 0:
        moved = [_distance_inside(plane, pixel_mm) > -mm for plane in flat]
    else:
        moved = [(_distance_outside(p, pixel_mm) <= mm) & (h | p) for p, h in zip(flat, heads, strict=True)]
    return np.stack(moved).reshape(mask.shape)


def _finer(grid: StackGrid, factor: int) -> StackGrid:
    """The same field of view and slices with `factor` times as many pixels each way."""
    shift = (1 / factor - 1) / 2
    origin = grid.to_physical([shift, shift, 0.0])
    return replace(
        grid,
        size=(grid.size[0] * factor, grid.size[1] * factor, grid.size[2]),
        spacing=(grid.spacing[0] / factor, grid.spacing[1] / factor, grid.spacing[2]),
        origin=(float(origin[0]), float(origin[1]), float(origin[2])),
    )


def _tissue_level(stack: FloatArray, deep: BoolArray) -> npt.NDArray[np.float64]:
    """Level of bright deep tissue per slice [S]: its median among what is not CSF, steadied by the volume's."""
    overall = float(np.median(stack[deep]))
    levels = np.full(len(stack), np.nan)
    for k, (plane, inside) in enumerate(zip(stack, deep, strict=True)):
        values = plane[inside]
        values = values[values > 0.5 * overall]
        if len(values) > 50:
            levels[k] = float(np.median(values))
    levels[np.isnan(levels)] = overall
    return np.asarray(np.clip(levels, 0.6 * overall, 1.6 * overall))


def _main_component(core: BoolArray, deep: BoolArray) -> BoolArray:
    """The 3-D component that holds most deep tissue."""
    labels = sitk.GetArrayFromImage(sitk.ConnectedComponent(sitk.GetImageFromArray(core.astype(np.uint8))))
    counts = np.bincount(labels[deep].ravel(), minlength=2)
    counts[0] = 0
    if not counts.any():
        return np.zeros(core.shape, dtype=bool)
    return np.asarray(labels == int(np.argmax(counts)))


def _distance_inside(mask: BoolArray, pixel_mm: float) -> npt.NDArray[np.float32]:
    """Distance [H, W] in mm of mask pixels to the nearest pixel outside; beyond the frame is outside."""
    return _distance_outside(~np.pad(mask, 1), pixel_mm)[1:-1, 1:-1]


def _distance_outside(mask: BoolArray, pixel_mm: float) -> npt.NDArray[np.float32]:
    """Distance [H, W] in mm to the nearest pixel of the mask; infinite if it is empty."""
    if not mask.any():
        return np.full(mask.shape, np.inf, dtype=np.float32)
    squared = sitk.SignedMaurerDistanceMap(
        sitk.GetImageFromArray(mask.astype(np.uint8)),
        insideIsPositive=False,
        squaredDistance=False,
        useImageSpacing=False,
    )
    distance: npt.NDArray[np.float32] = np.clip(sitk.GetArrayFromImage(squared), 0, None) * np.float32(pixel_mm)
    return distance


def _close(mask: BoolArray, mm: float, pixel_mm: float) -> BoolArray:
    pad = int(mm / pixel_mm) + 2
    grown = _distance_outside(np.pad(mask, pad), pixel_mm) <= mm
    closed: BoolArray = _distance_inside(grown, pixel_mm)[pad:-pad, pad:-pad] > mm
    return closed | mask


def _fill(mask: BoolArray) -> BoolArray:
    filled = sitk.BinaryFillhole(sitk.GetImageFromArray(mask.astype(np.uint8)))
    return np.asarray(sitk.GetArrayFromImage(filled) > 0)
