"""A method measured by what `detect` finds with it: the way for every method that has no other."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from ..core.arrays import BoolArray, FloatArray
from ..detect.detector import Detector
from ..methods.registry import find_method
from ..store.model_folder import ModelFolder
from ..store.model_search import find_model, model_of_method
from ..thresholds.map_statistic import map_statistic
from .evaluation_run import EvaluationRun
from .examined_volumes import ExaminedVolumes
from .map_outputs import outputs_of_map
from .method_output import Cost, MethodInput, MethodOutput
from .slices import LabelledSlices


@dataclass(frozen=True)
class _Answers:
    maps: FloatArray
    masks: BoolArray
    unhealthy: BoolArray | None
    cost: Cost


class Detected:
    """The method's answers as its model is calibrated, then its score map as labels and masks would cut it."""

    def __init__(self, name: str, run: EvaluationRun) -> None:
        """`name`: the method's; its model is the measured one, or the usual one of the method. Raises ModelError."""
        self.name = name
        self._run = run
        own = run.folder.config.method == name
        self.folder: ModelFolder = run.folder if own else find_model(model_of_method(name))

    def check(self, given: MethodInput) -> None:
        """Raises SettingsError for a model of modalities that the slices lack, ModelError for one that cannot run."""
        self._volumes()

    def outputs(self, given: MethodInput) -> Iterator[MethodOutput]:
        """As calibrated; tuned with image labels; at the best threshold there is."""
        volumes = self._volumes()
        measured = self._answers(volumes, given.measured)
        about = {"model": self.folder.config.name, "weights_sha256": self.folder.weights_sha256}
        yield MethodOutput(
            f"{self.name}, as calibrated",
            self.name,
            "unknown",
            about,
            measured.maps,
            measured.masks,
            map_statistic(measured.maps, given.measured.interior, given.top_pixels),
            measured.unhealthy,
            measured.cost,
        )
        tuning = measured if given.tuning is given.measured else self._answers(volumes, given.tuning)
        yield from outputs_of_map(
            self.name, self.name, measured.maps, tuning.maps, given, parameters=about, cost=measured.cost
        )

    def _volumes(self) -> ExaminedVolumes:
        run = self._run

        def make() -> ExaminedVolumes:
            return ExaminedVolumes(
                Detector.from_folder(self.folder, device=run.device),
                run.cache,
                seed=run.seed,
                batch_size=run.batch_size,
                report=None if run.report is None else self._report,
                cancel=run.cancel,
            )

        return run.kept(f"volumes of {self.folder.path}", make)

    def _report(self, done: float, total: int) -> None:
        if self._run.report is not None:
            self._run.report(self.name, done, total)

    def _answers(self, volumes: ExaminedVolumes, slices: LabelledSlices) -> _Answers:
        maps = np.zeros(slices.interior.shape, dtype=np.float32)
        masks = np.zeros(maps.shape, dtype=bool)
        unhealthy = np.zeros(len(slices), dtype=bool)
        method, decided, seconds, evaluations = find_method(self.name), True, 0.0, 0
        for volume in volumes.examine(slices):
            answer = method.answer(volume.case)
            maps[volume.positions] = volume.on_slices(answer.score)
            marked = np.asarray((answer.score >= 1) & answer.accepted, dtype=np.float32)
            masks[volume.positions] = volume.on_slices(marked) >= 0.5
            decided = decided and all(decision is not None for decision in answer.decisions)
            called = np.zeros(len(volume.case.examined), dtype=bool)
            called[volume.case.examined] = [decision == "unhealthy" for decision in answer.decisions]
            unhealthy[volume.positions] = called[volume.index]
            seconds += volume.case.run.run_time_s
            evaluations = volume.case.run.network_evaluations
        return _Answers(maps, masks, unhealthy if decided else None, Cost(seconds / len(slices), evaluations))
