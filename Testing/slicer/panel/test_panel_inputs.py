"""Inputs: selectors that follow the model, filled by name, and what is wrong with them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import vtk
from scene_makers import SAMPLE, add_grid_transform, add_transform, add_volume
from worker_here import carry_out_here

from AnoFPDMSegmentLib.mrml.voxels import voxelsOf

UNTRAINED = "Untrained test model"


@pytest.fixture
def two(more_models: Any, session: Any) -> Any:
    """The model of FLAIR and T2 is chosen."""
    session.panel.state.parameters.model = "two"
    session.panel._model.reload()
    session.pump()
    assert session.panel.state.model.name == "two"
    return session


def volume(session: Any, name: str, seed: int = 0) -> Any:
    values = np.random.default_rng(seed).integers(0, 300, (6, 20, 20)).astype(np.int16)
    node = add_volume(session.context, values, np.diag([8.0, 8.0, 6.0, 1.0]), name)
    session.pump()
    return node


def test_one_selector_for_each_modality(two: Any) -> None:
    ui = two.ui
    assert [ui.inputLabel1.text, ui.inputLabel2.text] == ["FLAIR:", "T2:"]
    shown = [selector.visible for selector in (ui.inputVolume1, ui.inputVolume2, ui.inputVolume3, ui.inputVolume4)]
    assert shown == [True, True, False, False]
    assert ui.inputsStatusLabel.text == "FLAIR: select a volume.\nT2: select a volume."
    assert ui.detectButton.toolTip == ui.inputsStatusLabel.text


def test_filled_by_name(two: Any) -> None:
    flair, t2 = volume(two, "patient FLAIR"), volume(two, "patient_T2w", 1)
    volume(two, "patient T1")
    two.wait(lambda: two.ui.detectButton.enabled, "both are found")
    assert two.ui.inputVolume1.currentNode() is flair
    assert two.ui.inputVolume2.currentNode() is t2
    assert not two.ui.inputsStatusLabel.visible


def test_a_choice_of_the_user_stays(two: Any) -> None:
    other = volume(two, "chosen by hand")
    two.ui.inputVolume1.setCurrentNode(other)
    volume(two, "patient FLAIR")
    two.pump()
    assert two.ui.inputVolume1.currentNode() is other


def test_the_same_volume_twice(two: Any) -> None:
    node = volume(two, "patient FLAIR")
    two.ui.inputVolume1.setCurrentNode(node)
    two.ui.inputVolume2.setCurrentNode(node)
    two.pump()
    assert two.ui.inputsStatusLabel.text == "T2: the same volume is selected for FLAIR; select another."
    assert not two.ui.detectButton.enabled


def test_volumes_that_cannot_be_examined(session: Any) -> None:
    ui, context = session.ui, session.context
    flat = add_volume(context, np.zeros((6, 20, 20), np.int16), name="flat")
    empty = context.addNode("vtkMRMLScalarVolumeNode", "empty")
    broken = add_volume(context, np.full((6, 20, 20), np.nan, np.float32), name="broken")
    slab = add_volume(context, np.arange(400, dtype=np.int16).reshape(1, 20, 20), name="slab")
    warped = volume(session, "warped")
    warped.SetAndObserveTransformNodeID(context.addNode("vtkMRMLBSplineTransformNode", "warp").GetID())
    sheared = volume(session, "sheared")
    add_transform(context, np.array([[1, 0.5, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1.0]]), sheared)
    said = {
        flat: "the same value everywhere",
        empty: "is empty",
        broken: "not finite",
        slab: "single slice",
        warped: "not linear",
        sheared: "sheared",
    }
    for node, words in said.items():
        ui.inputVolume1.setCurrentNode(node)
        session.pump()
        assert ui.inputsStatusLabel.visible and words in ui.inputsStatusLabel.text, node.GetName()
        assert not ui.detectButton.enabled and words in ui.detectButton.toolTip
    ui.inputVolume1.setCurrentNode(volume(session, "usable"))
    session.pump()
    assert ui.detectButton.enabled and not ui.inputsStatusLabel.visible


def test_vectors_and_label_maps_are_not_offered(session: Any) -> None:
    for kind in ("vtkMRMLVectorVolumeNode", "vtkMRMLLabelMapVolumeNode", "vtkMRMLDiffusionTensorVolumeNode"):
        session.context.addNode(kind, kind)
    assert session.ui.inputVolume1._qt._shown == [None]


def test_a_lone_volume_of_another_kind_is_not_selected(session: Any) -> None:
    t1 = volume(session, "5: Ax T1 SE")
    assert session.ui.inputVolume1.currentNode() is None and not session.ui.detectButton.enabled
    flair = volume(session, "6: t2_tirm_tra_dark-fluid")
    assert session.ui.inputVolume1.currentNode() is flair and session.ui.detectButton.enabled
    session.ui.inputVolume1.setCurrentNode(t1)
    session.pump()
    assert session.ui.detectButton.enabled


def test_what_is_wrong_is_said_anew_when_voxels_or_transform_change(session: Any) -> None:
    """By a script or another module, without a click in the panel."""
    node, ui = volume(session, "usable"), session.ui
    assert ui.detectButton.enabled
    grid = add_grid_transform(session.context, node)
    session.pump()
    assert "a slice may be missing" in ui.inputsStatusLabel.text and not ui.detectButton.enabled
    node.SetAndObserveTransformNodeID(None)
    session.pump()
    assert ui.detectButton.enabled and not ui.inputsStatusLabel.visible
    over = add_transform(session.context, np.eye(4), node)
    session.pump()
    assert ui.detectButton.enabled
    over.SetAndObserveTransformNodeID(grid.GetID())
    session.pump()
    assert not ui.detectButton.enabled
    over.SetAndObserveTransformNodeID(None)
    sheared = vtk.vtkMatrix4x4()
    sheared.SetElement(0, 1, 0.5)
    over.SetMatrixTransformToParent(sheared)
    session.pump()
    assert "sheared" in ui.inputsStatusLabel.text
    over.SetMatrixTransformToParent(vtk.vtkMatrix4x4())
    voxels = voxelsOf(node.GetImageData())
    kept = voxels.copy()
    voxels[...] = 7
    node.GetImageData().Modified()
    session.pump()
    assert "the same value everywhere" in ui.inputsStatusLabel.text
    voxels[...] = kept
    node.GetImageData().Modified()
    session.pump()
    assert ui.detectButton.enabled


def test_a_hidden_panel_watches_nothing(session: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    node = volume(session, "usable")
    inputs, asked = session.panel._inputs, []
    monkeypatch.setattr(inputs._changed, "ask", lambda: asked.append(1))
    for _ in range(5):
        session.widget.exit()
        asked.clear()
        node.InvokeEvent(node.TransformModifiedEvent)
        assert asked == []
        session.widget.enter()
        session.pump()
        asked.clear()
        node.InvokeEvent(node.TransformModifiedEvent)
        assert asked == [1]


def test_a_volume_that_went_bad_since_is_refused(session: Any) -> None:
    """Nothing told the panel: it is checked again before the run."""
    node = volume(session, "usable")
    session.wait(lambda: session.ui.detectButton.enabled, "it is selected")
    voxelsOf(node.GetImageData())[...] = 7
    session.dialogs.answer("the same value everywhere", "Ok")
    session.click(session.ui.detectButton)
    assert not session.panel.state.busy and session.result is None
    assert session.ui.detectButton.text == "Detect anomalies"


def test_a_network_that_fails_says_why(two: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Volumes without a head: the worker's own sentence is shown, with the log."""
    carry_out_here(monkeypatch, tmp_path)
    volume(two, "patient FLAIR"), volume(two, "patient T2", 1)
    two.wait(lambda: two.ui.detectButton.enabled, "both are found")
    two.click(two.ui.detectButton)
    two.wait_for_end()
    assert two.result is None
    assert "head" in two.ui.runStatusLabel.text
    assert not two.ui.logGroup.collapsed


def test_sample_in_the_scene_under_any_name(session: Any) -> None:
    node = session.load(SAMPLE, "anything")
    assert session.ui.inputVolume1.currentNode() is node
