"""AnoFPDM as a method of the engine. Torch-free to import."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from ...core.records import record_from_dict, record_to_dict
from ...network.parameter_shapes import parameter_shapes
from ...thresholds.neighbours import runs_of_slices
from ...thresholds.settings import MinimumSize
from ..calibrating import CalibrationTask
from ..evaluated import Evaluated
from ..method import Curves, Method, Notice, Picture, Runner
from ..offers import Offer
from ..settings_text import InUse
from . import findings
from .bundle_metadata import bundle_metadata
from .calibrate import typical_error
from .calibrate_model import CALIBRATION_KNOBS, calibrate_model
from .calibration import Calibration, load_calibrations
from .evaluation import AnoFPDMEvaluated
from .evidence import Evidence, broken_array, build_evidence, evidence_arrays, evidence_shapes
from .knobs import KNOBS, overlaid
from .model_config import DiffusionConfig, diffusion_config
from .model_lines import model_lines
from .offers import live_offers, moved
from .operating_point import OperatingPoint
from .other_calibration import with_calibration
from .run_presets import RunPreset, chosen_in_0_1, run_presets
from .select import Selection, resolve, select
from .settings import SelectionSettings
from .training import STAGES
from .user_calibrations import calibrations_of
from .visited_levels import visited_levels

if TYPE_CHECKING:
    from pathlib import Path

    from ...results.case import CaseEvidence
    from ...store.model_folder import ModelFolder
    from ..facts import DecisionRule

PICTURED_GUIDANCE = 2.0
"""The strongest guidance at which the healthy prediction is drawn, the paper's for BraTS21.

What finds lesions best (20 and more) drives the prediction beyond healthy tissue: black where the lesion was.
"""


class AnoFPDM:
    """The forward process of a diffusion model, with and without guidance toward healthy (paper, section 3)."""

    name = "anofpdm"
    title = "AnoFPDM"
    knobs = KNOBS
    config_type = DiffusionConfig
    settings_type = SelectionSettings
    calibration_type = Calibration
    stages = STAGES
    calibration_knobs = CALIBRATION_KNOBS
    slice_facts_type = findings.SliceFacts
    volume_facts_type = findings.VolumeFacts
    calibrates = True
    evaluated: Evaluated = AnoFPDMEvaluated()

    def load(
        self,
        folder: ModelFolder,
        *,
        device: str = "auto",
        calibration: str | None = None,
        preset: str | None = None,
        run: OperatingPoint | Mapping[str, Any] | None = None,
        notice: Notice,
    ) -> Runner:
        """See `Method`. `run`: an operating point, or what differs from that of preset, calibration or model; where no
        precision is given, the one that the device computes fastest in if the model is calibrated for it."""
        from .runner import load_runner

        return load_runner(folder, device=device, calibration=calibration, preset=preset, run=run)

    def overlaid(
        self, before: SelectionSettings, given: Mapping[str, Any], calibration: Calibration | None = None
    ) -> SelectionSettings:
        """See `Method`."""
        return overlaid(before, given, calibration)

    def calibrate(self, task: CalibrationTask) -> Path:
        """See `Method`."""
        return calibrate_model(task)

    def presets(self, folder: ModelFolder) -> Mapping[str, tuple[RunPreset, ...]]:
        """See `Method`."""
        return run_presets(folder)

    def earlier_choices(self, remembered: Mapping[str, Any]) -> Mapping[str, str]:
        """See `Method`."""
        return chosen_in_0_1(remembered)

    def offers(self, case: CaseEvidence, answer: Selection, made: SelectionSettings) -> Mapping[str, Offer]:
        """See `Method`."""
        return live_offers(case, answer, made)

    def moved(self, made: CaseEvidence, before: SelectionSettings, name: str, value: Any) -> SelectionSettings:
        """See `Method`."""
        return moved(overlaid(before, {name: value}, made.calibration), name, value, made.calibration, made.settings)

    def is_calibrated(self, folder: ModelFolder) -> bool:
        """See `Method`: one of other weights does not count."""
        return any(each.weights_sha256 == folder.weights_sha256 for each in calibrations_of(folder))

    def check_model(self, folder: ModelFolder) -> list[str]:
        """See `Method`."""
        diffusion_config(folder)
        calibrations = load_calibrations(folder.calibration) if folder.calibration is not None else []
        return [
            f"The calibration '{calibration.name}' belongs to other weights and is not used."
            for calibration in calibrations
            if calibration.weights_sha256 != folder.weights_sha256
        ]

    def parameter_shapes(self, config: DiffusionConfig) -> Mapping[str, tuple[int, ...]]:
        """See `Method`."""
        return parameter_shapes(config.network)

    def bundle_metadata(self, config: DiffusionConfig) -> str:
        """See `Method`."""
        return bundle_metadata(config)

    def answer(self, case: CaseEvidence) -> Selection:
        """See `Method`."""
        smallest = MinimumSize(pixels=case.model.minimum_size_px)
        choices = resolve(case.evidence.point, len(case.model.used), case.settings, case.calibration, smallest)
        stack_index = np.flatnonzero(case.examined)
        runs = runs_of_slices(np.zeros_like(stack_index), stack_index)
        return select(case.evidence, case.interior[case.examined], choices, runs)

    def probability(self, case: CaseEvidence, answer: Selection) -> None:
        """Its maps are no probabilities."""

    def structures(self, case: CaseEvidence) -> None:
        """It outlines none."""

    def tissue(self, case: CaseEvidence) -> None:
        """It does not say where brain is."""

    def own_measures(self, case: CaseEvidence) -> Mapping[str, float]:
        """By how much the unguided prediction is typically off (its logarithm)."""
        return {"unguided_error": float(np.log10(max(typical_error(case.evidence), 1e-9)))}

    def model_lines(self, folder: ModelFolder) -> list[str]:
        """See `Method`."""
        return model_lines(folder)

    def with_calibration(self, case: CaseEvidence, name: str) -> CaseEvidence:
        """See `Method`."""
        return with_calibration(case, name)

    def slice_facts(self, case: CaseEvidence, answer: Selection) -> list[findings.SliceFacts]:
        """See `Method`."""
        return findings.slice_facts(case, answer)

    def volume_facts(self, case: CaseEvidence, answer: Selection) -> findings.VolumeFacts:
        """See `Method`."""
        return findings.volume_facts(case)

    def decision_rule(self, parameters: Mapping[str, Any]) -> DecisionRule | None:
        """See `Method`."""
        return findings.decision_rule(parameters)

    def parameters(self, case: CaseEvidence, answer: Selection) -> Mapping[str, Any]:
        """See `Method`."""
        return findings.parameters(case, answer)

    def settings_in_use(self, parameters: Mapping[str, Any]) -> InUse:
        """See `Method`."""
        return findings.settings_in_use(parameters)

    def warnings(self, case: CaseEvidence, answer: Selection) -> list[str]:
        """See `Method`."""
        return findings.warnings(case, answer)

    def calibration_label(self, case: CaseEvidence) -> str | None:
        """See `Method`."""
        return case.calibration.label if case.calibration else None

    def healthy_picture(self, case: CaseEvidence, answer: Selection) -> Picture:
        """HGP at t_e of the first used modality, at the guidance strength in use as far as pictures go."""
        used, weak = answer.choices.guidance, pictured_guidance(case, answer)
        caption = f"the healthy prediction at the end step, guidance strength {weak:g}"
        if weak < used:
            caption += f" (at {used:g} it is overdriven)"
        return Picture(case.evidence.healthy_prediction(weak)[:, 0], caption)

    def curves(self, case: CaseEvidence, answer: Selection, row: int) -> Curves:
        """M_t of each used modality, t_e marked."""
        divergence = case.evidence.divergence(answer.choices.guidance)[row]
        return Curves(
            x=visited_levels(case.evidence.point) + 1,
            lines={modality: divergence[:, channel] for channel, modality in enumerate(case.model.used)},
            marks={modality: int(answer.end_index[row, channel]) for channel, modality in enumerate(case.model.used)},
            x_title="Noise level t",
            y_title="Divergence M_t",
            mark_title="end step",
            notes={
                modality: f"end step {end.step}, noise level {end.noise_level}"
                for modality, end in findings.end_steps(case, answer, row).items()
            },
        )

    def evidence_record(self, evidence: Evidence) -> dict[str, Any]:
        """See `Method`."""
        return {"operating_point": record_to_dict(evidence.point)}

    def evidence_arrays(self, evidence: Evidence) -> dict[str, np.ndarray]:
        """See `Method`."""
        return evidence_arrays(evidence)

    def evidence_shapes(
        self, record: Any, slices: int, channels: int, height: int, width: int
    ) -> dict[str, tuple[int, ...]]:
        """See `Method`."""
        return evidence_shapes(_point(record), slices, channels, height, width)

    def evidence_from(self, record: Any, arrays: Mapping[str, np.ndarray]) -> Evidence:
        """See `Method`."""
        broken = broken_array(arrays)
        if broken:
            raise ValueError(f"{broken} is not finite")
        return build_evidence(_point(record), dict(arrays))


def pictured_guidance(case: CaseEvidence, answer: Selection) -> float:
    """The guidance strength in use, or PICTURED_GUIDANCE if that is less; of a bank its largest up to there."""
    most = min(answer.choices.guidance, PICTURED_GUIDANCE)
    bank = case.evidence.point.guidance_bank
    return max((w for w in bank if w <= most), default=min(bank)) if bank else most


def _point(record: Any) -> OperatingPoint:
    return record_from_dict(OperatingPoint, record["operating_point"], "operating_point")


METHODS: tuple[Method, ...] = (AnoFPDM(),)
