"""What the user reads: marked for translation, and nothing of the command line in it."""

from __future__ import annotations

import ast
import re
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pytest

MODULE = Path(__file__).parents[3] / "AnoFPDMSegment"
PANEL = sorted((MODULE / "AnoFPDMSegmentLib" / "panel").glob("*.py"))
UI = MODULE / "Resources" / "UI" / "AnoFPDMSegment.ui"
SHOWN_PROPERTIES = {"text", "toolTip", "windowTitle", "title", "prefix", "suffix"}
SHOWN_BY = {
    "errorDisplay",
    "infoDisplay",
    "warningDisplay",
    "confirmYesNoDisplay",
    "confirmOkCancelDisplay",
    "say",
    "end",
    "addAction",
    "addButton",
    "QLabel",
    "QPushButton",
    "QTableWidgetItem",
    "getOpenFileName",
    "getExistingDirectory",
}


def _plain_texts(tree: ast.AST) -> list[tuple[int, str]]:
    """Texts with words that are shown without having passed `_()`."""
    found = []
    for node in ast.walk(tree):
        shown: list[ast.expr] = []
        if isinstance(node, ast.Assign):
            targets = [target for target in node.targets if isinstance(target, ast.Attribute)]
            shown = [node.value] if any(target.attr in SHOWN_PROPERTIES for target in targets) else []
        elif isinstance(node, ast.Call):
            name = getattr(node.func, "attr", getattr(node.func, "id", ""))
            shown = list(node.args) if name in SHOWN_BY else []
        for value in shown:
            found += [(node.lineno, text) for text in _words(value)]
    return found


def _words(value: ast.expr) -> list[str]:
    if isinstance(value, ast.Call) and getattr(value.func, "id", "") == "_":
        return []
    if isinstance(value, ast.Call):
        inner: list[ast.expr] = [value.func] if isinstance(value.func, ast.Attribute) else []
        return [text for each in inner for text in _words(each)]
    if isinstance(value, ast.Attribute):
        return _words(value.value)
    if isinstance(value, ast.IfExp):
        return [*_words(value.body), *_words(value.orelse)]
    if isinstance(value, ast.Constant) and isinstance(value.value, str):
        return [value.value] if re.search(r"[A-Za-z]{2}", value.value) else []
    if isinstance(value, ast.JoinedStr):
        return [text for part in value.values if isinstance(part, ast.Constant) for text in _words(part)]
    return []


@pytest.mark.parametrize("path", PANEL, ids=lambda path: path.name)
def test_every_shown_text_is_marked_for_translation(path: Path) -> None:
    assert _plain_texts(ast.parse(path.read_text(encoding="utf-8"))) == []


@pytest.mark.parametrize("path", PANEL, ids=lambda path: path.name)
def test_marked_texts_are_plain_literals(path: Path) -> None:
    """A text that is put together before `_()` could never be found in a dictionary."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "_":
            (argument,) = node.args
            assert isinstance(argument, ast.Constant), f"line {node.lineno}"


def test_the_check_itself_finds_what_is_not_marked() -> None:
    bad = (
        'a.text = "Some words"\nb.say(f"Some {x}")\nc.toolTip = "yes" if d else _("no")\ne.text = _("fine").format(f=g)'
    )
    assert {text for _, text in _plain_texts(ast.parse(bad))} == {"Some words", "Some ", "yes"}


def test_every_parameter_of_the_ui_file_exists_once(session: Any) -> None:
    wanted = [
        element.findtext("string", "")
        for element in ET.parse(UI).iter("property")
        if element.get("name") == "SlicerParameterName"
    ]
    known = set(session.panel.state.parameters.allParameters)
    assert len(wanted) == len(set(wanted)) and set(wanted) <= known
    # The others are shown by entries with texts of our own.
    own = {"model", "calibration", "preset", "knobs", "device"}
    assert known - set(wanted) == own | {"encoding", "noiseScale", "fixedEndStep"}, "the last are of version 0.1"


def test_what_can_be_clicked_or_set_says_what_it_does() -> None:
    """Everything without a text of its own has a tooltip, set in the file or by the panel."""
    silent = []
    for widget in ET.parse(UI).iter("widget"):
        properties = {entry.get("name") for entry in widget.findall("property")}
        kind, name = widget.get("class"), widget.get("name", "")
        if kind in ("QComboBox", "ctkSliderWidget", "QSpinBox", "QDoubleSpinBox", "QPushButton", "qMRMLNodeComboBox"):
            silent += [name] if "toolTip" not in properties and name != "detectButton" else []
    assert silent == []


def test_the_picture_of_the_panel_shows_the_present_layout() -> None:
    from panel_picture import LAYOUT_KEY, PANEL, layout_digest
    from PySide6.QtGui import QImage

    assert QImage(str(PANEL)).text(LAYOUT_KEY) == layout_digest(), "panel.png is out of date: make pictures"


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("use --device auto or --device cpu.", "use device auto or device cpu."),
        ("give --threshold quantile=Q with --ungated", "give threshold quantile=Q with ungated"),
        ("leave --decision-threshold out", "leave decision threshold out"),
        ("a--b, x-ray, -- and 1..400 stay", "a--b, x-ray, -- and 1..400 stay"),
    ],
)
def test_the_engines_options_are_shown_as_settings(said: str, shown: str) -> None:
    from anofpdm.app.engine_words import without_dashes

    assert without_dashes(said) == shown


def test_nothing_of_the_command_line_reaches_the_user(session: Any) -> None:
    """A sentence that the engine wrote for its command line, by both ways in which it can come."""
    from anofpdm.core.errors import SettingsError
    from AnoFPDMSegmentLib.panel.widgets import waiting

    session.panel._run.end("This machine has no usable 'cuda' device; use --device auto.", failed=True)
    assert session.ui.runStatusLabel.text == "This machine has no usable 'cuda' device; use device auto."
    session.dialogs.answer("give threshold value=V", "OK")
    with waiting():
        raise SettingsError("give --threshold value=V")
