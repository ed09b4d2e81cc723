"""From the images of one examination to what the network, the selection and the pictures need."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from ..configuration import ModelConfig, PreprocessingConfig
from ..errors import InputError
from ..progress import CancelToken
from .cut_off import cut_off_slices, unseen_pixels
from .geometry import VolumeGeometry
from .head import HeadFinding, find_head
from .plausibility import CaseFacts, input_warnings
from .preprocessing import erode_in_plane, normalise, remove_background_offset
from .resampling import sample_stack, sample_stack_coverage
from .stack_grid import StackGrid, plan_stack

MINIMUM_COVERAGE = 0.1
"""A modality that shows less of the head than this is taken for another examination's."""
GOOD_COVERAGE = 0.5
SLICE_COVERAGE = 0.8
"""A slice is examined if every modality shows this share of its head."""
MINIMUM_LEVEL_EXTENT_MM = 60.0
"""In a slab thinner than this the slices' places in the head are unknown."""
DISPLAY_PX = 256
DISPLAY_PERCENTILE = 99.5

NO_HEAD = "no head in this slice"
NOISE_ONLY = "noise only"
LITTLE_HEAD = "too little head in this slice"
OUTSIDE = "outside the volume"
CUT_OFF = "head cut off"

Floats = NDArray[np.float32]
Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class PreparedCase:
    """One examination, ready to be examined.

    S slices of the stack, inferior to superior; N of them are examined; C modalities as in
    `config.modalities`. `geometry`: the first modality's, on which results are written.
    """

    geometry: VolumeGeometry
    grid: StackGrid
    x0: Floats
    """[N,C,H,W], the examined slices in [-1, 1]."""
    examined: Mask
    """[S]."""
    not_examined_reason: list[str]
    """[S]; "" where examined."""
    head: Mask
    """[S,H,W]."""
    interior: Mask
    """[S,H,W]: the head, eroded in plane."""
    level: Floats
    """[S]: 0 to 1 from the lowest to the highest slice with head; NaN where undefined."""
    display: NDArray[np.uint8]
    """[S,h,h]: the first used modality for pictures; the stack's field of view, up to 256 px wide."""
    skull_stripped: bool
    warnings: list[str]


def prepare_case(
    images: Mapping[str, sitk.Image], config: ModelConfig, *, cancel: CancelToken | None = None
) -> PreparedCase:
    """Bring one examination onto the model's stack of slices.

    `images`: one checked volume per modality of the model; they may lie on different grids, and the
    first modality's decides about head, stack and output. Raises InputError if the modalities are
    not the model's, or if an image shows no head, belongs elsewhere, or leaves nothing to examine;
    Cancelled soon after `cancel` is set.
    """
    check_modalities(images, config)
    cancel = cancel or CancelToken()
    first = config.modalities[0]
    findings = {}
    for name in config.modalities:
        cancel.raise_if_cancelled()
        _refuse_mask(images[name], name)
        findings[name] = find_head(images[name], name, cancel)
    grid = plan_stack(images[first], findings[first].mask, config.grid)
    slab = config.grid.slab_average
    head: Mask = sample_stack(findings[first].mask, grid, slab_average=slab) >= 0.5
    if not head.any():
        raise InputError("No head is left inside the model's field of view; check the image's voxel size.")
    cut = np.zeros(len(head), dtype=bool)
    stacks, covered, warnings, display = [], [], [], None
    for name in config.modalities:
        cancel.raise_if_cancelled()
        image, shift_warnings = remove_background_offset(images[name], findings[name], name)
        stacks.append(sample_stack(image, grid, slab_average=slab))
        coverage = sample_stack_coverage(image, grid, slab_average=slab)
        covered.append(coverage > 0.5)
        cancel.raise_if_cancelled()
        cut |= cut_off_slices(head, unseen_pixels(images[name], grid, coverage, slab_average=slab))
        warnings += shift_warnings + _coverage_warnings(head, covered[-1], name, first)
        if name == config.used[0]:
            display = _display_stack(image, grid, slab, stacks[-1][head & covered[-1]])
    cancel.raise_if_cancelled()
    assert display is not None  # the configuration sees to it that `used` is among `modalities`
    stack, inside = np.stack(stacks), np.stack(covered)
    areas = head.sum(axis=(1, 2)) * grid.pixel_mm**2
    reasons = _reasons(head, areas, stack[0], inside, cut, config.preprocessing)
    examined = np.array([reason == "" for reason in reasons])
    if not examined.any():
        raise InputError(
            f"No slice shows at least {config.preprocessing.minimum_head_mm2 / 100:.0f} cm2 of the head in all "
            "modalities, so there is nothing to examine; check the images and their voxel size."
        )
    stripped = findings[first].skull_stripped
    facts = CaseFacts(
        skull_stripped=stripped,
        head_areas_mm2=areas,
        slice_spacing_mm=grid.slice_spacing_mm,
        acquired_slice_mm=max(images[first].GetSpacing()),
        cropped_share=_cropped_share(findings[first], grid),
        inverted=tuple(name for name in config.modalities if findings[name].inverted),
    )
    warnings = input_warnings(facts, config) + _anatomy_differs(findings, first) + warnings
    erosion = config.preprocessing.erosion_stripped_mm if stripped else config.preprocessing.erosion_mm
    return PreparedCase(
        geometry=VolumeGeometry.from_image(images[first]),
        grid=grid,
        x0=normalise(stack, head, config.preprocessing, covered=inside, skull_stripped=stripped)[examined],
        examined=examined,
        not_examined_reason=reasons,
        head=head,
        interior=erode_in_plane(head, erosion, grid.pixel_mm),
        level=_levels(areas, grid, config),
        display=display,
        skull_stripped=stripped,
        warnings=warnings,
    )


def _refuse_mask(image: sitk.Image, name: str) -> None:
    values = sitk.GetArrayViewFromImage(image)
    ends = (values.min(), values.max())
    # Plane by plane, which ends at the first one of an image, and takes no memory of the volume's size.
    if all(bool(np.isin(plane, ends).all()) for plane in values):
        raise InputError(f"The {name} image holds two values only, like a mask; give the MRI itself.")


def check_modalities(given: Iterable[str], config: ModelConfig) -> None:
    """Raises InputError unless the names are those of the model's modalities, in any order."""
    names = list(given)
    if set(names) != set(config.modalities):
        raise InputError(
            f"This model needs the modalities {', '.join(config.modalities)}, but {', '.join(names) or 'none'} was "
            "given; name each as in t1=FILE."
        )


def _coverage_warnings(head: Mask, covered: Mask, name: str, first: str) -> list[str]:
    share = float(covered[head].mean())
    if share < MINIMUM_COVERAGE:
        raise InputError(
            f"The {name} image shows only {share:.0%} of the head that the {first} image shows; "
            "do these belong to the same examination?"
        )
    if share < GOOD_COVERAGE:
        return [
            f"The {name} image shows only {share:.0%} of the head that the {first} image shows; slices beyond it are "
            "not examined, so check that both belong to the same examination."
        ]
    return []


def _anatomy_differs(findings: Mapping[str, HeadFinding], first: str) -> list[str]:
    stripped = findings[first].skull_stripped
    others = [name for name, finding in findings.items() if finding.skull_stripped != stripped]
    if not others:
        return []
    with_skull, without = (others, [first]) if stripped else ([first], others)
    return [
        f"Skull-stripped ({', '.join(without)}) and whole-head images ({', '.join(with_skull)}) are mixed; "
        "give all modalities prepared the same way."
    ]


def _reasons(
    head: Mask, areas: NDArray[Any], first: Floats, inside: Mask, cut: Mask, config: PreprocessingConfig
) -> list[str]:
    """Why each slice is not examined, "" where it is. `first`: the first modality; `inside` [C,S,H,W]; `cut` [S]."""
    reasons = []
    for index, (pixels, area) in enumerate(zip(head, areas, strict=True)):
        seen = inside[0, index]
        if not seen.any():
            reasons.append(OUTSIDE)
        elif area == 0:
            reasons.append(NOISE_ONLY if _is_noise(first[index][seen]) else NO_HEAD)
        elif area < config.minimum_head_mm2:
            reasons.append(LITTLE_HEAD)
        else:
            shown = min(float(modality[index][pixels].mean()) for modality in inside)
            reasons.append(OUTSIDE if shown < SLICE_COVERAGE else CUT_OFF if cut[index] else "")
    return reasons


def _is_noise(values: Floats) -> bool:
    """Whether a slice without head holds a signal at all: most pixels differ from its commonest value."""
    found, counts = np.unique(values, return_counts=True)
    return len(found) > 1 and int(counts.max()) < 0.5 * values.size


def _levels(areas: NDArray[Any], grid: StackGrid, config: ModelConfig) -> Floats:
    """Relative place [S] between the lowest and highest slice with enough head to be examined."""
    level = np.full(len(areas), np.nan, dtype=np.float32)
    if config.grid.level == "none":
        return level
    present = np.nonzero((areas > 0) & (areas >= config.preprocessing.minimum_head_mm2))[0]
    if len(present) == 0:
        return level
    low, high = int(present[0]), int(present[-1])
    if (high - low) * grid.slice_spacing_mm >= MINIMUM_LEVEL_EXTENT_MM:
        level[low : high + 1] = np.linspace(0, 1, high - low + 1)
    return level


def _cropped_share(finding: HeadFinding, grid: StackGrid) -> float:
    """Share of the head's voxels that lie beside the stack's field of view."""
    mask = sitk.GetArrayViewFromImage(finding.mask)
    # Every so many voxels, counted through; all their indices would take many times the volume.
    step = max(1, int(np.count_nonzero(mask)) // 50_000)
    planes, before = [], 0
    for k, plane in enumerate(mask):
        inside = np.flatnonzero(plane)
        chosen = inside[-before % step :: step]
        before += len(inside)
        j, i = np.divmod(chosen, plane.shape[1])
        planes.append(np.stack([i, j, np.full_like(i, k)], axis=1))
    voxels = np.concatenate(planes)
    index = grid.to_index(VolumeGeometry.from_image(finding.mask).to_physical(voxels))[:, :2]
    outside = (index < -0.5) | (index > np.asarray(grid.size[:2]) - 0.5)
    return float(outside.any(axis=1).mean())


def _display_stack(image: sitk.Image, grid: StackGrid, slab: bool, in_head: Floats) -> NDArray[np.uint8]:
    """[S,h,h]: the image at its own resolution, the head's 99.5th percentile at 255."""
    width = grid.size[0]
    field = width * grid.pixel_mm
    finest = sorted(image.GetSpacing())[1]  # the larger spacing within the slice, whichever axis is thick
    pixels = min(DISPLAY_PX, max(width, round(field / finest)))
    pixel = field / pixels
    shift = (pixel / grid.pixel_mm - 1) / 2
    origin = grid.to_physical([shift, shift, 0.0])
    fine = replace(
        grid,
        size=(pixels, pixels, grid.size[2]),
        spacing=(pixel, pixel, grid.spacing[2]),
        origin=(float(origin[0]), float(origin[1]), float(origin[2])),
    )
    top = float(np.percentile(in_head, DISPLAY_PERCENTILE)) if in_head.size else 0.0
    if not top > 0:
        raise InputError("The image is dark nearly everywhere inside the head; check that it is the right image.")
    values = sample_stack(image, fine, slab_average=slab)
    values *= 255 / top
    np.clip(values, 0, 255, out=values)
    return np.rint(values, out=values).astype(np.uint8)
