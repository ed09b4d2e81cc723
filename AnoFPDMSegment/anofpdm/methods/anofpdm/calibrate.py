"""Calibration from image-level labels alone (method section 3). Torch-free.

Everything is found for a whole grid of guidance strengths from the evidence of one pass:

1. for each w and both decisions, the threshold with the fewest image-level errors;
2. the default decision: the one with the higher peak accuracy over w, the map's where they are equal;
3. the default w: the largest whose accuracy by that decision stays within 99 % of the peak (paper, section 4);
4. whether maps count alone or averaged over neighbouring pixels and slices: whichever has the larger area under the
   ROC curve of the map's decision, at its best w;
5. the default pixel threshold and region: those whose masks, without any image-level decision, tell unhealthy
   slices by having a component left (balanced accuracy at the default w); of those within 99 % of the best the
   healthy threshold before the dynamic one, and the interior before the frame.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ...core.arrays import BoolArray, FloatArray, IntArray
from ...core.errors import InputError
from ...thresholds.auroc import area_under_roc
from ...thresholds.image_labels import (
    HEALTHY_LEVELS,
    best_healthy_level,
    best_threshold,
    healthy_threshold,
    shown_accuracy,
)
from ...thresholds.map_statistic import map_statistic
from ...thresholds.neighbours import Runs, neighbour_map, neighbour_mean, runs_of_slices
from ...thresholds.postprocessing import filtered_map
from ...thresholds.settings import MinimumSize
from .calibration import (
    PEAK_SHARE,
    CalibratedThreshold,
    Calibration,
    Consistency,
    Decision,
    OtherConsistency,
    Region,
)
from .evidence import Evidence, check_guidance
from .select import resolve, select
from .settings import SelectionSettings
from .similarity import similarity

ERROR_MARGIN = 1.25
"""The accepted range of the unguided error: the volumes' extremes, widened by this factor."""


@dataclass(frozen=True)
class LabelledEvidence:
    """Evidence of N calibration slices with their image-level labels; no pixel label is needed."""

    evidence: Evidence
    interior: BoolArray
    """[N, H, W]: the eroded head."""
    unhealthy: BoolArray
    """[N]."""
    volume: IntArray
    """[N]: which volume a slice is of."""
    slice_index: IntArray
    """[N]: number of the slice in its volume's stack."""
    subjects: int

    def __post_init__(self) -> None:
        if self.unhealthy.all() or not self.unhealthy.any():
            raise InputError("Calibration needs healthy and unhealthy slices; the labels hold only one kind.")

    @property
    def runs(self) -> Runs:
        """Which slices are neighbours."""
        return runs_of_slices(self.volume, self.slice_index)


@dataclass(frozen=True)
class _Maps:
    """The maps for one consistency, and how well they tell unhealthy slices."""

    consistency: Consistency
    filtered: dict[float, FloatArray]
    """[N, H, W] by guidance strength."""
    decisions: list[tuple[float, float]]
    """Threshold and accuracy of the map's decision at each guidance strength."""
    auroc: tuple[float, ...]

    @property
    def map_threshold(self) -> tuple[float, ...]:
        return tuple(max(threshold, 1e-12) for threshold, _ in self.decisions)


def _maps(
    filtered: dict[float, FloatArray], data: LabelledEvidence, top_pixels: int, consistency: Consistency
) -> _Maps:
    if consistency == "volume":
        filtered = {w: neighbour_map(maps, data.runs) for w, maps in filtered.items()}
    statistics = [map_statistic(maps, data.interior, top_pixels) for maps in filtered.values()]
    if consistency == "volume":
        statistics = [neighbour_mean(values, data.runs) for values in statistics]
    decisions = [best_threshold(values, data.unhealthy) for values in statistics]
    auroc = tuple(area_under_roc(values, data.unhealthy) for values in statistics)
    return _Maps(consistency, filtered, decisions, auroc)


def typical_error(evidence: Evidence) -> float:
    """Median over a volume's slices of their mean MSE^u: how well the unguided model knows such images."""
    return float(np.median(evidence.mse_unguided().mean(axis=(1, 2))))


def calibrate(
    data: LabelledEvidence,
    guidance: Sequence[float],
    *,
    weights_sha256: str,
    name: str = "default",
    top_pixels: int = 20,
    minimum_size_px: int = 40,
    source: str = "",
    default_guidance: float | None = None,
) -> Calibration:
    """Choose decision, guidance strength, thresholds, region and scaling from image-level labels.

    Args:
        guidance: rising grid of guidance strengths; with the clamp it must be the bank.
        top_pixels: how many of the largest map values decide an image.
        minimum_size_px: the model's smallest component, which the pixel threshold is chosen with.
        default_guidance: one of `guidance` that was chosen before; None: chosen here.

    Raises InputError or SettingsError.
    """
    evidence = data.evidence
    for w in guidance:
        check_guidance(evidence.point, w)
    alone = _maps({w: filtered_map(evidence.aam(w)) for w in guidance}, data, top_pixels, "slice")
    averaged = _maps(alone.filtered, data, top_pixels, "volume")
    maps, other_maps = (averaged, alone) if max(averaged.auroc) > max(alone.auroc) else (alone, averaged)
    unguided = evidence.mse_unguided()
    # Low similarity means unhealthy, so the threshold is found on its negative.
    similarities = {w: -similarity(evidence.mse_healthy(w), unguided) for w in guidance}
    by_similarity = [best_threshold(similarities[w], data.unhealthy) for w in guidance]
    by_map = maps.decisions
    decision: Decision = "map" if max(a for _, a in by_map) >= max(a for _, a in by_similarity) else "similarity"
    accuracy, other = (tuple(a for _, a in found) for found in (by_map, by_similarity))
    auroc = maps.auroc
    if decision == "similarity":
        accuracy, other = other, accuracy
        auroc = tuple(area_under_roc(similarities[w], data.unhealthy) for w in guidance)
    default = default_guidance
    if default is None:
        default = max(w for w, a in zip(guidance, accuracy, strict=True) if a >= PEAK_SHARE * max(accuracy))
    errors = np.array([typical_error(evidence.subset(data.volume == v)) for v in np.unique(data.volume)])
    draft = Calibration(
        name=name,
        weights_sha256=weights_sha256,
        operating_point=evidence.point,
        guidance=tuple(float(w) for w in guidance),
        default_guidance=float(default),
        accuracy=accuracy,
        other_accuracy=other,
        auroc=auroc,
        decision=decision,
        similarity_threshold=tuple(-t for t, _ in by_similarity),
        map_threshold=maps.map_threshold,
        top_pixels=top_pixels,
        threshold="healthy",
        healthy_level=HEALTHY_LEVELS[0],
        healthy_threshold=tuple(healthy_threshold(maps.filtered[w], data, HEALTHY_LEVELS[0]) for w in guidance),
        consistency=maps.consistency,
        scaling=_scaling(evidence, data.unhealthy, guidance),
        unguided_error=(float(errors.min() / ERROR_MARGIN), float(errors.max() * ERROR_MARGIN)),
        slices=len(data.unhealthy),
        unhealthy_slices=int(data.unhealthy.sum()),
        subjects=data.subjects,
        source=source,
    )
    ruled = _with_pixel_rule(draft, data, maps.filtered, minimum_size_px)
    where = data.interior if ruled.region == "interior" else np.ones_like(data.interior)
    level = best_healthy_level(other_maps.filtered[default], data, minimum_size_px, where)
    thresholds = tuple(healthy_threshold(other_maps.filtered[w], data, level) for w in guidance)
    return dataclasses.replace(ruled, other_consistency=OtherConsistency(other_maps.map_threshold, level, thresholds))


def _with_pixel_rule(
    draft: Calibration, data: LabelledEvidence, filtered: dict[float, FloatArray], minimum_size_px: int
) -> Calibration:
    """The draft with the pixel threshold and region that the labels prefer."""
    point, w = data.evidence.point, draft.default_guidance
    # The mode that reproduces the public code accepts the whole frame, as that does.
    regions: tuple[Region, ...] = ("interior", "frame") if point.mode == "paper" else ("frame",)
    # Algorithm 1 marks 2 to 10 % of the frame whatever the lesion's size: second where labels see no difference.
    kinds: tuple[CalibratedThreshold, ...] = ("healthy", "dynamic")
    if not all(value > 0 for value in draft.at(w).largest_divergence):
        kinds = ("healthy",)  # the public code's divergence vanishes at w = 0
    found: list[tuple[float, Calibration]] = []
    for region in regions:
        where = data.interior if region == "interior" else np.ones_like(data.interior)
        level = best_healthy_level(filtered[w], data, minimum_size_px, where)
        thresholds = tuple(healthy_threshold(filtered[g], data, level) for g in draft.guidance)
        for kind in kinds:
            calibration = dataclasses.replace(
                draft, region=region, threshold=kind, healthy_level=level, healthy_threshold=thresholds
            )
            settings, smallest = SelectionSettings(ungated=True), MinimumSize(pixels=minimum_size_px)
            choices = resolve(point, data.evidence.x0.shape[1], settings, calibration, smallest)
            selection = select(data.evidence, data.interior, choices, data.runs)
            masks = (selection.score >= 1) & selection.accepted
            shown = shown_accuracy(masks, data.unhealthy)
            found.append((shown, dataclasses.replace(calibration, shown_accuracy=shown)))
    found.sort(key=lambda pair: kinds.index(pair[1].threshold))
    best = max(shown for shown, _ in found)
    return next(calibration for shown, calibration in found if shown >= PEAK_SHARE * best)


def _scaling(evidence: Evidence, unhealthy: BoolArray, guidance: Sequence[float]) -> tuple[tuple[float, ...], ...]:
    """M_max per used modality over all calibration slices, as the paper says.

    The public code takes unhealthy slices only, and its constants are kept apart by the mode.
    """
    if evidence.point.mode == "reference":
        evidence = evidence.subset(np.flatnonzero(unhealthy))
    if evidence.point.clamp:
        tables = [evidence.divergence(w).max(axis=(0, 1)) for w in guidance]
    else:
        # Divided by its gain, the divergence at any w is mean(D^2).
        gain = 2.0 if evidence.point.mode == "paper" else 1.0
        tables = [evidence.divergence(1.0).max(axis=(0, 1)) / gain**2]
    return tuple(tuple(max(float(v), 1e-12) for v in row) for row in tables)
