"""The findings of a run as a versioned JSON document: a core that is the same for every method, and what the method
alone knows.

Every field is explained in Resources/findings-schema.md. "Not examined" is never reported as
"nothing found": slices that were not examined have no decision, carry their reason, and are
counted and named in the summary.
"""

from __future__ import annotations

import dataclasses
import json
import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import numpy as np

from ..core.errors import EvidenceError
from ..core.json_text import read_json
from ..core.records import record_to_dict
from ..gate.opinion import GateOpinion
from ..volumes.geometry import VolumeGeometry
from .findings_check import check_document
from .findings_record import (
    SCHEMA,
    VERSION,
    ComponentFinding,
    GeometryRecord,
    MethodRecord,
    ModelRecord,
    Segment,
    SliceFinding,
    slice_totals,
)
from .segmentation import SEGMENT_LABEL, SEGMENT_NAME, SEGMENTATION_FILE

STATEMENT = "Research use only, not for clinical diagnosis."
FINDINGS_FILE = "findings.json"
_DIGITS = 7


def findings_document(
    *,
    files: Mapping[str, str | Path],
    geometry: VolumeGeometry,
    midline_ras_r_mm: float,
    skull_stripped: bool | None,
    slices: Sequence[SliceFinding],
    components: Sequence[ComponentFinding],
    model: ModelRecord,
    method: MethodRecord,
    parameters: Mapping[str, Any],
    warnings: Sequence[str],
    software: Mapping[str, str],
    seed: int | None,
    device: str,
    run_time_s: float,
    created: datetime | None = None,
    structures: Sequence[Segment] = (),
    gate: GateOpinion | None = None,
    withheld: bool = False,
) -> dict[str, Any]:
    """Build the JSON document of one run.

    files: modality to the file or folder the user named; only the base name is kept. geometry: of
    the heatmap and the segmentations. structures: the segments beside that of the findings. withheld: nothing that was
    found is told, and the caller lists none. created: aware time of the run's end, by default now. NaN and infinity
    become null; measurements are rounded to seven significant digits.
    """
    volume_ml = math.fsum(entry.volume_ml for entry in components)
    segments = [Segment(SEGMENT_NAME, SEGMENTATION_FILE, SEGMENT_LABEL, volume_ml), *structures]
    totals = slice_totals(slices) | {"components": len(components), "volume_ml": plain(volume_ml)}
    moment = (created or datetime.now(timezone.utc)).astimezone(timezone.utc)
    document = {
        "schema": SCHEMA,
        "version": VERSION,
        "statement": STATEMENT,
        "created": moment.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "summary": _withheld(gate) if gate and withheld else _summary(slices, totals, len(structures)),
        "gate": None if gate is None else gate.state,
        "gate_checks": [] if gate is None else _records(gate.checks),
        "withheld": withheld,
        "identifiers": None,
        "input": {
            "files": {modality: _base_name(name) for modality, name in files.items()},
            "skull_stripped": skull_stripped,
            "midline_ras_r_mm": plain(midline_ras_r_mm),
        },
        "geometry": record_to_dict(geometry_record(geometry)),
        "segments": _records(segments),
        "slices": _records(slices),
        "components": _records(components),
        "totals": totals,
        "model": dataclasses.asdict(model),
        "method": plain(dataclasses.asdict(method)),
        "parameters": plain(parameters),
        "warnings": list(warnings),
        "software": dict(software),
        "seed": seed,
        "device": device,
        "run_time_s": round(float(run_time_s), 2),
    }
    return check_document(document, "the document just built")


def _records(entries: Sequence[Any]) -> list[Any]:
    return [plain(dataclasses.asdict(entry)) for entry in entries]


def write_findings(path: Path, document: Mapping[str, Any]) -> None:
    """Write the document as indented UTF-8 JSON. Raises OSError if the file cannot be written."""
    text = json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    path.write_bytes(text.encode("utf-8"))


def read_findings(path: Path) -> dict[str, Any]:
    """Read and check a findings document. Raises EvidenceError."""
    try:
        values = read_json(path)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise EvidenceError(f"{path} does not exist; choose a folder that holds a complete result.") from error
    except (OSError, ValueError) as error:
        raise EvidenceError(f"{path} cannot be read as JSON; run the detection again.") from error
    return check_document(values, str(path))


def _summary(slices: Sequence[SliceFinding], totals: Mapping[str, Any], structures: int) -> str:
    examined, unhealthy = totals["slices_examined"], totals["slices_unhealthy"]
    reasons = Counter(entry.not_examined_reason for entry in slices if not entry.examined)
    listed = ", ".join(f"{count} {reason}" for reason, count in reasons.most_common())
    if examined == 0:
        return f"No slice was examined, so nothing is known about this volume ({listed or 'it has no slices'})."
    decided = unhealthy + totals["slices_healthy"]
    looks = f"{unhealthy} of {_count(examined, 'examined slice')} {'looks' if unhealthy == 1 else 'look'} unhealthy"
    if totals["components"]:
        found = f"{_count(totals['components'], 'region')}, {totals['volume_ml']:.2f} mL in total"
        found += f"; {looks}" if decided else f", in {_count(examined, 'examined slice')}"
    elif unhealthy:
        found = f"{looks}, but no region stands out"
    elif structures and not decided:
        # Nobody looked for anything else.
        found = f"{_count(structures, 'structure')} outlined in {_count(examined, 'examined slice')}"
    else:
        found = f"Nothing was found in {_count(examined, 'examined slice')}"
    if reasons:
        found += f"; {_count(totals['slices_not_examined'], 'slice')} not examined ({listed})"
    return found + "."


def _withheld(gate: GateOpinion) -> str:
    return f"Withheld, because the image is unlike those that the model knows: {gate.sentences[0]}"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def geometry_record(geometry: VolumeGeometry) -> GeometryRecord:
    """A grid as documents tell it."""
    to_ras = np.array([-1.0, -1.0, 1.0])
    # Row a is the unit vector of index axis a; adding zero turns -0.0 into 0.0.
    axes = (geometry.direction_matrix * to_ras[:, None]).T + 0.0
    return GeometryRecord(
        size_ijk=geometry.size,
        spacing_mm=geometry.spacing,
        origin_ras_mm=tuple((np.asarray(geometry.origin) * to_ras + 0.0).tolist()),
        axes_ras=tuple(tuple(row) for row in axes.tolist()),  # type: ignore[arg-type]
    )


def plain(value: Any) -> Any:
    """`value` as JSON can hold it: rounded numbers, null for NaN, base names for paths."""
    if isinstance(value, Mapping):
        return {str(key): plain(part) for key, part in value.items()}
    if isinstance(value, np.ndarray):
        return plain(value.tolist())
    if isinstance(value, list | tuple):
        return [plain(part) for part in value]
    if isinstance(value, np.generic):
        return plain(value.item())
    if isinstance(value, Path):
        return value.name
    if isinstance(value, float):
        return float(f"{value:.{_DIGITS}g}") if math.isfinite(value) else None
    if value is None or isinstance(value, bool | int | str):
        return value
    raise TypeError(f"findings cannot hold a {type(value).__name__}")


def _base_name(name: str | Path) -> str:
    # A path may come from another system than the one that reads it.
    parts = [part for part in re.split(r"[/\\]", str(name)) if part]
    return parts[-1] if parts else ""
