"""What may be imported at file scope, and by whom; which room may import which is said in pyproject.toml."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from module_files import MODULE

LIB, APP = MODULE / "AnoFPDMSegmentLib", MODULE / "anofpdm" / "app"
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
