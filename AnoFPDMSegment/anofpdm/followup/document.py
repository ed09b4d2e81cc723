"""The document of a follow-up, `follow-up.json`, and the same as a table and as text."""

from __future__ import annotations

import csv
import dataclasses
import io
import math
from collections.abc import Mapping
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import numpy as np

from ..core.errors import EvidenceError
from ..core.json_text import read_json
from ..core.records import fitted, shown
from ..results.detection import Detection
from ..results.findings import STATEMENT, geometry_record, plain
from ..results.findings_record import ModelRecord
from .changes import KINDS, Change
from .files import FOLLOW_UP_FILE, SEGMENTATION_FILE
from .follow_up import FollowUp
from .locating import locate
from .record import (
    SCHEMA,
    VERSION,
    ChangeRecord,
    ChangeSegment,
    DateRecord,
    FollowUpRecord,
    KindTotal,
    RegistrationRecord,
)

_TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])
_TABLE = (
    "number", "kind", "trend", "reason", "seen_by", "place", "baseline_findings", "later_findings",
    "baseline_ml", "later_ml", "change_ml", "change_percent", "tolerance_ml",
    "center_r_mm", "center_a_mm", "center_s_mm",
)  # fmt: skip


def follow_up_document(found: FollowUp, *, anonymous: bool = False) -> dict[str, Any]:
    """The document as JSON holds it; measurements rounded as findings are. `anonymous`: without names of files."""
    before, after = found.baseline.findings, found.later.findings
    changes = tuple(_change(number, change, found) for number, change in enumerate(found.changes, start=1))
    record = FollowUpRecord(
        schema=SCHEMA,
        version=VERSION,
        statement=STATEMENT,
        created=datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ"),
        summary=_summary(changes, before["totals"]["volume_ml"], after["totals"]["volume_ml"]),
        baseline=_date(found.baseline, anonymous),
        later=_date(found.later, anonymous),
        geometry=geometry_record(found.baseline.case.geometry),
        registration=_registration(found),
        changes=changes,
        totals={kind: _total(kind, changes) for kind in KINDS},
        segments=tuple(
            ChangeSegment(kind, kind.capitalize(), SEGMENTATION_FILE, label)
            for label, kind in enumerate(KINDS, start=1)
        ),
        warnings=tuple(_warnings(found)),
        software=after["software"],
    )
    document: dict[str, Any] = plain(dataclasses.asdict(record))
    return check_follow_up(document, "the document just built")


def check_follow_up(values: Any, source: str) -> dict[str, Any]:
    """The document `values`; raises EvidenceError if it is none or damaged. `source` names it in messages."""
    if not isinstance(values, dict) or values.get("schema") != SCHEMA:
        raise EvidenceError(f"{source} is not a follow-up of AnoFPDM; choose the {FOLLOW_UP_FILE} of a result.")
    version = values.get("version")
    if isinstance(version, bool) or version != VERSION:
        raise EvidenceError(
            f"{source} has version {shown(version)} and this program reads version {VERSION}; use the program that "
            "wrote it."
        )
    try:
        fitted(FollowUpRecord, values, complete=True)
    except ValueError as error:
        raise EvidenceError(f"{source} is damaged ({error}); follow up again.") from error
    return values


def read_follow_up(path: Path) -> dict[str, Any]:
    """Read and check a document. Raises EvidenceError."""
    try:
        values = read_json(path)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise EvidenceError(f"{path} does not exist; choose a folder that holds a complete follow-up.") from error
    except (OSError, ValueError) as error:
        raise EvidenceError(f"{path} cannot be read as JSON; follow up again.") from error
    return check_follow_up(values, str(path))


def table_text(document: Mapping[str, Any]) -> str:
    """The changes as CSV: one a line, findings separated by spaces, empty where a value is missing."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(_TABLE)
    for change in document["changes"]:
        r, a, s = change["center_ras_mm"]
        row = {
            **change,
            "center_r_mm": r,
            "center_a_mm": a,
            "center_s_mm": s,
            "baseline_findings": " ".join(map(str, change["baseline_findings"])),
            "later_findings": " ".join(map(str, change["later_findings"])),
        }
        writer.writerow("" if row[name] is None else row[name] for name in _TABLE)
    return stream.getvalue()


def format_follow_up(document: Mapping[str, Any]) -> str:
    """The text printed at the end of a run."""
    lines = [document["summary"], ""]
    if document["changes"]:
        rows: list[tuple[str, ...]] = [
            ("change", "kind", "baseline mL", "later mL", "change mL", "%", "+/- mL", "place")
        ]
        rows += [_text_row(change) for change in document["changes"]]
        widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
        lines += ["  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)) for row in rows]
        lines.append("")
    registration = document["registration"]
    turn = ", ".join(f"{angle:.1f}" for angle in registration["rotation_degrees"])
    lines.append(
        f"Laid over each other: turned by {turn} degrees, moved by {registration['shift_mm']:.1f} mm; likeness "
        f"{registration['likeness']:.2f}."
    )
    lines += [f"Warning: {warning}" for warning in document["warnings"]]
    return "\n".join([*lines, document["statement"]]) + "\n"


def _text_row(change: Mapping[str, Any]) -> tuple[str, ...]:
    kind = change["kind"]
    if change["reason"]:
        kind += f" ({change['reason']})"
    elif kind in ("merged", "split"):
        kind += f", {change['trend']}"
    if change["seen_by"] == "images":
        kind += ", by the images"
    percent = change["change_percent"]
    return (
        str(change["number"]),
        kind,
        f"{change['baseline_ml']:.2f}" if change["baseline_findings"] or change["baseline_ml"] else "-",
        f"{change['later_ml']:.2f}" if change["later_findings"] or change["later_ml"] else "-",
        f"{change['change_ml']:+.2f}",
        "-" if percent is None else f"{percent:+.0f}",
        f"{change['tolerance_ml']:.2f}",
        change["place"] or "",
    )


def _summary(changes: tuple[ChangeRecord, ...], before_ml: float, after_ml: float) -> str:
    counts = [(kind, sum(1 for change in changes if change.kind == kind)) for kind in KINDS]
    told = ", ".join(f"{count} {kind}" for kind, count in counts if count)
    if not told:
        return "Nothing was found at either date."
    summary = f"{told[0].upper()}{told[1:]}; {before_ml:.2f} mL at the baseline, {after_ml:.2f} mL later."
    by_images = [change for change in changes if change.seen_by == "images"]
    if not by_images:
        return summary
    first = math.fsum(change.baseline_ml for change in by_images)
    second = math.fsum(change.later_ml for change in by_images)
    return f"{summary} By the images, not by the method: {len(by_images)} ({first:.2f} and {second:.2f} mL)."


def _date(detection: Detection, anonymous: bool) -> DateRecord:
    findings = detection.findings
    return DateRecord(
        files={modality: "" if anonymous else name for modality, name in findings["input"]["files"].items()},
        summary=findings["summary"],
        findings=len(detection.components),
        volume_ml=findings["totals"]["volume_ml"],
        model=fitted(ModelRecord, findings["model"]),
        method=findings["method"]["name"],
    )


def _registration(found: FollowUp) -> RegistrationRecord:
    matrix = np.eye(4)
    matrix[:3, :3] = np.asarray(found.transform.GetMatrix()).reshape(3, 3)
    matrix[:3, 3] = found.transform.TransformPoint((0.0, 0.0, 0.0))
    in_ras = _TO_RAS @ matrix @ _TO_RAS
    middle = found.baseline.case.geometry.center
    shift = np.linalg.norm(np.asarray(found.transform.TransformPoint(middle.tolist())) - middle)
    turns = found.transform.GetParameters()[:3]
    # A turn about R or A is the opposite one about L or P.
    signs = (-1.0, -1.0, 1.0)
    rotation = tuple(sign * math.degrees(turn) for sign, turn in zip(signs, turns, strict=True))
    return RegistrationRecord(
        baseline_to_later_ras=tuple(tuple(row) for row in in_ras.tolist()),  # type: ignore[arg-type]
        rotation_degrees=rotation,  # type: ignore[arg-type]
        shift_mm=float(shift),
        likeness=found.likeness,
        reach_mm=found.reach_mm,
    )


def _change(number: int, change: Change, found: FollowUp) -> ChangeRecord:
    location = locate(number, change, found)
    return ChangeRecord(
        number=number,
        kind=change.kind,
        trend=change.trend,
        reason=change.reason,
        seen_by=change.seen_by,
        place=location.place,
        baseline_findings=change.group.baseline,
        later_findings=change.group.later,
        baseline_ml=change.baseline_ml,
        later_ml=change.later_ml,
        change_ml=change.change_ml,
        change_percent=change.change_percent,
        tolerance_ml=change.tolerance_ml,
        center_ras_mm=location.center_ras_mm,
        center_later_ras_mm=location.center_later_ras_mm,
    )


def _total(kind: str, changes: tuple[ChangeRecord, ...]) -> KindTotal:
    mine = [change for change in changes if change.kind == kind]
    return KindTotal(
        len(mine), math.fsum(change.baseline_ml for change in mine), math.fsum(change.later_ml for change in mine)
    )


def _warnings(found: FollowUp) -> list[str]:
    """Those of the dates, and what makes their findings hard to compare."""
    told = []
    models = [each.case.model for each in (found.baseline, found.later)]
    if (models[0].name, models[0].weights_sha256) != (models[1].name, models[1].weights_sha256):
        told.append(
            f"The baseline was examined by {models[0].name} and the later image by {models[1].name}; what one of them "
            "alone finds looks like a change."
        )
    elif _settings(found.baseline) != _settings(found.later):
        told.append("The two dates were examined with other settings, which alone may look like a change.")
    for name, detection in (("baseline", found.baseline), ("later image", found.later)):
        told += [f"Of the {name}: {warning}" for warning in detection.findings["warnings"]]
    return told


def _settings(detection: Detection) -> tuple[Any, ...]:
    """What was chosen, without what the image made of it."""
    case = detection.case
    return case.settings, detection.findings["model"]["calibration"], case.run.network_evaluations
