"""A model of AnoFPDM on a device, ready to be applied to volumes."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ...core.device import ChosenDevice
from ...core.errors import SettingsError
from ...core.records import record_to_dict
from ...diffusion.schedule import NoiseSchedule
from ...diffusion.slices import Batching, SlicePredictor
from ...store.model_folder import ModelFolder
from ...thresholds.settings import MinimumSize
from ...volumes.geometry import VolumeGeometry
from ...volumes.preparation import PreparedCase
from ..slice_runner import Computed, SliceRunner
from .accumulate import GuidedNetwork, accumulate_slices
from .calibration import Calibration, calibration_for
from .evidence import require_finite
from .forward_process import network_evaluations
from .knobs import operating_point
from .model_config import DiffusionConfig, diffusion_config
from .operating_point import OperatingPoint
from .ready_network import fastest_point, ready_predictor
from .select import resolve
from .settings import SelectionSettings
from .user_calibrations import calibrations_of, usual_point
from .visited_levels import jump_targets, visited_levels


def load_runner(
    folder: ModelFolder,
    *,
    device: str = "auto",
    calibration: str | None = None,
    preset: str | None = None,
    run: OperatingPoint | Mapping[str, Any] | None = None,
) -> AnoFPDMRunner:
    """A checked model folder, ready to run; arguments as of `AnoFPDM.load`. Raises ModelError or SettingsError."""
    config = diffusion_config(folder)
    calibrations = calibrations_of(folder, calibration)
    if isinstance(run, OperatingPoint):
        point = run
    else:
        given = run or {}
        point = operating_point(given, usual_point(folder, calibrations, preset))
        if "precision" not in given:
            point = fastest_point(point, calibrations, folder.weights_sha256, device)
    if point.last > config.schedule.steps:
        levels = f"{config.schedule.steps} noise levels"
        raise SettingsError(f"The range {point.first}..{point.last} goes beyond the model's {levels}.")
    config = dataclasses.replace(config, operating_point=point)
    predictor, chosen = ready_predictor(folder, device, config)
    return AnoFPDMRunner(
        config, predictor, chosen, weights_sha256=folder.weights_sha256, calibrations=list(calibrations)
    )


class AnoFPDMRunner(SliceRunner):
    """Collaborators come through the constructor."""

    config: DiffusionConfig

    def __init__(
        self,
        config: DiffusionConfig,
        predictor: SlicePredictor,
        device: ChosenDevice,
        *,
        weights_sha256: str,
        calibrations: Sequence[Calibration] = (),
    ) -> None:
        super().__init__(predictor, device, weights_sha256=weights_sha256)
        self.config = config
        self._calibrations = calibrations

    def identity(self) -> dict[str, Any]:
        """See `Runner`."""
        return {
            "weights": self.weights_sha256,
            "config": record_to_dict(self.config),
            "calibrations": [record_to_dict(calibration) for calibration in self._calibrations],
        }

    def check(self, settings: SelectionSettings) -> None:
        """See `Runner`."""
        point = self.config.operating_point
        minimum_size = MinimumSize(pixels=self.config.minimum_size_px)
        resolve(point, len(self.config.used), settings, self._calibration, minimum_size)
        if point.mode == "reference":
            jump_targets(visited_levels(point), NoiseSchedule.linear(self.config.schedule))

    def compute(self, prepared: PreparedCase, batching: Batching) -> Computed:
        """See `SliceRunner`."""
        evidence = accumulate_slices(
            prepared.x0,
            prepared.level[prepared.examined] if self.config.network.level_embedding else None,
            GuidedNetwork.of(self._predictor, self.config),
            self.config.operating_point,
            batching,
        )
        require_finite(evidence, self.device_name)
        return Computed(evidence, self._calibration, network_evaluations(self.config.operating_point))

    def results_s(self, geometry: VolumeGeometry) -> float:
        """As measured on a plain processor."""
        return 0.2 + 1.5e-7 * float(np.prod(geometry.size))

    @property
    def _calibration(self) -> Calibration | None:
        return calibration_for(self._calibrations, self.config.operating_point, self.weights_sha256)[0]
