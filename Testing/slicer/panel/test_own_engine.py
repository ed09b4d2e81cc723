"""An older engine in Slicer's Python is told, in a sentence that says what to do."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest


def test_the_extensions_own_engine_is_fine() -> None:
    from AnoFPDMSegmentLib.own_engine import foreignEngine, requireOwnEngine

    assert foreignEngine() == ""
    requireOwnEngine()


def test_an_older_engine_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from AnoFPDMSegmentLib.own_engine import requireOwnEngine

    (tmp_path / "anofpdm").mkdir()
    (tmp_path / "anofpdm" / "__init__.py").write_text('__version__ = "0.1.0"\n')
    hidden = [name for name in sys.modules if name == "anofpdm" or name.startswith("anofpdm.")]
    for name in hidden:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(RuntimeError, match="remove that folder, then restart") as told:
        requireOwnEngine()
    assert str(tmp_path / "anofpdm") in str(told.value)
    for name in [name for name in sys.modules if name == "anofpdm" or name.startswith("anofpdm.")]:
        del sys.modules[name]
