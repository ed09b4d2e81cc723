"""Calibrations of a map's threshold that a user made and named. Torch-free.

A file holds which method and weights it belongs to, beside the calibration itself.
"""

from __future__ import annotations

import dataclasses
import json
from typing import Any

from ..core.errors import ModelError
from ..core.records import load_json, record_from_dict, record_to_dict, shown
from ..store.user_calibrations import user_calibration_file

SCHEMA = 1


def map_calibration_to_json(calibration: Any, method: str, weights_sha256: str) -> str:
    """The text of such a file."""
    record = {
        "schema": SCHEMA,
        "method": method,
        "weights_sha256": weights_sha256,
        "calibration": record_to_dict(calibration),
    }
    return json.dumps(record, indent=2) + "\n"


def user_map_calibration(kind: type[Any], method: str, weights_sha256: str, name: str) -> Any:
    """What the user keeps under `name` for these weights, a record of `kind`.

    Raises SettingsError if there is nothing, ModelError if it is damaged or of another method or model.
    """
    path = user_calibration_file(weights_sha256, name)
    values = load_json(path, "calibration")
    if values.get("schema") != SCHEMA:
        raise ModelError(f"{path} has schema {shown(values.get('schema'))}; this version reads {SCHEMA}.")
    if (values.get("method"), values.get("weights_sha256")) != (method, weights_sha256):
        raise ModelError(
            f"The calibration '{name}' ({path}) belongs to another model than this one; calibrate this model with "
            f"--name {name} --replace."
        )
    calibration = record_from_dict(kind, values.get("calibration"), f"{path.name}: calibration")
    return dataclasses.replace(calibration, user_name=path.stem)
