"""Names of one method appear in its folder alone, and an option is written down where it is declared alone."""

from __future__ import annotations

import ast
import dataclasses
import tokenize
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import get_args

import pytest
from module_files import MODULE

from anofpdm.methods.knobs import Kind
from anofpdm.methods.registry import methods
from anofpdm.results.findings_record import SliceFinding

OF_ONE_METHOD = {
    "aam",
    "mean_rd",
    "mean_dd",
    "mirrored",
    "algorithm1",
    "divergence",
    "divergence_bank",
    "guidance_bank",
    "end_step",
}
SHARED = [
    path.relative_to(MODULE).as_posix()
    for path in sorted(MODULE.rglob("*.py"))
    if path.relative_to(MODULE).parts[:2] not in (("anofpdm", "methods"), ("anofpdm", "models"))
]
OF_DETECTION = [
    name
    for name in SHARED
    if not name.startswith(("anofpdm/core/", "anofpdm/store/"))
    and name not in ("anofpdm/cli/bench.py", "anofpdm/cli/models.py")
]
"""What may offer, pass on, show and tell the options of `detect`: all but the commands of one method, and the rooms
that know in which precisions networks are stored and compute."""


def names_in(path: Path) -> set[str]:
    with path.open("rb") as stream:
        return {token.string for token in tokenize.tokenize(stream.readline) if token.type == tokenize.NAME}


def test_no_name_of_one_method_in_a_shared_room() -> None:
    found = {name: names_in(MODULE / name) & OF_ONE_METHOD for name in SHARED}
    assert not {name: hits for name, hits in found.items() if hits}


def test_the_check_finds_such_names() -> None:
    assert names_in(MODULE / "anofpdm" / "methods" / "anofpdm" / "operating_point.py") & OF_ONE_METHOD


def restated(code: str) -> list[str]:
    """Of an option its name on the command line, its list of choices, its help, or what it is called in the panel."""
    knobs = [knob for method in methods().values() for knob in method.knobs]
    flags = {f"--{switch.option}" for knob in knobs for switch in knob.switches} | {knob.flag for knob in knobs}
    choices = [set(knob.choices) - {knob.usual} for knob in knobs if knob.choices]
    titles = {title for knob in knobs for title in (*knob.titles.values(), *(s.title for s in knob.switches)) if title}
    helps = {text for knob in knobs for text in (knob.help, *(switch.help for switch in knob.switches)) if text}
    found = []
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Constant) and node.value in flags | helps | (titles - {"As calibrated"}):
            found.append(str(node.value))
        if isinstance(node, ast.List | ast.Tuple | ast.Set):
            listed = {element.value for element in node.elts if isinstance(element, ast.Constant)}
            found += [f"list of {', '.join(sorted(each))}" for each in choices if each <= listed]
    return found


@pytest.mark.parametrize("code", ['add("--guidance")', 'E = ("model", "ddim", "ddpm")', '_("DDIM inversion")'])
def test_the_check_finds_what_is_restated(code: str) -> None:
    assert restated(code)


def test_no_option_is_restated_by_hand() -> None:
    found = {name: restated((MODULE / name).read_text(encoding="utf-8")) for name in OF_DETECTION}
    assert not {name: texts for name, texts in found.items() if texts}


PANEL = [name for name in OF_DETECTION if name.startswith(("AnoFPDMSegmentLib/panel/", "AnoFPDMSegmentLib/self_test/"))]
_OTHERS = set(get_args(Kind)) | {field.name for field in dataclasses.fields(SliceFinding)}
"""Ways to show an option and facts of a slice, some of which are called like an option."""


def named_by_hand(code: str) -> set[str]:
    """Methods and their options that code of the panel names: as a text, or as an attribute of settings."""
    known = {knob.name for method in methods().values() for knob in method.knobs} | set(methods())
    found: set[str] = set()
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            found.add(node.value)
        elif isinstance(node, ast.Attribute) and "settings" in ast.unparse(node.value):
            found.add(node.attr)
    return (found & known) - _OTHERS


def test_the_panel_names_no_method_and_no_option() -> None:
    """Rows come from the declarations: which there are, in sight or not, and of which kind."""
    found = {name: named_by_hand((MODULE / name).read_text(encoding="utf-8")) for name in PANEL}
    assert not {name: names for name, names in found.items() if names}


@pytest.mark.parametrize("code", ['offers.get("guidance")', "result.settings.ungated", 'find("ddib")'])
def test_the_check_finds_what_is_named_by_hand(code: str) -> None:
    assert named_by_hand(code)


def test_the_layout_names_no_option() -> None:
    layout = ET.parse(MODULE / "Resources" / "UI" / "AnoFPDMSegment.ui")
    names = {element.get("name", "") for element in layout.iter("widget")}
    known = {knob.name for method in methods().values() for knob in method.knobs}
    camel = {name.split("_")[0] + "".join(part.title() for part in name.split("_")[1:]) for name in known}
    assert not names & (known | camel)


def test_every_option_says_what_it_is() -> None:
    for method in methods().values():
        for knob in method.knobs:
            assert knob.help or all(switch.help for switch in knob.switches), knob.name
            assert knob.label and not knob.label.endswith(":"), knob.name
            fields = set(vars(method.settings_type())) if knob.live else {knob.name}
            assert knob.name in fields, knob.name
