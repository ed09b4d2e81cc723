"""The Qt that stands in for PythonQt: its habits, and that whatever does not exist raises."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent / "standin"))

try:
    from PySide6 import QtWidgets  # noqa: F401
except ImportError as error:
    pytest.skip(f"PySide6 cannot be used here ({error})", allow_module_level=True)

import qt_install
import slicer
import slicer.util
from qt_dialogs import DIALOGS, UnexpectedDialog
from qt_failures import FAILURES
from qt_names import CTK_NAMES, QT_NAMES, SLICER_NAMES

qt_install.install()
import ctk  # noqa: E402 - only there once installed
import qt  # noqa: E402


@pytest.fixture(autouse=True)
def nothing_left_behind() -> Any:
    FAILURES.take()
    yield
    assert not FAILURES.take()
    assert not DIALOGS.reset()


def test_exactly_what_is_listed() -> None:
    assert {name for name in vars(qt) if not name.startswith("_")} == set(QT_NAMES)
    assert {name for name in vars(ctk) if not name.startswith("_")} == set(CTK_NAMES)
    assert all(hasattr(slicer, name) for name in SLICER_NAMES if name != "dicomDatabase")
    for listed in (*QT_NAMES.values(), *CTK_NAMES.values(), *SLICER_NAMES.values()):
        assert ".h" in listed.source or ".py" in listed.source
    with pytest.raises(AttributeError, match="does not offer 'QWebEngineView'"):
        _ = qt.QWebEngineView
    with pytest.raises(ImportError):
        exec("from ctk import ctkThumbnailLabel")


def test_properties_are_attributes() -> None:
    button = qt.QPushButton("text")
    assert button.text == "text" and button.enabled is True and button.checkable is False
    button.text, button.name = "other", "me"
    assert (button.text, button.objectName, button.className()) == ("other", "me", "QPushButton")
    with pytest.raises(TypeError):
        button.text()
    with pytest.raises(AttributeError, match="Read the property 'enabled'"):
        button.isEnabled()
    with pytest.raises(AttributeError, match="no 'txt'"):
        _ = button.txt
    with pytest.raises(AttributeError, match="no property 'txt'"):
        button.txt = "x"
    with pytest.raises(AttributeError, match="cannot be written"):
        button.width = 3


def test_signals_by_attribute_and_by_signature() -> None:
    button, heard = qt.QPushButton(), []
    button.clicked.connect(lambda: heard.append("plain"))
    button.connect("clicked(bool)", heard.append)
    button.click()
    assert heard == ["plain", False]
    button.disconnect("clicked(bool)", heard.append)
    button.click()
    assert heard == ["plain", False, "plain"]
    with pytest.raises(AttributeError, match="no signal 'clickd"):
        button.connect("clickd()", heard.append)
    with pytest.raises(AttributeError, match="it has clicked"):
        button.connect("clicked(int)", heard.append)


def test_slots_get_as_many_arguments_as_they_take() -> None:
    table, heard = qt.QTableWidget(), []
    table.setRowCount(2)
    table.setColumnCount(2)
    table.connect("currentCellChanged(int,int,int,int)", lambda row: heard.append(row))
    table.connect("currentCellChanged(int,int,int,int)", lambda *places: heard.append(places))
    table.setCurrentCell(1, 0)
    assert heard == [1, (1, 0, -1, -1)]


def test_an_exception_in_a_slot_is_kept_and_not_passed_on() -> None:
    button = qt.QPushButton()
    button.clicked.connect(lambda: 1 / 0)
    button.click()
    (text,) = FAILURES.take()
    assert "ZeroDivisionError" in text


def test_objects_are_the_same_and_of_their_class() -> None:
    parent = qt.QWidget()
    child = qt.QCheckBox("x", parent)
    assert parent.children()[0] is child and child.parent() is parent
    assert type(child) is qt.QCheckBox and isinstance(child, qt.QWidget)
    assert parent.findChildren(qt.QCheckBox) == [child]
    with pytest.raises(TypeError, match="not subclassed"):

        class Mine(qt.QWidget):
            pass


def test_enumerators_are_numbers_and_combined_a_plain_int() -> None:
    box = qt.QMessageBox
    assert type(box.Ok) is box.StandardButton and issubclass(box.StandardButton, int)
    assert type(box.Ok | box.Cancel) is int
    item = qt.QTableWidgetItem("x")
    item.setFlags(qt.Qt.ItemIsEnabled | qt.Qt.ItemIsUserCheckable)
    assert item.flags() == qt.Qt.ItemIsEnabled | qt.Qt.ItemIsUserCheckable
    item.setCheckState(qt.Qt.Checked)
    assert item.checkState() == qt.Qt.Checked and type(item.checkState()) is qt.Qt.CheckState
    for name in ("name", "value"):
        with pytest.raises(AttributeError):
            getattr(qt.Qt.Checked, name)
    with pytest.raises(AttributeError):
        _ = box.StandardButton.Ok  # PythonQt's classes of numbers hold no enumerators


def test_a_constructor_takes_the_first_overload_that_an_int_fits() -> None:
    """Seen in 3D Slicer 5.10.0: the flags are taken for an orientation, so there are no buttons."""
    box = qt.QDialogButtonBox
    for buttons in (box.Ok | box.Cancel, box.Ok):
        assert box(buttons).button(box.Ok) is None
    made = box()
    made.setStandardButtons(box.Ok | box.Cancel)
    assert made.button(box.Ok).text == "OK" and made.button(box.Cancel) is not None


def test_exact_types_come_before_conversions() -> None:
    assert qt.QColor(255, 128, 0).name() == "#ff8000"
    assert qt.QBrush(qt.QColor(1, 2, 3)).color().red() == 1
    assert qt.QCursor(qt.Qt.WaitCursor).shape() == qt.Qt.WaitCursor
    assert qt.QTableWidgetItem("text").text() == "text"
    table = qt.QTableWidget(1, 2)
    header = table.horizontalHeader()
    header.setSectionResizeMode(1, qt.QHeaderView.Stretch)
    assert header.sectionResizeMode(1) == qt.QHeaderView.Stretch != header.sectionResizeMode(0)
    with pytest.raises(TypeError, match="No constructor of QBrush"):
        qt.QBrush("red")
    with pytest.raises(TypeError, match="not listed"):
        qt.QHeaderView(qt.Qt.Horizontal)


def test_the_order_in_which_constructors_are_tried() -> None:
    """PythonQt puts each behind the first: a, d, c, b."""
    from qt_constructors import in_order

    assert in_order((("a",), ("b",), ("c", "x?"), ("d",)), 1) == [("a",), ("d",), ("c",), ("b",)]
    assert in_order((("a", "x?"), ("b",)), 1) == [("b",), ("a",)]


def test_numbers_of_numpy_are_refused() -> None:
    import numpy as np

    box = qt.QSpinBox()
    with pytest.raises(TypeError, match="int64"):
        box.value = np.int64(3)
    slider = ctk.ctkSliderWidget()
    slider.value = np.float64(3.0)  # a Python float
    assert slider.value == 3.0


def test_slider_without_tracking_tells_movement_and_release_apart() -> None:
    slider, moved, released = ctk.ctkSliderWidget(), [], []
    slider.tracking = False
    slider.maximum = 10.0
    with pytest.raises(AttributeError, match="no 'setRange'"):
        slider.setRange(0.0, 10.0)  # not for Python: neither slot nor invokable upstream
    slider.connect("valueIsChanging(double)", moved.append)
    slider.connect("valueChanged(double)", released.append)
    inner = slider._qt._slider
    inner.setSliderDown(True)
    inner.setSliderPosition(3)
    inner.setSliderPosition(5)
    assert moved == [3.0, 5.0] and released == [] and slider.value == 0.0
    inner.setSliderDown(False)
    assert released == [5.0] and slider.value == 5.0
    slider.value = 7.0  # from a program: a movement and a release at once
    assert moved[-1] == 7.0 and released[-1] == 7.0


def test_node_selector_follows_its_scene() -> None:
    scene, heard = slicer.vtkMRMLScene(), []
    selector = slicer.qMRMLNodeComboBox()
    selector.nodeTypes = ["vtkMRMLScalarVolumeNode"]
    selector.noneEnabled = True
    assert not selector.enabled
    selector.setMRMLScene(scene)
    selector.connect("currentNodeChanged(vtkMRMLNode*)", heard.append)
    node = scene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", "a")
    hidden = scene.CreateNodeByClass("vtkMRMLScalarVolumeNode")
    hidden.UnRegister(None)
    hidden.SetHideFromEditors(True)
    scene.AddNode(hidden)
    assert selector.enabled and selector._qt._shown == [None, node.GetID()] and selector.currentNode() is None
    selector.setCurrentNode(node)
    scene.RemoveNode(node)
    assert heard == [node, None] and selector._qt._shown == [None]
    with pytest.raises(AttributeError):
        selector.rootModel()
    selector.setMRMLScene(None)
    assert not selector.enabled


def test_dialogs_are_answered_beforehand_or_raise() -> None:
    DIALOGS.answer("Really", "Yes")
    assert slicer.util.confirmYesNoDisplay("Really?") is True
    with pytest.raises(UnexpectedDialog, match="did not expect: Again"):
        slicer.util.confirmYesNoDisplay("Again?")
    DIALOGS.answer("Other", "Yes")
    with pytest.raises(UnexpectedDialog, match="'Other' was expected"):
        slicer.util.confirmYesNoDisplay("Again?")
    DIALOGS.answer("Again", "Retry")
    with pytest.raises(UnexpectedDialog, match="no button 'Retry'"):
        slicer.util.confirmYesNoDisplay("Again?")
    DIALOGS.answer("Where", "/there")
    assert qt.QFileDialog.getExistingDirectory(None, "Where") == "/there"


_WRAPPED = '<widget class="QLabel" name="a"><property name="wordWrap"><bool>true</bool></property></widget>'
_FORM = '<layout class="QFormLayout" name="f"><item row="0" column="0" colspan="2">{}</item></layout>'
_SECTION = '<widget class="ctkCollapsibleButton" name="s"><layout class="QVBoxLayout" name="v">{}</layout></widget>'


@pytest.mark.parametrize(
    ("widget", "words"),
    [
        (_FORM.format(_WRAPPED), "a wraps its words inside a form"),
        (
            _FORM.format(
                f'<widget class="QGroupBox" name="g"><layout class="QVBoxLayout" name="v"><item>{_WRAPPED}'
                "</item></layout></widget>"
            ),
            "a wraps its words inside a form",
        ),
        (_SECTION.format(f"<item>{_WRAPPED}</item>"), "give it the vertical policy Minimum"),
        ('<widget class="ctkFancySlider" name="a"/>', "wants a ctkFancySlider"),
        ('<widget class="QLabel" name="a"><property name="txt"><string>x</string></property></widget>', "sets 'txt'"),
        ('<widget class="QLabel" name="a"/></item><item><widget class="QLabel" name="a"/>', "two widgets named a"),
    ],
)
def test_mistakes_in_ui_files_raise(tmp_path: Path, widget: str, words: str) -> None:
    path = tmp_path / "x.ui"
    inside = f'<layout class="QVBoxLayout" name="l"><item>{widget}</item></layout>'
    path.write_text(f'<ui version="4.0"><class>x</class><widget class="QWidget" name="x">{inside}</widget></ui>')
    with pytest.raises((RuntimeError, AssertionError), match=words):
        slicer.util.loadUI(str(path))


def test_connections_of_ui_files(tmp_path: Path) -> None:
    path = tmp_path / "x.ui"
    text = (
        '<ui version="4.0"><class>x</class><widget class="qMRMLWidget" name="x"><layout class="QVBoxLayout" name="l">'
        '<item><widget class="qMRMLNodeComboBox" name="s"/></item></layout></widget><connections><connection>'
        "<sender>x</sender><signal>mrmlSceneChanged(vtkMRMLScene*)</signal><receiver>RECEIVER</receiver>"
        "<slot>setMRMLScene(vtkMRMLScene*)</slot></connection></connections></ui>"
    )
    path.write_text(text.replace("RECEIVER", "s"))
    widget, scene = slicer.util.loadUI(str(path)), slicer.vtkMRMLScene()
    widget.setMRMLScene(scene)
    assert slicer.util.childWidgetVariables(widget).s.mrmlScene() is scene
    widget.setMRMLScene(None)
    path.write_text(text.replace("RECEIVER", "t"))
    with pytest.raises(RuntimeError, match="connects t"):
        slicer.util.loadUI(str(path))
