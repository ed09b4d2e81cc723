"""Another calibration for evidence that is there already. Torch-free."""

from __future__ import annotations

import dataclasses

from ...core.errors import SettingsError
from ...results.case import CaseEvidence
from ...store.model_search import find_model_of_weights
from ...store.user_calibrations import OWN
from .calibration import calibration_for, describe_point
from .user_calibrations import calibrations_of, user_calibrations


def with_calibration(case: CaseEvidence, name: str) -> CaseEvidence:
    """The case with the user's calibration of this name, or with `default` the model's own.

    Raises SettingsError if there is none or it does not cover the case's forward process, ModelError if the model is
    not found or the calibration is damaged.
    """
    weights, point = case.model.weights_sha256, case.evidence.point
    own = name == OWN
    calibrations = calibrations_of(find_model_of_weights(weights)) if own else user_calibrations(weights, name)
    if not calibrations:
        raise SettingsError(
            "The model of this result has no calibration of its own; calibrate it, or name one of yours with "
            "--calibration."
        )
    calibration, _ = calibration_for(calibrations, point, weights)
    if calibration is None:
        covered = "; ".join(describe_point(c.operating_point) for c in calibrations)
        raise SettingsError(
            f"The calibration '{name}' does not cover this result's forward process ({describe_point(point)}) but "
            f"{covered}; detect again with --calibration {name}."
        )
    return dataclasses.replace(case, calibration=calibration)
