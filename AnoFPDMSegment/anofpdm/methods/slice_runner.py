"""A model whose network looks at slices in batches, on a device: all of a runner but what is computed. Needs torch."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..core.device import ChosenDevice
from ..core.progress import CancelToken, ProgressCallback, ProgressClock
from ..diffusion.slices import Batching, SlicePredictor, batch_size_for, smaller_batch
from ..store.model_config import ModelConfig
from ..volumes.geometry import VolumeGeometry
from ..volumes.preparation import PreparedCase, prepare_case
from ..volumes.volume import Volume
from .method import Evidence, Examined, Notice


@dataclass(frozen=True)
class Computed:
    """What the examined slices of one volume gave; see `Examined`."""

    evidence: Evidence
    calibration: Any
    network_evaluations: int
    warnings: tuple[str, ...] = ()


class SliceRunner(ABC):
    """See `methods.method.Runner`. A subclass says what decides the result, what can be answered, and computes."""

    config: ModelConfig

    def __init__(self, predictor: SlicePredictor, device: ChosenDevice, *, weights_sha256: str) -> None:
        self.weights_sha256 = weights_sha256
        self._predictor, self._device = predictor, device

    @property
    def device_name(self) -> str:
        """For people."""
        return self._device.name

    @property
    def device_warning(self) -> str:
        """Empty unless another device was asked for."""
        return self._device.warning

    @abstractmethod
    def identity(self) -> dict[str, Any]:
        """See `Runner`."""

    @abstractmethod
    def check(self, settings: Any) -> None:
        """See `Runner`."""

    @abstractmethod
    def compute(self, prepared: PreparedCase, batching: Batching) -> Computed:
        """Of the examined slices, batch by batch. Raises what `compute_in_batches` does, and SettingsError."""

    def results_s(self, geometry: VolumeGeometry) -> float:
        """About how long results on this grid take to be built and written."""
        return 0.0

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
        clock = ProgressClock(len(prepared.x0), on_progress, afterwards_s=self.results_s(prepared.geometry))
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
        numbers = [int(i) for i in np.flatnonzero(prepared.examined)]
        batching = Batching(self._device.device, seed, numbers, batch_size, report, smaller, cancel)
        found = self.compute(prepared, batching)
        return Examined(
            found.evidence, prepared, found.calibration, sizes[-1], found.network_evaluations, found.warnings
        )
