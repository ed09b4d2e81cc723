"""How the panel's tables, rows, sliders and buttons behave, whatever they show."""

from __future__ import annotations

from typing import Any

import pytest
from made_results import made_result
from panel_session import slider_of
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest


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
    session.open(ui.modelGroup, ui.runGroup)
    options = session.panel._detection.rows
    session.choose(options["end_step"].selector, "Own number")
    session.open(ui.logGroup)
    assert ui.detectionNoteLabel.visible and len(ui.detectionNoteLabel.text) > 100
    number = options["end_step"]
    rows = (number.selector, number.box, options["range"].widget, options["encoding"].widget, ui.deviceSelector)
    for width in (430, 700, 1000):
        session.window.resize(width, 656)
        session.pump()
        for row in rows:
            assert row._qt.height() >= row._qt.minimumSizeHint().height(), f"{row.name} at {width}"
        label = ui.detectionNoteLabel._qt
        assert label.height() == label.heightForWidth(label.width())


def test_a_value_is_taken_once_it_is_typed_whole(shown: Any) -> None:
    """In the spin box of a slider, and in one that stands alone."""
    settings: list[Any] = []
    shown.panel.state.resultUpdated.connect(lambda: settings.append(shown.result.settings))
    _type(slider_of("threshold")._qt._box, "0.7")
    assert settings == []
    QTest.keyClick(slider_of("threshold")._qt._box, Qt.Key.Key_Return)
    shown.pump()
    assert [each.threshold.number for each in settings] == [0.7]

    shown.open(shown.ui.runGroup)
    row = shown.panel._detection.rows["end_step"]
    shown.choose(row.selector, "Own number")
    before = shown.panel.state.parameters.knobs
    assert row.box.value == 6
    _type(row.box._qt, "12")
    assert shown.panel.state.parameters.knobs == before
    QTest.keyClick(row.box._qt, Qt.Key.Key_Return)
    assert shown.panel.state.parameters.knobs == '{"anofpdm": {"end_step": "12"}}'


def _type(box: Any, text: str) -> None:
    box.setFocus()
    box.selectAll()
    QTest.keyClicks(box, text)


@pytest.mark.parametrize("name", ["guidance", "threshold", "minimum_size", "heatmapOpacity", "heatmapFrom"])
def test_a_click_beside_the_handle_moves_it_by_a_tenth(shown: Any, name: str) -> None:
    shown.open(shown.ui.displayGroup)
    slider = getattr(shown.ui, name) if hasattr(shown.ui, name) else slider_of(name)
    slider.value = slider.minimum
    shown.pump()
    inner = slider._qt._slider
    before, width = slider.value, slider.maximum - slider.minimum
    place = QPoint(inner.width() - 12, inner.height() // 2)
    QTest.mouseClick(inner, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, place)
    assert slider.value - before == pytest.approx(width / 10, abs=slider.singleStep)


def test_a_pixel_of_the_slider_is_fine_enough_for_the_threshold(shown: Any) -> None:
    """At every size of threshold; the slider is some 160 pixels long in Slicer's narrowest panel."""
    slider = slider_of("threshold")
    for threshold in (0.18, 0.5, 0.031):
        slider.value = threshold
        shown.pump()
        assert shown.result.settings.threshold.number == pytest.approx(threshold)
        assert (slider.maximum - slider.minimum) / 160 < 0.04 * threshold
        assert slider.maximum > 2 * threshold and slider.singleStep <= 0.01 * threshold


def test_the_button_of_the_color_has_room_for_what_it_shows(shown: Any) -> None:
    shown.open(shown.ui.displayGroup)
    button = shown.ui.segmentColor._qt
    assert button.sizeHint().width() <= button.width()
