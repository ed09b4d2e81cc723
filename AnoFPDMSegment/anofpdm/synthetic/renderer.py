"""Renders heads: from a label map to an image of any contrast, with what is true of it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
import torch

from .acquisition import acquire, draw_acquisition
from .anatomy import Anatomy, anatomy_of
from .contrast import ContrastPrior, draw_contrast
from .head_map import HeadMap
from .lesion_kinds import KINDS, Kind, Plan, draw_plans
from .look_alikes import add_look_alikes
from .mass_effect import Push, moved
from .painter import Painted, PaintedLesion, draw_pushes, paint
from .pose import Pose, draw_pose
from .sampled_head import SampledHead, sample_head
from .skull import draw_removal, kept
from .slab import Slab

PLANE_STEP_MM = 2.0
"""A slice is averaged over planes about this far apart."""


@dataclass(frozen=True)
class RenderSettings:
    """How heads are drawn. Shares are probabilities.

    `spacings_mm`: slice spacings, one drawn a head; slices are as thick, or a little thinner with gaps between.
    `slices`: at most so many a head, from anywhere in the brain if it has more.
    """

    prior: ContrastPrior = "flair-wide"
    matrix: int = 128
    field_of_view_mm: float = 240.0
    spacings_mm: tuple[float, ...] = (1.0, 3.0, 3.0, 4.0, 5.0, 5.0, 5.0, 6.0, 6.5, 7.0, 8.0)
    slices: int = 28
    painted: float = 0.7
    stripped: float = 0.45
    kinds: tuple[Kind, ...] = field(default=KINDS)


@dataclass(frozen=True)
class RenderedHead:
    """One head. Arrays [slices, rows, columns] with axes +S, +P, +L, float32 on the CPU.

    `image`: background 0, white matter about 1. Truth: `lesion`, `brain` (with ventricles and sulci), `ventricles`,
    and from `sampled`, when asked, `left` and `right` (structures of that side); all as shares of a pixel.
    """

    slab: Slab
    image: torch.Tensor
    lesion: torch.Tensor
    brain: torch.Tensor
    ventricles: torch.Tensor
    sampled: SampledHead
    stripped: bool
    noise: float
    """Standard deviation of the noise relative to white matter, before gamma."""
    blur_mm: float
    """Standard deviation of the point spread in plane."""
    lesions: tuple[PaintedLesion, ...]

    @property
    def head(self) -> str:
        """Name of the label map."""
        return self.sampled.head.name

    @cached_property
    def left(self) -> torch.Tensor:
        """Structures of the left side."""
        return self.sampled.side("left")

    @cached_property
    def right(self) -> torch.Tensor:
        """Structures of the right side."""
        return self.sampled.side("right")


def draw_slab(rng: np.random.Generator, head: HeadMap, settings: RenderSettings) -> Slab:
    """Draw slice spacing, thickness and where the stack lies."""
    spacing = float(rng.choice(settings.spacings_mm)) * float(rng.uniform(0.93, 1.07))
    thickness = spacing * float(rng.choice((1.0, 1.0, 0.9, 0.8)))
    extent = 2 * float(head.brain_extent[0]) + 10
    wanted = math.ceil(extent / spacing) + 1
    slices = min(settings.slices, wanted)
    room = max(0.0, (wanted - slices) * spacing / 2)
    return Slab(
        matrix=settings.matrix,
        pixel_mm=settings.field_of_view_mm / settings.matrix,
        slices=slices,
        spacing_mm=spacing,
        thickness_mm=thickness,
        planes=max(1, min(3, round(thickness / PLANE_STEP_MM))),
        center_z_mm=float(rng.uniform(-room, room) if room else rng.normal(0, 2)),
    )


def render_head(
    head: HeadMap,
    settings: RenderSettings,
    seed: int | Sequence[int],
    *,
    slab: Slab | None = None,
    plans: Sequence[Plan] | None = None,
    stripped: bool | None = None,
) -> RenderedHead:
    """Render one head; the same arguments give the same head.

    `slab`, `plans` (lesions; empty: healthy) and `stripped` are drawn as `settings` say where they are None.
    """
    streams = np.random.SeedSequence(seed).spawn(5)
    shape_rng, contrast_rng, lesion_rng, scan_rng, noise_rng = (np.random.default_rng(stream) for stream in streams)
    slab = draw_slab(shape_rng, head, settings) if slab is None else slab
    stripped = bool(shape_rng.random() < settings.stripped) if stripped is None else stripped
    removal = draw_removal(shape_rng, stripped)
    pose = draw_pose(shape_rng, head, centered_on_brain=stripped)
    contrast = draw_contrast(contrast_rng, head.structures, settings.prior, head.bone)
    if plans is None:
        painted = lesion_rng.random() < settings.painted
        plans = draw_plans(lesion_rng, contrast.lesion_sign, settings.kinds) if painted else ()
    sampled, anatomy, pushes = _with_mass_effect(lesion_rng, head, pose, slab, plans)
    image = sampled.table(contrast.level)
    grain = sampled.table(contrast.grain)
    image = image + grain * torch.from_numpy(contrast_rng.standard_normal(slab.shape, np.float32))
    image = add_look_alikes(contrast_rng, image.clamp_(min=0), anatomy)
    result = paint(lesion_rng, image, anatomy, plans, pushes) if plans else Painted(image, torch.zeros(slab.shape), ())
    scan = draw_acquisition(scan_rng)
    image = acquire(result.image, slab, scan, noise_rng)
    mask = kept(sampled, removal)
    if mask is not None:
        image = image * mask
    return RenderedHead(
        slab=slab,
        image=image,
        lesion=result.extent if mask is None else result.extent * mask,
        brain=(anatomy.hull_mm / slab.pixel_mm + 0.5).clamp(0, 1),
        ventricles=anatomy.ventricles,
        sampled=sampled,
        stripped=stripped,
        noise=scan.noise,
        blur_mm=scan.blur_mm,
        lesions=result.lesions if mask is None else _in_view(result.lesions, mask, slab),
    )


def _in_view(lesions: Sequence[PaintedLesion], mask: torch.Tensor, slab: Slab) -> tuple[PaintedLesion, ...]:
    """The lesions without what was cut off; those that are gone altogether are left out."""
    seen = []
    for lesion in lesions:
        extent = lesion.extent * mask
        volume = slab.volume_ml(float(extent.sum()))
        if volume > 0:
            seen.append(replace(lesion, volume_ml=volume, extent=extent))
    return tuple(seen)


def _with_mass_effect(
    rng: np.random.Generator, head: HeadMap, pose: Pose, slab: Slab, plans: Sequence[Plan]
) -> tuple[SampledHead, Anatomy, list[Push | None]]:
    """The head on the slab, after its masses have pushed."""
    sampled = sample_head(head, pose, slab)
    anatomy = anatomy_of(sampled)
    pushes = draw_pushes(rng, plans, anatomy)
    active = [push for push in pushes if push is not None and push.strength > 0]
    if active:
        across = slab.coarse_across
        sampled = sample_head(head, pose, slab, moved(active, slab.plane_z, across, across))
        anatomy = anatomy_of(sampled)
    return sampled, anatomy, pushes
