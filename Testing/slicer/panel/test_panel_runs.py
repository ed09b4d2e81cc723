"""Runs that do not come to their end: the scene stays as it was, and no process is left."""

from __future__ import annotations

import os
import signal
import tempfile
from pathlib import Path
from typing import Any

import pytest
from own_slices import write_slab
from panel_session import slider_of
from scene_makers import SAMPLE


@pytest.fixture
def running(session: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A run that has begun to detect, and the nodes there were before it."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    session.load(SAMPLE)
    session.before = _nodes(session)
    session.click(session.ui.detectButton)
    session.wait(lambda: " of 28 slices" in session.ui.runStatusLabel.text, "the first slices are under way")
    session.worker = _worker_process(session)
    assert _alive(session.worker.pid) and len(_folders()) == 1
    return session


def test_cancelled_midway(running: Any) -> None:
    ui = running.ui
    running.click(ui.detectButton)
    assert ui.detectButton.text == "Cancelling..." and not ui.detectButton.enabled
    running.wait_for_end()
    assert ui.runStatusLabel.text == "Cancelled; the scene is as it was."
    _check_nothing_is_left(running)
    assert ui.detectButton.enabled and ui.detectButton.text == "Detect anomalies"


@pytest.mark.skipif(os.name == "nt", reason="signals are POSIX's")
def test_killed_worker(running: Any) -> None:
    ui = running.ui
    os.kill(running.worker.pid, signal.SIGKILL)
    # The installation is suspected; it turns out to be sound.
    running.wait_for_end()
    assert ui.runStatusLabel.text.startswith("The computation ended unexpectedly (ended by signal 9)")
    assert not ui.logGroup.collapsed and "anofpdm detect" in ui.logText.plainText
    _check_nothing_is_left(running)
    running.click(ui.copyLogButton)
    import qt

    assert qt.QApplication.clipboard().text() == ui.logText.plainText


def test_scene_closed_during_a_run(running: Any) -> None:
    running.context.scene.Clear(False)
    running.pump()
    assert not running.panel.state.busy and running.result is None
    assert not _alive(running.worker.pid)
    assert not _folders()
    assert not running.ui.detectButton.enabled
    assert running.ui.detectButton.toolTip == "FLAIR: select a volume."
    assert not running.ui.progressBar.visible
    assert running.ui.runStatusLabel.text == "The scene was closed, so the run was ended."


def test_the_user_works_elsewhere_meanwhile(running: Any) -> None:
    """The run goes on while another module is shown; its result is there when the user comes back."""
    running.leave()
    running.wait_for_end()
    assert running.result is not None
    running.enter()
    assert running.ui.resultArea.visible and running.ui.findingsTable.rowCount == 1
    running.drag(slider_of("guidance"), 4.0)
    assert abs(running.result.settings.guidance - 4.0) < 0.1


def test_a_second_run_replaces_or_adds(more_models: Path, replayed_slab: None, session: Any, tmp_path: Path) -> None:
    session.panel._model.reload("one")
    ui = session.ui
    session.load(write_slab(tmp_path / "slab.nii.gz"))
    first = session.detect()
    names = _results(session)
    second = session.detect()
    assert second is not first and ui.resultSelector.count == 1
    assert _results(session) == names
    session.click(ui.replaceResult)
    third = session.detect()
    assert third is not second and ui.resultSelector.count == 2
    assert third.heatmapNode.GetName() != second.heatmapNode.GetName()
    assert second.heatmapNode.GetScene() is session.context.scene


def test_module_ended_during_a_run(running: Any) -> None:
    running.widget.cleanup()
    running.pump()
    assert not _alive(running.worker.pid)
    assert not _folders()


def test_volume_removed_during_a_run(running: Any) -> None:
    running.context.scene.RemoveNode(running.context.scene.GetFirstNodeByName("phantom_lesion"))
    running.dialogs.answer("removed from the scene", "Ok")
    running.wait_for_end()
    assert running.result is None
    assert not any("anomaly" in name for name in _nodes(running))


def _worker_process(session: Any) -> Any:
    return session.panel._detect._run._process._process


def _folders() -> list[Path]:
    """What runs leave behind: their folder of inputs and results."""
    return list(Path(tempfile.gettempdir()).glob("AnoFPDM-*"))


def _check_nothing_is_left(session: Any) -> None:
    assert not _alive(session.worker.pid)
    assert _nodes(session) == session.before
    assert session.result is None
    assert not _folders()


def _nodes(session: Any) -> list[str]:
    scene = session.context.scene
    return sorted(scene.GetNthNode(index).GetName() or "" for index in range(scene.GetNumberOfNodes()))


def _results(session: Any) -> list[str]:
    """Names of the nodes that the user sees."""
    scene = session.context.scene
    nodes = [scene.GetNthNode(index) for index in range(scene.GetNumberOfNodes())]
    return sorted(
        node.GetName() for node in nodes if "anomaly" in (node.GetName() or "") and not node.GetHideFromEditors()
    )


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
