"""What the fixed examination counts: lesions found, false marks on healthy heads, calibration of the probability."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from examination_heads import ExaminedVolume

from anofpdm.core.arrays import BoolArray, FloatArray

FOUND_SHARE = 0.1
"""A lesion counts as found if at least this share of its voxels is marked."""
COUNTED_ML = 1.0
"""Lesions from this volume on count towards the one figure that is asked for."""
SIZES_ML = (0.02, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 1000.0)
BINS = 15
SPEAKS_FROM = 0.05
"""The calibration error is given over all voxels of the heads, and over those with at least this probability."""


@dataclass(frozen=True)
class LesionAnswer:
    """What became of one painted lesion."""

    head: str
    prior: str
    kind: str
    volume_ml: float
    marked_share: float

    @property
    def found(self) -> bool:
        """Whether it counts as found."""
        return self.marked_share >= FOUND_SHARE


@dataclass(frozen=True)
class HeadAnswer:
    """What was marked in one head. `dice`: None on healthy heads."""

    head: str
    prior: str
    marked_ml: float
    false_ml: float
    dice: float | None


@dataclass
class Reliability:
    """Millilitres, summed probability and summed truth in bins of probability, over any number of volumes."""

    volume: FloatArray = field(default_factory=lambda: np.zeros(BINS))
    probability: FloatArray = field(default_factory=lambda: np.zeros(BINS))
    truth: FloatArray = field(default_factory=lambda: np.zeros(BINS))

    def add(self, probability: FloatArray, truth: BoolArray, voxel_ml: float) -> None:
        """Count the voxels of one volume, arrays of one shape."""
        values = probability.ravel().astype(np.float64)
        index = np.minimum((values * BINS).astype(int), BINS - 1)
        self.volume += voxel_ml * np.bincount(index, minlength=BINS)
        self.probability += voxel_ml * np.bincount(index, values, minlength=BINS)
        self.truth += voxel_ml * np.bincount(index, truth.ravel().astype(np.float64), minlength=BINS)

    def error(self) -> float:
        """Expected calibration error: mean over volume of |probability - share of lesion| (Naeini 2015)."""
        total = float(self.volume.sum())
        return float(np.abs(self.probability - self.truth).sum() / total) if total > 0 else float("nan")


@dataclass
class Examination:
    """Collects the answers to all heads."""

    threshold: float
    lesions: list[LesionAnswer] = field(default_factory=list)
    heads: list[HeadAnswer] = field(default_factory=list)
    everywhere: Reliability = field(default_factory=Reliability)
    speaking: Reliability = field(default_factory=Reliability)

    def add(self, volume: ExaminedVolume, probability: FloatArray) -> None:
        """Count the answer [k, j, i] to one volume."""
        marked = probability >= self.threshold
        truth = volume.lesion
        for lesion, own in zip(volume.head.lesions, volume.own, strict=True):
            share = float(marked[own].mean()) if own.any() else 0.0
            self.lesions.append(LesionAnswer(volume.head.name, volume.prior, lesion.kind, lesion.volume_ml, share))
        both = int(marked.sum()) + int(truth.sum())
        self.heads.append(
            HeadAnswer(
                head=volume.head.name,
                prior=volume.prior,
                marked_ml=float(marked.sum()) * volume.voxel_ml,
                false_ml=float((marked & ~truth).sum()) * volume.voxel_ml,
                dice=2 * int((marked & truth).sum()) / both if volume.head.lesions else None,
            )
        )
        self.everywhere.add(probability, truth, volume.voxel_ml)
        speaks = probability >= SPEAKS_FROM
        self.speaking.add(probability[speaks], truth[speaks], volume.voxel_ml)

    def figures(self) -> dict[str, object]:
        """Everything the page shows, for JSON."""
        counted = [lesion for lesion in self.lesions if lesion.volume_ml >= COUNTED_ML]
        kinds = sorted({lesion.kind for lesion in self.lesions})
        sizes = list(itertools.pairwise(SIZES_ML))
        dice = [head.dice for head in self.heads if head.dice is not None]
        return {
            "threshold": self.threshold,
            "recall_from_1_ml": _recall(counted),
            "recall_by_prior": {p: _recall(_of(counted, "prior", p)) for p in ("flair", "flair-wide")},
            "recall_by_kind": {kind: _recall(_of(counted, "kind", kind)) for kind in kinds},
            "recall_by_size": {
                f"{low:g}-{high:g} mL" if high < 1000 else f"from {low:g} mL": _recall(
                    lesion for lesion in self.lesions if low <= lesion.volume_ml < high
                )
                for low, high in sizes
            },
            "dice_with_lesions": float(np.mean(dice)) if dice else None,
            "healthy": {prior: self._healthy(prior) for prior in ("flair", "flair-wide")},
            "calibration_error": self.everywhere.error(),
            "calibration_error_where_it_speaks": self.speaking.error(),
            "lesions": [vars(lesion) for lesion in self.lesions],
            "heads": [vars(head) for head in self.heads],
        }

    def _healthy(self, prior: str) -> dict[str, float | int]:
        marked = [head.marked_ml for head in self.heads if head.dice is None and head.prior == prior]
        if not marked:
            return {"heads": 0, "mean_ml": float("nan"), "share_with_nothing": float("nan")}
        nothing = float(np.mean([volume == 0 for volume in marked]))
        return {"heads": len(marked), "mean_ml": float(np.mean(marked)), "share_with_nothing": nothing}


def _of(lesions: Iterable[LesionAnswer], name: str, value: str) -> list[LesionAnswer]:
    return [lesion for lesion in lesions if getattr(lesion, name) == value]


def _recall(lesions: Iterable[LesionAnswer]) -> dict[str, float | int | None]:
    found = [lesion.found for lesion in lesions]
    return {"lesions": len(found), "recall": float(np.mean(found)) if found else None}


def page(figures: dict[str, Any]) -> str:
    """The figures as markdown tables."""
    whole, healthy = figures["recall_from_1_ml"], figures["healthy"]
    lines = [
        f"| threshold {figures['threshold']:g} | measured | asked |",
        "|---|---|---|",
        f"| painted lesions from 1 mL of which 10 % is marked | {_share(whole)} | ≥ 90 % |",
    ]
    asked = {"flair": ("≤ 0.5 mL", "≥ 70 %"), "flair-wide": ("≤ 3 mL", "")}
    for prior, (volume, nothing) in asked.items():
        row = healthy[prior]
        lines.append(f"| healthy heads, {prior} ({row['heads']}): marked, mean | {row['mean_ml']:.2f} mL | {volume} |")
        lines.append(f"| healthy heads, {prior}: nothing marked | {_percent(row['share_with_nothing'])} | {nothing} |")
    dice = figures["dice_with_lesions"]
    lines += [
        f"| Dice of heads with lesions, mean | {'–' if dice is None else f'{dice:.3f}'} | |",
        f"| calibration error, every voxel | {figures['calibration_error']:.4f} | |",
        f"| calibration error where the probability is 0.05 or more | "
        f"{figures['calibration_error_where_it_speaks']:.3f} | |",
    ]
    tables = (
        ("kind, from 1 mL", "recall_by_kind"),
        ("contrast, from 1 mL", "recall_by_prior"),
        ("size", "recall_by_size"),
    )
    for title, name in tables:
        lines += ["", f"| {title} | found |", "|---|---|"]
        lines += [f"| {key} | {_share(row)} |" for key, row in figures[name].items()]
    return "\n".join(lines)


def _share(row: dict[str, float]) -> str:
    if not row["lesions"]:
        return "– (none)"
    return f"{_percent(row['recall'])} of {row['lesions']}"


def _percent(share: float) -> str:
    return "–" if np.isnan(share) else f"{100 * share:.0f} %"
