"""AnoFPDM and the student together, as a method of the engine. Torch-free to import."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from ...core.array_archive import missing
from ...core.records import record_from_dict, record_to_dict
from ...results.case import ModelIdentity
from ...store.model_part import open_model_part
from ...volumes.resized_maps import resized
from ..anofpdm.findings import NO_FACTS, SliceFacts, VolumeFacts
from ..anofpdm.method import AnoFPDM
from ..calibrating import CalibrationTask
from ..evaluated import AsDetected, Evaluated
from ..map_evidence import MapEvidence
from ..method import Curves, Method, Notice, Picture, Runner
from ..offers import Offer
from ..settings_text import InUse
from ..student.method import Student
from ..student.own_measures import brain_measures
from .answer import FusedAnswer, joint_answer
from .calibration import FusedCalibration
from .evidence import FusedEvidence
from .knobs import KNOBS
from .model_config import NAME, FusedConfig
from .offers import FusedPreset, fused_moved, fused_offers, fused_presets
from .settings import JOINT, WITNESS_THRESHOLD, FusedSettings, overlaid
from .witness_case import witness_case

if TYPE_CHECKING:
    from pathlib import Path

    from ...core.arrays import BoolArray, FloatArray
    from ...results.case import CaseEvidence
    from ...store.model_folder import ModelFolder

_PREFIX = "witness_"
_INTERIOR = "interior_of_witness"


class Fused:
    """The student finds, AnoFPDM bears witness: see `fusion.joined_probability`."""

    name = NAME
    title = "AnoFPDM and the student together"
    knobs = KNOBS
    config_type = FusedConfig
    settings_type = FusedSettings
    calibration_type = FusedCalibration
    stages = ()
    calibration_knobs = AnoFPDM.calibration_knobs
    slice_facts_type = SliceFacts
    volume_facts_type = VolumeFacts
    calibrates = True
    evaluated: Evaluated = AsDetected(NAME)

    def __init__(self, finder: Student | None = None, witness: AnoFPDM | None = None) -> None:
        self._finder, self._witness = finder or Student(), witness or AnoFPDM()

    def load(
        self,
        folder: ModelFolder,
        *,
        device: str = "auto",
        calibration: str | None = None,
        preset: str | None = None,
        run: Mapping[str, Any] | None = None,
        notice: Notice,
    ) -> Runner:
        """See `Method`. Calibration, preset and `run` are those of AnoFPDM's part."""
        from .runner import load_runner

        return load_runner(folder, device=device, calibration=calibration, preset=preset, run=run, notice=notice)

    def overlaid(
        self, before: FusedSettings, given: Mapping[str, Any], calibration: FusedCalibration | None = None
    ) -> FusedSettings:
        """See `Method`."""
        return overlaid(before, given, None if calibration is None else calibration.witness)

    def calibrate(self, task: CalibrationTask) -> Path:
        """See `Method`: AnoFPDM's part is calibrated."""
        config = task.folder.config
        assert isinstance(config, FusedConfig)
        return self._witness.calibrate(dataclasses.replace(task, folder=open_model_part(config.witness, task.folder)))

    def presets(self, folder: ModelFolder) -> Mapping[str, tuple[FusedPreset, ...]]:
        """See `Method`."""
        return fused_presets(folder)

    def earlier_choices(self, remembered: Mapping[str, Any]) -> Mapping[str, str]:
        """There was none of it then."""
        return {}

    def offers(self, case: CaseEvidence, answer: FusedAnswer, made: FusedSettings) -> Mapping[str, Offer]:
        """See `Method`."""
        return fused_offers(case, answer, made)

    def moved(self, made: CaseEvidence, before: FusedSettings, name: str, value: Any) -> FusedSettings:
        """See `Method`."""
        return fused_moved(made, before, name, value)

    def check_model(self, folder: ModelFolder) -> list[str]:
        """See `Method`."""
        config = folder.config
        assert isinstance(config, FusedConfig)
        self._finder.check_model(open_model_part(config.finder, folder))
        return self._witness.check_model(open_model_part(config.witness, folder))

    def is_calibrated(self, folder: ModelFolder) -> bool:
        """See `Method`: if both parts are."""
        config = folder.config
        assert isinstance(config, FusedConfig)
        finder, witness = (open_model_part(part, folder) for part in (config.finder, config.witness))
        return self._finder.is_calibrated(finder) and self._witness.is_calibrated(witness)

    def parameter_shapes(self, config: FusedConfig) -> Mapping[str, tuple[int, ...]]:
        """It has no network of its own."""
        return {}

    def bundle_metadata(self, config: FusedConfig) -> None:
        """It is no bundle of MONAI's."""
        return

    def answer(self, case: CaseEvidence) -> FusedAnswer:
        """See `Method`."""
        return joint_answer(case)

    def probability(self, case: CaseEvidence, answer: FusedAnswer) -> FloatArray:
        """The joint probability."""
        return answer.probability

    def structures(self, case: CaseEvidence) -> None:
        """It outlines none."""

    def tissue(self, case: CaseEvidence) -> BoolArray:
        """Where the student sees brain."""
        return np.asarray(case.evidence.finder.map[:, 0] > 0)

    def own_measures(self, case: CaseEvidence) -> Mapping[str, float]:
        """Those of the student, and AnoFPDM's."""
        own = brain_measures(case.evidence.finder, case.calibration.fusion.threshold)
        return {**own, **self._witness.own_measures(witness_case(case))}

    def model_lines(self, folder: ModelFolder) -> list[str]:
        """See `Method`."""
        config = folder.config
        assert isinstance(config, FusedConfig)
        return [
            f"  parts       {config.finder.model} finds, {config.witness.model} bears witness",
            f"  marked      from a joint probability of {config.fusion.threshold:g} on",
            f"  witness     adds {config.fusion.witness:g} to the log odds, if {config.fusion.agreement:.0%} of what it"
            " marks is possible for the finder",
            *self._witness.model_lines(open_model_part(config.witness, folder)),
        ]

    def with_calibration(self, case: CaseEvidence, name: str) -> CaseEvidence:
        """See `Method`: another calibration of AnoFPDM's part."""
        other = self._witness.with_calibration(witness_case(case), name).calibration
        return dataclasses.replace(case, calibration=dataclasses.replace(case.calibration, witness=other))

    def slice_facts(self, case: CaseEvidence, answer: FusedAnswer) -> list[SliceFacts]:
        """AnoFPDM's facts of the slices that it examined; nothing of the others."""
        facts = iter(self._witness.slice_facts(answer.part, answer.witness))
        return [next(facts) if seen else NO_FACTS for seen in case.evidence.witnessed]

    def volume_facts(self, case: CaseEvidence, answer: FusedAnswer) -> VolumeFacts:
        """AnoFPDM's."""
        return self._witness.volume_facts(answer.part, answer.witness)

    def decision_rule(self, parameters: Mapping[str, Any]) -> None:
        """None: a slice is unhealthy if anything in it is marked."""
        return

    def parameters(self, case: CaseEvidence, answer: FusedAnswer) -> Mapping[str, Any]:
        """See `Method`; `witness_parameters`: AnoFPDM's own."""
        return {
            "threshold": answer.threshold,
            "witness": answer.weight,
            "agreement": answer.agreement,
            "minimum_size": str(answer.minimum_size),
            "witness_model": case.evidence.model.name,
            "witness_parameters": dict(self._witness.parameters(answer.part, answer.witness)),
        }

    def settings_in_use(self, parameters: Mapping[str, Any]) -> InUse:
        """See `Method`: AnoFPDM's own, too, where it counts."""
        joint = {name: parameters.get(name) for name in JOINT}
        rest = {name: v for name, v in parameters.items() if name not in joint and name != "witness_parameters"}
        own = dict(self._witness.settings_in_use(parameters["witness_parameters"]).values)
        own[WITNESS_THRESHOLD] = own.pop("threshold", None)
        if not joint["witness"]:
            own = dict.fromkeys(own)
        return InUse({**own, **joint}, rest)

    def warnings(self, case: CaseEvidence, answer: FusedAnswer) -> list[str]:
        """AnoFPDM's, if it counts, or that it does not."""
        if answer.weight > 0:
            return self._witness.warnings(answer.part, answer.witness)
        if case.settings.witness is not None:
            return []
        return [
            f"AnoFPDM does not know images like this one: the student rules out {1 - (answer.agreement or 0):.0%} of "
            "what it marks, so that its word does not count here; the result is the student's alone."
        ]

    def calibration_label(self, case: CaseEvidence) -> str | None:
        """AnoFPDM's."""
        return self._witness.calibration_label(witness_case(case))

    def healthy_picture(self, case: CaseEvidence, answer: FusedAnswer) -> Picture:
        """AnoFPDM's, on the pixels of the answer; -1 where it did not look."""
        picture = self._witness.healthy_picture(answer.part, answer.witness)
        count, _, height, width = case.evidence.shape
        values = np.full((count, height, width), -1, dtype=np.float32)
        values[case.evidence.witnessed] = resized(picture.values, height, width)
        return Picture(values, picture.caption)

    def curves(self, case: CaseEvidence, answer: FusedAnswer, row: int) -> Curves | None:
        """AnoFPDM's, where it examined the slice."""
        seen = case.evidence.witnessed
        if not seen[row]:
            return None
        return self._witness.curves(answer.part, answer.witness, int(seen[:row].sum()))

    def evidence_record(self, evidence: FusedEvidence) -> dict[str, Any]:
        """See `Method`."""
        return {
            "witness": self._witness.evidence_record(evidence.witness),
            "model": record_to_dict(evidence.model),
            "witnessed": evidence.witnessed.tolist(),
            "pixels": list(evidence.witness.shape[2:]),
        }

    def evidence_arrays(self, evidence: FusedEvidence) -> dict[str, np.ndarray]:
        """See `Method`."""
        own = self._witness.evidence_arrays(evidence.witness)
        return {
            **self._finder.evidence_arrays(evidence.finder),
            **{_PREFIX + name: values for name, values in own.items()},
            _INTERIOR: evidence.interior,
        }

    def evidence_shapes(
        self, record: Any, slices: int, channels: int, height: int, width: int
    ) -> dict[str, tuple[int, ...]]:
        """See `Method`."""
        witnessed, (rows, columns) = record["witnessed"], record["pixels"]
        if len(witnessed) != slices or not all(isinstance(seen, bool) for seen in witnessed):
            raise ValueError("another number of slices")
        if not (type(rows) is type(columns) is int and 1 <= rows <= height and 1 <= columns <= width):
            raise ValueError("the witness has more pixels than the finder")
        used = len(record_from_dict(ModelIdentity, record["model"], "model").used)
        own = self._witness.evidence_shapes(record["witness"], sum(witnessed), used, rows, columns)
        return {
            **self._finder.evidence_shapes({}, slices, channels, height, width),
            **{_PREFIX + name: shape for name, shape in own.items()},
            _INTERIOR: (sum(witnessed), rows, columns),
        }

    def evidence_from(self, record: Any, arrays: Mapping[str, np.ndarray]) -> FusedEvidence:
        """See `Method`."""
        if _INTERIOR not in arrays:
            raise missing(_INTERIOR)
        own = {name.removeprefix(_PREFIX): values for name, values in arrays.items() if name.startswith(_PREFIX)}
        finder = self._finder.evidence_from({}, arrays)
        assert isinstance(finder, MapEvidence)
        return FusedEvidence(
            finder=finder,
            witness=self._witness.evidence_from(record["witness"], own),
            interior=np.asarray(arrays[_INTERIOR]),
            witnessed=np.asarray(record["witnessed"], dtype=bool),
            model=record_from_dict(ModelIdentity, record["model"], "model"),
        )


METHODS: tuple[Method, ...] = (Fused(),)
