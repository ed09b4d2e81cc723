"""A method whose answer is one map of a volume, cut at a threshold: all of `Method` but the map. Torch-free."""

from __future__ import annotations

import dataclasses
import functools
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ..core.errors import ModelError, SettingsError
from ..core.progress import CancelToken, ProgressCallback, ProgressClock
from ..core.records import record_to_dict, require
from ..store.model_config import ModelConfig
from ..store.model_search import find_model_of_weights
from ..store.user_calibrations import OWN, user_calibration_names
from ..thresholds.settings import MinimumSize
from ..volumes.preparation import PreparedCase, prepare_case
from ..volumes.volume import Volume
from .calibrating import CalibrationTask
from .evaluated import AsDetected, Evaluated
from .facts import NoFacts
from .knobs import Knob
from .map_calibrating import calibrate_map_model
from .map_calibrations import user_map_calibration
from .map_evidence import MAP_KNOBS, MapAnswer, MapEvidence, MapSettings, answer
from .method import Examined, Notice, Picture, Runner
from .offers import Offer, OnlyPreset, Preset, cut_offers
from .settings_text import InUse
from .training import Stage

if TYPE_CHECKING:
    from pathlib import Path

    from ..core.arrays import BoolArray, FloatArray
    from ..results.case import CaseEvidence
    from ..store.model_folder import ModelFolder
    from .facts import DecisionRule
    from .structures import Structures

Report = Callable[[float], None]


@dataclass(frozen=True)
class MapCalibration:
    """Of the map: what reaches `threshold` is marked. The rest says where it comes from, as far as that is known."""

    threshold: float = 1.0
    healthy_level: float | None = None
    """The threshold is this quantile of the healthy slices' maps inside the eroded head."""
    source: str = ""
    """The labelled slices it was made with, in words."""
    slices: int = 0
    unhealthy_slices: int = 0
    subjects: int = 0
    user_name: str = ""
    """What the user calls it; empty for the model's own."""

    def __post_init__(self) -> None:
        require(0 < self.threshold < float("inf"), "calibration.threshold must be positive")
        level = self.healthy_level
        require(level is None or 0 < level < 1, "calibration.healthy_level must lie between 0 and 1")
        counts = (self.unhealthy_slices, self.slices - self.unhealthy_slices, self.subjects)
        require(min(counts) >= 0, "calibration counts fewer slices or subjects than none")

    @property
    def origin(self) -> str:
        """Where the threshold comes from, in words; empty if that is not known."""
        if self.healthy_level is None:
            return ""
        counted = f"{self.slices} slices of {self.subjects} subjects, {self.unhealthy_slices} unhealthy"
        return f"quantile {self.healthy_level:g} of healthy slices ({self.source or 'source not stated'}: {counted})"


@dataclass(frozen=True, kw_only=True)
class MapConfig(ModelConfig):
    """`config.json` of a model of such a method that needs nothing else."""

    calibration: MapCalibration = dataclasses.field(default_factory=MapCalibration)


class MapAnswers:
    """See `methods.method.Method`: all of it but loading a model, for evidence that is `MapEvidence`."""

    name: str
    title: str
    knobs: tuple[Knob, ...] = MAP_KNOBS
    config_type: type[ModelConfig] = MapConfig
    settings_type: type[Any] = MapSettings
    calibration_type: type[Any] = MapCalibration
    calibrates = True
    slice_facts_type: type[Any] = NoFacts
    volume_facts_type: type[Any] = NoFacts
    others: tuple[str, ...] = ()
    """Names of further maps."""
    below = float("inf")
    """What a threshold of the map must not reach."""
    stages: tuple[Stage, ...] = ()
    calibration_knobs: tuple[Knob, ...] = ()

    def calibrate(self, task: CalibrationTask) -> Path:
        """See `Method`: the threshold is a quantile of healthy slices' maps."""
        return calibrate_map_model(task, self.calibration_of(task.folder.config))

    def calibration_in_use(self, folder: ModelFolder, name: str | None) -> Any:
        """The model's own (None or `default`), or the user's of this name. Raises SettingsError or ModelError."""
        if name in (None, OWN):
            return self.calibration_of(folder.config)
        return user_map_calibration(self.calibration_type, self.name, folder.weights_sha256, str(name))

    def check_no_preset(self, preset: str | None) -> None:
        """Raises SettingsError where one of several presets is asked for."""
        if preset is not None:
            raise SettingsError(f"The method {self.name} has no presets; leave --preset out.")

    @functools.cached_property
    def evaluated(self) -> Evaluated:
        """By what it detects, unless a subclass says so."""
        return AsDetected(self.name)

    def accepted(self, case: CaseEvidence) -> np.ndarray:
        """[N, H, W]: where a finding may be."""
        return np.asarray(case.interior[case.examined])

    def overlaid(self, before: Any, given: Mapping[str, Any], calibration: Any = None) -> Any:
        """See `Method`."""
        return dataclasses.replace(before, **given)

    def presets(self, folder: ModelFolder) -> Mapping[str, tuple[Preset, ...]]:
        """One, unless a subclass knows more ways; with the model's calibration and with each of the user's."""
        return dict.fromkeys([OWN, *user_calibration_names(folder.weights_sha256)], (self.only_preset(folder),))

    def only_preset(self, folder: ModelFolder) -> Preset:
        """The one way to run a model."""
        return OnlyPreset(speed_key=self.name)

    def earlier_choices(self, remembered: Mapping[str, Any]) -> Mapping[str, str]:
        """There was none of it then."""
        return {}

    def offers(self, case: CaseEvidence, answer: MapAnswer, made: Any) -> Mapping[str, Offer]:
        """See `Method`."""
        return cut_offers(case.settings, answer, case.calibration.threshold, below=self.below)

    def moved(self, made: CaseEvidence, before: Any, name: str, value: Any) -> Any:
        """Nothing follows, unless a subclass says so."""
        return self.overlaid(before, {name: value}, made.calibration)

    def check_model(self, folder: ModelFolder) -> list[str]:
        """Every model of such a method can be applied."""
        return []

    def parameter_shapes(self, config: Any) -> Mapping[str, tuple[int, ...]]:
        """None, unless a subclass says so."""
        return {}

    def bundle_metadata(self, config: Any) -> None:
        """It is no bundle of MONAI's."""
        return

    def answer(self, case: CaseEvidence) -> MapAnswer:
        """See `Method`."""
        settings = case.settings
        threshold = case.calibration.threshold if settings.threshold is None else settings.threshold
        smallest = settings.minimum_size or MinimumSize(pixels=case.model.minimum_size_px)
        return answer(self.evidence_in_use(case), self.accepted(case), threshold, smallest)

    def evidence_in_use(self, case: CaseEvidence) -> MapEvidence:
        """What is cut: the case's evidence, unless settings of a subclass say otherwise."""
        evidence: MapEvidence = case.evidence
        return evidence

    def probability(self, case: CaseEvidence, answer: MapAnswer) -> FloatArray | None:
        """None, unless a subclass says that its map is one."""
        return None

    def structures(self, case: CaseEvidence) -> Structures | None:
        """None, unless a subclass outlines some."""
        return None

    def tissue(self, case: CaseEvidence) -> BoolArray | None:
        """None, unless a subclass says where it sees brain."""
        return None

    def own_measures(self, case: CaseEvidence) -> Mapping[str, float]:
        """None, unless a subclass says so."""
        return {}

    def model_lines(self, folder: ModelFolder) -> list[str]:
        """See `Method`."""
        calibration = self.calibration_of(folder.config)
        origin = getattr(calibration, "origin", "")
        return [f"  threshold   {calibration.threshold:g}{origin and f', {origin}'}"]

    def is_calibrated(self, folder: ModelFolder) -> bool:
        """See `Method`: what says nothing is that of a model that nobody calibrated."""
        return bool(self.calibration_of(folder.config) != self.calibration_type())

    def calibration_of(self, config: Any) -> Any:
        """The calibration that the model brings."""
        return config.calibration

    def with_calibration(self, case: CaseEvidence, name: str) -> CaseEvidence:
        """See `Method`."""
        weights = case.model.weights_sha256
        if name != OWN:
            found = user_map_calibration(self.calibration_type, self.name, weights, name)
        elif case.calibration.user_name:
            found = self.calibration_of(find_model_of_weights(weights).config)
        else:
            return case
        return dataclasses.replace(case, calibration=found)

    def slice_facts(self, case: CaseEvidence, answer: MapAnswer) -> Sequence[Any]:
        """None of its own."""
        return [NoFacts()] * len(answer.score)

    def volume_facts(self, case: CaseEvidence, answer: MapAnswer) -> Any:
        """None of its own."""
        return NoFacts()

    def decision_rule(self, parameters: Mapping[str, Any]) -> DecisionRule | None:
        """None: a slice is unhealthy if anything in it is marked."""
        return None

    def parameters(self, case: CaseEvidence, answer: MapAnswer) -> Mapping[str, Any]:
        """See `Method`: what a subclass lets choose, too."""
        return {
            **self.chosen(case.settings),
            "threshold": answer.threshold,
            "minimum_size": str(answer.minimum_size),
            "calibration": record_to_dict(case.calibration),
        }

    def chosen(self, settings: Any) -> dict[str, Any]:
        """The settings by name, as JSON can hold them."""
        return {knob.name: knob.plain(getattr(settings, knob.name)) for knob in self.knobs if knob.live}

    def settings_in_use(self, parameters: Mapping[str, Any]) -> InUse:
        """See `Method`: parameters of a knob's name are its values."""
        names = {knob.name for knob in self.knobs}
        values = {name: value for name, value in parameters.items() if name in names}
        return InUse(values, {name: value for name, value in parameters.items() if name not in names})

    def warnings(self, case: CaseEvidence, answer: MapAnswer) -> list[str]:
        """None of its own."""
        return []

    def calibration_label(self, case: CaseEvidence) -> str:
        """The user's name of it, or `default`."""
        return case.calibration.user_name or OWN

    def healthy_picture(self, case: CaseEvidence, answer: MapAnswer) -> Picture | None:
        """None, unless a subclass predicts a healthy image."""
        return None

    def curves(self, case: CaseEvidence, answer: MapAnswer, row: int) -> None:
        """It has none."""
        return

    def evidence_record(self, evidence: MapEvidence) -> dict[str, Any]:
        """See `Method`."""
        return {}

    def evidence_arrays(self, evidence: MapEvidence) -> dict[str, np.ndarray]:
        """See `Method`."""
        return {name: np.asarray(values) for name, values in evidence.arrays.items()}

    def evidence_shapes(
        self, record: Any, slices: int, channels: int, height: int, width: int
    ) -> dict[str, tuple[int, ...]]:
        """See `Method`."""
        return dict.fromkeys(("map", *self.others), (slices, 1, height, width))

    def evidence_from(self, record: Any, arrays: Mapping[str, np.ndarray]) -> MapEvidence:
        """See `Method`."""
        return MapEvidence.of(arrays, self.others)


class MapMethod(MapAnswers, ABC):
    """See `methods.method.Method`. A subclass gives `name`, `title` and `compute`, and what else differs.

    Its models are model folders as those of every method; a method without weights has a file of no tensors
    (`store.no_weights`).
    """

    evaluations = 0
    """Of a network a slice."""

    @abstractmethod
    def compute(
        self,
        model: Any,
        prepared: PreparedCase,
        settings: Mapping[str, Any],
        *,
        batch_size: int | None,
        report: Report,
        cancel: CancelToken,
    ) -> dict[str, FloatArray]:
        """Maps [S, H, W] of all slices of the stack, never negative: `map`, and one for each name in `others`.

        `model`: what `open_model` gave; `settings`: values of the knobs that need a rerun, by name; `report` is told
        how many slices are done. Raises the engine's errors, Cancelled among them.
        """

    def parameters(self, case: CaseEvidence, answer: Any) -> Mapping[str, Any]:
        """See `Method`: what the maps were computed with, too."""
        return {**case.evidence.record, **super().parameters(case, answer)}

    def evidence_record(self, evidence: MapEvidence) -> dict[str, Any]:
        """The settings of the run that were given."""
        return dict(evidence.record)

    def evidence_from(self, record: Any, arrays: Mapping[str, np.ndarray]) -> MapEvidence:
        """See `Method`."""
        return dataclasses.replace(super().evidence_from(record, arrays), record=dict(record))

    def open_model(self, folder: ModelFolder) -> Any:
        """What `compute` needs of the model: its configuration, or a network. May import torch. Raises ModelError."""
        return folder.config

    def load(
        self,
        folder: ModelFolder,
        *,
        device: str = "auto",
        calibration: str | None = None,
        preset: str | None = None,
        run: Mapping[str, Any] | None = None,
        notice: Notice,
    ) -> Runner:
        """See `Method`."""
        if device not in ("auto", "cpu"):
            raise SettingsError(f"The method {self.name} runs on the processor; leave --device out.")
        self.check_no_preset(preset)
        if not isinstance(folder.config, self.config_type):
            raise ModelError(f"{folder.path} is a model of the method {folder.config.method}, not of {self.name}.")
        in_use = self.calibration_in_use(folder, calibration)
        return MapRunner(self, folder, self.open_model(folder), run or {}, in_use)


class MapRunner:
    """See `methods.method.Runner`."""

    device_name = "CPU"
    device_warning = ""

    def __init__(
        self, method: MapMethod, folder: ModelFolder, model: Any, run: Mapping[str, Any], calibration: Any
    ) -> None:
        self.config = folder.config
        self.weights_sha256 = folder.weights_sha256
        self._method, self._model, self._run, self._calibration = method, model, run, calibration

    def identity(self) -> dict[str, Any]:
        """See `Runner`."""
        run = {name: str(value) for name, value in sorted(self._run.items())}
        return {
            "weights": self.weights_sha256,
            "config": record_to_dict(self.config),
            "calibration": record_to_dict(self._calibration),
            "run": run,
        }

    def check(self, settings: Any) -> None:
        """Every setting can be answered."""

    def examine(
        self,
        volumes: Mapping[str, Volume],
        *,
        seed: int,
        batch_size: int | None,
        on_stage: Callable[[Any], None],
        on_progress: ProgressCallback | None,
        cancel: CancelToken,
        notice: Notice,
    ) -> Examined:
        """See `Runner`. Nothing is random, so that the seed changes nothing."""
        on_stage("preparing")
        prepared = prepare_case({name: each.image for name, each in volumes.items()}, self.config, cancel=cancel)
        on_stage("detecting")
        clock = ProgressClock(len(prepared.head), on_progress)
        clock.report(0.0)
        maps = self._method.compute(
            self._model, prepared, self._run, batch_size=batch_size, report=clock.report, cancel=cancel
        )
        kept = {
            name: np.ascontiguousarray(values[prepared.examined][:, None], np.float32) for name, values in maps.items()
        }
        clock.report(float(len(prepared.head)))
        given = {knob.name: knob.plain(self._run[knob.name]) for knob in self._method.knobs if knob.name in self._run}
        evidence = dataclasses.replace(MapEvidence.of(kept, self._method.others), record=given)
        return Examined(evidence, prepared, self._calibration, batch_size or 1, self._method.evaluations)
