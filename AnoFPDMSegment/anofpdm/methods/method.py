"""The contract of a method: one folder that everything else serves without being touched. Torch-free to import.

A folder `anofpdm/methods/NAME` with a module `method` whose `METHODS` holds objects of this form is a method of the
engine; so is what a package of a third party names under the entry-point group `anofpdm.methods` (see `registry`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Protocol

import numpy as np

from ..core.arrays import BoolArray, FloatArray

if TYPE_CHECKING:
    from pathlib import Path

    from ..core.progress import CancelToken, ProgressCallback
    from ..results.case import CaseEvidence
    from ..store.model_config import ModelConfig
    from ..store.model_folder import ModelFolder
    from ..volumes.preparation import PreparedCase
    from ..volumes.volume import Volume
    from .calibrating import CalibrationTask
    from .evaluated import Evaluated
    from .facts import DecisionRule
    from .knobs import Knob
    from .offers import Offer, Preset
    from .settings_text import InUse
    from .structures import Structures
    from .training import Stage

Decision = Literal["unhealthy", "healthy"]
Notice = Callable[[str], None]


class Evidence(Protocol):
    """What a method keeps of N examined slices, from which it answers for any settings without the network."""

    def __len__(self) -> int:
        """N."""

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """(N, used modalities or 1 for all of them, rows, columns)."""


class Answer(Protocol):
    """What evidence says at given settings, for N examined slices of H x W pixels."""

    @property
    def score(self) -> FloatArray:
        """[N, H, W]: the map over its threshold, 1 at the border of the mask."""

    @property
    def accepted(self) -> BoolArray:
        """[N, H, W]: where a score of 1 makes a finding."""

    @property
    def threshold(self) -> float | FloatArray:
        """Of the map, one or [N]; what reaches it has a score of 1."""

    @property
    def decisions(self) -> Sequence[Decision | None]:
        """[N]: the image-level decision; None where none is made."""

    @property
    def minimum_mm3(self) -> float | None:
        """The smallest component kept, if it is said as a volume."""


@dataclass(frozen=True)
class Picture:
    """Something to look at beside the image: `values` [N, H, W] in [-1, 1], and what they show, in words."""

    values: FloatArray
    caption: str


@dataclass(frozen=True)
class Curves:
    """One slice's curves over the visited steps.

    `x`: [S]; `lines`: [S] by modality; `marks`: by modality, the index of the step that counts; titles for all.
    """

    x: np.ndarray
    lines: Mapping[str, FloatArray]
    marks: Mapping[str, int]
    x_title: str
    y_title: str
    mark_title: str
    notes: Mapping[str, str] = field(default_factory=dict)
    """What to say of the marks, by modality."""


@dataclass(frozen=True)
class Examined:
    """What a runner found in one volume. `calibration`: the method's own record, or None."""

    evidence: Evidence
    prepared: PreparedCase
    calibration: Any
    batch_size: int
    network_evaluations: int
    """A slice."""
    warnings: tuple[str, ...] = ()


class Runner(Protocol):
    """A loaded model of a method, ready to be applied to volumes."""

    @property
    def config(self) -> ModelConfig:
        """The model's configuration."""

    @property
    def device_name(self) -> str:
        """Where it computes, for people."""

    @property
    def device_warning(self) -> str:
        """Why it does not compute where it was asked to; empty if it does."""

    @property
    def weights_sha256(self) -> str:
        """Of the model."""

    def identity(self) -> dict[str, Any]:
        """What of it decides the result, as JSON can hold it."""

    def check(self, settings: Any) -> None:
        """Find out before anything is computed whether results can be made. Raises SettingsError."""

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
        """The evidence of one volume; `volumes` by modality, checked. Raises InputError, ResourceError, Cancelled."""


class Method(Protocol):
    """A method. Settings are a record of the method's own; None stands for its defaults."""

    @property
    def name(self) -> str:
        """As on the command line."""

    @property
    def title(self) -> str:
        """For people."""

    @property
    def knobs(self) -> tuple[Knob, ...]:
        """Its options: what needs a rerun, and what acts on a finished result."""

    @property
    def stages(self) -> tuple[Stage, ...]:
        """How it is trained, the usual stage first; empty if there is nothing to train."""

    @property
    def calibration_knobs(self) -> tuple[Knob, ...]:
        """Options of `calibrate` beside those that every method takes."""

    def calibrate(self, task: CalibrationTask) -> Path:
        """Calibrate the model from image-level labels; returns the file or folder that was written.

        Whether the outcome can be written is found out first (`CalibrationTask.check_place`). Raises the engine's
        errors. May import torch.
        """

    @property
    def evaluated(self) -> Evaluated:
        """What `anofpdm evaluate` measures of it; several methods may share one."""

    @property
    def config_type(self) -> type[ModelConfig]:
        """The record of a model's `config.json`."""

    @property
    def settings_type(self) -> type[Any]:
        """The record of what may be chosen without a rerun; made without arguments it is the default."""

    @property
    def calibration_type(self) -> type[Any]:
        """The record of a calibration."""

    @property
    def slice_facts_type(self) -> type[Any]:
        """The record of what findings say of an examined slice that this method alone knows (see `facts`)."""

    @property
    def volume_facts_type(self) -> type[Any]:
        """The same of the whole volume; every field may be None."""

    def load(
        self,
        folder: ModelFolder,
        *,
        device: str,
        calibration: str | None,
        preset: str | None,
        run: Any = None,
        notice: Notice,
    ) -> Runner:
        """A checked model folder, ready to run. `run`: values of the knobs that need a rerun, by name, or a record of
        the method's own that replaces all of them.

        Raises ModelError or SettingsError.
        """

    def check_model(self, folder: ModelFolder) -> list[str]:
        """Raises ModelError if the folder holds a model that cannot be applied to volumes; what else should be known
        of it, one sentence each."""

    def parameter_shapes(self, config: Any) -> Mapping[str, tuple[int, ...]]:
        """The network's parameters, which the weights must be."""

    def bundle_metadata(self, config: Any) -> str | None:
        """The text of `configs/metadata.json`; None to write none."""

    def is_calibrated(self, folder: ModelFolder) -> bool:
        """Whether the model brings a calibration of its own, of whatever kind. Raises ModelError."""

    @property
    def calibrates(self) -> bool:
        """Whether `anofpdm calibrate` can calibrate its models on a user's slices."""

    def presets(self, folder: ModelFolder) -> Mapping[str, Sequence[Preset]]:
        """The ways to run a model, the usual one first, by the name of its calibrations: `default`, its own, and the
        user's. Raises ModelError.
        """

    def earlier_choices(self, remembered: Mapping[str, Any]) -> Mapping[str, str]:
        """What the parameters of a scene of version 0.1 chose, as texts of knobs by name."""

    def offers(self, case: CaseEvidence, answer: Any, made: Any) -> Mapping[str, Offer]:
        """What the case at its settings offers, by knob, of those of which not everything follows from the
        declaration. `made`: the settings that the result was made with."""

    def moved(self, made: CaseEvidence, before: Any, name: str, value: Any) -> Any:
        """The settings `before` with one live knob moved by hand, and what follows from that. `made`: the case with
        the settings that the result was made with. Raises SettingsError.
        """

    def overlaid(self, before: Any, given: Mapping[str, Any], calibration: Any = None) -> Any:
        """The settings `before` with the values of live knobs put over them, where `calibration` is in use.

        Raises SettingsError.
        """

    def answer(self, case: CaseEvidence) -> Answer:
        """At the case's settings. Raises SettingsError for settings that the evidence cannot answer."""

    def probability(self, case: CaseEvidence, answer: Any) -> FloatArray | None:
        """[N, H, W]: the calibrated probability of a lesion; None if the method yields none."""

    def structures(self, case: CaseEvidence) -> Structures | None:
        """Named segments beside the findings, whatever the settings; None if the method outlines none.

        Raises EvidenceError."""

    def tissue(self, case: CaseEvidence) -> BoolArray | None:
        """[N, H, W]: where it sees brain, whatever the settings; None if it does not say."""

    def own_measures(self, case: CaseEvidence) -> Mapping[str, float]:
        """Numbers by which it is told how well the model knows a volume, whatever the settings: of volumes that it
        knows they lie close together. They may be none."""

    def model_lines(self, folder: ModelFolder) -> list[str]:
        """What `models info` prints of the method's own: its defaults and calibrations."""

    def with_calibration(self, case: CaseEvidence, name: str) -> CaseEvidence:
        """The case with another calibration: the user's of this name, or with `default` the model's own.

        Raises SettingsError if there is none, or it does not fit the case."""

    def slice_facts(self, case: CaseEvidence, answer: Any) -> Sequence[Any]:
        """A record of `slice_facts_type` for each of the N examined slices."""

    def volume_facts(self, case: CaseEvidence, answer: Any) -> Any:
        """A record of `volume_facts_type`."""

    def decision_rule(self, parameters: Mapping[str, Any]) -> DecisionRule | None:
        """What decides about slices, of a result with these parameters; None if nothing does but the mask."""

    def parameters(self, case: CaseEvidence, answer: Any) -> Mapping[str, Any]:
        """What findings say of how the result was made."""

    def settings_in_use(self, parameters: Mapping[str, Any]) -> InUse:
        """What of these are values of its knobs; words for them come from the knobs (`settings_text`)."""

    def warnings(self, case: CaseEvidence, answer: Any) -> list[str]:
        """What the user should know of this result, one sentence each."""

    def calibration_label(self, case: CaseEvidence) -> str | None:
        """The name of the calibration in use."""

    def healthy_picture(self, case: CaseEvidence, answer: Any) -> Picture | None:
        """What the slices would look like if they were healthy; None if the method does not predict that."""

    def curves(self, case: CaseEvidence, answer: Any, row: int) -> Curves | None:
        """Those of examined slice `row`; None if the method has none."""

    def evidence_record(self, evidence: Any) -> dict[str, Any]:
        """What of evidence is no array, as JSON can hold it."""

    def evidence_arrays(self, evidence: Any) -> dict[str, np.ndarray]:
        """Its arrays by name; the first axis runs over the slices."""

    def evidence_shapes(
        self, record: Any, slices: int, channels: int, height: int, width: int
    ) -> dict[str, tuple[int, ...]]:
        """The shape of each array that belongs to such a record. Raises ModelError and what a damaged record does."""

    def evidence_from(self, record: Any, arrays: Mapping[str, np.ndarray]) -> Evidence:
        """What the others took apart. Raises EvidenceError, ModelError, and what a damaged record does."""
