"""What the gate says of the shown result, and what it withholds until it is lifted."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from evidence_makers import axial_geometry, make_case
from patients import LEFT, add_image

from anofpdm.gate.opinion import GateCheck, GateOpinion

THICK = GateCheck("slices", "red", 3.0, "Its slices are much thicker than those that the model was calibrated on.")


@pytest.fixture
def judged(session: Any) -> Any:
    """Shows a result that the gate calls green, amber or red."""

    def show(state: Any) -> Any:
        from anofpdm.results.detection import build_detection
        from AnoFPDMSegmentLib.mrml.result import Result

        check = dataclasses.replace(THICK, state=state)
        case = dataclasses.replace(make_case(axial_geometry(), (LEFT,)), gate=GateOpinion(state, (check,)))
        Result.create(session.context, add_image(session.context, "head", 90), build_detection(case))
        session.panel._results.reload()
        session.pump()
        return session.result

    return show


def marked(result: Any) -> int:
    import slicer.util

    return int(np.count_nonzero(slicer.util.arrayFromVolume(result.heatmapNode)))


def test_a_red_result_shows_nothing_until_the_user_asks(session: Any, judged: Any, tmp_path: Path) -> None:
    result, gate = judged("red"), session.panel._gate
    assert not marked(result) and not result.detection.components and "Withheld" in session.ui.summaryLabel.text
    assert gate.line.visible and "thicker" in gate.line.text and gate.showAnyway.visible
    # Withheld is not the same as nothing found.
    assert session.ui.findingsTotalLabel.text == "Findings are withheld."
    session.click(gate.showAnyway)
    assert marked(result) and result.detection.components and "Withheld" not in session.ui.summaryLabel.text
    assert gate.line.visible and not gate.showAnyway.visible
    assert session.ui.findingsTotalLabel.text.startswith("1 finding,")
    shown = marked(result)
    result.update(result.settings)
    assert marked(result) == shown
    path = tmp_path / "scene.mrb"
    scene = session.context.scene
    assert scene.WriteToMRB(str(path))
    scene.Clear(False)
    session.pump()
    assert not gate.showAnyway.visible
    assert scene.ReadFromMRB(str(path))
    session.pump()
    assert marked(session.result) == shown and session.result.detection.components
    assert "thicker" in gate.line.text and not gate.showAnyway.visible


@pytest.mark.parametrize(("state", "told"), [("green", False), ("amber", True)])
def test_other_states_withhold_nothing(session: Any, judged: Any, state: str, told: bool) -> None:
    result, gate = judged(state), session.panel._gate
    assert marked(result) and result.detection.components and not gate.showAnyway.visible
    assert gate.line.visible is told and ("thicker" in gate.line.text) is told
