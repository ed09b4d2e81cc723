"""A model that restores healthy slices, on a device, ready to be applied to volumes. Needs torch."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ...core.device import ChosenDevice, choose_device, confirm_device
from ...core.errors import SettingsError
from ...core.progress import CancelToken, ProgressCallback, ProgressClock
from ...core.records import record_to_dict
from ...diffusion.denoisers import NetworkPredictor, NoisePredictor
from ...diffusion.noise import NoiseSource
from ...diffusion.schedule import NoiseSchedule
from ...diffusion.slices import Arrays, Batching, batch_size_for, compute_in_batches, smaller_batch
from ...network.config import NULL_LABEL
from ...store.model_folder import ModelFolder
from ...store.network_weights import read_network
from ...thresholds.postprocessing import filtered_map
from ...volumes.preparation import PreparedCase, prepare_case
from ...volumes.volume import Volume
from ..map_evidence import MapEvidence
from ..map_method import MapCalibration
from ..method import Examined, Notice
from .baselines import Baseline, Classifier, Shared, baseline_of
from .classifier_folder import read_classifier
from .method import HEALTHY
from .model_config import ClassifierConfig, ReconstructionConfig, Sampling
from .networks import DiffusionNetwork, diffusion_network
from .sampling import check_threshold, sampling_of


def load_runner(
    method: str,
    folder: ModelFolder,
    calibration: MapCalibration,
    *,
    device: str = "auto",
    run: Sampling | Mapping[str, Any] | None = None,
    pictured: bool,
) -> ReconstructionRunner:
    """A checked model folder, ready to run; arguments and errors as of `Reconstruction.load`."""
    config: Any = folder.config
    network = diffusion_network(folder, config)
    sampling = sampling_of(config, run, network.shape.schedule.steps)
    chosen = choose_device(device)
    predictor = _predictor(network, chosen.device)
    if chosen.device.type != "cpu":
        confirmed = confirm_device(chosen, lambda: _evaluate_once(predictor, config, chosen.device))
        if confirmed is not chosen:
            chosen, predictor = confirmed, _predictor(network, confirmed.device)
    classifier: Classifier | None = None
    if isinstance(config, ClassifierConfig):
        classifier = read_classifier(folder.weights, config.classifier).to(chosen.device).log_healthy
    shared = Shared(
        NoiseSchedule.linear(network.shape.schedule),
        network.healthy_label,
        network.unhealthy_label,
        config.used_channels,
        sampling.steps,
    )
    baseline = baseline_of(method, shared, classifier)
    return ReconstructionRunner(
        dataclasses.replace(config, sampling=sampling),
        baseline,
        predictor if network.shape.network.level_embedding else _WithoutLevel(predictor),
        chosen,
        calibration,
        weights_sha256=folder.weights_sha256,
        network_sha256=network.folder.weights_sha256,
        as_calibrated=sampling == config.sampling,
        pictured=pictured,
    )


class ReconstructionRunner:
    """See `methods.method.Runner`. Collaborators come through the constructor."""

    def __init__(
        self,
        config: ReconstructionConfig,
        baseline: Baseline,
        predictor: Any,
        device: ChosenDevice,
        calibration: MapCalibration,
        *,
        weights_sha256: str,
        network_sha256: str,
        as_calibrated: bool,
        pictured: bool,
    ) -> None:
        self.config = config
        self.weights_sha256 = weights_sha256
        self._baseline, self._predictor, self._device = baseline, predictor, device
        self._calibration = calibration
        self._network_sha256, self._as_calibrated, self._pictured = network_sha256, as_calibrated, pictured
        self._setting = {name: float(value) for name, value in record_to_dict(config.sampling).items()}

    @property
    def device_name(self) -> str:
        """For people."""
        return self._device.name

    @property
    def device_warning(self) -> str:
        """Empty unless another device was asked for."""
        return self._device.warning

    def identity(self) -> dict[str, Any]:
        """See `Runner`."""
        return {
            "weights": self.weights_sha256,
            "network": self._network_sha256,
            "config": record_to_dict(self.config),
            "calibration": record_to_dict(self._calibration),
        }

    def check(self, settings: Any) -> None:
        """See `Runner`."""
        check_threshold(settings, self._calibration)

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
        arrays, batch = self._run(prepared, seed, batch_size, on_progress, cancel, notice)
        broken = [name for name, values in arrays.items() if not np.isfinite(values).all()]
        if broken:
            raise SettingsError(
                f"The restored slices are not finite numbers on {self._device.name}; try --device cpu or a lower level."
            )
        others = (HEALTHY,) if self._pictured else ()
        evidence = dataclasses.replace(MapEvidence.of(arrays, others), record=self._setting)
        warnings: tuple[str, ...] = ()
        if not self._as_calibrated:
            warnings = ("The threshold was calibrated with other settings of the run; set it with --threshold.",)
        evaluations = self._baseline.evaluations(self._setting)
        return Examined(evidence, prepared, self._calibration, batch, evaluations, warnings)

    def _run(
        self,
        prepared: PreparedCase,
        seed: int,
        batch_size: int | None,
        on_progress: ProgressCallback | None,
        cancel: CancelToken,
        notice: Notice,
    ) -> tuple[Arrays, int]:
        clock = ProgressClock(len(prepared.x0), on_progress)
        sizes = [batch_size_for(self._device.device, batch_size, self._predictor)]
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
        parts = compute_in_batches(
            prepared.x0,
            prepared.level[prepared.examined],
            self._predictor,
            self._restore,
            Batching(
                self._device.device,
                seed,
                [int(i) for i in np.flatnonzero(prepared.examined)],
                batch_size,
                report,
                smaller,
                cancel,
            ),
        )
        return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}, sizes[-1]

    def _restore(
        self, x0: Tensor, predict: NoisePredictor, noise: NoiseSource, report: Callable[[float], None]
    ) -> Arrays:
        total, done = self._baseline.evaluations(self._setting), 0.0

        def counted(x_t: Tensor, t: Tensor, label: Tensor) -> Tensor:
            nonlocal done
            found = predict(x_t, t, label)
            done += len(x_t) / len(x0)
            report(min(done / total, 1.0))
            return found

        with torch.no_grad():
            restored = self._baseline.restore(x0, counted, noise, self._setting)
        report(1.0)
        arrays = {"map": filtered_map(restored.difference.float().cpu().numpy())[:, None]}
        if self._pictured:
            assert restored.healthy is not None
            first = restored.healthy[:, self.config.used_channels[:1]]
            arrays[HEALTHY] = ((first.float() + 1) / 2).clamp(0, 1).cpu().numpy()
        return arrays


class _WithoutLevel:
    """A network that is not told the slices' levels."""

    def __init__(self, predictor: NetworkPredictor) -> None:
        self._predictor = predictor
        self.slice_bytes = predictor.slice_bytes

    def for_slices(self, level: Tensor | None) -> NoisePredictor:
        return self._predictor.for_slices(None)


def _predictor(network: DiffusionNetwork, device: torch.device) -> NetworkPredictor:
    return NetworkPredictor.prepared(read_network(network.folder.weights, network.shape.network, device), "float32")


@torch.inference_mode()
def _evaluate_once(predictor: NetworkPredictor, config: ReconstructionConfig, device: torch.device) -> None:
    x = torch.zeros(1, len(config.modalities), config.grid.matrix, config.grid.matrix, device=device)
    t, label = torch.zeros(1, dtype=torch.int64, device=device), torch.tensor([NULL_LABEL])
    predictor.for_slices(torch.full((1,), 0.5, device=device))(x, t, label).sum().item()
