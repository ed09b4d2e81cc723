"""Both models of a fused one on a device, ready to be applied to volumes. Torch-free to import."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from ...core.errors import ModelError, SettingsError
from ...core.progress import CancelToken, ProgressCallback
from ...core.records import record_to_dict
from ...results.case import ModelIdentity
from ...store.model_config import ModelConfig
from ...store.model_folder import ModelFolder
from ...store.model_part import open_model_part
from ...volumes.preparation import PreparedCase
from ...volumes.volume import Volume
from ..anofpdm.evidence import BankEvidence, QuadraticEvidence, build_evidence, evidence_arrays
from ..anofpdm.method import AnoFPDM
from ..map_evidence import MapEvidence
from ..method import Examined, Notice, Runner
from ..student.method import Student
from .calibration import FusedCalibration
from .evidence import FusedEvidence
from .model_config import FusedConfig
from .settings import FusedSettings

SAME_MM = 1e-3


def load_runner(
    folder: ModelFolder,
    *,
    device: str = "auto",
    calibration: str | None = None,
    preset: str | None = None,
    run: Mapping[str, Any] | None = None,
    notice: Notice,
) -> FusedRunner:
    """A checked model folder, ready to run; what is asked for goes to AnoFPDM's part.

    Raises ModelError or SettingsError.
    """
    config = folder.config
    if not isinstance(config, FusedConfig):
        raise ModelError(f"{folder.path} is a model of the method {config.method}, not of fused.")
    finder_folder, witness_folder = open_model_part(config.finder, folder), open_model_part(config.witness, folder)
    usual = config.preset if calibration in (None, "default") and not run else None
    witness = AnoFPDM().load(
        witness_folder,
        device=device,
        calibration=calibration,
        preset=preset or usual,
        run=run,
        notice=notice,
    )
    finder = Student().load(finder_folder, notice=notice)
    return FusedRunner(folder, config, finder, witness)


class FusedRunner:
    """See `methods.method.Runner`. Collaborators come through the constructor."""

    def __init__(self, folder: ModelFolder, config: FusedConfig, finder: Runner, witness: Runner) -> None:
        self._fused = config
        self._finder, self._witness = finder, witness
        self.weights_sha256 = folder.weights_sha256

    @property
    def config(self) -> ModelConfig:
        """See `Runner`."""
        return self._fused

    @property
    def device_name(self) -> str:
        """Where AnoFPDM's part computes; the finder always runs on the processor."""
        return self._witness.device_name

    @property
    def device_warning(self) -> str:
        """See `Runner`."""
        return self._witness.device_warning

    def identity(self) -> dict[str, Any]:
        """See `Runner`."""
        return {
            "config": record_to_dict(self._fused),
            "finder": self._finder.identity(),
            "witness": self._witness.identity(),
        }

    def check(self, settings: FusedSettings) -> None:
        """See `Runner`."""
        self._witness.check(settings.of_witness)

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
        """See `Runner`. Progress is told of AnoFPDM's part, which takes nearly all of the time."""
        on_stage("preparing")
        common: dict[str, Any] = {"seed": seed, "batch_size": batch_size, "cancel": cancel, "notice": notice}
        found = self._finder.examine(volumes, on_stage=_silent, on_progress=None, **common)
        seen = self._witness.examine(
            volumes,
            on_stage=lambda stage: on_stage(stage) if stage == "detecting" else None,
            on_progress=on_progress,
            **common,
        )
        evidence = self._joined(found, seen)
        calibration = FusedCalibration(self._fused.fusion, seen.calibration)
        warnings = [text for text in (*seen.prepared.warnings, *seen.warnings) if text not in found.prepared.warnings]
        evaluations = found.network_evaluations + seen.network_evaluations
        return Examined(evidence, found.prepared, calibration, seen.batch_size, evaluations, tuple(warnings))

    def _joined(self, found: Examined, seen: Examined) -> FusedEvidence:
        _check_alike(found.prepared, seen.prepared)
        both = found.prepared.examined & seen.prepared.examined
        if not both.any():
            raise SettingsError("AnoFPDM and the student have no slice in common; run one of them with --model.")
        rows = both[seen.prepared.examined]
        own = seen.evidence
        assert isinstance(own, QuadraticEvidence | BankEvidence)
        if not rows.all():
            own = build_evidence(own.point, {name: values[rows] for name, values in evidence_arrays(own).items()})
        assert isinstance(found.evidence, MapEvidence)
        return FusedEvidence(
            finder=found.evidence,
            witness=own,
            interior=np.ascontiguousarray(seen.prepared.interior[both]),
            witnessed=both[found.prepared.examined],
            model=ModelIdentity.of(self._witness.config, self._witness.weights_sha256),
        )


def _check_alike(finder: PreparedCase, witness: PreparedCase) -> None:
    """Both parts must look at the same slices and field of view. Raises ModelError."""
    width, height, _ = witness.grid.size
    expected = finder.grid.with_pixels(width, height)
    same = expected.size == witness.grid.size and np.allclose(
        [*expected.spacing, *expected.origin, *expected.direction],
        [*witness.grid.spacing, *witness.grid.origin, *witness.grid.direction],
        atol=SAME_MM,
    )
    if not same:
        raise ModelError("The parts of this model look at different slices; give it models of one field of view.")


def _silent(stage: Any) -> None:
    """The other part tells it."""
