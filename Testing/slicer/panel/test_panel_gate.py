"""What the gate says of the shown result, and what it withholds until it is lifted."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from bright_model import NAME, write_default_model
from evidence_makers import axial_geometry, make_case
from made_results import current_mask, paint
from own_slices import write_slab
from patients import LEFT, add_image
from qt_proxy import unwrap

from anofpdm.gate.model_reference import write_reference
from anofpdm.gate.opinion import GateCheck, GateOpinion
from anofpdm.gate.reference import GateReference, Span
from anofpdm.store.model_folder import open_model_folder

THICK = GateCheck("slices", "red", 3.0, "Its slices are much thicker than those that the model was calibrated on.")


NEVER = GateReference("nothing", 1, (), (), (Span("slices", "acquisition.slice_mm", 0, 1e-3, 1e-3, red=True),))


@pytest.fixture
def judged(session: Any) -> Any:
    """Shows a result that the gate calls green, amber or red; None: of a model without a reference."""

    def show(state: Any) -> Any:
        from anofpdm.results.detection import build_detection
        from AnoFPDMSegmentLib.mrml.result import Result

        check = dataclasses.replace(THICK, state=state)
        gate = None if state is None else GateOpinion(state, (check,))
        case = dataclasses.replace(make_case(axial_geometry(), (LEFT,)), gate=gate)
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
    # What is shown now is in sight, too, as after any detection.
    for node in session.context.nodes("vtkMRMLSliceNode"):
        matrix = node.GetSliceToRAS()
        peak = result.detection.components[0].peak_ras_mm
        assert [matrix.GetElement(row, 3) for row in range(3)] == pytest.approx(peak, abs=1e-3)
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


def test_a_model_without_a_reference_says_that_nothing_was_checked(session: Any, judged: Any) -> None:
    result, gate = judged(None), session.panel._gate
    assert gate.line.visible and "It was not checked whether the model knows such images" in gate.line.text
    assert marked(result) and not gate.showAnyway.visible


def test_what_was_drawn_while_findings_are_withheld_is_asked_for(session: Any, judged: Any) -> None:
    """The user outlines a lesion by hand in the empty segmentation, and only then wants to see the findings."""
    result = judged("red")
    paint(result, np.s_[5:9, 5:9, 5:9])
    drawn = result.segmentationNode
    session.dialogs.answer("edited by hand", "Keep the edited one")
    session.click(session.panel._gate.showAnyway)
    assert result.segmentationNode is drawn and current_mask(result)[6, 6, 6]
    assert marked(result) and result.detection.components
    session.dialogs.answer("edited by hand", "Another segmentation")
    session.panel._settings.question.forget()
    session.click(session.ui.rejectAllButton)
    assert result.segmentationNode is not drawn and session.context.scene.IsNodePresent(drawn)


def test_no_outline_leaves_the_panel_while_findings_are_withheld(session: Any, judged: Any, tmp_path: Path) -> None:
    judged("red")
    session.dialogs.answer("withheld", "OK")
    session.click(session.ui.dicomButton)
    session.open(session.ui.exportGroup)
    for name in ("exportSegmentation", "exportHeatmap"):
        getattr(session.ui, name).checked = True
    session.dialogs.answer("withheld", "OK")
    session.panel._export.write(tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.fixture
def strict_default(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The default model knows no image at all."""
    place = tmp_path / "models"
    write_default_model(place)
    write_reference(open_model_folder(place / NAME), NEVER)
    monkeypatch.setenv("ANOFPDM_MODELS", str(place))


def test_a_run_that_ends_red(strict_default: None, session: Any, tmp_path: Path) -> None:
    """Through the worker's own process, which ends with a status of its own."""
    session.load(write_slab(tmp_path / "slab.nii.gz"))
    result, gate = session.detect(), session.panel._gate
    assert session.ui.runStatusLabel.text == "Done." and result.case.withheld
    assert unwrap(session.ui.findingsTable).horizontalHeaderItem(4).text() == "Confidence"
    assert not marked(result) and not current_mask(result).any() and gate.line.visible and "mm thick" in gate.line.text
    assert result.heatmapNode.GetName() == "slab anomaly heatmap, gate red, withheld"
    session.click(gate.showAnyway)
    assert marked(result) and current_mask(result).any() and result.detection.components
