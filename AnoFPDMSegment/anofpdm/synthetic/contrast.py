"""Intensities of the structures: priors from which every head draws its own contrast. White matter is 1. Torch-free."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from .plane_waves import Float32Array
from .structures import Structure, Tissue

ContrastPrior = Literal["flair", "flair-wide", "t1", "t2", "random"]
CONTRAST_PRIORS: tuple[ContrastPrior, ...] = ("flair", "flair-wide", "t1", "t2", "random")

Range = tuple[float, float]
_DEEP = (Tissue.THALAMUS, Tissue.CAUDATE, Tissue.PUTAMEN, Tissue.ACCUMBENS, Tissue.VENTRAL_DIENCEPHALON)

# As a FLAIR shows them (white matter 1): cortex a little brighter, fluid nearly black, fat bright, bone dark.
_FLAIR: dict[Tissue, Range] = {
    Tissue.CORTEX: (1.05, 1.4),
    Tissue.VENTRICLE: (0.02, 0.35),
    Tissue.CHOROID_PLEXUS: (0.1, 1.1),
    Tissue.CEREBELLAR_WHITE_MATTER: (0.85, 1.15),
    Tissue.CEREBELLAR_CORTEX: (0.95, 1.35),
    Tissue.PALLIDUM: (0.6, 1.1),
    Tissue.BRAIN_STEM: (0.9, 1.2),
    Tissue.HIPPOCAMPUS: (1.05, 1.5),
    Tissue.AMYGDALA: (1.05, 1.5),
    Tissue.OPTIC_CHIASM: (0.7, 1.2),
    Tissue.VESSEL: (0.1, 1.5),
    Tissue.FLUID: (0.02, 0.4),
    **dict.fromkeys(_DEEP, (0.98, 1.3)),
}
# The same with what other scanners, readout times and magnetic fields make of it.
_FLAIR_WIDE: dict[Tissue, Range] = {
    **_FLAIR,
    Tissue.CORTEX: (0.9, 1.5),
    Tissue.VENTRICLE: (0.02, 0.5),
    Tissue.CHOROID_PLEXUS: (0.05, 1.4),
    Tissue.CEREBELLAR_WHITE_MATTER: (0.75, 1.25),
    Tissue.CEREBELLAR_CORTEX: (0.85, 1.5),
    Tissue.PALLIDUM: (0.45, 1.2),
    Tissue.BRAIN_STEM: (0.8, 1.35),
    Tissue.HIPPOCAMPUS: (0.95, 1.6),
    Tissue.AMYGDALA: (0.95, 1.6),
    Tissue.FLUID: (0.02, 0.6),
    **dict.fromkeys(_DEEP, (0.9, 1.4)),
}
_T1: dict[Tissue, Range] = {
    Tissue.CORTEX: (0.5, 0.85),
    Tissue.VENTRICLE: (0.05, 0.35),
    Tissue.CHOROID_PLEXUS: (0.2, 0.7),
    Tissue.CEREBELLAR_WHITE_MATTER: (0.85, 1.05),
    Tissue.CEREBELLAR_CORTEX: (0.5, 0.85),
    Tissue.PALLIDUM: (0.8, 1.05),
    Tissue.BRAIN_STEM: (0.8, 1.05),
    Tissue.HIPPOCAMPUS: (0.5, 0.85),
    Tissue.AMYGDALA: (0.5, 0.85),
    Tissue.OPTIC_CHIASM: (0.6, 1.0),
    Tissue.VESSEL: (0.1, 1.6),
    Tissue.FLUID: (0.05, 0.4),
    **dict.fromkeys(_DEEP, (0.55, 0.95)),
}
_T2: dict[Tissue, Range] = {
    Tissue.CORTEX: (1.15, 1.8),
    Tissue.VENTRICLE: (2.0, 3.8),
    Tissue.CHOROID_PLEXUS: (1.2, 3.0),
    Tissue.CEREBELLAR_WHITE_MATTER: (0.9, 1.2),
    Tissue.CEREBELLAR_CORTEX: (1.1, 1.7),
    Tissue.PALLIDUM: (0.5, 1.1),
    Tissue.BRAIN_STEM: (0.85, 1.3),
    Tissue.HIPPOCAMPUS: (1.15, 1.8),
    Tissue.AMYGDALA: (1.15, 1.8),
    Tissue.OPTIC_CHIASM: (0.8, 1.5),
    Tissue.VESSEL: (0.05, 1.0),
    Tissue.FLUID: (1.8, 3.8),
    **dict.fromkeys(_DEEP, (1.0, 1.6)),
}
_RANGES = {"flair": _FLAIR, "flair-wide": _FLAIR_WIDE, "t1": _T1, "t2": _T2}

# Outside the brain the tables of labels rarely say what is what; every structure draws its own.
_OUTSIDE: dict[str, Range] = {"flair": (0.03, 1.8), "flair-wide": (0.0, 2.0), "t1": (0.03, 2.0), "t2": (0.03, 2.2)}
_TEXTURE = {Tissue.OUTSIDE: (0.05, 0.35), Tissue.FLUID: (0.0, 0.08)}
BRAIN_TEXTURE: Range = (0.0, 0.05)


@dataclass(frozen=True)
class Contrast:
    """What each structure of one head looks like.

    `level` and `grain` [structures]: intensity, and the standard deviation of fine texture; white matter's level
    is 1. `lesion_sign`: 1 where lesions are brighter than white matter, -1 where they are darker.
    """

    level: Float32Array
    grain: Float32Array
    lesion_sign: int


def draw_contrast(
    rng: np.random.Generator, structures: Sequence[Structure], prior: ContrastPrior, bone: int | None = None
) -> Contrast:
    """Draw one; both sides of a structure look alike up to 2 %. `bone`: which structure is mostly dark."""
    tissues = {tissue: _draw_level(rng, tissue, prior) for tissue in Tissue}
    grains = {tissue: rng.uniform(*_TEXTURE.get(tissue, BRAIN_TEXTURE)) for tissue in Tissue}
    if prior != "random":
        _relate(rng, tissues)
    level = np.empty(len(structures), np.float32)
    grain = np.empty(len(structures), np.float32)
    for index, structure in enumerate(structures):
        tissue = structure.tissue
        if tissue is Tissue.BACKGROUND:
            level[index] = grain[index] = 0
        elif tissue is Tissue.OUTSIDE:
            level[index] = _draw_outside(rng, prior, dark=index == bone)
            grain[index] = level[index] * rng.uniform(*_TEXTURE[tissue])
        else:
            level[index] = tissues[tissue] * rng.normal(1, 0.01)
            grain[index] = tissues[tissue] * grains[tissue]
    sign = {"t1": -1, "random": int(rng.choice((-1, 1)))}.get(prior, 1)
    return Contrast(level, grain, sign)


def _draw_level(rng: np.random.Generator, tissue: Tissue, prior: ContrastPrior) -> float:
    if tissue is Tissue.WHITE_MATTER:
        return 1.0
    if prior == "random":
        return float(rng.uniform(0.02, 2.2))
    low, high = _RANGES[prior].get(tissue, (1.0, 1.0))
    return float(rng.uniform(low, high))


def _relate(rng: np.random.Generator, levels: dict[Tissue, float]) -> None:
    """Tissues of one kind resemble each other: deep grey matter and cortex, fluids and plexus, the white matters."""
    share = rng.uniform(0.3, 0.9)
    deep = float(np.mean([levels[tissue] for tissue in _DEEP]))
    for tissue in _DEEP:
        levels[tissue] += share * (deep - levels[tissue])
    share = rng.uniform(0.2, 0.9)
    for tissue in (Tissue.HIPPOCAMPUS, Tissue.AMYGDALA, Tissue.CEREBELLAR_CORTEX):
        levels[tissue] += share * (levels[Tissue.CORTEX] - levels[tissue])
    plexus = rng.uniform(0.0, 0.9)
    levels[Tissue.CHOROID_PLEXUS] += plexus * (levels[Tissue.VENTRICLE] - levels[Tissue.CHOROID_PLEXUS])
    levels[Tissue.FLUID] += rng.uniform(0.0, 0.9) * (levels[Tissue.VENTRICLE] - levels[Tissue.FLUID])
    stem = rng.uniform(0.0, 0.8)
    levels[Tissue.BRAIN_STEM] += stem * (levels[Tissue.CEREBELLAR_WHITE_MATTER] - levels[Tissue.BRAIN_STEM])


def _draw_outside(rng: np.random.Generator, prior: ContrastPrior, *, dark: bool) -> float:
    if dark and prior != "random" and rng.random() < 0.85:
        return float(rng.uniform(0.0, 0.4))
    low, high = _OUTSIDE.get(prior, (0.0, 2.2))
    return float(rng.uniform(low, high))
