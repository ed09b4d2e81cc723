"""One case, or a table of them: run, write, and skip what an earlier run finished."""

from __future__ import annotations

import csv
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..configuration import record_to_dict
from ..detection import FINDINGS_FILE, check_can_write
from ..errors import Cancelled, EvidenceError, InputError
from ..progress import CancelToken
from ..results.findings import read_findings
from ..selection.settings import SelectionSettings
from .failures import describe_failure
from .reporting import Reporter

if TYPE_CHECKING:
    from ..detector import Detector, DetectorOptions


@dataclass(frozen=True)
class Case:
    """A patient's images: one path, or a path for each modality."""

    name: str
    images: str | Mapping[str, str]


def read_cases(path: Path) -> list[Case]:
    """Read the table: column `case` and one column a modality (or `image`); paths relative to the table.

    Raises InputError that names file and line.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as stream:
            reader = csv.DictReader(stream)
            columns = reader.fieldnames = [name.strip().lower() for name in reader.fieldnames or []]
            rows = [(reader.line_num, row) for row in reader]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise InputError(f"The table of cases {path} cannot be read ({reason}); check the file.") from error
    modalities = [name for name in columns if name != "case"]
    if "case" not in columns or not modalities:
        raise InputError(
            f"{path} needs a header, separated by commas, with the column 'case' and one column for each modality."
        )
    if not all(columns) or len(set(columns)) < len(columns):
        raise InputError(f"{path} has a column without a name or two of the same name; name each column once.")
    cases: dict[str, Case] = {}
    for line, row in rows:
        if None in row or any(row[name] is None or not row[name].strip() for name in columns):
            raise InputError(f"{path}, line {line}: every column needs a value, as many as the header names.")
        name = row["case"].strip()
        if Path(name).name != name or name.startswith(".") or not name.isprintable():
            raise InputError(f"{path}, line {line}: the case '{name}' must be a plain folder name.")
        if name in cases:
            raise InputError(f"{path}, line {line}: the case '{name}' occurs twice.")
        images = {modality: str(path.parent / row[modality].strip()) for modality in modalities}
        if any("\0" in image for image in images.values()):
            raise InputError(f"{path}, line {line}: a path holds a zero byte; write the table again.")
        cases[name] = Case(name, images["image"] if list(images) == ["image"] else images)
    if not cases:
        raise InputError(f"{path} lists no cases.")
    return list(cases.values())


def detect_case(
    detector: Detector,
    case: Case,
    output: Path,
    settings: SelectionSettings,
    run: DetectorOptions,
    reporter: Reporter,
    cancel: CancelToken,
) -> dict[str, Any]:
    """Detect in one case, write its results, and return its findings. Raises AnoFPDMError."""
    request = _request(detector, case, settings, run)
    detection = detector.detect(case.images, settings, run, on_progress=reporter.progress, cancel=cancel)
    cancel.raise_if_cancelled()
    for warning in detection.findings["warnings"]:
        reporter.notice(f"Warning: {warning}")
    detection.write(output, request=request, cancel=cancel)
    return detection.findings


def detect_cases(
    detector: Detector,
    cases: list[Case],
    output: Path,
    settings: SelectionSettings,
    run: DetectorOptions,
    reporter: Reporter,
    cancel: CancelToken,
) -> int:
    """Run all cases; a failing one is reported and the others go on. Returns the exit status."""
    failed: list[str] = []
    status = 0
    for number, case in enumerate(cases, 1):
        folder = output / case.name
        head = f"Case {number} of {len(cases)}, {case.name}"
        try:
            if _is_finished(folder, _request(detector, case, settings, run)):
                reporter.result(f"{head}: finished earlier.", {"case": case.name, "output": str(folder)})
                continue
            check_can_write(folder, case.images.values() if isinstance(case.images, Mapping) else [case.images])
            findings = detect_case(detector, case, folder, settings, run, reporter, cancel)
        except Cancelled as error:
            kept = "the results of finished cases are kept" if number > 1 else "nothing was written"
            raise Cancelled(f"The run was cancelled during case {number} of {len(cases)}; {kept}.") from error
        except BrokenPipeError:
            raise
        except Exception as error:  # noqa: BLE001 - whatever is wrong with one patient, the others go on
            failed.append(case.name)
            message, status = describe_failure(error)
            reporter.notice(f"{head} failed: {message}")
            continue
        summary = findings["summary"]
        details = {"case": case.name, "output": str(folder), "summary": summary}
        reporter.result(f"{head}: {summary}", details)
    if failed:
        reporter.error(f"{len(failed)} of {len(cases)} cases failed: {', '.join(failed)}.", status)
    return status


def _request(detector: Detector, case: Case, settings: SelectionSettings, run: DetectorOptions) -> str:
    """A digest of everything the result depends on, inputs by path, size and time of change."""
    images = case.images if isinstance(case.images, Mapping) else {"": case.images}
    inputs = {name: _fingerprint(Path(path)) for name, path in images.items()}
    record = {
        "model": detector.identity(),
        "settings": record_to_dict(settings),
        "seed": run.seed,
        "inputs": inputs,
    }
    return hashlib.sha256(json.dumps(record, sort_keys=True).encode()).hexdigest()


def _fingerprint(path: Path) -> list[list[Any]]:
    try:
        files = sorted(path.iterdir()) if path.is_dir() else [path]
    except OSError:
        return []  # reading it will say what is wrong
    found = []
    for file in files:
        try:
            status = file.stat()
        except OSError:
            continue
        found.append([str(file.resolve()), status.st_size, status.st_mtime_ns])
    return found


def _is_finished(folder: Path, request: str) -> bool:
    try:
        findings = read_findings(folder / FINDINGS_FILE)
    except EvidenceError:
        return False
    return bool(findings["parameters"].get("request") == request)
