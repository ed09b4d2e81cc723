"""A model's reference in its `calibration.json`, beside what its method keeps there. Torch-free."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..core.records import load_json, record_from_dict, record_to_dict
from .reference import GateReference

if TYPE_CHECKING:
    from ..store.model_folder import ModelFolder

ENTRY = "gate"
SCHEMA = 1


def load_reference(calibration: Path | None) -> GateReference | None:
    """Of a model's calibration file; None without one. Raises ModelError if it is damaged."""
    if calibration is None:
        return None
    found = load_json(calibration, "calibration").get(ENTRY)
    return None if found is None else record_from_dict(GateReference, found, f"{calibration.name}: {ENTRY}")


def write_reference(folder: ModelFolder, reference: GateReference) -> ModelFolder:
    """Put it into the model's folder; what else its calibration holds stays. Raises OutputError or ModelError."""
    from ..store.model_folder import PLOT_FILE, write_calibration

    content: dict[str, Any] = {ENTRY: record_to_dict(reference)}
    if folder.calibration is None:
        content["schema"] = SCHEMA
    text = json.dumps(content, indent=1) + "\n"
    plot = folder.path / PLOT_FILE
    return write_calibration(folder, text, plot=plot.read_bytes() if plot.is_file() else None)


def calibration_sha256(calibration: Any) -> str:
    """Of a method's calibration record, by which it is known whether a reference was made with it."""
    record = None if calibration is None else record_to_dict(calibration)
    return hashlib.sha256(json.dumps(record, sort_keys=True).encode()).hexdigest()
