"""Calibrated ways to run a model of AnoFPDM, and what a run would be where something else is chosen. Torch-free."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ...core.errors import AnoFPDMError
from ...store.model_folder import ModelFolder
from ...store.user_calibrations import OWN, user_calibration_names
from ..offers import Offer, Plan, Scale
from .calibration import Calibration, calibration_for, describe_point
from .knobs import PROCESS, operating_point
from .model_config import diffusion_config
from .operating_point import OperatingPoint
from .user_calibrations import calibrations_of, usual_point

UNCALIBRATED_GUIDANCE = 2.0
UNCALIBRATED_THRESHOLD = "quantile=0.98"
"""The largest quantile of Algorithm 1, which flags the least."""
WIDEST_GUIDANCE = Scale(0.0, 30.0)
_TITLES = {"paper": "As in the paper"}


@dataclass(frozen=True)
class RunPreset:
    """A calibration of the model, its own or the user's; or, without any, its operating point alone.

    See `methods.offers.Preset`.
    """

    name: str
    """Empty for the operating point of a model that is not calibrated."""
    point: OperatingPoint
    calibration: Calibration | None
    weights_sha256: str
    others: tuple[Calibration, ...] = ()
    """All calibrations that are in use with it, itself among them."""

    @property
    def title(self) -> str:
        """See `Preset`."""
        if not self.name:
            return "Not calibrated"
        return _TITLES.get(self.name, self.name[:1].upper() + self.name[1:])

    @property
    def about(self) -> str:
        """See `Preset`."""
        point, calibration = self.point, self.calibration
        steps = f"{point.steps} steps over noise levels {point.first} to {point.last}"
        if point.mirrored:
            steps += ", mirrored too"
        if point.direction != "both":
            steps += f", {point.direction} only"
        if calibration is None:
            return f"{steps}. This model is not calibrated."
        return (
            f"{steps}. Calibration '{calibration.name}': {calibration.slices} slices "
            f"({calibration.unhealthy_slices} unhealthy) of {calibration.subjects} subjects, "
            f"{calibration.source or 'source not stated'}"
        )

    def plan(self, chosen: Mapping[str, Any]) -> Plan:
        """See `Preset`. The precision is left to the engine, which takes the one that the device computes fastest in
        if the model is calibrated for it."""
        chosen = self._fitting(chosen)
        point = operating_point({knob.name: chosen[knob.name] for knob in PROCESS if knob.name in chosen}, self.point)
        calibration, warning = calibration_for(self.others, point, self.weights_sha256)
        given, notes = dict(chosen), [warning] if warning else []
        if "scaling" in given:
            given["threshold"] = "dynamic"
            notes.append("The scaling is your own, so the threshold is dynamic (Algorithm 1).")
        if calibration is None:
            given.setdefault("threshold", UNCALIBRATED_THRESHOLD)
            given["ungated"] = True
            notes.append(
                "No slice can be decided healthy, so all are shown: adjust the threshold on the result, or calibrate."
            )
        return Plan(
            chosen=given,
            calibrated=calibration is not None,
            missing=("guidance",) if calibration is None and "guidance" not in given else (),
            notes=tuple(notes),
            speed_key=describe_point(point),
            offers=self._offers(given, calibration is not None),
        )

    def _fitting(self, chosen: Mapping[str, Any]) -> dict[str, Any]:
        """A fixed end step goes no further than the steps that the preset has."""
        fitting = dict(chosen)
        end, steps = fitting.get("end_step"), fitting.get("steps", self.point.steps)
        if isinstance(end, int) and isinstance(steps, int):
            fitting["end_step"] = min(end, steps)
        return fitting

    def _offers(self, given: Mapping[str, Any], calibrated: bool) -> dict[str, Offer]:
        bank = self.point.guidance_bank
        table = bank or (self.calibration.guidance if self.calibration else ())
        usual = self.calibration.default_guidance if self.calibration and calibrated else None
        scale = Scale(table[0], table[-1]) if table else WIDEST_GUIDANCE
        at = given.get("guidance", usual)
        scaling: tuple[float, ...] | None = None
        if self.calibration is not None and at is not None:
            at = min(max(at, self.calibration.guidance[0]), self.calibration.guidance[-1])
            scaling = self.calibration.at(at).largest_divergence
        start = self.calibration.default_guidance if self.calibration else UNCALIBRATED_GUIDANCE
        start = min(bank, key=lambda each: abs(each - start)) if bank else start
        return {
            "guidance": Offer(usual, scale=scale, only=bank, start=start),
            "scaling": Offer(scaling),
            "end_step": Offer(self.point.end_step, scale=Scale(1, self.point.steps), start=min(6, self.point.steps)),
            "steps": Offer(self.point.steps, scale=Scale(2, 1000), start=self.point.steps),
        }


def run_presets(folder: ModelFolder) -> dict[str, tuple[RunPreset, ...]]:
    """The model's own presets and the user's; those of a damaged file of the user's are left out.

    By the name of the calibrations: `default`, the model's own, and the user's. Raises ModelError.
    """
    own = _presets(folder, calibrations_of(folder))
    if not own:
        own = (RunPreset("", diffusion_config(folder).operating_point, None, folder.weights_sha256),)
    found = {OWN: own}
    for name in user_calibration_names(folder.weights_sha256):
        with contextlib.suppress(AnoFPDMError):
            found[name] = _presets(folder, calibrations_of(folder, name))
    return found


def _presets(folder: ModelFolder, calibrations: Sequence[Calibration]) -> tuple[RunPreset, ...]:
    """Those for the present weights, the one that is usual without a choice first.

    A preset that is calibrated in several precisions is one preset, since the engine chooses the precision.
    """
    usual = usual_point(folder, calibrations)
    fitting = [calibration for calibration in calibrations if calibration.weights_sha256 == folder.weights_sha256]
    fitting.sort(key=lambda calibration: calibration.operating_point != usual)
    first: dict[str, Calibration] = {}
    for entry in fitting:
        first.setdefault(entry.name, entry)
    known = tuple(first.values())
    return tuple(RunPreset(entry.name, entry.operating_point, entry, folder.weights_sha256, known) for entry in known)


def chosen_in_0_1(remembered: Mapping[str, Any]) -> dict[str, str]:
    """What a scene of version 0.1 remembers of the process, in parameters of its own names, as texts of knobs."""
    chosen = {}
    if remembered.get("encoding", "model") != "model":
        chosen["encoding"] = str(remembered["encoding"])
    if remembered.get("noiseScale") == "fixed":
        chosen["end_step"] = str(remembered["fixedEndStep"])
    return chosen
