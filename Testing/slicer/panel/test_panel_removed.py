"""What the user takes out of the scene, in whichever module: it is gone, and the panel goes on with what is left."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from made_results import made_result


@pytest.fixture
def study(session: Any) -> Any:
    """A patient's study with a volume and its result, shown with its plot; `before` it there was less."""
    session.before = _patient_nodes(session)
    hierarchy = session.context.subjectHierarchy
    patient = hierarchy.CreateSubjectItem(hierarchy.GetSceneItemID(), "patient")
    session.study = hierarchy.CreateStudyItem(patient, "study")
    result = made_result(session.context)
    session.panel._results.reload()
    session.pump()
    session.open(session.ui.slicesGroup, session.ui.plotGroup)
    session.pump()
    assert result.node.GetNodeReference("divergenceChart") is not None
    for identity in set(_patient_nodes(session)) - set(session.before):
        node = session.context.scene.GetNodeByID(identity)
        if not node.GetHideFromEditors():
            hierarchy.CreateItem(session.study, node)
    return session


def _delete(session: Any) -> None:
    """In the subject hierarchy: Slicer takes out the shown nodes alone."""
    session.context.subjectHierarchy.RemoveItem(session.study, True, True)


@pytest.fixture(params=["shown", "left", "not yet opened"])
def deleting(request: pytest.FixtureRequest, study: Any) -> Callable[[], None]:
    """Deletes the study and lets the application go on."""

    def delete() -> None:
        if request.param == "left":
            study.leave()
        if request.param == "not yet opened":
            study.leave()
            study.widget.cleanup()
        _delete(study)
        study.pump()
        if request.param == "not yet opened":
            study.module.setup()
            study.enter()

    return delete


def test_nothing_of_a_deleted_study_stays(study: Any, deleting: Callable[[], None]) -> None:
    assert len(_patient_nodes(study)) >= len(study.before) + 14
    deleting()
    assert _patient_nodes(study) == study.before
    study.enter()
    assert study.result is None and not study.ui.resultSection.visible


def test_a_deleted_study_among_others(study: Any) -> None:
    other = made_result(study.context, name="other head")
    study.panel._results.reload()
    study.pump()
    study.ui.resultSelector.setCurrentIndex(1)
    study.pump()
    assert study.result.node is other.node
    _delete(study)
    study.pump()
    assert study.result.node is other.node and study.ui.resultSelector.count == 1
    study.drag(study.ui.resultGuidance, 4.0)


def test_the_view_moves_while_a_study_is_deleted(study: Any) -> None:
    """Word of the view comes before word of the removal."""
    study.context.nodes("vtkMRMLSliceNode")[0].Modified()
    _delete(study)
    study.panel.state.parameters.parameterNode.Modified()
    study.pump()
    assert study.result is None


@pytest.mark.parametrize(
    "role", ["findings", "slices", "healthyPrediction", "divergenceChart", "segmentation", "input"]
)
def test_a_part_of_a_result_is_removed(study: Any, role: str) -> None:
    """The rest stays live."""
    result = study.result
    study.context.scene.RemoveNode(result.node.GetNodeReference(role))
    study.pump()
    study.drag(study.ui.resultGuidance, 4.0)
    assert abs(result.settings.guidance - 4.0) < 0.2
    study.click_cell(study.ui.slicesTable, 3, 0)
    for name in ("showHealthyPrediction", "showHeatmap"):
        parameters = study.panel.state.parameters
        parameters.setValue(name, not parameters.getValue(name))
        study.pump()
    study.leave()
    study.enter()
    assert study.result is result
    result.remove()
    study.pump()
    head = study.context.scene.GetFirstNodeByName("head")
    assert set(_patient_nodes(study)) == {*study.before, *([head.GetID()] if head is not None else [])}


def _patient_nodes(session: Any) -> list[str]:
    """What may hold a patient's data: all but displays, colors, views and the like."""
    kinds = ("ScalarVolume", "Text", "Table", "Segmentation", "PlotChart", "PlotSeries", "ScriptedModule")
    nodes = [node for kind in kinds for node in session.context.nodes(f"vtkMRML{kind}Node")]
    return sorted(node.GetID() for node in nodes if node.GetSingletonTag() != "AnoFPDMSegment")
