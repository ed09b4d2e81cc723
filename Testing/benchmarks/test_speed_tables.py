"""The figures that the pages show are those that were measured."""

from __future__ import annotations

import copy
import json
import re
from typing import Any

import pytest
from preset_table import preset_page
from speed_tables import commands_table, summary_table, targets_table, whole_table
from update_speed_tables import FIGURES, PAGES, PLACE, load_report, updated

from anofpdm.methods.anofpdm.presets import PRESETS

MEASURED = sorted(path.stem for path in FIGURES.glob("*.json") if load_report(path.stem)["kind"] == "anofpdm benchmark")
NAMES = ("naive, by the formulas", "engine, float32", "as shipped, paper", "as shipped, balanced", "as shipped, fast")


def row(name: str, times_naive: float, memory: int) -> dict[str, Any]:
    return {
        "name": name,
        "operating_point": {"precision": "float32", "steps": 600, "first": 1, "last": 600, "mirrored": False},
        "evaluations": 2399,
        "timed_steps": 4,
        "seconds_a_slice": 12.345,
        "times_naive": times_naive,
        "operations_per_s": 1e11,
        "share_of_matrix_multiplication": 0.5,
        "memory_bytes_600_steps_32_slices": memory,
        "agreement": {"correlation": 0.98765, "dice": 0.5},
    }


REPORT: dict[str, Any] = {
    "network": {"title": "some network", "parameters": 1_500_000, "configuration": {"image_size": 64}},
    "device": {"processor": "some processor", "threads": 2},
    "torch": "2.0",
    "plan": {"rounds": 3, "clock": "wall"},
    "slices": 8,
    "slices_show": "drawn slices",
    "naive_difference": 2e-5,
    "matrix_multiplication": {"float32": {"flops_per_s": 2e11}},
    "parts": [{"name": "the engine", "times_engine": 1.0}, {"name": "autocast", "times_engine": 1.234}],
    "rows": [
        row(name, times, memory)
        for name, times, memory in zip(
            NAMES, (1.0, 1.9, 2.9, 100.0, 299.0), (500_000_000, 10_000_000, 11_000_000, 1, 1), strict=True
        )
    ],
}
COMMANDS: dict[str, Any] = {
    "help_processor_s": 0.31,
    "model": {"name": "some", "version": "0.1"},
    "volume": [256, 256, 40],
    "detect": [
        {
            "preset": "fast",
            "threads": 2,
            "operating_point": "5 steps",
            "examined_slices": 34,
            "processor_s": 9.0,
            "wall_s": 14.0,
            "first_slice_processor_s": 4.0,
            "stages_processor_s": {"starting": 2.0, "reading": 0.1},
        }
    ],
}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_pages_show_the_measured_figures(page) -> None:
    text = page.read_text(encoding="utf-8")
    assert PLACE.search(text)
    assert updated(text) == text, "run Testing/benchmarks/update_speed_tables.py"


def test_the_presets_page_shows_the_measured_figures() -> None:
    assert (FIGURES / "presets.md").read_text(encoding="utf-8") == preset_page(load_report("presets"))


def test_every_measurement_is_shown() -> None:
    text = PAGES[0].read_text(encoding="utf-8")
    assert sorted(match[1] for match in re.finditer(r"<!-- speed: (\S*) -->", text)) == MEASURED
    on_gpu = [name for name in MEASURED if load_report(name)["device"]["type"] != "cpu"]
    assert bool(on_gpu) != ("On a GPU: not measured" in text)


@pytest.mark.parametrize("name", MEASURED)
def test_measurements_are_those_of_full_runs(name: str) -> None:
    report = load_report(name)
    rows = {row["name"]: row for row in report["rows"]}
    assert report["naive_difference"] <= 1e-4 and report["plan"]["reference_steps"] == 600
    steps = {name: row["operating_point"]["steps"] for name, row in rows.items()}
    assert {steps.pop(f"as shipped, {name}") for name in ("balanced", "fast")} <= set(range(2, 21))
    assert set(steps.values()) == {PRESETS["paper"].steps}
    assert rows["as shipped, fast"]["evaluations"] < rows["as shipped, balanced"]["evaluations"]
    for found in rows.values():
        share = found["share_of_matrix_multiplication"]
        assert share is None or 0 < share <= 1
        compared = report["plan"]["agreement_slices"] and found["name"].startswith("as shipped")
        assert (found["agreement"] is not None) == bool(compared)


def test_maps_are_compared_somewhere() -> None:
    assert any(load_report(name)["plan"]["agreement_slices"] for name in MEASURED)


def test_a_table() -> None:
    table = whole_table(REPORT)
    assert "some network (1.50 M parameters, 64² px), 8 drawn slices; some processor, 2 thread(s)" in table
    cells = "float32 | 600 of 1..600 | 4 | 2399 | 12.3 | 1 | 100 | 50% | 500 MB | 0.9877 | 0.500"
    assert f"| naive, by the formulas | {cells} |" in table.splitlines()
    assert table.endswith("With one part undone, times as long: autocast 1.23.")
    head = "| naive, by the formulas | 12.3 s, 1× (2399 evaluations) | 12.3 s, 1× (2399 evaluations) |"
    assert head in summary_table([REPORT, REPORT]).splitlines()
    page = "before\n<!-- speed: one -->\nold\n<!-- end of table -->\nafter\n"
    assert updated(page, lambda name: REPORT) == page.replace("old", table)


def test_what_is_unknown_is_left_out() -> None:
    report = copy.deepcopy(REPORT)
    for unknown in ("share_of_matrix_multiplication", "memory_bytes_600_steps_32_slices", "agreement"):
        report["rows"][0][unknown] = None
    assert "| 12.3 | 1 | 100 | – | – | – | – |" in whole_table(report)
    assert "1/ | not measured |" in targets_table([report])


def test_targets_are_judged() -> None:
    lines = targets_table([REPORT]).splitlines()[2:]
    cells = [line.split(" | ")[1].removesuffix(" |") for line in lines]
    assert cells == [
        "1.9×, held",
        "2.9×, **not held**",
        "100×, held",
        "299×, **not held**",
        "50, held",
        "45.5, **not held**",
    ]


@pytest.mark.parametrize(
    ("change", "verdict"),
    [
        ({}, "held"),
        ({"wall_s": 16.0}, "held by processor time; the clock ran while others computed"),
        ({"processor_s": 15.0}, "**not held**"),
        ({"first_slice_processor_s": 5.1}, "**not held**"),
    ],
)
def test_commands_are_judged(change: dict[str, float], verdict: str) -> None:
    report = copy.deepcopy(COMMANDS)
    report["detect"][0] |= change
    (line,) = (line for line in commands_table(report).splitlines() if line.startswith("| fast"))
    assert line.endswith(f"| under 15 s, first slice under 5 s | {verdict} |")
    assert "fast, 2 thread(s): starting 2.00, reading 0.10" in commands_table(report)


def test_figures_are_plain_json() -> None:
    for path in FIGURES.glob("*.json"):
        text = path.read_text(encoding="utf-8")
        assert json.dumps(json.loads(text), indent=1) + "\n" == text, "written by the commands, not by hand"
