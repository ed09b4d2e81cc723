"""A user at the panel: clicks, drags and waits; what goes wrong unseen fails the test."""

from __future__ import annotations

import itertools
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import slicer
import slicer.util
from PySide6.QtCore import QEvent, QPoint, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QScrollArea, QSizePolicy, QSpacerItem, QVBoxLayout, QWidget
from qt_dialogs import DIALOGS
from qt_failures import FAILURES
from qt_module_widget import qSlicerScriptedLoadableModuleWidget
from qt_modules import Modules
from qt_proxy import unwrap

LOOK_S = 0.03
LONG_S = 120.0
WIDTH_PX, HEIGHT_PX = 430, 650
"""Of Slicer's module panel beside the views in a window of 1600 x 1000, with *Data Probe* open."""
_OWN = ("AnoFPDMSegment", "AnoFPDMSegmentLib", "anofpdm")


def knob_row(name: str) -> Any:
    """The row of an option of the shown result."""
    return slicer.modules.AnoFPDMSegmentWidget.panel._settings.rows[name]


def slider_of(name: str, place: int = 0) -> Any:
    """Of that row the slider, or the one of several."""
    return list(knob_row(name).sliders)[place]


class PanelSession:
    """The opened module; `ui` holds its widgets."""

    def __init__(self, module: qSlicerScriptedLoadableModuleWidget, window: QWidget, context: Any) -> None:
        self.module = module
        self.window = window
        self.context = context
        self.dialogs = DIALOGS

    @property
    def widget(self) -> Any:
        """The module's object in Python; another after a reload."""
        return slicer.modules.AnoFPDMSegmentWidget

    @property
    def panel(self) -> Any:
        return self.widget.panel

    @property
    def ui(self) -> Any:
        return self.panel.ui

    @property
    def result(self) -> Any:
        return self.panel.state.result

    def enter(self) -> None:
        """Choose the module."""
        self.module.enter()
        self.pump()

    def leave(self) -> None:
        """Choose another module."""
        self.module.exit()
        self.pump()

    def reload(self) -> None:
        """The developer's button."""
        self.widget.onReload()
        self.pump()

    def pump(self) -> None:
        """Let the application deal with its events."""
        for _ in range(3):
            QApplication.processEvents()
        # Without a running event loop these wait.
        QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)

    def wait(self, condition: Callable[[], object], what: str, seconds: float = LONG_S) -> None:
        """Until the condition holds, while the application goes on."""
        looks = itertools.count()
        while not condition():
            assert next(looks) * LOOK_S < seconds, f"waited {seconds:g} s in vain until {what}"
            QApplication.processEvents()
            time.sleep(LOOK_S)
        self.pump()

    def click(self, widget: Any) -> None:
        """With the mouse; the widget must be there to be clicked."""
        target = unwrap(widget)
        self.reach(target)
        self.pump()
        assert target.isVisible(), f"{widget} is not visible"
        assert target.isEnabled(), f"{widget} is not enabled: {target.toolTip()}"
        place = QPoint(10, 10) if widget.className() != "QPushButton" else target.rect().center()
        QTest.mouseClick(target, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, place)
        self.pump()

    def choose(self, combo: Any, text: str) -> None:
        """An entry of a combo box, by a part of its text."""
        target = unwrap(combo)
        self.reach(target)
        assert target.isVisible() and target.isEnabled()
        texts = [target.itemText(row) for row in range(target.count())]
        fitting = [row for row, each in enumerate(texts) if text in each]
        assert len(fitting) == 1, f"'{text}' among {texts}"
        target.setCurrentIndex(fitting[0])
        self.pump()

    def drag(self, slider: Any, *values: float) -> None:
        """Press the handle, move it, let go."""
        inner = unwrap(slider)._slider
        self.reach(inner)
        assert inner.isVisible() and inner.isEnabled()
        inner.setSliderDown(True)
        for value in values:
            inner.setSliderPosition(inner.position(value))
            self.pump()
        inner.setSliderDown(False)
        self.pump()

    def press(self, slider: Any) -> Callable[[float], None]:
        """Press the handle and hold it; returns what moves it."""
        inner = unwrap(slider)._slider
        inner.setSliderDown(True)

        def move(value: float) -> None:
            inner.setSliderPosition(inner.position(value))
            self.pump()

        return move

    def release(self, slider: Any) -> None:
        """Let the handle go."""
        unwrap(slider)._slider.setSliderDown(False)
        self.pump()

    def click_cell(self, table: Any, row: int, column: int, offset: int | None = None) -> None:
        """A cell of a table; `offset` from its left border."""
        target = unwrap(table)
        target.scrollToItem(target.item(row, column))
        rect = target.visualItemRect(target.item(row, column))
        place = rect.center() if offset is None else QPoint(rect.left() + offset, rect.center().y())
        QTest.mouseClick(target.viewport(), Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, place)
        self.pump()

    def cells(self, table: Any) -> list[list[str]]:
        """All texts of a table."""
        target = unwrap(table)
        return [
            [target.item(row, column).text() for column in range(target.columnCount())]
            for row in range(target.rowCount())
        ]

    def load(self, path: Path, name: str = "") -> Any:
        """A volume, as Slicer loads it."""
        node = self.context.moduleLogic("Volumes").AddArchetypeVolume(str(path), name or path.name.partition(".")[0])
        self.pump()
        return node

    def detect(self) -> Any:
        """Click the button and wait for the result."""
        self.click(self.ui.detectButton)
        self.wait_for_end()
        assert self.result is not None, f"{self.ui.runStatusLabel.text}\n{self.ui.logText.plainText}"
        return self.result

    def wait_for_end(self) -> None:
        """Until no worker runs."""
        self.wait(lambda: not self.panel.state.busy, "the run is over")

    def reach(self, target: QWidget) -> None:
        """Open the sections that a widget lies in, as a user must."""
        inside = [each for each in vars(self.ui).values() if each.className().startswith("ctkCollapsible")]
        for section in inside:
            if section.collapsed and unwrap(section).isAncestorOf(target):
                self.open(section)

    def open(self, *sections: Any) -> None:
        """Open collapsed sections by their titles."""
        for section in sections:
            target = unwrap(section)
            self.reach(target.parentWidget())
            if section.collapsed:
                assert target.isVisible()
                QTest.mouseClick(target, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, QPoint(20, 8))
                self.pump()
                assert not section.collapsed


def require_one_screen(session: PanelSession, *, crowded: bool = False) -> None:
    """What a radiologist needs stands in a panel of 430 x 650 px without scrolling; *Advanced* may be open below it.

    `crowded`: with so many lines that Qt, which reckons with narrower ones, may leave some empty room below.
    """
    panel, area = unwrap(session.panel.widget), session.window.findChild(QScrollArea)
    session.window.resize(WIDTH_PX, HEIGHT_PX)
    session.pump()
    # As qSlicerModulePanel reckons, which keeps room for a scroll bar that is never there.
    least = area.widget().minimumSizeHint().width() + area.horizontalScrollBar().sizeHint().width()
    assert least <= WIDTH_PX, f"{least} px; {_widest(panel)}"
    assert panel.width() <= area.viewport().width() and session.window.width() == WIDTH_PX
    assert area.horizontalScrollBar().maximum() == 0
    header = unwrap(session.ui.advancedSection)
    # Its title is as high as the closed section.
    end = header.mapTo(panel, QPoint(0, 0)).y() + header.fontMetrics().height() + 12
    assert end <= HEIGHT_PX, f"{end} px"
    if session.ui.advancedSection.collapsed and not crowded:
        assert area.verticalScrollBar().maximum() == 0


def _widest(panel: QWidget) -> str:
    found = [(each.sizeHint().width(), each.objectName()) for each in panel.findChildren(QWidget)]
    return ", ".join(f"{name}: {width} px" for width, name in sorted(found, reverse=True)[:8])


@contextmanager
def opened_module(application: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[PanelSession]:
    """The module's own widget in a window; closed and searched for failures afterwards."""
    from AnoFPDMSegmentLib.mrml.headless import addSliceView, headlessScene

    FAILURES.take()
    DIALOGS.reset()
    FAILURES.install_hook()
    with headlessScene() as context, _kept_modules():
        views = [addSliceView(context, name) for name in ("Red", "Yellow", "Green")]
        monkeypatch.setattr(slicer, "mrmlScene", context.scene, raising=False)
        application.serve(context.applicationLogic)
        modules = Modules(context.moduleLogic)
        monkeypatch.setattr(slicer, "modules", modules)
        monkeypatch.setattr(slicer.util, "selectModule", modules.open)
        module = unwrap(modules.anofpdmsegment.widgetRepresentation())
        window = _window(module)
        window.show()
        session = PanelSession(module, window, context)
        session.enter()
        try:
            yield session
        finally:
            if session.panel is not None:
                session.leave()
                session.widget.cleanup()
            window.close()
            window.deleteLater()
            session.pump()
            FAILURES.remove_hook()
            del views
    failures, unanswered = FAILURES.take(), DIALOGS.reset()
    assert not failures, "\n".join(failures)
    assert not unanswered, f"dialogs that were expected did not appear: {unanswered}"


@contextmanager
def _kept_modules() -> Iterator[None]:
    """The project's modules that the tests hold come back after a reload of the module; without one all stay."""
    kept = _own_modules()
    yield
    now = _own_modules()
    if all(now.get(name) is module for name, module in kept.items()):
        return
    for name in now:
        del sys.modules[name]
    sys.modules.update(kept)


def _own_modules() -> dict[str, ModuleType]:
    return {name: module for name, module in sys.modules.items() if name.partition(".")[0] in _OWN}


def _window(module: QWidget) -> QWidget:
    """As in Slicer (Base/QTGUI/Resources/UI/qSlicerModulePanel.ui), a narrow column that scrolls up and down."""
    window = QWidget()
    window.resize(WIDTH_PX, 1500)
    area = QScrollArea()
    area.setWidgetResizable(True)
    area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
    layout = QVBoxLayout(window)
    layout.setContentsMargins(0, 0, 0, 0)
    layout.addWidget(area)
    contents = QWidget()
    column = QVBoxLayout(contents)
    column.setContentsMargins(0, 0, 0, 0)
    column.setSizeConstraint(QVBoxLayout.SizeConstraint.SetMinAndMaxSize)
    # As qSlicerModulePanel does: what the module would like is the least that it gets.
    module.setSizePolicy(QSizePolicy.Policy.Minimum, module.sizePolicy().verticalPolicy())
    column.addWidget(module, 1)
    # As after a module was left once: its layout item was taken out, never deleted, and another one made.
    window.leftItem = column.takeAt(0)  # type: ignore[attr-defined]
    column.addWidget(module, 1)
    column.addSpacerItem(QSpacerItem(0, 0, QSizePolicy.Policy.Minimum, QSizePolicy.Policy.MinimumExpanding))
    area.setWidget(contents)
    return window
