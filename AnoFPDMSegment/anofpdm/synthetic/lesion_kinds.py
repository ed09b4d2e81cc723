"""The kinds of lesions: where each sits, how large it is, what it is made of."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from torch.nn import functional

from .anatomy import Anatomy
from .lesion_shapes import Blob, Share, draw_blob, level_set, wavy_field, widening
from .mass_effect import Push
from .plane_waves import Float32Array

Kind = Literal[
    "ovoid", "cap", "halo", "confluent", "juxtacortical", "infratentorial", "mass", "cavity", "infarct", "subtle"
]
VOLUME_ML: dict[Kind, tuple[float, float]] = {
    "ovoid": (0.02, 3.0),
    "cap": (0.3, 15.0),
    "halo": (1.0, 40.0),
    "confluent": (3.0, 120.0),
    "juxtacortical": (0.02, 4.0),
    "infratentorial": (0.02, 8.0),
    "mass": (2.0, 150.0),
    "cavity": (0.1, 25.0),
    "infarct": (0.3, 150.0),
    "subtle": (0.05, 15.0),
}
KINDS: tuple[Kind, ...] = tuple(VOLUME_ML)
SMALLEST_ML, LARGEST_ML = 0.02, 150.0
LARGEST_LOWER_INFARCT_ML = 40.0
"""Of cerebellum and brain stem; larger ones are supratentorial."""
EXCESS = (0.12, 1.0)
"""Intensity over white matter's, which is 1."""
GLARING = 2.2
"""Some are up to this much brighter."""
GLARING_SHARE = 0.1
FAINT = (0.08, 0.3)
"""Subtle ones, and half of the infarcts: hours old they hardly show."""
KIND_WEIGHTS: dict[Kind, float] = {"infarct": 2.0, "mass": 1.5}
"""How often a kind is drawn among those that fit a volume; 1 where nothing is said."""


@dataclass(frozen=True)
class Layer:
    """One part of a lesion. `excess` over white matter; `opacity` 1 replaces what was there, 0 adds to it."""

    share: Share
    excess: float
    opacity: float


@dataclass(frozen=True)
class Lesion:
    """One painted lesion: layers from the outermost to the innermost."""

    kind: Kind
    layers: tuple[Layer, ...]


@dataclass(frozen=True)
class Plan:
    """What to paint, before it is known where: one lesion of a kind and volume (mL), of an excess times `sign`."""

    kind: Kind
    volume_ml: float
    excess: float
    sign: int = 1


def draw_volume(rng: np.random.Generator, smallest: float = SMALLEST_ML, largest: float = LARGEST_ML) -> float:
    """Log-uniform, mL."""
    return float(np.exp(rng.uniform(math.log(smallest), math.log(largest))))


def draw_excess(rng: np.random.Generator, kind: Kind) -> float:
    """Relative to white matter; subtle ones are at the limit of the noise, a few glare."""
    if kind == "subtle" or (kind == "infarct" and rng.random() < 0.5):
        return float(rng.uniform(*FAINT))
    low, high = EXCESS
    if rng.random() < GLARING_SHARE:
        return float(rng.uniform(high, GLARING))
    return float(low + (high - low) * rng.beta(1.3, 1.8))


def draw_plans(rng: np.random.Generator, sign: int = 1, kinds: Sequence[Kind] = KINDS) -> list[Plan]:
    """Draw what one head has: a first lesion, log-uniform in volume over everything; often others, mostly smaller."""
    volume = draw_volume(rng)
    fitting = [kind for kind in kinds if VOLUME_ML[kind][0] <= volume <= VOLUME_ML[kind][1]] or list(kinds)
    weights = np.array([KIND_WEIGHTS.get(kind, 1.0) for kind in fitting])
    plans = [plan(rng, fitting[int(rng.choice(len(fitting), p=weights / weights.sum()))], volume, sign)]
    if rng.random() < 0.55:
        # Scattered disease: many alike, most of them small.
        many = rng.random() < 0.5
        count = int(rng.integers(4, 30)) if many else int(rng.integers(1, 4))
        small: list[Kind] = [kind for kind in kinds if VOLUME_ML[kind][0] < 1.0 and kind != "subtle"]
        for _ in range(count if small else 0):
            kind = small[int(rng.integers(len(small)))]
            plans.append(plan(rng, kind, draw_volume(rng, VOLUME_ML[kind][0], 1.5 if many else 20.0), sign))
    return plans


def plan(rng: np.random.Generator, kind: Kind, volume_ml: float, sign: int = 1) -> Plan:
    """Fill in the rest; the volume is kept within the kind's range."""
    low, high = VOLUME_ML[kind]
    return Plan(kind, min(max(volume_ml, low), high), draw_excess(rng, kind), sign)


def draw_push(rng: np.random.Generator, planned: Plan, anatomy: Anatomy) -> Push | None:
    """Where a mass sits and how it pushes; None if there is no room for it."""
    a = anatomy.arrays
    radius = (planned.volume_ml * 1000 / (4 / 3 * math.pi)) ** (1 / 3)
    depth = min(0.5 * radius, 12.0)
    center = anatomy.place(rng, (a["tissue"] > 0.5) & (a["hull_mm"] > depth) & (a["ventricle_mm"] > 2))
    if center is None:
        return None
    return Push(center, radius, float(rng.uniform(0.0, 0.65)))


def make_lesion(rng: np.random.Generator, planned: Plan, anatomy: Anatomy, push: Push | None = None) -> Lesion | None:
    """Draw the lesion; None if there is no place for it in this slab. `push`: a mass's own, already applied."""
    if planned.kind == "mass":
        return None if push is None else _mass(rng, planned, anatomy, push.center)
    layers = _MAKERS[planned.kind](rng, planned, anatomy)
    return Lesion(planned.kind, tuple(layers)) if layers else None


def _at(rng: np.random.Generator, planned: Plan, anatomy: Anatomy, center: Float32Array | None) -> Share | None:
    """The part of a blob within tissue."""
    if center is None:
        return None
    blob = draw_blob(rng, center, planned.volume_ml)
    share = blob.share(anatomy.slab, widening(blob, anatomy.slab, anatomy.tissue))
    return share and share.times(anatomy.tissue)


def _single(rng: np.random.Generator, planned: Plan, share: Share | None, opacity: tuple[float, float]) -> list[Layer]:
    if share is None:
        return []
    return [Layer(share, planned.sign * planned.excess, float(rng.uniform(*opacity)))]


def _ovoid(rng: np.random.Generator, planned: Plan, anatomy: Anatomy) -> list[Layer]:
    a = anatomy.arrays
    white = (a["white"] > 0.6) & (a["below"] < 0.5)
    near = white & (a["ventricle_mm"] < rng.uniform(4, 15))
    share = _at(rng, planned, anatomy, anatomy.place(rng, near if near.any() and rng.random() < 0.7 else white))
    return _single(rng, planned, share, (0.7, 1.0))


def _juxtacortical(rng: np.random.Generator, planned: Plan, anatomy: Anatomy) -> list[Layer]:
    # Averaged over neighbours: in thin slices no pixel holds both.
    cortex, white = (
        functional.avg_pool2d(field[:, None], 3, 1, 1)[:, 0, ::2, ::2].numpy()
        for field in (anatomy.cortex, anatomy.white)
    )
    border = (cortex > 0.15) & (white > 0.15)
    share = _at(rng, planned, anatomy, anatomy.place(rng, border))
    return _single(rng, planned, share, (0.5, 1.0))


def _infratentorial(rng: np.random.Generator, planned: Plan, anatomy: Anatomy) -> list[Layer]:
    share = _at(rng, planned, anatomy, anatomy.place(rng, anatomy.arrays["below"] > 0.7))
    return _single(rng, planned, share, (0.5, 1.0))


def _subtle(rng: np.random.Generator, planned: Plan, anatomy: Anatomy) -> list[Layer]:
    share = _at(rng, planned, anatomy, anatomy.place(rng, anatomy.arrays["tissue"] > 0.8))
    return _single(rng, planned, share, (0.0, 0.6))


def _cap(rng: np.random.Generator, planned: Plan, anatomy: Anatomy) -> list[Layer]:
    """At the ends of the lateral ventricles, front or back, often on both sides."""
    slab = anatomy.slab
    y = torch.from_numpy(slab.across)
    front = rng.random() < 0.6
    middle = -22.0 if front else 28.0
    along = (y - middle).abs()[None, :, None] * 0.25
    field = anatomy.ventricle_mm + along + 1.2 * wavy_field(rng, anatomy, (16, 40))
    if rng.random() < 0.35:
        side = 1.0 if rng.random() < 0.5 else -1.0
        field = field + 30.0 * (side * torch.from_numpy(slab.across)[None, None, :] > 0)
    share = level_set(field, anatomy.white * (1 - anatomy.below), slab, planned.volume_ml, rng.uniform(1, 4))
    return _single(rng, planned, share, (0.6, 1.0))


def _halo(rng: np.random.Generator, planned: Plan, anatomy: Anatomy) -> list[Layer]:
    """All along the ventricles, as wide as the volume asks for."""
    wavy = rng.uniform(0.5, 2.5)
    field = anatomy.ventricle_mm + wavy * wavy_field(rng, anatomy, (16, 45))
    allowed = anatomy.white * (1 - anatomy.below)
    share = level_set(field, allowed, anatomy.slab, planned.volume_ml, rng.uniform(1.5, 6))
    return _single(rng, planned, share, (0.5, 1.0))


def _confluent(rng: np.random.Generator, planned: Plan, anatomy: Anatomy) -> list[Layer]:
    """Patches of white-matter disease that run into each other; more of them near the ventricles."""
    pull = rng.uniform(0.0, 0.12)
    patches = wavy_field(rng, anatomy, (16, 60)) + 0.5 * wavy_field(rng, anatomy, (15, 22))
    field = patches + pull * anatomy.ventricle_mm
    allowed = anatomy.white * (1 - anatomy.below) * (anatomy.ventricle_mm < rng.uniform(12, 40))
    share = level_set(field, allowed, anatomy.slab, planned.volume_ml, rng.uniform(0.15, 0.7))
    return _single(rng, planned, share, (0.5, 1.0))


def _infarct(rng: np.random.Generator, planned: Plan, anatomy: Anatomy) -> list[Layer]:
    """A part of one side with cortex and white matter, ragged, of nearly even brightness."""
    a = anatomy.arrays
    lower = planned.volume_ml < LARGEST_LOWER_INFARCT_ML and rng.random() < 0.12
    part = a["below"] > 0.7 if lower else a["below"] < 0.3
    center = anatomy.place(rng, part & (a["tissue"] > 0.6) & (a["hull_mm"] < rng.uniform(5, 40)))
    if center is None:
        return []
    blob = draw_blob(rng, center, planned.volume_ml, flat=0.45, wavy=0.3)
    # Territories end at the midline and at the tentorium.
    x = torch.from_numpy(anatomy.slab.across)
    allowed = anatomy.tissue * (x * math.copysign(1.0, float(center[2])) > -3).float()
    allowed = allowed * (anatomy.below if lower else 1 - anatomy.below)
    share = blob.share(anatomy.slab, widening(blob, anatomy.slab, allowed))
    return _single(rng, planned, share and share.times(allowed), (0.2, 0.9))


def _cavity(rng: np.random.Generator, planned: Plan, anatomy: Anatomy) -> list[Layer]:
    """An old hole with a bright rim."""
    center = anatomy.place(rng, anatomy.arrays["tissue"] > 0.7)
    if center is None:
        return []
    blob = draw_blob(rng, center, planned.volume_ml, wavy=0.2)
    wide = widening(blob, anatomy.slab, anatomy.tissue)
    rim, core = blob.share(anatomy.slab, wide), blob.share(anatomy.slab, wide * float(rng.uniform(0.4, 0.85)))
    if rim is None or core is None:
        return []
    return [
        Layer(rim.times(anatomy.tissue), planned.sign * planned.excess, 0.8),
        Layer(core.times(anatomy.tissue), planned.sign * float(rng.uniform(-0.9, -0.4)), 1.0),
    ]


def _mass(rng: np.random.Generator, planned: Plan, anatomy: Anatomy, center: Float32Array) -> Lesion | None:
    """A large irregular mass: oedema in white matter, a rim, and a core that may be dark, even or bright."""
    share_of_core = float(rng.uniform(0.25, 1.0))
    outer = draw_blob(rng, center, planned.volume_ml, flat=0.3, wavy=0.28)
    fingers = float(rng.uniform(1.15, 1.7)) if rng.random() < 0.7 else None
    inside = (anatomy.tissue + anatomy.ventricles).clamp(max=1)
    wide = _mass_scale(outer, fingers, inside, anatomy)
    whole = outer.share(anatomy.slab, wide)
    if whole is None:
        return None
    sign, excess = planned.sign, planned.excess
    layers = []
    if fingers is not None:
        reach = outer.share(anatomy.slab, wide * fingers)
        assert reach is not None
        oedema = reach.times(anatomy.white)
        layers.append(Layer(oedema, sign * excess * float(rng.uniform(0.5, 1.1)), float(rng.uniform(0.6, 1.0))))
    layers.append(Layer(whole.times(inside), sign * excess, float(rng.uniform(0.6, 1.0))))
    if share_of_core < 0.8:
        core = outer.share(anatomy.slab, wide * share_of_core ** (1 / 3))
        if core is not None:
            layers.append(Layer(core.times(inside), sign * float(rng.uniform(-0.7, 1.3)), 0.9))
    return Lesion("mass", tuple(layers))


def _mass_scale(outer: Blob, fingers: float | None, inside: torch.Tensor, anatomy: Anatomy) -> float:
    """How wide the solid part is, so that solid part and oedema together have the blob's volume."""
    slab, scale = anatomy.slab, 1.0
    asked = outer.share(slab)
    for _ in range(6 if asked is not None else 0):
        assert asked is not None
        solid = outer.share(slab, scale)
        reach = solid if fingers is None else outer.share(slab, scale * fingers)
        if solid is None or reach is None:
            break
        total = reach.times(anatomy.white * (fingers is not None)).full(slab)
        total = torch.maximum(total, solid.times(inside).full(slab))
        volume = slab.volume_ml(float(total.sum()))
        ratio = asked.volume_ml(slab) / max(volume, 1e-9)
        if volume <= 0 or 0.93 < ratio < 1.08:
            break
        scale = float(np.clip(scale * ratio**0.4, 0.4, 1.6))
    return scale


Maker = Callable[[np.random.Generator, Plan, Anatomy], list[Layer]]
_MAKERS: dict[Kind, Maker] = {
    "ovoid": _ovoid,
    "cap": _cap,
    "halo": _halo,
    "confluent": _confluent,
    "juxtacortical": _juxtacortical,
    "infratentorial": _infratentorial,
    "cavity": _cavity,
    "infarct": _infarct,
    "subtle": _subtle,
}
