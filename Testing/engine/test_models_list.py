"""`models list` and `models info`: whether a model is calibrated, by its own kind, and whether it has a gate."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from command_line import CommandLine
from tiny_model import write_tiny_model

from anofpdm.gate.model_reference import write_reference
from anofpdm.gate.reference import GateReference


def test_all_bundled_models_are_calibrated_and_some_have_a_gate(command: CommandLine) -> None:
    text = command("models", "list").out
    states = dict(re.findall(r"^([\w-]+): .* \(([^()]*)\)$", text, re.MULTILINE))
    assert len(states) >= 11 and all(state.startswith("calibrated, ") for state in states.values()), states
    assert {name for name, state in states.items() if state.endswith("with a gate")} == {"brain-fused", "student"}


def test_a_gate_alone_is_no_calibration(command: CommandLine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANOFPDM_MODELS", str(tmp_path))
    folder = write_tiny_model(tmp_path / "tiny", calibrated=False)
    assert "(not calibrated, without a gate)" in command("models", "list").out
    assert "it is not checked whether it knows an image" in command("models", "info", "tiny").out
    write_reference(folder, GateReference("68 drawn heads", 68, (), (), ()))
    assert "(not calibrated, with a gate)" in command("models", "list").out
    assert "  gate        68 drawn heads\n" in command("models", "info", "tiny").out
