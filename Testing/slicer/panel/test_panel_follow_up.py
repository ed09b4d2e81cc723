"""Follow-up by clicks: choose the earlier result, compare, and go to a change."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, get_args

import numpy as np
import pytest
from evidence_makers import axial_geometry, make_case
from made_results import LARGE, SMALL, made_result, made_volume
from panel_session import HEIGHT_PX, WIDTH_PX, require_one_screen
from qt_proxy import unwrap

from anofpdm.followup.changes import KINDS, Reason
from anofpdm.results.detection import build_detection
from AnoFPDMSegmentLib.mrml.result import Result

BESIDE = ((-30.0, -30.0, 12.0), 12.0)
"""In the left hemisphere, where the first result has nothing."""


def examined(scene: Any, balls: Any, name: str) -> Result:
    """A result on a head that can be told from others."""
    case = make_case(axial_geometry(), balls)
    texture = np.random.default_rng(5).uniform(60, 200, case.display.shape)
    seen = replace(case, display=np.where(case.display > 0, texture, 0).astype(np.uint8))
    return Result.create(scene, made_volume(scene, name), build_detection(seen))


@pytest.fixture
def two(session: Any) -> Any:
    """Two results of one head, which mark something else; the second is shown."""
    examined(session.context, (LARGE, SMALL), "before")
    later = examined(session.context, (LARGE, BESIDE), "after")
    session.panel._results.reload()
    session.pump()
    if session.result.node is not later.node:
        session.choose(session.ui.resultSelector, "after")
    assert session.result.node is later.node
    return session


def test_the_changes_are_listed_and_a_click_goes_there(two: Any) -> None:
    section = two.panel._followUp
    two.open(section.group)
    assert [section.earlierCombo.itemText(n) for n in range(section.earlierCombo.count)] == ["before"]
    two.click(section.compareButton)
    assert two.panel.state.busy and not section.compareButton.enabled
    two.wait_for_end()
    rows = two.cells(section.table)
    assert [row[0] for row in rows] == ["unchanged", "uncertain", "uncertain"], two.ui.runStatusLabel.text
    assert rows[1][3] == rows[2][2] == "–" and "uncertain" in section.summaryLabel.text
    two.click_cell(section.table, 2, 0)
    assert len(unwrap(section.table).selectedItems()) == section.table.columnCount, "a change is a row"
    (found,) = (c for c in two.result.detection.components if abs(c.centroid_ras_mm[0] - BESIDE[0][0]) < 4)
    for node in two.context.nodes("vtkMRMLSliceNode"):
        shown = [node.GetSliceToRAS().GetElement(row, 3) for row in range(3)]
        assert max(abs(a - b) for a, b in zip(shown, found.centroid_ras_mm, strict=True)) < 3
    two.choose(two.ui.resultSelector, "before")
    assert section.table.rowCount == 0 and not section.table.visible, "they are not this result's"


def test_a_single_result_has_nothing_to_be_compared_with(session: Any) -> None:
    made_result(session.context)
    session.panel._results.reload()
    session.pump()
    assert not session.panel._followUp.group.visible


def test_a_cancelled_comparison_leaves_everything(two: Any) -> None:
    section = two.panel._followUp
    two.open(section.group)
    two.click(section.compareButton)
    two.click(two.ui.detectButton)
    two.wait_for_end()
    assert section.table.rowCount == 0 and "Cancelled" in two.ui.runStatusLabel.text
    assert section.compareButton.enabled


def every_kind() -> list[dict[str, Any]]:
    """Changes as a document holds them, of every kind and reason, with large volumes and the longest place."""
    kinds = [(kind, "", "method") for kind in KINDS if kind != "uncertain"]
    kinds += [(kind, "", "images") for kind in KINDS if kind not in ("uncertain", "unchanged")]
    kinds += [("uncertain", reason, "method") for reason in get_args(Reason) if reason]
    return [
        {
            "kind": kind,
            "trend": "grown" if kind in ("merged", "split") else None,
            "reason": reason,
            "seen_by": seen_by,
            "place": "right, middle third",
            "baseline_findings": [] if kind == "new" else [1],
            "later_findings": [] if kind == "gone" else [1],
            "baseline_ml": 0.0 if kind == "new" else 123.45,
            "later_ml": 0.0 if kind == "gone" else 128.12,
            "tolerance_ml": 12.34,
            "center_later_ras_mm": [0.0, 0.0, 0.0],
        }
        for kind, reason, seen_by in kinds
    ]


def test_every_word_of_the_table_can_be_read_in_a_narrow_panel(two: Any) -> None:
    section = two.panel._followUp
    two.open(section.group)
    section._fill(every_kind(), "1 new, 2 grown, 3 unchanged; 246.90 mL at the baseline, 256.24 mL later.")
    two.window.resize(WIDTH_PX, HEIGHT_PX)
    two.click_cell(section.table, len(every_kind()) - 1, 0)
    assert section.reasonLabel.visible and "other image" in section.reasonLabel.text
    require_one_screen(two, crowded=True)
    for label in map(unwrap, (section.summaryLabel, section.reasonLabel)):
        assert label.heightForWidth(label.width()) <= label.height(), f"'{label.text()}' is cut off"
    table = unwrap(section.table)
    metrics = table.fontMetrics()
    for column in range(table.columnCount()):
        texts = {table.item(row, column).text() for row in range(table.rowCount())}
        texts.add(table.horizontalHeaderItem(column).text())
        for text in texts:
            assert metrics.horizontalAdvance(text) <= table.columnWidth(column), f"'{text}' is cut off"
