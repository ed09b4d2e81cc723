"""Methods that restore a healthy slice and compare it with the slice (the paper's Table 1). Torch-free to import."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from ...core.errors import ModelError
from ...core.records import record_to_dict
from ...network.parameter_shapes import parameter_shapes
from ..calibrating import CalibrationTask
from ..evaluated import Evaluated
from ..knobs import Knob
from ..map_calibrating import calibrate_map_model
from ..map_evidence import MapEvidence
from ..map_method import MapAnswers
from ..method import Method, Notice, Picture, Runner
from ..offers import Offer, OnlyPreset, Preset
from ..settings_text import InUse
from ..training import Stage
from .calibrate import knobs_to_try, trials
from .classifier_shapes import classifier_shapes
from .evaluation import ReconstructionEvaluated
from .knobs import GUIDED, PLAIN, SCALED
from .model_config import ClassifierConfig, ConditionedConfig, GuidedConfig, ReconstructionConfig, Sampling
from .sampling import check_threshold
from .training import CLASSIFIER_STAGES, GAUSSIAN_STAGES, SIMPLEX_STAGES

if TYPE_CHECKING:
    from pathlib import Path

    from ...results.case import CaseEvidence
    from ...store.model_folder import ModelFolder
    from ..map_evidence import MapAnswer

EVALUATED = ReconstructionEvaluated()
HEALTHY = "healthy"
"""The restored slice of the first used modality among the maps, 0 to 1 for -1 to 1."""


class Reconstruction(MapAnswers):
    """One of these methods; which one decides its name (`baselines.baseline_of`)."""

    def __init__(
        self,
        name: str,
        title: str,
        config_type: type[ReconstructionConfig] = ReconstructionConfig,
        knobs: tuple[Knob, ...] = PLAIN,
        *,
        picture: str = "",
        stages: tuple[Stage, ...] = (),
    ) -> None:
        """`picture`: what the restored slice is, in words; empty if there is none. `stages`: how the network is trained
        that it needs beside AnoFPDM's, if any."""
        self.name, self.title, self.config_type, self.knobs = name, title, config_type, knobs
        self.stages, self.calibration_knobs = stages, knobs_to_try(knobs)
        self.others = (HEALTHY,) if picture else ()
        self._picture = picture

    def calibrate(self, task: CalibrationTask) -> Path:
        """See `Method`: the threshold; and the sampling, where several are tried."""
        config = self._config(task.folder)
        return calibrate_map_model(task, config.calibration, trials(task, config))

    @property
    def evaluated(self) -> Evaluated:
        """See `Method`."""
        return EVALUATED

    def load(
        self,
        folder: ModelFolder,
        *,
        device: str = "auto",
        calibration: str | None = None,
        preset: str | None = None,
        run: Sampling | Mapping[str, Any] | None = None,
        notice: Notice,
    ) -> Runner:
        """See `Method`."""
        self.check_no_preset(preset)
        self._config(folder)
        in_use = self.calibration_in_use(folder, calibration)
        from .runner import load_runner

        return load_runner(self.name, folder, in_use, device=device, run=run, pictured=bool(self.others))

    def only_preset(self, folder: ModelFolder) -> Preset:
        """With the model's own sampling."""
        usual = record_to_dict(self._config(folder).sampling)
        return OnlyPreset(speed_key=self.name, offers={name: Offer(each) for name, each in usual.items()})

    def check_model(self, folder: ModelFolder) -> list[str]:
        """See `Method`. The network that it needs must be there, and have seen the same input."""
        from .networks import diffusion_network

        diffusion_network(folder, self._config(folder))
        return []

    def parameter_shapes(self, config: ReconstructionConfig) -> Mapping[str, tuple[int, ...]]:
        """See `Method`."""
        if isinstance(config, ClassifierConfig):
            return classifier_shapes(config.classifier)
        return parameter_shapes(config.own.network) if config.own is not None else {}

    def healthy_picture(self, case: CaseEvidence, answer: MapAnswer) -> Picture | None:
        """The restored slice."""
        if not self.others:
            return None
        return Picture(np.asarray(2 * case.evidence.others[HEALTHY][:, 0] - 1), self._picture)

    def model_lines(self, folder: ModelFolder) -> list[str]:
        """See `Method`."""
        config = self._config(folder)
        network = "its own" if config.diffusion is None else f"that of {config.diffusion.model}"
        sampling = ", ".join(f"{name} {value:g}" for name, value in record_to_dict(config.sampling).items())
        return [f"  network     {network}", f"  sampling    {sampling}", *super().model_lines(folder)]

    def answer(self, case: CaseEvidence) -> MapAnswer:
        """See `Method`. Raises SettingsError where there is no threshold."""
        check_threshold(case.settings, case.calibration)
        return super().answer(case)

    def parameters(self, case: CaseEvidence, answer: MapAnswer) -> Mapping[str, Any]:
        """See `Method`."""
        return {**super().parameters(case, answer), "sampling": dict(case.evidence.record)}

    def settings_in_use(self, parameters: Mapping[str, Any]) -> InUse:
        """See `Method`: the sampling, too."""
        flat = {**parameters, **parameters.get("sampling", {})}
        flat.pop("sampling", None)
        return super().settings_in_use(flat)

    def evidence_record(self, evidence: Any) -> dict[str, Any]:
        """With which settings the slices were restored."""
        return dict(evidence.record)

    def evidence_from(self, record: Any, arrays: Mapping[str, np.ndarray]) -> MapEvidence:
        """See `Method`."""
        sampling = {str(name): float(value) for name, value in record.items()}
        return dataclasses.replace(super().evidence_from(record, arrays), record=sampling)

    def _config(self, folder: ModelFolder) -> ReconstructionConfig:
        config = folder.config
        if config.method != self.name or not isinstance(config, ReconstructionConfig):
            raise ModelError(f"{folder.path} is a model of the method {config.method}, not of {self.name}.")
        return config


METHODS: tuple[Method, ...] = (
    Reconstruction(
        "anoddpm-gaussian", "AnoDDPM, Gaussian noise", picture="the slice restored from noise", stages=GAUSSIAN_STAGES
    ),
    Reconstruction(
        "anoddpm-simplex",
        "AnoDDPM, simplex noise",
        picture="the slice restored from simplex noise",
        stages=SIMPLEX_STAGES,
    ),
    Reconstruction(
        "classifier-guidance",
        "Classifier guidance",
        ClassifierConfig,
        SCALED,
        picture="the slice as the classifier would have it healthy",
        stages=CLASSIFIER_STAGES,
    ),
    Reconstruction("ddib", "DDIB", GuidedConfig, GUIDED, picture="the slice decoded toward healthy"),
    Reconstruction("cg-cdm", "CG-CDM", ConditionedConfig),
)
