"""How the panel's tables, rows, sliders and buttons behave, whatever they show."""

from __future__ import annotations

from typing import Any

import pytest
from made_results import made_result


@pytest.fixture
def shown(session: Any) -> Any:
    """A result with two findings, not calibrated."""
    made_result(session.context)
    session.panel._results.reload()
    session.pump()
    session.open(session.ui.slicesGroup)
    return session


def test_tables_take_the_whole_width_however_often_they_are_filled(shown: Any) -> None:
    ui = shown.ui
    for _ in range(3):
        for table in (ui.findingsTable._qt, ui.slicesTable._qt):
            widths = [table.columnWidth(column) for column in range(table.columnCount())]
            assert sum(widths) == table.viewport().width(), widths
            assert all(width < 90 for width in sorted(widths)[:-1]), widths
        shown.panel.state.resultUpdated()
        shown.pump()


def test_no_row_is_squashed(session: Any) -> None:
    """With a note and the log open, in a narrow panel and in wide ones."""
    ui = session.ui
    session.open(ui.scalingGroup, ui.advancedGroup)
    session.choose(ui.noiseScaleSelector, "Fixed")
    session.open(ui.logGroup)
    assert ui.detectionNoteLabel.visible and len(ui.detectionNoteLabel.text) > 100
    rows = (ui.noiseScaleSelector, ui.fixedEndStep, ui.encodingSelector, ui.deviceSelector, ui.scaling1, ui.guidance)
    for width in (460, 700, 1000):
        session.window.resize(width, 656)
        session.pump()
        for row in rows:
            assert row._qt.height() >= row._qt.minimumSizeHint().height(), f"{row.name} at {width}"
        label = ui.detectionNoteLabel._qt
        assert label.height() == label.heightForWidth(label.width())
