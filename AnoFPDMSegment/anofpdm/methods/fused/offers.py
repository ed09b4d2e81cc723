"""What a fused model and its results offer: how far it is believed, and AnoFPDM's options for its part. Torch-free."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ...store.model_folder import ModelFolder
from ...store.model_part import open_model_part
from ..anofpdm.offers import live_offers
from ..anofpdm.offers import moved as witness_moved
from ..anofpdm.run_presets import RunPreset, run_presets
from ..offers import Offer, Plan, Scale, cut_offers
from .answer import FusedAnswer
from .model_config import LARGEST_WITNESS, FusedConfig
from .settings import JOINT, WITNESS_THRESHOLD, FusedSettings, overlaid
from .witness_case import witness_case

if TYPE_CHECKING:
    from ...results.case import CaseEvidence


@dataclass(frozen=True)
class FusedPreset:
    """A preset of AnoFPDM's part. See `methods.offers.Preset`."""

    of_witness: RunPreset

    @property
    def name(self) -> str:
        """See `Preset`."""
        return self.of_witness.name

    @property
    def title(self) -> str:
        """See `Preset`."""
        return self.of_witness.title

    @property
    def about(self) -> str:
        """See `Preset`."""
        return f"AnoFPDM: {self.of_witness.about}"

    def plan(self, chosen: Mapping[str, Any]) -> Plan:
        """See `Preset`."""
        joint = {name: value for name, value in chosen.items() if name in JOINT}
        plan = self.of_witness.plan(_for_witness({n: value for n, value in chosen.items() if n not in JOINT}))
        return dataclasses.replace(plan, chosen={**joint, **_of_witness(plan.chosen)}, offers=_of_witness(plan.offers))


def fused_presets(folder: ModelFolder) -> dict[str, tuple[FusedPreset, ...]]:
    """Those of AnoFPDM's part, the model's own first. Raises ModelError."""
    config = folder.config
    assert isinstance(config, FusedConfig)
    found = run_presets(open_model_part(config.witness, folder, verify_weights=False))
    return {
        name: tuple(FusedPreset(each) for each in sorted(presets, key=lambda each: each.name != config.preset))
        for name, presets in found.items()
    }


def fused_offers(case: CaseEvidence, answer: FusedAnswer, made: FusedSettings) -> dict[str, Offer]:
    """By knob; see `Method.offers`."""
    own = live_offers(witness_case(case), answer.witness, made.of_witness)
    own.pop("minimum_size")
    return {
        **_of_witness(own),
        **cut_offers(case.settings, answer, case.calibration.fusion.threshold, below=1.0),
        "witness": Offer(answer.weight, own=case.settings.witness is not None, scale=Scale(0, LARGEST_WITNESS, 2)),
    }


def fused_moved(made: CaseEvidence, before: FusedSettings, name: str, value: Any) -> FusedSettings:
    """The settings with one knob moved by hand; what follows in AnoFPDM's part is its own to say."""
    if name in JOINT:
        return dataclasses.replace(before, **{name: value})
    calibration = made.calibration.witness
    after = overlaid(before, {name: value}, calibration)
    (own,) = _for_witness({name: value})
    part = dataclasses.replace(after.of_witness, threshold=after.witness_threshold)
    part = witness_moved(part, own, value, calibration, made.settings.of_witness)
    fields = {field.name: getattr(part, field.name) for field in dataclasses.fields(part)}
    fields.pop("minimum_size")
    return dataclasses.replace(after, **_of_witness(fields))


def _for_witness(values: Mapping[str, Any]) -> dict[str, Any]:
    return {"threshold" if name == WITNESS_THRESHOLD else name: value for name, value in values.items()}


def _of_witness(values: Mapping[str, Any]) -> dict[str, Any]:
    return {WITNESS_THRESHOLD if name == "threshold" else name: value for name, value in values.items()}
