"""A student ready to be applied to volumes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from ...core.progress import CancelToken, ProgressCallback, ProgressClock
from ...core.records import record_to_dict
from ...volumes.preparation import prepare_case
from ...volumes.volume import Volume
from ..method import Examined, Notice
from .evidence import StudentEvidence
from .model_config import StudentModelConfig
from .predictor import BATCH, StudentPredictor
from .settings import StudentSettings
from .standardise import standardise

EVALUATIONS = 2
"""Of the network a slice: as it is, and mirrored."""


class StudentRunner:
    """See `methods.method.Runner`. Collaborators come through the constructor."""

    device_name = "CPU"
    device_warning = ""

    def __init__(self, config: StudentModelConfig, predictor: StudentPredictor, *, weights_sha256: str) -> None:
        self.config = config
        self.weights_sha256 = weights_sha256
        self._predictor = predictor

    def identity(self) -> dict[str, Any]:
        """See `Runner`."""
        return {"weights": self.weights_sha256, "config": record_to_dict(self.config)}

    def check(self, settings: StudentSettings) -> None:
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
        stack = standardise(prepared.intensities[0])
        spacing = prepared.grid.slice_spacing_mm if len(stack) > 1 else 0.0
        clock = ProgressClock(len(stack), on_progress)
        clock.report(0.0)
        size = batch_size or BATCH
        found = self._predictor.predict(stack, spacing, cancel, batch=size, on_progress=clock.report)
        probability, uncertainty = (
            np.ascontiguousarray(values[prepared.examined][:, None]) for values in (found.inside, found.uncertainty)
        )
        return Examined(StudentEvidence(probability, uncertainty), prepared, self.config.calibration, size, EVALUATIONS)
