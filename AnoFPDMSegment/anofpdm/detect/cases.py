"""One case, or a table of them: run, write, and skip what an earlier run finished."""

from __future__ import annotations

import csv
import hashlib
import json
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..core.errors import Cancelled, EvidenceError, InputError
from ..core.failures import describe_failure
from ..core.progress import CancelToken
from ..core.records import record_to_dict
from ..core.reporting import Reporter
from ..results.detection import check_can_write, result_files
from ..results.findings import FINDINGS_FILE, read_findings
from ..volumes.data_files import data_files

if TYPE_CHECKING:
    from .detector import Detector, DetectorOptions


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
    cases: dict[str, Case] = {}  # by the folder's name as disks compare it that do not tell A from a
    for line, row in rows:
        if None in row or any(row[name] is None or not row[name].strip() for name in columns):
            raise InputError(f"{path}, line {line}: every column needs a value, as many as the header names.")
        name = row["case"].strip()
        if Path(name).name != name or name.startswith(".") or not name.isprintable():
            raise InputError(f"{path}, line {line}: the case '{name}' must be a plain folder name.")
        folder = unicodedata.normalize("NFC", name).casefold()
        if folder in cases:
            twin = cases[folder].name
            what = "occurs twice" if name == twin else f"differs from '{twin}' in the case of its letters only"
            raise InputError(f"{path}, line {line}: the case '{name}' {what}; name each case otherwise.")
        images = {modality: str(path.parent / row[modality].strip()) for modality in modalities}
        if any("\0" in image for image in images.values()):
            raise InputError(f"{path}, line {line}: a path holds a zero byte; write the table again.")
        cases[folder] = Case(name, images["image"] if list(images) == ["image"] else images)
    if not cases:
        raise InputError(f"{path} lists no cases.")
    return list(cases.values())


def detect_case(
    detector: Detector,
    case: Case,
    output: Path,
    settings: Any,
    run: DetectorOptions,
    reporter: Reporter,
    cancel: CancelToken,
    *,
    overlay: bool = True,
) -> dict[str, Any]:
    """Detect in one case, write its results, and return its findings. Raises AnoFPDMError."""
    request = _request(detector, case, settings, run)
    detection = detector.detect(
        case.images, settings, run, on_progress=reporter.progress, on_stage=reporter.stage, cancel=cancel
    )
    cancel.raise_if_cancelled()
    reporter.stage("writing")
    detection.write(output, overlay=overlay, request=request, cancel=cancel)
    return detection.findings


def detect_cases(
    detector: Detector,
    cases: list[Case],
    output: Path,
    settings: Any,
    run: DetectorOptions,
    reporter: Reporter,
    cancel: CancelToken,
    *,
    overlay: bool = True,
) -> int:
    """Run all cases; a failing one is reported and the others go on. Returns the exit status."""
    failed: list[str] = []
    status = 0
    for number, case in enumerate(cases, 1):
        folder = output / case.name
        head = f"Case {number} of {len(cases)}, {case.name}"
        reporter.begin_case(case.name)
        try:
            if _is_finished(folder, _request(detector, case, settings, run), overlay=overlay):
                reporter.result(f"{head}: finished earlier.", {"output": str(folder)})
                continue
            inputs = case.images.values() if isinstance(case.images, Mapping) else [case.images]
            check_can_write(folder, inputs, overlay=overlay)
            findings = detect_case(detector, case, folder, settings, run, reporter, cancel, overlay=overlay)
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
        for warning in untold_warnings(findings, detector):
            reporter.notice(f"Warning: {warning}")
        reporter.result(f"{head}: {findings['summary']}", result_details(findings, folder))
    reporter.begin_case(None)
    if failed:
        reporter.error(f"{len(failed)} of {len(cases)} cases failed: {', '.join(failed)}.", status)
    return status


def untold_warnings(findings: Mapping[str, Any], detector: Detector) -> list[str]:
    """The findings' warnings without the one of the device, which was given when the detector was made."""
    return [warning for warning in findings["warnings"] if warning != detector.device_warning]


def result_details(findings: Mapping[str, Any], output: Path) -> dict[str, Any]:
    """What programs are told about a result."""
    return {"output": str(output), "summary": findings["summary"], "warnings": findings["warnings"]}


def _request(detector: Detector, case: Case, settings: Any, run: DetectorOptions) -> str:
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
        files = data_files(path)
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


def _is_finished(folder: Path, request: str, *, overlay: bool) -> bool:
    """Whether all files of the asked-for result are there, as computed or adjusted since."""
    if not all((folder / name).is_file() for name in result_files(overlay=overlay)):
        return False
    try:
        findings = read_findings(folder / FINDINGS_FILE)
    except EvidenceError:
        return False
    return bool(findings["parameters"].get("request") == request)
