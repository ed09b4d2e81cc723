"""Findings of a few slices and regions, as a run would have them."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

from anofpdm.results.findings import findings_document
from anofpdm.results.findings_record import ComponentFinding, MethodRecord, ModelRecord, SliceFinding
from anofpdm.volumes.geometry import VolumeGeometry

SETTINGS = {
    "guidance": 8.0,
    "threshold": "healthy",
    "decision": "map",
    "ungated": False,
    "map": "aggregated",
    "consistency": "slice",
    "mirrored": False,
    "direction": "both",
}

OWN = {
    "similarity": 0.98,
    "map_statistic": 0.25,
    "largest_divergence": {"flair": 0.03},
    "end_step": {"flair": {"step": 9, "noise_level": 291}},
    "quantile": {"flair": 0.95},
}
"""What AnoFPDM alone knows of a slice."""


def slice_finding(
    index: int, decision: str | None, reason: str = "no head in this slice", **values: Any
) -> SliceFinding:
    if decision is None:
        return SliceFinding(index, index * 5.0, None, examined=False, not_examined_reason=reason, **values)
    measured: dict[str, Any] = {"threshold": 0.125, "area_mm2": 80.0, "method": OWN}
    return SliceFinding(index, index * 5.0, 0.1 * index, examined=True, decision=decision, **measured | values)


def component(number: int, volume_ml: float, **more: Any) -> ComponentFinding:
    place: Any = ((-30.0, 12.0, 40.0), (30.0, 50.0), (0, 0))
    return ComponentFinding(number, volume_ml, 21.5, "left", *place, 1.4, 2.25, (-31.0, 10.0, 41.0), **more)


def document(slices: list[SliceFinding], components: list[ComponentFinding], **changes: Any) -> dict[str, Any]:
    values: dict[str, Any] = {
        "files": {"flair": "/data/patients/Jane Doe/flair.nii.gz", "t2": r"C:\scans\t2.nii"},
        "geometry": VolumeGeometry(
            (240, 240, 30), (1.0, 1.0, 5.0), (-100.0, 0.0, 7.5), (1.0, 0, 0, 0, 1.0, 0, 0, 0, -1.0)
        ),
        "midline_ras_r_mm": 0.5,
        "skull_stripped": False,
        "slices": slices,
        "components": components,
        "model": ModelRecord("lgg", "1.0", "FLAIR, whole head", "Apache-2.0", "ab" * 32, "default"),
        "method": MethodRecord("anofpdm", "AnoFPDM", {"unguided_error": 0.01}),
        "parameters": {**SETTINGS, "steps": 12, "out": Path("/data/patients/out"), "bank": (1.0, 2.0), "none": None},
        "warnings": ["The head touches the border."],
        "software": {"anofpdm": "0.1.0"},
        "seed": 7,
        "device": "cpu",
        "run_time_s": 12.3456,
        "created": datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone(timedelta(hours=1))),
    }
    return findings_document(**values | changes)


USUAL = [
    slice_finding(0, None),
    slice_finding(1, "healthy"),
    slice_finding(2, "unhealthy"),
    slice_finding(3, "unhealthy"),
]
UNDECIDED = SliceFinding(0, 0.0, None, examined=True, area_mm2=30.0, method=OWN)
