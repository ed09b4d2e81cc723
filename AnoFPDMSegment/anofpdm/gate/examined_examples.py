"""What a model shows on the examples of a gate, kept in a folder so that an interrupted run goes on."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..core.errors import InputError, OutputError
from ..core.json_text import read_json
from ..core.output_set import write_files
from ..core.progress import CancelToken
from ..results.component_findings import region_strengths
from ..results.detection import build_detection
from .model_reference import calibration_sha256

if TYPE_CHECKING:
    from ..detect.detector import Detector, Image


@dataclass(frozen=True)
class ExaminedExample:
    """`measures` (see `measures.measure`; empty: the image was refused), the strength of the strongest region in mL, 0
    without one, and the calibration it was found with."""

    measures: dict[str, float]
    strongest: float
    calibration_sha256: str


class ExaminedExamples:
    """Asks a detector, once for each example. `folder`: None keeps nothing; each detector has a part of its own."""

    def __init__(self, detector: Detector, folder: Path | None, cancel: CancelToken) -> None:
        self._detector, self._cancel = detector, cancel
        self._folder = None if folder is None else folder / _digest(detector)

    def look_at(self, name: str, image: Callable[[], Image]) -> ExaminedExample:
        """`image` is asked for only if the example is not kept. Raises OutputError, ModelError, Cancelled."""
        self._cancel.raise_if_cancelled()
        path = None if self._folder is None else self._folder / f"{name}.json"
        if path is not None and path.is_file():
            return ExaminedExample(**self._read(path))
        found = self._examine(image())
        if path is not None:
            write_files(path.parent, {path.name: (json.dumps(found.__dict__, indent=1) + "\n").encode()})
        return found

    def _read(self, path: Path) -> dict[str, Any]:
        try:
            values = read_json(path)
            return {name: values[name] for name in ("measures", "strongest", "calibration_sha256")}
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise OutputError(f"{path} is no example that was kept; remove it and start again.") from error

    def _examine(self, image: Image) -> ExaminedExample:
        try:
            case, measures = self._detector.examine_and_measure(image, cancel=self._cancel)
        except InputError:
            return ExaminedExample({}, 0.0, "")
        detection = build_detection(case)
        strengths = region_strengths(case, detection.answer, detection.score) if detection.components else []
        return ExaminedExample(measures, max(strengths, default=0.0), calibration_sha256(case.calibration))


def _digest(detector: Detector) -> str:
    """Of what decides what is found; the gate decides only what is shown."""
    decisive = {name: value for name, value in detector.identity().items() if name != "gate"}
    return hashlib.sha256(json.dumps(decisive, sort_keys=True).encode()).hexdigest()[:16]
