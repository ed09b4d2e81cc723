"""Masks that nobody drew: witnesses are believed as far as image-level labels bear them out. Torch-free.

A witness is a map in [0, 1] that is 0.5 at its own border: the student's probability of the last round, and the score
of a diffusion model's heatmap. Whom to believe on a source is asked of the source's labels: a witness whose maps tell
its healthy from its unhealthy slices counts, one whose maps do not is left out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ...core.arrays import FloatArray
from ...thresholds.auroc import area_under_roc
from .real_volumes import HEALTHY, UNHEALTHY, RealVolume, largest_values

DEFINITE = 0.15
"""Fused maps further from 0.5 than this are believed, closer ones are left out."""
TRUSTED_HEALTHY = 0.85
"""A source's label *healthy* means it if the best witness tells it from *unhealthy* this well (AUROC)."""
LEAST_UNHEALTHY = 0.5
"""An unhealthy slice in which no pixel reaches this shows something faint, if anything."""
LEAST_FAINT = 0.15
"""One in which no pixel reaches this teaches nothing."""
FAINT_CORE, FAINT_RIM = 0.8, 0.5
"""Of the slice's peak: from the first on it is taken for the lesion, down to the second nothing is said."""


@dataclass(frozen=True)
class Target:
    """`mask` and `weight` [S, H, W], 0 to 255: what the slices of one volume are taken to show, and how surely."""

    mask: npt.NDArray[np.uint8]
    weight: npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Trust:
    """What a source's labels say of its witnesses: AUROC of slices by name, and the weights that follow."""

    auroc: Mapping[str, float]
    weight: Mapping[str, float]
    healthy_means_it: bool


def trust_of(volumes: Sequence[RealVolume], maps: Mapping[str, Sequence[FloatArray]]) -> Trust:
    """Ask the labels of one source. `maps`: by witness, one map a volume.

    Where a source has labels of one kind only nothing can be asked, and all witnesses count the same.
    """
    labels = np.concatenate([volume.labels for volume in volumes])
    known = labels != -1
    truth = labels[known] == UNHEALTHY
    if not len(truth) or truth.all() or not truth.any():
        return Trust({}, dict.fromkeys(maps, 1.0), healthy_means_it=False)
    auroc = {}
    for name, of_volumes in maps.items():
        values = np.concatenate([largest_values(one) for one in of_volumes])
        auroc[name] = area_under_roc(values[known], truth)
    weight = {name: max(0.0, 2 * area - 1) ** 2 for name, area in auroc.items()}
    return Trust(auroc, weight, healthy_means_it=max(auroc.values()) >= TRUSTED_HEALTHY)


def targets_of(volume: RealVolume, maps: Mapping[str, FloatArray], trust: Trust) -> Target:
    """Fuse the witnesses' maps [S, H, W] of one volume, slice by slice, as its labels allow."""
    total = sum(trust.weight.values())
    fused = np.zeros(volume.slices.shape, np.float32)
    for name, one in maps.items():
        fused += np.float32(trust.weight[name] / total if total else 1 / len(maps)) * one
    mask = fused >= 0.5
    weight = np.clip((np.abs(fused - 0.5) - DEFINITE) / (0.5 - DEFINITE) * 2, 0, 1)
    for index, label in enumerate(volume.labels):
        if label == HEALTHY and trust.healthy_means_it:
            mask[index], weight[index] = False, 1.0
        elif label == UNHEALTHY and not (fused[index] >= LEAST_UNHEALTHY).any():
            mask[index], weight[index] = _faint(fused[index], weight[index], trust)
    return Target(mask.astype(np.uint8) * 255, np.asarray(weight * 255, dtype=np.uint8))


def _faint(
    fused: npt.NDArray[np.float32], weight: npt.NDArray[np.float32], trust: Trust
) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.float32]]:
    """Mask and weight [H, W] of an unhealthy slice where nothing reaches the border.

    Its label says that a lesion is there: the most suspicious place is taken for it, as surely as the witnesses tell
    the source's slices apart.
    """
    peak = float(fused.max())
    if peak < LEAST_FAINT:
        return np.zeros(fused.shape, np.bool_), np.zeros_like(weight)
    core = fused >= FAINT_CORE * peak
    sure = np.where(fused >= FAINT_RIM * peak, np.float32(0), weight)
    return core, np.where(core, np.float32(max(trust.weight.values())), sure)


def border_at_half(score: FloatArray) -> FloatArray:
    """A score that is 1 at its border, as heatmaps are, as a witness: 0.5 there, at most 1."""
    return np.clip(np.asarray(score, np.float32) / 2, 0, 1)
