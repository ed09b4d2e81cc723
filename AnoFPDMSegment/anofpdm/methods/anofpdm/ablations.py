"""The paper's ablations on one's own model, all from one run of the network that keeps every visited step."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from ...core.arrays import BoolArray, FloatArray
from ...evaluation import metrics
from ...evaluation.map_outputs import outputs_of_map
from ...evaluation.measure import Measured, Measuring
from ...evaluation.method_output import MethodInput
from ...evaluation.slices import MeasuredSlices
from ...thresholds.postprocessing import filtered_map, small_components
from .algorithm1 import anomaly_strength, quantile_of, quantile_thresholds
from .calibrate import calibrate
from .calibration import Calibration
from .calibration_run import GUIDANCE
from .evidence import QuadraticEvidence
from .labelled import labelled_evidence
from .network_runs import NetworkRuns
from .operating_point import OperatingPoint
from .step_maps import StepMaps, step_maps
from .visited_levels import visited_levels

MOST_STEPS = 25
"""Every visited step is kept, so that an operating point with more steps is thinned to this many."""
END_RATIOS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
QUANTILES = (0.90, 0.92, 0.94, 0.96, 0.98, 0.99, 0.995)
INTERVALS = (1, 2, 3, 4, 6)


@dataclass(frozen=True)
class Ablated:
    """One setting of one study. Dice with the threshold set by image labels (`healthy`) and by Algorithm 1."""

    study: str
    setting: float | str
    figures: Mapping[str, float]


@dataclass(frozen=True)
class SignalRatio:
    """Mean SAM_t inside lesions over its mean in the rest of the eroded head, over slices with a lesion.

    Of whole SAMs, whichever direction the model reads maps in.
    """

    level: int
    """1-based noise level."""
    single: float
    """Median ratio of the step's own SAM."""
    aggregated: float
    """Median ratio of the mean of all SAM up to this step."""


@dataclass(frozen=True)
class Ablations:
    """What the ablations found."""

    point: OperatingPoint
    guidance: float
    """The strength of all studies but that of the strength."""
    settings: Sequence[Ablated]
    size_correlation: Mapping[str, float]
    """Of lesion size and max_t M_t over slices with a lesion: `pearson`, `spearman`."""
    signal_ratio: Sequence[SignalRatio]


def ablation_point(point: OperatingPoint) -> OperatingPoint:
    """The operating point the ablations run at: paper mode, no clamp, dynamic end, few enough steps."""
    steps = min(point.steps, MOST_STEPS)
    return replace(point, mode="paper", clamp=False, guidance_bank=(), end_step=None, steps=steps)


class AblationRun:
    """The studies at one operating point."""

    def __init__(self, runs: NetworkRuns, given: MethodInput, masked: MeasuredSlices, point: OperatingPoint) -> None:
        """Runs the network. Raises the errors of the runs."""
        self._given = given
        self._masked = masked
        self._measuring = Measuring(masked, resamplings=0)
        self._point = ablation_point(point)
        self._maps = step_maps(runs, given.measured, self._point, "ablations")
        self._tuning = self._maps
        if given.tuning is not given.measured:
            self._tuning = step_maps(runs, given.tuning, self._point, "ablations, tuning slices")
        self._alone = self._tuning is self._maps
        self._calibration = self._calibrate(runs)

    def run(self, on_setting: Callable[[], None]) -> Ablations:
        """All studies; `on_setting` is called after each setting and may raise to stop."""
        found = []
        for setting in self._settings():
            on_setting()
            found.append(setting)
        w = self._calibration.default_guidance
        return Ablations(self._point, w, found, self._size_correlation(), self._signal_ratio(w))

    def _calibrate(self, runs: NetworkRuns) -> Calibration:
        return calibrate(
            labelled_evidence(self._tuning.evidence(), self._given.tuning),
            GUIDANCE,
            weights_sha256=runs.weights_sha256,
            top_pixels=self._given.top_pixels,
            minimum_size_px=self._given.minimum_size_px,
        )

    def _settings(self) -> Iterator[Ablated]:
        w, steps = self._calibration.default_guidance, self._point.steps
        for strength in GUIDANCE:
            yield self._tuned("guidance strength", strength, strength)
        yield self._tuned("end step", "dynamic", w)
        for end in sorted({max(1, round(ratio * steps)) for ratio in END_RATIOS}):
            yield self._tuned("end step", end / steps, w, end_step=end)
        yield from self._thresholds(w)
        yield self._tuned("sub-anomaly map", "from HGP", w)
        yield self._tuned("sub-anomaly map", "from the gradient", w, gradient=True)
        yield self._tuned("sub-anomaly map", "from HGP, last only", w, last=True)
        yield self._tuned("sub-anomaly map", "from the gradient, last only", w, gradient=True, last=True)
        for every in INTERVALS:
            if every == 1 or steps / every >= 2:
                yield self._tuned("interval of the steps", every, w, every=every)

    def _tuned(
        self,
        study: str,
        setting: float | str,
        w: float,
        *,
        last: bool = False,
        end_step: int | None = None,
        every: int = 1,
        gradient: bool = False,
    ) -> Ablated:
        def maps(source: StepMaps) -> tuple[QuadraticEvidence, FloatArray]:
            evidence = source.evidence(end_step=end_step, every=every, gradient=gradient)
            return evidence, evidence.last_sam(w) if last else evidence.aam(w)

        evidence, raw = maps(self._maps)
        filtered = filtered_map(raw)
        row = self._by_labels(filtered, filtered if self._alone else filtered_map(maps(self._tuning)[1]))
        figures = {
            "dice_mixed_healthy": row.figures["dice_mixed"].value,
            "dice_unhealthy_healthy": row.figures["dice_unhealthy"].value,
            "auprc_all_slices": row.figures["auprc_all_slices"].value,
            "auprc_unhealthy_slices": row.figures["auprc_unhealthy_slices"].value,
            "image_auroc": row.figures["image_auroc"].value,
            "best_dice_unhealthy_with_masks": row.with_masks["dice_unhealthy"],
        }
        scaling = np.asarray(self._calibration.at(w).largest_divergence)
        quantile = quantile_of(anomaly_strength(evidence.divergence(w).max(axis=1), scaling))
        mixed, unhealthy = self._dice(raw, filtered, quantile, row)
        return Ablated(study, setting, {**figures, "dice_mixed_dynamic": mixed, "dice_unhealthy_dynamic": unhealthy})

    def _by_labels(self, maps: FloatArray, tuning_maps: FloatArray) -> Measured:
        """Figures with thresholds that image-level labels set."""
        given = replace(self._given, masked=None)
        return self._measuring.measure(next(outputs_of_map("ablation", "ablation", maps, tuning_maps, given)))

    def _thresholds(self, w: float) -> Iterator[Ablated]:
        """Quantiles of each slice's map: Algorithm 1's, then fixed ones. One value for all slices before them."""
        evidence = self._maps.evidence()
        raw = evidence.aam(w)
        filtered = filtered_map(raw)
        row = self._by_labels(filtered, filtered if self._alone else filtered_map(self._tuning.evidence().aam(w)))
        names = ("dice_mixed", "dice_unhealthy")
        yield Ablated("threshold", "healthy slices", {name: row.figures[name].value for name in names})
        scaling = np.asarray(self._calibration.at(w).largest_divergence)
        dynamic = quantile_of(anomaly_strength(evidence.divergence(w).max(axis=1), scaling))
        rules: list[tuple[float | str, FloatArray]] = [("dynamic", dynamic)]
        rules += [(q, np.full(raw.shape[:2], q)) for q in QUANTILES]
        for setting, quantile in rules:
            yield Ablated("threshold", setting, dict(zip(names, self._dice(raw, filtered, quantile, row), strict=True)))

    def _dice(
        self, raw: FloatArray, filtered: FloatArray, quantile: FloatArray, decided_by: Measured
    ) -> tuple[float, float]:
        """Mixed and unhealthy Dice of masks at each map's own quantile, over the whole frame as in the paper."""
        threshold = quantile_thresholds(raw, quantile).mean(axis=1)
        masks = np.asarray(filtered >= threshold[:, None, None]) & self._given.measured.interior
        masks &= ~small_components(masks, self._given.minimum_size_px)
        lesion, outlined = self._masked.lesion, self._masked.outlined
        shown = replace(decided_by.output, masks=masks).gated_masks
        assert shown is not None
        unhealthy = metrics.dice(masks[outlined], lesion[outlined])
        return float(metrics.dice(shown, lesion).mean()), float(unhealthy.mean())

    def _size_correlation(self) -> dict[str, float]:
        outlined = self._masked.outlined
        size = self._masked.lesion[outlined].sum(axis=(1, 2)).astype(np.float64)
        largest = self._maps.evidence().divergence(0.0)[outlined].max(axis=1).mean(axis=1).astype(np.float64)
        return {
            "pearson": metrics.correlation(size, largest),
            "spearman": metrics.correlation(metrics.ranks(size), metrics.ranks(largest)),
        }

    def _signal_ratio(self, w: float) -> list[SignalRatio]:
        outlined = np.flatnonzero(self._masked.outlined)
        sam = self._maps.sam(w)[outlined].mean(axis=2)
        inside = self._masked.lesion[outlined] & self._given.measured.interior[outlined]
        outside = ~self._masked.lesion[outlined] & self._given.measured.interior[outlined]
        usable = inside.any(axis=(1, 2)) & outside.any(axis=(1, 2))
        aggregated = np.cumsum(sam, axis=1) / np.arange(1, sam.shape[1] + 1)[:, None, None]
        levels = visited_levels(self._point) + 1
        return [
            SignalRatio(
                int(level), *(_ratio(maps[usable, step], inside[usable], outside[usable]) for maps in (sam, aggregated))
            )
            for step, level in enumerate(levels)
        ]


def _ratio(maps: FloatArray, inside: BoolArray, outside: BoolArray) -> float:
    if len(maps) == 0:
        return float("nan")
    mean_inside = (maps * inside).sum(axis=(1, 2)) / inside.sum(axis=(1, 2))
    mean_outside = (maps * outside).sum(axis=(1, 2)) / outside.sum(axis=(1, 2))
    return float(np.median(mean_inside / np.maximum(mean_outside, 1e-30)))
