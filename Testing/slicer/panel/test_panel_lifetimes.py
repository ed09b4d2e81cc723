"""Entered, left, loaded again, the scene closed: the panel goes on, and leaves nothing behind."""

from __future__ import annotations

import collections
import gc
import os
import sys
from pathlib import Path
from typing import Any

import pytest
from made_results import made_result, made_volume
from panel_session import slider_of
from qt_failures import FAILURES
from qt_proxy import unwrap
from quick_worker import write_interpreter

OWN = ("AnoFPDMSegment", "AnoFPDMSegmentLib", "anofpdm", "slicer_parameter_nodes", "qt_", "types")
"""Live objects of these modules are counted; the proxies of Qt's classes count as `types`."""


@pytest.fixture
def shown(session: Any) -> Any:
    """A result is shown."""
    made_result(session.context)
    session.panel._results.reload()
    session.pump()
    assert session.result is not None
    return session


class TestReload:
    """The developer's button: Slicer sets the module up again and does not enter it"""

    def test_while_it_is_shown(self, shown: Any) -> None:
        before = _seen(shown)
        old = shown.widget
        shown.reload()
        assert shown.widget is not old and shown.widget.panel is not None
        assert _seen(shown) == before
        assert shown.result is not None and shown.ui.findingsTable.rowCount == 2
        shown.drag(slider_of("guidance"), 4.0)
        assert abs(shown.result.settings.guidance - 4.0) < 0.2
        shown.leave()
        shown.enter()
        assert shown.ui.findingsTable.rowCount == 2

    def test_while_another_module_is_shown(self, shown: Any) -> None:
        before = _seen(shown)
        shown.leave()
        shown.reload()
        assert shown.panel.state.parameters is None
        shown.enter()
        assert _seen(shown) == before

    def test_the_panel_is_there_once(self, shown: Any) -> None:
        shown.reload()
        shown.widget.setup()
        shown.pump()
        assert shown.module.layout().count() == 1
        buttons = [each for each in shown.module.findChildren(object) if each.objectName() == "detectButton"]
        assert buttons == [unwrap(shown.ui.detectButton)]

    def test_nothing_of_the_first_setup_listens(self, shown: Any) -> None:
        first = shown.panel
        heard: list[str] = []
        for name in ("onSceneStartClose", "onSceneEndClose", "onSceneEndImport", "_connect"):
            setattr(first, name, lambda name=name: heard.append(name))
        shown.widget.setup()
        assert shown.panel is not first
        shown.context.scene.Clear(False)
        shown.pump()
        assert heard == []


def test_a_setup_that_fails_is_reported_once(session: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    import slicer.util

    def fail(path: str) -> Any:
        raise RuntimeError("no such file")

    monkeypatch.setattr(slicer.util, "loadUI", fail)
    session.leave()
    session.reload()
    (failure,) = FAILURES.take()
    assert "no such file" in failure
    session.enter()
    session.context.scene.Clear(False)
    session.leave()
    session.widget.cleanup()
    assert FAILURES.take() == []


class TestParameters:
    """One typed access for a parameter node"""

    def test_is_used_again(self, session: Any) -> None:
        first = session.widget.logic.getParameterNode()
        session.leave()
        session.enter()
        assert session.panel.state.parameters is first is session.widget.logic.getParameterNode()
        session.context.scene.Clear(False)  # the node stays, as singletons do
        session.pump()
        assert session.panel.state.parameters is first
        session.leave()
        session.context.scene.Clear(True)
        session.enter()
        assert session.panel.state.parameters is not first
        assert session.panel.state.parameters.parameterNode.GetScene() is session.context.scene

    def test_a_write_is_not_more_work_after_many_enters(self, session: Any) -> None:
        before = _calls_of_a_write(session)
        for _ in range(9):
            session.leave()
            session.enter()
        assert _calls_of_a_write(session) == before

    def test_a_left_panel_does_not_follow_the_node(self, session: Any) -> None:
        parameters = session.panel.state.parameters
        session.leave()
        parameters.heatmapFrom = 3.0
        shown = session.ui.heatmapFrom.value
        assert shown != 3.0
        session.panel.ui.heatmapFrom.value = shown + 1.0
        assert parameters.heatmapFrom == 3.0

    def test_what_is_written_after_a_closed_scene_is_shown(self, session: Any) -> None:
        parameters = session.panel.state.parameters
        parameters.replaceResult = False
        session.context.scene.Clear(False)
        session.pump()
        assert parameters.replaceResult and session.ui.replaceResult.checked
        session.click(session.ui.replaceResult)
        assert not parameters.replaceResult


def test_after_cleanup_nobody_observes_the_node(session: Any) -> None:
    logic = session.widget.logic
    node = logic.getParameterNode().parameterNode
    session.leave()
    session.widget.cleanup()
    assert _calls(node.Modified) == 0


@pytest.mark.skipif(os.name == "nt", reason="the quick worker is started by a shell")
def test_enters_detections_and_closed_scenes_leave_nothing(
    session: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, detected: Path
) -> None:
    """And reloads with every third: after three more, observers, nodes and live objects are as many as before."""
    write_interpreter(tmp_path, detected)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    _rounds(session, 3)
    before = _counts(session)
    _rounds(session, 3)
    assert _counts(session) == before


@pytest.fixture
def detected(tmp_path: Path) -> Path:
    """The evidence of a made-up case."""
    from evidence_makers import axial_geometry, make_case
    from made_results import LARGE

    from anofpdm.results.case_storage import save_evidence

    path = tmp_path / "evidence.npz"
    save_evidence(path, make_case(axial_geometry(), (LARGE,)))
    return path


def _rounds(session: Any, count: int) -> None:
    for number in range(count):
        session.leave()
        session.enter()
        if number % 3 == 0:
            session.reload()
        made_volume(session.context)
        session.pump()
        session.detect()
        session.context.scene.Clear(False)
        session.pump()


def _counts(session: Any) -> dict[str, int]:
    """By what is counted."""
    gc.collect()
    gc.collect()
    live = collections.Counter(
        f"{type(each).__module__}.{type(each).__qualname__}"
        for each in gc.get_objects()
        if str(type(each).__module__).startswith(OWN) or type(each).__name__.startswith("vtk")
    )
    scene, parameters = session.context.scene, session.panel.state.parameters
    return {
        "nodes": scene.GetNumberOfNodes(),
        "observers of the scene": str(scene).count("vtkObserver ("),
        "calls at a modified scene": _calls(scene.Modified),
        "calls at a modified node": _calls(parameters.parameterNode.Modified),
        **live,
    }


def _calls_of_a_write(session: Any) -> int:
    parameters = session.panel.state.parameters
    value = parameters.heatmapOpacity
    count = _calls(lambda: setattr(parameters, "heatmapOpacity", 0.25 if value != 0.25 else 0.5))
    parameters.heatmapOpacity = value
    session.pump()
    return count


def _calls(action: Any) -> int:
    """How many functions of Python an action calls, besides itself."""
    count = 0

    def profile(frame: Any, event: str, argument: Any) -> None:
        nonlocal count
        count += event == "call"

    sys.setprofile(profile)
    try:
        action()
    finally:
        sys.setprofile(None)
    return count - (type(action).__name__ == "function")


def _seen(session: Any) -> dict[str, Any]:
    """What the user sees in the panel."""
    ui = session.ui
    return {
        "labels": [each.text for each in (ui.inputLabel1, ui.summaryLabel, ui.findingsTotalLabel)],
        "values": [each.value for each in (slider_of("guidance"), ui.heatmapOpacity, ui.heatmapFrom)],
        "visible": [each.visible for each in (ui.inputVolume1, ui.inputVolume2, ui.resultArea, ui.exportButton)],
        "findings": session.cells(ui.findingsTable),
        "slices": session.cells(ui.slicesTable),
    }
