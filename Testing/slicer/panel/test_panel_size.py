"""The panel is one screen of 430 x 650 px, whatever it has to say; see test_panel_methods.py for every method."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from evidence_makers import SETTINGS
from made_results import made_result
from panel_session import HEIGHT_PX, WIDTH_PX, require_one_screen
from PySide6.QtWidgets import QApplication
from qt_proxy import unwrap

from anofpdm.app.worker.log import BoundedLog

PLACES = ((30, -14, 38), (-30, 20, -12), (30, 30, -20), (-30, -40, 20), (0, -60, -10), (35, -45, -25))
BALLS = tuple(((float(right), float(anterior), float(superior)), 12.0) for right, anterior, superior in PLACES)
LONG = "sub-0815_ses-20250102_acq-3Dsagittal_run-01_space-orig_desc-preproc_FLAIR_with_a_very_long_name"
SENTENCE = "The computation ended unexpectedly (ended by signal 9): close other programs, or choose the preset Fast."


@pytest.fixture
def many(session: Any) -> Any:
    """A result of many findings in a volume with a long name."""
    made_result(session.context, BALLS, LONG)
    session.panel._results.reload()
    session.pump()
    assert session.ui.findingsTable.rowCount == len(BALLS)
    return session


def test_before_a_result(session: Any) -> None:
    require_one_screen(session)
    assert not session.ui.resultArea.visible and session.ui.advancedSection.collapsed


def test_many_findings_long_names_and_a_failure(many: Any) -> None:
    """With every line there is: a result that is not drawn, a warning, a failure."""
    ui = many.ui
    many.panel._run.begin(BoundedLog(), "Detecting...")
    many.panel._run.end(SENTENCE, failed=True)
    many.pump()
    for label in (ui.notShownLabel, ui.warningsLabel, ui.runStatusLabel, ui.findingsTotalLabel):
        assert label.visible and label.text, label
    require_one_screen(many, crowded=True)
    assert "signal 9" in ui.runStatusLabel.text and ui.runStatusLabel.styleSheet


@pytest.fixture(params=["as it is", "13 px"])
def font(request: pytest.FixtureRequest) -> Iterator[str]:
    """The application's; 13 px is what 9 points become on a screen of 100 dots per inch."""
    before = QApplication.font()
    if request.param == "13 px":
        larger = QApplication.font()
        larger.setPixelSize(13)
        QApplication.setFont(larger)
    yield request.param
    QApplication.setFont(before)


def test_everything_open_is_no_wider(many: Any, font: str) -> None:
    ui = many.ui
    many.open(
        ui.advancedSection,
        ui.settingsGroup,
        ui.displayGroup,
        ui.resultGroup,
        ui.slicesGroup,
        ui.plotGroup,
        ui.exportGroup,
        ui.runGroup,
        ui.modelGroup,
        ui.logGroup,
    )
    require_one_screen(many)


def test_sliders_are_long_enough_to_be_dragged(many: Any) -> None:
    """In a panel as narrow as it comes, a long title beside them would leave a few pixels."""
    many.window.resize(352, HEIGHT_PX)
    many.open(many.ui.advancedSection, many.ui.settingsGroup)
    for row in many.panel._settings.rows.values():
        for slider in row.sliders:
            if slider.visible:
                assert unwrap(slider)._slider.width() >= 100, row.widget.objectName


def test_lines_that_come_and_go_below_the_fold_get_their_room_and_leave_it(many: Any) -> None:
    """Also in a panel that is as wide as before, and in which Slicer has once left the module."""
    from AnoFPDMSegmentLib.panel.widgets import sayNote

    ui, panel, gate = many.ui, unwrap(many.panel.widget), many.panel._gate
    many.window.resize(WIDTH_PX, HEIGHT_PX)
    many.open(ui.advancedSection, ui.modelGroup)
    before = panel.size()
    # More lines than Qt reckons with for labels of unknown width.
    sayNote(gate.line, SENTENCE * 20)
    gate._box.visible = True
    many.pump()
    assert panel.width() == before.width()
    needed = panel.layout().totalHeightForWidth(panel.width())
    assert needed > before.height()
    many.wait(lambda: panel.height() >= needed, "the panel is as high as its lines")
    grown = panel.height()
    gate._box.visible = False
    many.wait(lambda: panel.height() < grown - 100, "no emptiness is left below")


def test_what_is_needed_is_in_sight_without_opening_anything(many: Any) -> None:
    ui = many.ui
    many.window.resize(WIDTH_PX, HEIGHT_PX)
    many.pump()
    needed = (
        ui.inputVolume1,
        ui.modelSelector,
        ui.presetSelector,
        ui.detectButton,
        ui.detectMenuButton,
        ui.findingsTable,
        ui.basicKnobs,
        ui.showHeatmap,
        ui.showSegmentation,
        ui.showSurface,
        ui.exportButton,
        ui.advancedSection,
    )
    for widget in needed:
        assert widget._qt.visibleRegion().boundingRect().size() == widget._qt.size(), widget


def test_long_texts_of_the_table_are_cut_off_with_dots_and_whole_in_the_tooltip(many: Any) -> None:
    table = many.ui.findingsTable._qt
    table.item(0, 1).setText(LONG)
    many.panel._findings._show()
    assert not table.wordWrap() and not table.horizontalScrollBar().maximum()
    assert many.cells(many.ui.findingsTable)[0][1] in table.item(0, 1).toolTip()
    widths = [table.columnWidth(column) for column in range(table.columnCount())]
    assert sum(widths) <= table.viewport().width()


def test_of_several_warnings_the_first_is_in_sight(session: Any) -> None:
    result = made_result(session.context, settings=SETTINGS)
    result.detection.findings["warnings"][:] = ["One.", "Two.", "Three."]
    session.panel._results.reload()
    session.pump()
    session.panel.state.setResult(result)
    assert session.ui.warningsLabel.text == "⚠ One. (2 more under Advanced, About the result)"
    assert session.ui.allWarningsLabel.text == "⚠ One.\n⚠ Two.\n⚠ Three."


def test_a_detection_jumps_to_the_most_confident_finding(many: Any, tmp_path: Path) -> None:
    """Which the table has first; without confidences it is the largest."""
    ui, result = many.ui, many.result
    components = result.detection.findings["components"]
    assert [int(row[0]) for row in many.cells(ui.findingsTable)] == [each["number"] for each in components]
    sure = components[2]
    for each in components:
        each["confidence"] = 0.5
    sure["confidence"], components[0]["confidence"] = 0.97, None
    many.panel.state.resultUpdated()
    many.pump()
    rows = many.cells(ui.findingsTable)
    assert rows[0][0] == str(sure["number"]) and rows[0][4] == "97 %" and rows[-1][4] == "–"
    assert ui.findingsTable.horizontalHeaderItem(4).text() == "Confidence"
    many.click(ui.showResultButton)
    peak = result.detection.components[2].peak_ras_mm
    for node in many.context.nodes("vtkMRMLSliceNode"):
        matrix = node.GetSliceToRAS()
        assert [matrix.GetElement(row, 3) for row in range(3)] == pytest.approx(peak, abs=1e-3)
    many.click_cell(ui.findingsTable, 0, 0, offset=12)
    assert result.accepted == [number != 2 for number in range(len(components))]


def test_the_last_column_keeps_its_heading_where_nothing_is_left(many: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """So that the table does not change with a slider."""
    listed = many.result.detection.findings["components"]
    table = many.ui.findingsTable
    for each in listed:
        each["confidence"] = each["probability"] = None
    for left in (listed, []):
        many.result.detection.findings["components"] = left
        monkeypatch.setattr(type(many.result), "accepted", [True] * len(left))
        many.panel.state.resultUpdated()
        many.pump()
        assert table.rowCount == len(left) and table.horizontalHeaderItem(4).text() == "Peak"
