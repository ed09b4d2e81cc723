"""What people read at the end of a run."""

from __future__ import annotations

import pytest
from finding_samples import SETTINGS, UNDECIDED, USUAL, component, document, slice_finding

from anofpdm.results.findings import STATEMENT
from anofpdm.results.findings_text import describe_settings, format_findings


def test_it_shows_every_region_and_what_looks_unhealthy() -> None:
    text = format_findings(document(USUAL, [component(1, 3.5), component(2, 0.25)]))
    lines = text.splitlines()
    assert lines[0].startswith("2 regions")
    rows = lines[2:5]
    assert len({len(row) for row in rows}) == 1  # aligned
    assert rows[1].split()[:4] == ["1", "3.50", "21.5", "left"]
    assert "Slices that look unhealthy, S in mm: 10.0 to 15.0" in lines
    assert "Warning: The head touches the border." in lines
    assert lines[-1] == STATEMENT
    assert max(map(len, lines)) <= 120
    calm = format_findings(document([slice_finding(0, "healthy", area_mm2=0.0)], [], warnings=[]))
    assert "region" not in calm and "Slices" not in calm
    assert "Warning" not in calm


def test_neighboring_slices_are_drawn_together() -> None:
    mixed = [slice_finding(n, "unhealthy" if n in (1, 4, 5, 6, 9) else "healthy", area_mm2=0.0) for n in range(12)]
    assert "S in mm: 5.0, 20.0 to 30.0, 45.0\n" in format_findings(document(mixed, []))


def test_only_slices_decided_unhealthy_are_called_so() -> None:
    undecided = format_findings(document([UNDECIDED], [component(1, 2.0)]))
    assert "Slices that hold a region, S in mm: 0.0" in undecided
    assert "unhealthy" not in undecided
    ungated = [
        slice_finding(0, "unhealthy"),
        slice_finding(1, "healthy"),
        slice_finding(2, "healthy", area_mm2=0.0),
        slice_finding(3, "unhealthy", area_mm2=0.0),
    ]
    lines = format_findings(document(ungated, [component(1, 2.0)])).splitlines()
    assert "Slices that look unhealthy, S in mm: 0.0, 15.0" in lines
    assert "Slices decided healthy that hold a region (ungated), S in mm: 5.0" in lines


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, "guidance strength 8, threshold healthy, decision about a slice: by the map statistic"),
        (
            {"guidance": 2.5, "threshold": "quantile=0.99", "decision": "similarity", "map": "last"},
            "guidance strength 2.5, threshold quantile=0.99, decision about a slice: by similarity, map: the last one",
        ),
        (
            {"threshold": "dynamic", "decision": None, "ungated": True, "consistency": "volume", "mirrored": True},
            "guidance strength 8, threshold dynamic, slices decided healthy: shown too, "
            "neighbours: averaged over neighbours, slice and mirror image: both",
        ),
        (
            {"direction": "darker"},
            "guidance strength 8, threshold healthy, decision about a slice: by the map statistic, "
            "what counts: darker only",
        ),
    ],
)
def test_the_settings_in_use_are_named(changes: dict[str, object], words: str) -> None:
    assert describe_settings({"method": {"name": "anofpdm"}, "parameters": {**SETTINGS, **changes}}) == words
    lines = format_findings(document(USUAL, [], parameters={**SETTINGS, **changes})).splitlines()
    assert f"AnoFPDM: {words}." in lines
