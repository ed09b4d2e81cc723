"""Beyond the paper, still without pixel labels: thresholds, standardised maps, consistent volumes, mirrored input.

Each variant starts from the aggregated map at the calibrated guidance strength and is tuned with image-level labels
alone; image-level figures say which one to prefer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from ...core.arrays import BoolArray, FloatArray
from ...evaluation.level_reference import LevelReference, alarm_statistic
from ...evaluation.map_outputs import outputs_of_map
from ...evaluation.method_output import Cost, MethodInput, MethodOutput
from ...evaluation.slices import LabelledSlices
from ...evaluation.volume_consistency import median_3d, neighbours_agree
from ...thresholds.image_labels import HEALTHY_LEVELS, best_threshold, shown_accuracy
from ...thresholds.map_statistic import map_statistic
from ...thresholds.neighbours import neighbour_map, neighbour_mean
from ...thresholds.postprocessing import filtered_map, small_components
from .algorithm1 import anomaly_strength
from .evaluated import AnoFPDM
from .evidence import Evidence
from .network_runs import NetworkRuns

ALPHAS = (0.02, 0.05, 0.1, 0.2, 0.3)
HEAD_QUANTILE, HEAD_SPAN = 0.98, 0.28
"""Algorithm 1 over the eroded head: quantiles from 0.70 on, since lesions take more of it than of the frame."""


class LabelFree:
    """The variants at one operating point."""

    name = "label-free"

    def __init__(self, runs: NetworkRuns, base: AnoFPDM, guidance: float | None = None) -> None:
        """`base`: whose operating point and calibration are used, not mirrored; `guidance`: None as calibrated."""
        self._runs = runs
        self._base = base
        self._point = base.point
        self._guidance = guidance

    def check(self, given: MethodInput) -> None:
        """As the operating point's own variants. Raises InputError if the tuning split has too few subjects."""
        self._base.check(given)
        LevelReference(given.measured, given.tuning)

    def outputs(self, given: MethodInput) -> Iterator[MethodOutput]:
        """One output a variant. Raises InputError if the tuning split has too few subjects."""
        evidence, cost = self._runs.evidence(given.measured, self._point, self.name)
        calibration = self._base.calibration(given, evidence)
        w = self._guidance if self._guidance is not None else calibration.default_guidance
        variants = _Variants(given, {"guidance": w}, cost)
        alone = given.tuning is given.measured
        measured = filtered_map(evidence.aam(w))
        tuning_evidence = evidence
        if not alone:
            tuning_evidence, _ = self._runs.evidence(given.tuning, self._point, f"{self.name}, tuning")
        tuning = measured if alone else filtered_map(tuning_evidence.aam(w))
        scaling = np.asarray(calibration.at(w).largest_divergence)

        yield variants.by_labels("one healthy threshold", measured, tuning)
        yield variants.by_level(measured, tuning)
        yield variants.conformal(measured, tuning)
        yield variants.head_quantile(measured, tuning, evidence, w, scaling)
        yield variants.by_labels(
            "map standardised by level", *variants.each(LevelReference.standardised, measured, tuning)
        )
        place = variants.by_place(measured, tuning)
        yield variants.by_labels("map standardised by level and place", *place)
        yield variants.averaged("averaged over neighbours", measured, tuning)
        yield variants.by_labels("3-D median", median_3d(measured, given.measured), median_3d(tuning, given.tuning))
        yield variants.vote("neighbouring slices vote", measured, tuning)

        mirrored, twice = self._mirrored(given.measured, w)
        mirrored_tuning = mirrored if alone else self._mirrored(given.tuning, w)[0]
        variants = _Variants(given, {"guidance": w}, twice)
        yield variants.by_labels("mirrored too", mirrored, mirrored_tuning)
        yield variants.averaged("mirrored too, averaged over neighbours", mirrored, mirrored_tuning)
        smooth = median_3d(mirrored, given.measured), median_3d(mirrored_tuning, given.tuning)
        yield variants.vote("mirrored, 3-D median, vote", *smooth)
        place = variants.by_place(mirrored, mirrored_tuning)
        smooth = median_3d(place[0], given.measured), median_3d(place[1], given.tuning)
        yield variants.vote("mirrored, standardised by level and place, 3-D median, vote", *smooth)

    def _mirrored(self, slices: LabelledSlices, w: float) -> tuple[FloatArray, Cost]:
        """The map where predictions are averaged with those of the mirrored slice."""
        evidence, cost = self._runs.evidence(slices, replace(self._point, mirrored=True), f"{self.name}, mirrored too")
        return filtered_map(evidence.aam(w)), cost


class _Variants:
    """Makes outputs from maps of the measured and the tuning slices."""

    def __init__(self, given: MethodInput, parameters: dict[str, Any], cost: Cost) -> None:
        self._given = replace(given, masked=None)
        self._alone = given.tuning is given.measured
        self._parameters = parameters
        self._cost = cost
        self._reference = LevelReference(given.measured, given.tuning)
        self._tuning_reference = self._reference if self._alone else LevelReference(given.tuning, given.tuning)

    def each(
        self, function: Callable[..., FloatArray], measured: FloatArray, tuning: FloatArray, *more: Any
    ) -> tuple[FloatArray, FloatArray]:
        """A function of (reference, maps, tuning maps) for the measured and the tuning slices."""
        found = function(self._reference, measured, tuning, *more)
        return found, found if self._alone else function(self._tuning_reference, tuning, tuning, *more)

    def by_place(self, measured: FloatArray, tuning: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Maps standardised by level and place."""
        pixel = self._given.measured.pixel_mm
        return self.each(LevelReference.standardised_by_place, measured, tuning, pixel)

    def by_labels(self, name: str, measured: FloatArray, tuning: FloatArray) -> MethodOutput:
        """One threshold for all slices."""
        return next(
            outputs_of_map(
                f"label-free, {name}",
                LabelFree.name,
                measured,
                tuning,
                self._given,
                parameters=self._parameters,
                cost=self._cost,
            )
        )

    def by_level(self, measured: FloatArray, tuning: FloatArray) -> MethodOutput:
        """A healthy quantile at each slice's height; the quantile's level as for the single threshold."""
        limits, tuning_limits = self.each(
            lambda reference, maps, tuning_maps: reference.thresholds(tuning_maps, HEALTHY_LEVELS), measured, tuning
        )
        masks = [self._masks(tuning, tuning_limits[:, k], self._given.tuning) for k in range(len(HEALTHY_LEVELS))]
        best = self._best(masks)
        found = self._masks(measured, limits[:, best], self._given.measured)
        grid = {"healthy_level": HEALTHY_LEVELS[best], "grid": list(HEALTHY_LEVELS)}
        return self._output("healthy threshold by level", measured, tuning, found, grid)

    def conformal(self, measured: FloatArray, tuning: FloatArray) -> MethodOutput:
        """At most a share alpha of healthy slices shows anything; a slice is unhealthy if it shows something."""
        statistic = alarm_statistic(tuning, self._given.tuning.interior, self._given.minimum_size_px)

        def limits(alpha: float) -> tuple[FloatArray, FloatArray]:
            return self.each(
                lambda reference, maps, tuning_maps: reference.conformal(statistic, alpha), measured, tuning
            )

        best = self._best([self._masks(tuning, limits(alpha)[1], self._given.tuning) for alpha in ALPHAS])
        found = self._masks(measured, limits(ALPHAS[best])[0], self._given.measured)
        grid = {"alpha": ALPHAS[best], "grid": list(ALPHAS), "decision": "something is shown"}
        output = self._output("conformal threshold", measured, tuning, found, grid)
        return replace(output, unhealthy=np.asarray(found.any(axis=(1, 2))))

    def head_quantile(
        self, measured: FloatArray, tuning: FloatArray, evidence: Evidence, w: float, scaling: FloatArray
    ) -> MethodOutput:
        """A quantile of each slice's own map inside the eroded head, lower for a larger divergence."""
        strength = anomaly_strength(evidence.divergence(w).max(axis=1), scaling).mean(axis=1)
        interior = self._given.measured.interior
        limits = np.array(
            [
                np.quantile(values[inside], HEAD_QUANTILE - HEAD_SPAN * s) if inside.any() else np.inf
                for values, inside, s in zip(measured, interior, strength, strict=True)
            ]
        )
        found = self._masks(measured, limits, self._given.measured)
        return self._output("quantile of the eroded head", measured, tuning, found, {"span": HEAD_SPAN})

    def averaged(self, name: str, measured: FloatArray, tuning: FloatArray) -> MethodOutput:
        """One threshold; maps are averaged over neighbouring pixels and slices, deciding statistics over slices."""
        smooth = neighbour_map(measured, self._given.measured.runs), neighbour_map(tuning, self._given.tuning.runs)
        return self._decided_by_neighbours(self.by_labels(name, *smooth), smooth[1])

    def vote(self, name: str, measured: FloatArray, tuning: FloatArray) -> MethodOutput:
        """One threshold; neighbouring slices vote on pixels, and their statistics are averaged for the decision."""
        output = self._decided_by_neighbours(self.by_labels(name, measured, tuning), tuning)
        given = self._given
        assert output.masks is not None
        return replace(output, masks=neighbours_agree(output.masks, given.measured) & given.measured.interior)

    def _decided_by_neighbours(self, output: MethodOutput, tuning: FloatArray) -> MethodOutput:
        given = self._given
        assert output.image_score is not None
        statistic = map_statistic(tuning, given.tuning.interior, given.top_pixels)
        score = neighbour_mean(output.image_score, given.measured.runs)
        limit, _ = best_threshold(neighbour_mean(statistic, given.tuning.runs), given.tuning.unhealthy)
        parameters = {**output.parameters, "image_threshold": limit}
        return replace(output, parameters=parameters, image_score=score, unhealthy=score >= limit)

    def _masks(self, maps: FloatArray, limits: FloatArray, slices: LabelledSlices) -> BoolArray:
        masks = np.asarray(maps > limits[:, None, None]) & slices.interior
        return masks & ~small_components(masks, self._given.minimum_size_px)

    def _best(self, candidates: list[BoolArray]) -> int:
        """Which masks of the tuning slices tell unhealthy ones best by showing anything; the first of equals."""
        return int(np.argmax([shown_accuracy(masks, self._given.tuning.unhealthy) for masks in candidates]))

    def _output(
        self, name: str, measured: FloatArray, tuning: FloatArray, masks: BoolArray, parameters: dict[str, Any]
    ) -> MethodOutput:
        given = self._given
        score = map_statistic(measured, given.measured.interior, given.top_pixels)
        limit, _ = best_threshold(
            map_statistic(tuning, given.tuning.interior, given.top_pixels), given.tuning.unhealthy
        )
        return MethodOutput(
            f"label-free, {name}",
            LabelFree.name,
            "image labels",
            {**self._parameters, "image_threshold": limit, **parameters},
            measured,
            masks,
            score,
            score >= limit,
            self._cost,
        )
