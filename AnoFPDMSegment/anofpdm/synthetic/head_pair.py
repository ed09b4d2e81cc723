"""One head at two dates: the same anatomy, lesions that came, went, grew, shrank or stayed, each date scanned anew.

The head is rendered once on fine voxels, without what a scanner does. Each date's lesions are painted into it, and the
date's scan is then taken through it in its own pose: its slices are averaged across their thickness, and shading, blur
and noise are its own. Nothing of one date's scan is resampled into the other.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import SimpleITK as sitk
import torch

from ..core.arrays import BoolArray, FloatArray
from ..volumes.geometry import VolumeGeometry
from ..volumes.resampling import sample_stack
from ..volumes.stack_grid import StackGrid
from .acquisition import acquire, draw_acquisition
from .anatomy import Anatomy, anatomy_of
from .contrast import ContrastPrior, draw_contrast
from .head_map import HeadMap
from .lesion_kinds import Plan
from .look_alikes import add_look_alikes
from .painter import paint
from .pose import draw_pose
from .rendered_volume import rotation
from .sampled_head import sample_head
from .slab import Slab

FINE = Slab(matrix=184, pixel_mm=1.3, slices=152, spacing_mm=1.3, thickness_mm=1.3, planes=1, center_z_mm=-4.0)
APART_MM = 12.0
"""Lesions are painted at least this far from each other, so that each keeps its own finding."""
ATTEMPTS = 40
VISIBLE = 0.05
PARTED_MM = 10.0
"""How far apart the two halves of a parted lesion lie."""


@dataclass(frozen=True)
class Course:
    """What becomes of one lesion: what to paint at either date, None where it is not there.

    Both have the same kind; another volume gives the same shape in another size. `parted`: the dates (0 baseline, 1
    later) at which a gap parts it in two.
    """

    baseline: Plan | None
    later: Plan | None
    parted: tuple[int, ...] = ()

    @property
    def largest(self) -> Plan:
        """What takes the most room."""
        return max((plan for plan in (self.baseline, self.later) if plan is not None), key=lambda plan: plan.volume_ml)


@dataclass(frozen=True)
class HeadPose:
    """How the head lies in a scan: turned about x, y, z (degrees), then moved (LPS mm)."""

    turn_degrees: tuple[float, float, float] = (0.0, 0.0, 0.0)
    shift_mm: tuple[float, float, float] = (0.0, 0.0, 0.0)

    @property
    def transform(self) -> sitk.Euler3DTransform:
        """Takes points of the head to those of the scan."""
        transform = sitk.Euler3DTransform()
        transform.SetMatrix(rotation(*self.turn_degrees).ravel().tolist())
        transform.SetTranslation(self.shift_mm)
        return transform

    def placed(self, geometry: VolumeGeometry) -> VolumeGeometry:
        """A grid that moves with the head."""
        turn = rotation(*self.turn_degrees)
        return VolumeGeometry(
            geometry.size,
            geometry.spacing,
            tuple((turn @ np.asarray(geometry.origin) + self.shift_mm).tolist()),
            tuple((turn @ geometry.direction_matrix).ravel().tolist()),  # type: ignore[arg-type]
        )


@dataclass(frozen=True)
class PairedHead:
    """The head on fine voxels, in its own frame: a picture a date, and each lesion's share of every voxel.

    `images`: baseline, later, [z, y, x]. `extents`: of each course the same two; None where it is not there.
    """

    images: tuple[FloatArray, FloatArray]
    extents: tuple[tuple[FloatArray | None, FloatArray | None], ...]
    courses: tuple[Course, ...]


@dataclass(frozen=True)
class ScannedHead:
    """A date's scan. `image`: whole numbers; `lesions`: of each course the voxels [k, j, i] of which it takes half."""

    image: sitk.Image
    lesions: tuple[BoolArray, ...]


def fine_geometry() -> VolumeGeometry:
    """Of a paired head's voxels: axes along +L, +P, +S."""
    x, z = float(FINE.across[0]), float(FINE.slice_z[0])
    return VolumeGeometry(
        (FINE.matrix, FINE.matrix, FINE.slices), (FINE.pixel_mm, FINE.pixel_mm, FINE.spacing_mm), (x, x, z),
        (1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0),
    )  # fmt: skip


def render_pair(head: HeadMap, courses: Sequence[Course], seed: int, prior: ContrastPrior = "flair") -> PairedHead:
    """Render the head of both dates; the same arguments give the same pair.

    Courses for which there is no place apart from the others are left out of the pair.
    """
    shape_rng, contrast_rng = (np.random.default_rng(each) for each in np.random.SeedSequence(seed).spawn(2))
    pose = draw_pose(shape_rng, head, centered_on_brain=False)
    sampled = sample_head(head, pose, FINE)
    anatomy = anatomy_of(sampled)
    contrast = draw_contrast(contrast_rng, head.structures, prior, head.bone)
    grain = sampled.table(contrast.grain) * torch.from_numpy(contrast_rng.standard_normal(FINE.shape, np.float32))
    plain = add_look_alikes(contrast_rng, (sampled.table(contrast.level) + grain).clamp_(min=0), anatomy)
    images = [plain, plain]
    taken = torch.zeros(FINE.shape, dtype=torch.bool)
    kept, extents = [], []
    for number, course in enumerate(courses):
        place = _place(course, anatomy, taken, [seed, number])
        if place is None:
            continue
        found: list[FloatArray | None] = []
        for date, plan in enumerate((course.baseline, course.later)):
            if plan is None:
                found.append(None)
                continue
            painted = paint(np.random.default_rng(place), images[date], anatomy, [plan], [None])
            share = _beside_gap(painted.extent) if date in course.parted else torch.ones(1, 1, 1)
            images[date] = torch.lerp(images[date], painted.image, share.expand(FINE.shape))
            found.append((painted.extent * share).numpy())
        taken |= _extent(course.largest, anatomy, place) > VISIBLE
        kept.append(course)
        extents.append((found[0], found[1]))
    return PairedHead((images[0].numpy(), images[1].numpy()), tuple(extents), tuple(kept))


def scan(pair: PairedHead, date: int, pose: HeadPose, slab: Slab, seed: int, units: float = 400.0) -> ScannedHead:
    """Scan a date (0 baseline, 1 later) of a pair with the head in this pose. `units`: white matter in the file."""
    rng = np.random.default_rng(seed)
    place = pose.placed(fine_geometry())
    grid = _scan_grid(slab)
    stack = sample_stack(place.to_image_like(np.ascontiguousarray(pair.images[date])), grid, slab_average=True)
    image = acquire(torch.from_numpy(stack), slab, draw_acquisition(rng), rng).numpy()
    stored = np.round(image * units).clip(0, 32767).astype(np.int16)
    lesions = []
    for extents in pair.extents:
        extent = extents[date]
        if extent is None:
            lesions.append(np.zeros(slab.shape, dtype=bool))
        else:
            share = sample_stack(place.to_image_like(np.ascontiguousarray(extent)), grid, slab_average=True)
            lesions.append(share >= 0.5)
    return ScannedHead(grid.to_image_like(stored), tuple(lesions))


def _scan_grid(slab: Slab) -> StackGrid:
    x, z = float(slab.across[0]), float(slab.slice_z[0])
    return StackGrid(
        (slab.matrix, slab.matrix, slab.slices), (slab.pixel_mm, slab.pixel_mm, slab.spacing_mm), (x, x, z),
        (1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0),
    )  # fmt: skip


def _beside_gap(extent: torch.Tensor) -> torch.Tensor:
    """[z, y, x], to be broadcast: 0 in a gap through the lesion's middle, at right angles to its longer side."""
    along_y, along_x = extent.sum(dim=(0, 2)), extent.sum(dim=(0, 1))
    lying = int((along_x > 0).sum()) >= int((along_y > 0).sum())
    share = along_x if lying else along_y
    across = torch.from_numpy(FINE.across)
    middle = float((share * across).sum() / share.sum())
    # Soft over a voxel, as borders are.
    beside = (((across - middle).abs() - PARTED_MM / 2) / FINE.pixel_mm + 0.5).clamp(0, 1)
    return beside[None, None, :] if lying else beside[None, :, None]


def _place(course: Course, anatomy: Anatomy, taken: torch.Tensor, seed: Sequence[int]) -> list[int] | None:
    """Seed of a place where the course's largest lesion keeps its distance from what is taken; None without one."""
    near = _grown(taken)
    for attempt in range(ATTEMPTS):
        place = [*seed, attempt]
        extent = _extent(course.largest, anatomy, place)
        volume = FINE.volume_ml(float(extent.sum()))
        if volume >= 0.5 * course.largest.volume_ml and not bool(near[extent > VISIBLE].any()):
            return place
    return None


def _extent(plan: Plan, anatomy: Anatomy, place: Sequence[int]) -> torch.Tensor:
    return paint(np.random.default_rng(place), torch.zeros(FINE.shape), anatomy, [plan], [None]).extent


def _grown(taken: torch.Tensor) -> torch.Tensor:
    reach = round(APART_MM / FINE.pixel_mm)
    image = sitk.GetImageFromArray(taken.numpy().astype(np.uint8))
    return torch.from_numpy(sitk.GetArrayFromImage(sitk.BinaryDilate(image, [reach] * 3, sitk.sitkBox)) > 0)
