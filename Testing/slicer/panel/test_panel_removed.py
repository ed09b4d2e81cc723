"""What the user takes out of the scene, in whichever module: it is gone, and the panel goes on with what is left."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from made_results import made_result, made_volume
from panel_session import slider_of
from qt_proxy import unwrap


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
    assert study.result is None and not study.ui.resultArea.visible


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
    study.drag(slider_of("guidance"), 4.0)


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
    study.drag(slider_of("guidance"), 4.0)
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


class TestInputs:
    """Selectors whose volume is removed, and scenes that are added"""

    @pytest.fixture
    def examined(self, session: Any) -> Any:
        """A volume with a result is selected; `head` is the volume."""
        session.head = made_result(session.context).inputNode
        session.panel._results.reload()
        session.pump()
        assert session.ui.inputVolume1.currentNode() is session.head
        return session

    def test_our_own_volumes_are_not_offered(self, examined: Any) -> None:
        assert unwrap(examined.ui.inputVolume1)._shown == [None, examined.head.GetID()]
        examined.reload()
        assert unwrap(examined.ui.inputVolume1)._shown == [None, examined.head.GetID()]

    @pytest.mark.parametrize("others", [0, 1, 2])
    def test_no_other_volume_takes_the_place_of_a_removed_one(self, examined: Any, others: int) -> None:
        for number in range(others):
            made_volume(examined.context, f"patient {number}")
        examined.pump()
        examined.context.scene.RemoveNode(examined.head)
        examined.pump()
        # The only one left is as obvious as the only one that is loaded.
        expected = examined.context.scene.GetFirstNodeByName("patient 0") if others == 1 else None
        assert examined.ui.inputVolume1.currentNode() is expected
        assert examined.panel.state.parameters.inputVolume1 is expected
        assert examined.ui.detectButton.enabled == (expected is not None)

    def test_removed_while_another_module_is_shown(self, examined: Any) -> None:
        for number in range(2):
            made_volume(examined.context, f"patient {number}")
        examined.leave()
        examined.context.scene.RemoveNode(examined.head)
        examined.pump()
        examined.enter()
        assert examined.ui.inputVolume1.currentNode() is None

    @pytest.mark.parametrize("selected", [True, False])
    def test_a_scene_is_added(self, session: Any, tmp_path: Path, selected: bool) -> None:
        """Its own selection counts; where it has none, that of before stays."""
        scene, bundle = session.context.scene, tmp_path / "saved.mrb"
        saved = made_volume(session.context, "saved")
        session.pump()
        if not selected:
            session.ui.inputVolume1.setCurrentNode(None)
            session.pump()
        assert (session.ui.inputVolume1.currentNode() is saved) == selected
        assert scene.WriteToMRB(str(bundle))
        scene.Clear(False)
        present = [made_volume(session.context, name) for name in ("first", "second")]
        session.pump()
        session.ui.inputVolume1.setCurrentNode(present[1])
        session.pump()
        assert scene.ReadFromMRB(str(bundle), False)
        session.pump()
        expected = scene.GetFirstNodeByName("saved") if selected else present[1]
        assert session.ui.inputVolume1.currentNode() is expected
        assert session.panel.state.parameters.inputVolume1 is expected

    @pytest.mark.parametrize("others", [0, 3])
    def test_a_scene_with_a_result_is_reopened(self, examined: Any, tmp_path: Path, others: int) -> None:
        """Volumes may have other IDs in it."""
        scene, bundle = examined.context.scene, tmp_path / "saved.mrb"
        assert scene.WriteToMRB(str(bundle))
        scene.Clear(False)
        for number in range(others):
            made_volume(examined.context, f"patient {number}")
        examined.pump()
        assert len(unwrap(examined.ui.inputVolume1)._shown) == others + 1
        assert scene.ReadFromMRB(str(bundle), False)
        examined.pump()
        assert examined.ui.inputVolume1.currentNode() is scene.GetFirstNodeByName("head")
        assert len(unwrap(examined.ui.inputVolume1)._shown) == others + 2

    def test_a_scene_is_added_while_another_module_is_shown(self, session: Any, tmp_path: Path) -> None:
        scene, bundle = session.context.scene, tmp_path / "saved.mrb"
        assert scene.WriteToMRB(str(bundle))
        present = [made_volume(session.context, name) for name in ("first", "second")]
        session.pump()
        session.ui.inputVolume1.setCurrentNode(present[1])
        session.pump()
        session.leave()
        assert scene.ReadFromMRB(str(bundle), False)
        session.pump()
        assert session.panel.state.parameters is None
        session.enter()
        assert session.ui.inputVolume1.currentNode() is present[1]


def _patient_nodes(session: Any) -> list[str]:
    """What may hold a patient's data: all but displays, colors, views and the like."""
    kinds = ("ScalarVolume", "Text", "Table", "Segmentation", "PlotChart", "PlotSeries", "ScriptedModule")
    nodes = [node for kind in kinds for node in session.context.nodes(f"vtkMRML{kind}Node")]
    return sorted(node.GetID() for node in nodes if node.GetSingletonTag() != "AnoFPDMSegment")
