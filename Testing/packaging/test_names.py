"""Names of one method appear in its folder alone, and an option is written down where it is declared alone."""

from __future__ import annotations

import ast
import tokenize
from pathlib import Path

import pytest
from module_files import MODULE

from anofpdm.methods.registry import methods

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
    if name.startswith(("AnoFPDMSegmentLib/", "anofpdm/app/", "anofpdm/results/"))
    or name in ("anofpdm/cli/detect.py", "anofpdm/cli/adjust.py", "anofpdm/cli/options.py")
]
"""What offers, passes on, shows and tells the options of `detect`."""


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


def test_every_option_says_what_it_is() -> None:
    for method in methods().values():
        for knob in method.knobs:
            assert knob.help or all(switch.help for switch in knob.switches), knob.name
            assert knob.label and not knob.label.endswith(":"), knob.name
            fields = set(vars(method.settings_type())) if knob.live else {knob.name}
            assert knob.name in fields, knob.name
