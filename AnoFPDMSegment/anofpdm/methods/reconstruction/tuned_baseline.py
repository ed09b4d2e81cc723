"""A compared method tuned on its own grid: by image-level labels, and as the papers do with pixel masks."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ...core.arrays import FloatArray, IntArray
from ...diffusion.denoisers import NoisePredictor
from ...diffusion.noise import NoiseSource
from ...diffusion.slices import SlicePredictor
from ...evaluation.best_threshold import best_dice_threshold
from ...evaluation.chunk_store import Arrays
from ...evaluation.map_outputs import outputs_of_map
from ...evaluation.method_output import Cost, MethodInput, MethodOutput
from ...evaluation.slices import LabelledSlices
from ...thresholds.auroc import area_under_roc
from ...thresholds.map_statistic import map_statistic
from ...thresholds.postprocessing import filtered_map
from ..anofpdm.network_runs import NetworkRuns
from .baselines import GRIDS, Baseline, Setting, setting_record, setting_text


class TunedBaseline:
    """Runs every setting of the grid on some tuning slices, then the chosen ones on all."""

    def __init__(
        self,
        name: str,
        runs: NetworkRuns,
        baseline: Baseline,
        *,
        steps: int,
        grid_slices: int,
        predictor: SlicePredictor | None = None,
        weights: str = "",
    ) -> None:
        """`predictor`: a network of the method's own, None: the model's; `weights`: SHA-256 of weights of its own."""
        self.name = name
        self._runs = runs
        self._baseline = baseline
        self._grid = GRIDS[name]
        self._grid_slices = grid_slices
        self._predictor = predictor
        self._weights = weights
        self._key = {"run": name, "steps": steps, "weights of its own": weights}

    def check(self, given: MethodInput) -> None:
        """What it needs was loaded when it was made."""

    def outputs(self, given: MethodInput) -> Iterator[MethodOutput]:
        """Tuned with image labels; and setting and threshold with pixel masks, where the measured slices tune and the
        grid is tried on slices with a lesion."""
        some = spread_over_labels(given.tuning, self._grid_slices)
        part = given.tuning.subset(some)
        masked = given.masked if given.tuning is given.measured else None
        sick = np.zeros(len(part), dtype=bool) if masked is None else masked.outlined[some]
        rows: list[dict[str, Any]] = []
        for setting in self._grid:
            maps, _ = self._maps(part, setting)
            statistic = map_statistic(maps, part.interior, given.top_pixels)
            row = {**setting_record(setting), "image_auroc": area_under_roc(statistic, part.unhealthy)}
            if masked is not None and sick.any():
                lesion = masked.lesion[some][sick]
                row["best_dice_with_masks"] = best_dice_threshold(
                    maps[sick], lesion, part.interior[sick], given.minimum_size_px
                )[1]
            rows.append(row)
        by_labels = self._grid[int(np.argmax([row["image_auroc"] for row in rows]))]
        parameters = {"grid": rows, "grid_slices": len(some), "most_steps": self._key["steps"]}
        if self._weights:
            parameters["weights_sha256"] = self._weights
        yield next(self._chosen(by_labels, given, parameters))
        if "best_dice_with_masks" in rows[0]:
            by_masks = self._grid[int(np.argmax([row["best_dice_with_masks"] for row in rows]))]
            *_, tuned = self._chosen(by_masks, given, parameters)
            yield replace(tuned, name=f"{self.name}, tuned with masks: {setting_text(by_masks)}")

    def _chosen(self, setting: Setting, given: MethodInput, parameters: Mapping[str, Any]) -> Iterator[MethodOutput]:
        maps, seconds = self._maps(given.measured, setting)
        tuning = maps if given.tuning is given.measured else self._maps(given.tuning, setting)[0]
        cost = Cost(seconds, self._baseline.evaluations(setting))
        name = f"{self.name}, {setting_text(setting)}"
        chosen = {**setting_record(setting), **parameters}
        return outputs_of_map(name, self.name, maps, tuning, given, parameters=chosen, cost=cost)

    def _maps(self, slices: LabelledSlices, setting: Setting) -> tuple[FloatArray, float]:
        """Filtered maps [N, H, W] and seconds a slice."""

        def compute(x0: Tensor, predict: NoisePredictor, noise: NoiseSource, report: Callable[[float], None]) -> Arrays:
            with torch.no_grad():
                found = self._baseline.map(x0, predict, noise, setting)
            report(1.0)
            return {"map": found.float().cpu().numpy()}

        key = {**self._key, "setting": setting_record(setting)}
        what = f"{self.name}, {setting_text(setting)}"
        arrays, seconds = self._runs.arrays(slices, key, compute, what, self._predictor)
        return filtered_map(arrays["map"]), seconds


def spread_over_labels(slices: LabelledSlices, count: int) -> IntArray:
    """About `count` slices, evenly spread over those of each label, both labels in their proportion; rising."""
    if count >= len(slices):
        return np.arange(len(slices))
    chosen = []
    for wanted in (False, True):
        rows = np.flatnonzero(slices.unhealthy == wanted)
        take = min(len(rows), max(1, round(count * len(rows) / len(slices))))
        chosen.append(rows[np.linspace(0, len(rows) - 1, take).astype(np.int64)])
    return np.sort(np.concatenate(chosen))
