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
from ...core.records import record_to_dict
from ...diffusion.denoisers import NetworkPredictor, NoisePredictor
from ...diffusion.noise import NoiseSource
from ...diffusion.schedule import NoiseSchedule
from ...diffusion.slices import Arrays, Batching, SlicePredictor, compute_in_batches
from ...network.config import NULL_LABEL
from ...store.model_folder import ModelFolder
from ...store.network_weights import read_network
from ...thresholds.postprocessing import filtered_map
from ...volumes.preparation import PreparedCase
from ..map_evidence import MapEvidence
from ..map_method import MapCalibration
from ..slice_runner import Computed, SliceRunner
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


class ReconstructionRunner(SliceRunner):
    """Collaborators come through the constructor."""

    config: ReconstructionConfig

    def __init__(
        self,
        config: ReconstructionConfig,
        baseline: Baseline,
        predictor: SlicePredictor,
        device: ChosenDevice,
        calibration: MapCalibration,
        *,
        weights_sha256: str,
        network_sha256: str,
        as_calibrated: bool,
        pictured: bool,
    ) -> None:
        super().__init__(predictor, device, weights_sha256=weights_sha256)
        self.config = config
        self._baseline, self._calibration = baseline, calibration
        self._network_sha256, self._as_calibrated, self._pictured = network_sha256, as_calibrated, pictured
        self._setting = {name: float(value) for name, value in record_to_dict(config.sampling).items()}

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

    def compute(self, prepared: PreparedCase, batching: Batching) -> Computed:
        """See `SliceRunner`."""
        level = prepared.level[prepared.examined]
        parts = compute_in_batches(prepared.x0, level, self._predictor, self._restore, batching)
        arrays = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
        if not all(np.isfinite(values).all() for values in arrays.values()):
            raise SettingsError(
                f"The restored slices are not finite numbers on {self.device_name}; try --device cpu or a lower level."
            )
        others = (HEALTHY,) if self._pictured else ()
        evidence = dataclasses.replace(MapEvidence.of(arrays, others), record=self._setting)
        warnings: tuple[str, ...] = ()
        if not self._as_calibrated:
            warnings = ("The threshold was calibrated with other settings of the run; set it with --threshold.",)
        return Computed(evidence, self._calibration, self._baseline.evaluations(self._setting), warnings)

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
