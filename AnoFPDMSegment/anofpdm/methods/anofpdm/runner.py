"""A model of AnoFPDM on a device, ready to be applied to volumes."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from ...core.device import ChosenDevice
from ...core.errors import SettingsError
from ...core.progress import CancelToken, ProgressCallback, ProgressClock
from ...core.records import record_to_dict
from ...diffusion.schedule import NoiseSchedule
from ...diffusion.slices import Batching, SlicePredictor, batch_size_for, smaller_batch
from ...store.model_folder import ModelFolder
from ...thresholds.settings import MinimumSize
from ...volumes.geometry import VolumeGeometry
from ...volumes.preparation import PreparedCase, prepare_case
from ...volumes.volume import Volume
from ..method import Examined, Notice
from .accumulate import GuidedNetwork, accumulate_slices
from .calibration import Calibration, calibration_for
from .evidence import Evidence, require_finite
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


class AnoFPDMRunner:
    """See `methods.method.Runner`. Collaborators come through the constructor."""

    def __init__(
        self,
        config: DiffusionConfig,
        predictor: SlicePredictor,
        device: ChosenDevice,
        *,
        weights_sha256: str,
        calibrations: Sequence[Calibration] = (),
    ) -> None:
        self.config = config
        self.device = device
        self.weights_sha256 = weights_sha256
        self._predictor = predictor
        self._calibrations = calibrations

    @property
    def device_name(self) -> str:
        """For people."""
        return self.device.name

    @property
    def device_warning(self) -> str:
        """Empty unless another device was asked for."""
        return self.device.warning

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
        """See `Runner`."""
        on_stage("preparing")
        prepared = prepare_case({name: each.image for name, each in volumes.items()}, self.config, cancel=cancel)
        on_stage("detecting")
        evidence, batch = self._run(prepared, seed, batch_size, on_progress, cancel, notice)
        evaluations = network_evaluations(self.config.operating_point)
        return Examined(evidence, prepared, self._calibration, batch, evaluations)

    @property
    def _calibration(self) -> Calibration | None:
        return calibration_for(self._calibrations, self.config.operating_point, self.weights_sha256)[0]

    def _run(
        self,
        prepared: PreparedCase,
        seed: int,
        batch_size: int | None,
        on_progress: ProgressCallback | None,
        cancel: CancelToken,
        notice: Notice,
    ) -> tuple[Evidence, int]:
        clock = ProgressClock(len(prepared.x0), on_progress, afterwards_s=_results_s(prepared.geometry))
        sizes = [batch_size_for(self.device.device, batch_size, self._predictor)]
        furthest = 0.0

        def report(done: float) -> None:
            nonlocal furthest
            cancel.raise_if_cancelled()
            furthest = max(furthest, done)  # a batch begun again after memory ran out
            clock.report(furthest)

        def smaller(size: int) -> None:
            sizes.append(size)
            notice(smaller_batch(size))

        report(0.0)
        evidence = accumulate_slices(
            prepared.x0,
            prepared.level[prepared.examined] if self.config.network.level_embedding else None,
            GuidedNetwork.of(self._predictor, self.config),
            self.config.operating_point,
            Batching(
                self.device.device,
                seed,
                [int(i) for i in np.flatnonzero(prepared.examined)],
                batch_size,
                report,
                smaller,
                cancel,
            ),
        )
        require_finite(evidence, self.device.name)
        return evidence, sizes[-1]


def _results_s(geometry: VolumeGeometry) -> float:
    """About how long results on this grid take to be built and written, as measured on a plain processor."""
    return 0.2 + 1.5e-7 * float(np.prod(geometry.size))
