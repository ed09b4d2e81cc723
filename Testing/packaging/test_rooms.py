"""What may be imported at file scope, and by whom; which room may import which is said in pyproject.toml."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from module_files import MODULE, REPOSITORY

ENGINE = MODULE / "anofpdm"
LIB, APP = MODULE / "AnoFPDMSegmentLib", ENGINE / "app"
SLICER, QT = {"slicer", "vtk", "SampleData", "PyTorchUtils", "DICOMLib"}, {"qt", "ctk"}
WHEN_NEEDED = {"slicer_installer.py"}
"""Files of a plain room that import Slicer, inside functions and inside Slicer only."""


def imports(file: Path) -> Iterator[tuple[str, str, bool]]:
    """(imported module, with dots for what is relative; its first name; whether at file scope)."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    at_scope = {id(node) for node in tree.body}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, alias.name.partition(".")[0], id(node) in at_scope
        elif isinstance(node, ast.ImportFrom):
            names = [node.module] if node.module else [alias.name for alias in node.names]
            for name in names:
                yield "." * node.level + name, name.partition(".")[0], id(node) in at_scope


def files(*folders: Path) -> list[Path]:
    found = [file for folder in folders for file in sorted(folder.rglob("*.py"))]
    assert found
    return found


def name_of(file: Path) -> str:
    return file.relative_to(MODULE).as_posix()


@pytest.mark.parametrize("file", files(APP, LIB / "install"), ids=name_of)
def test_plain_rooms_import_nothing_at_file_scope_that_slicer_may_lack(file: Path) -> None:
    for module, root, at_scope in imports(file):
        if module.startswith(".") or root in sys.stdlib_module_names:
            continue
        allowed = (root == "numpy" and file.parent != APP / "worker") or (root == "anofpdm" and LIB in file.parents)
        assert allowed or not at_scope, f"{module} at file scope"
        assert root not in (SLICER | QT) or file.name in WHEN_NEEDED, module


@pytest.mark.parametrize("file", files(LIB, APP), ids=name_of)
def test_qt_is_for_the_panel_and_torch_for_the_worker(file: Path) -> None:
    for module, root, _ in imports(file):
        if module.startswith("."):
            continue
        if file.parent.name not in ("panel", "self_test"):
            assert root not in QT, module
        if file.name != "torch_probe.py":
            assert root not in ("torch", "safetensors"), module


def test_files_are_of_one_responsibility() -> None:
    """Which shows in their length."""
    long = [
        f"{name_of(file)}: {count}"
        for file in files(LIB, APP)
        if (count := len(file.read_text(encoding="utf-8").splitlines())) > 400
    ]
    assert not long
    assert len((MODULE / "AnoFPDMSegment.py").read_text(encoding="utf-8").splitlines()) <= 160


def inside(folder: Path) -> set[str]:
    """The modules and packages of a folder of the engine, by their names in contracts."""
    names = {file.stem for file in folder.glob("*.py")} | {file.parent.name for file in folder.glob("*/__init__.py")}
    return {".".join((*folder.relative_to(MODULE).parts, name)) for name in names if not name.startswith("__")}


def test_every_room_and_every_shared_module_stands_under_the_contracts() -> None:
    tomllib = pytest.importorskip("tomllib", reason="needs Python 3.11")
    linter = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]
    guarded = {each["name"]: set(each.get("source_modules", ())) for each in linter["contracts"]}
    rooms = {name for name in inside(ENGINE) if (ENGINE / name.partition(".")[2]).is_dir()}
    assert guarded["Nothing imports the command line"] == {*rooms, "AnoFPDMSegmentLib"} - {"anofpdm.cli"}
    of_a_method = {f"anofpdm.methods.{file.parent.name}" for file in ENGINE.glob("methods/*/__init__.py")}
    shared = (rooms | inside(ENGINE / "cli") | inside(ENGINE / "methods")) - of_a_method
    free = guarded["The floors know nothing of what is built on them"]
    free |= guarded["What serves every method knows methods by their contract alone"]
    # Commands of one method, and rooms that are named by their modules.
    assert shared - free == {"anofpdm.cli", "anofpdm.cli.bench", "anofpdm.cli.models", "anofpdm.methods"}


def test_the_readme_shows_the_rooms_there_are() -> None:
    text = (REPOSITORY / "README.md").read_text(encoding="utf-8")
    engine, module = re.findall(r"^AnoFPDMSegment/(?:anofpdm|AnoFPDMSegmentLib)/ .*\n((?:  .*\n)+)", text, re.MULTILINE)
    for folder, block in ((ENGINE, engine), (LIB, module)):
        rooms = {place.name for place in folder.iterdir() if place.is_dir() and place.name != "__pycache__"}
        assert rooms == set(re.findall(r"(?:^| )  ?(\w+)/ ", block, re.MULTILINE))
