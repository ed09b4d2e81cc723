"""Settings of the next run: what the panel shows of the calibration, and what it hands to the worker."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from own_slices import write_manifest, write_slab
from panel_session import knob_row
from scene_makers import SAMPLE
from worker_here import carry_out_here


def planned(session: Any) -> Any:
    """The next run."""
    session.pump()
    return session.panel._detection.planned()


def test_as_calibrated_nothing_is_handed_over(session: Any) -> None:
    ui, plan = session.ui, planned(session)
    assert plan.note == "" and not ui.detectionNoteLabel.visible
    options = plan.options
    assert (
        options.chosen.get("guidance") is None
        and options.chosen.get("scaling") is None
        and options.chosen.get("threshold") is None
    )
    assert options.preset == "balanced" and options.device == "auto" and not options.chosen.get("ungated")
    assert (
        options.chosen.get("encoding") is None
        and options.chosen.get("end_step") is None
        and options.calibration is None
    )
    assert ui.presetSelector.currentText == "Balanced"
    assert ui.presetSelector.toolTip.startswith("12 steps over noise levels 1 to 200. ")


def test_presets_say_how_long_they_take_once_that_was_measured(session: Any) -> None:
    """Each of its own pace, in the selected volume; in words, not in steps and noise levels."""
    ui, model = session.ui, session.panel.state.model
    session.load(SAMPLE)
    assert [ui.presetSelector.itemText(row) for row in range(ui.presetSelector.count)] == ["Balanced", "Fast"]
    assert "known after a first run" in ui.presetSelector.toolTip
    plan = planned(session)
    session.panel._detection.remember(plan, seconds=14.0, slices=7)
    assert [ui.presetSelector.itemText(row) for row in (0, 1)] == ["Balanced (about 56 s)", "Fast"], "28 slices"
    assert "473 slices (61 unhealthy) of 24 subjects" in ui.presetSelector.toolTip
    session.panel.state.parameters.device = "cpu"
    session.pump()
    assert ui.presetSelector.currentText == "Balanced", "measured on another device"
    assert model.presets[0].title == "Balanced"


def test_what_is_not_calibrated_says_so_and_still_runs(session: Any) -> None:
    """A fixed end step or another encoding: no calibration holds, so guidance and threshold are given."""
    ui = session.ui
    session.open(ui.runGroup)
    rows = session.panel._detection.rows
    noise_scale, encoding = rows["end_step"], rows["encoding"].widget
    assert not noise_scale.box.visible
    session.choose(noise_scale.selector, "Own number")
    session.pump()
    assert noise_scale.box.visible and noise_scale.box.maximum == 12
    noise_scale.box.value = 5
    plan = planned(session)
    assert plan.options.chosen.get("end_step") == 5 and not plan.calibrated
    assert (
        plan.options.chosen.get("guidance") == 30.0
        and plan.options.chosen.get("threshold") == "quantile=0.98"
        and plan.options.chosen.get("ungated")
    )
    assert "fixed end step 5" in plan.note and "no calibration" in plan.note
    assert ui.detectionNoteLabel.visible and ui.detectionNoteLabel.text == plan.note
    session.choose(noise_scale.selector, "Dynamic")
    session.choose(encoding, "Fresh noise")
    plan = planned(session)
    assert plan.options.chosen["encoding"] == "ddpm" and plan.options.chosen["end_step"] is None
    assert "DDPM" in plan.note
    session.choose(noise_scale.selector, "As calibrated")
    session.choose(encoding, "As calibrated")
    session.choose(ui.deviceSelector, "CPU")
    plan = planned(session)
    assert plan.calibrated and plan.options.device == "cpu" and plan.note == ""


def test_a_run_that_is_not_calibrated(session: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    carry_out_here(monkeypatch, tmp_path)
    ui = session.ui
    session.load(write_slab(tmp_path / "slab.nii.gz"))
    session.open(ui.runGroup)
    noise_scale = session.panel._detection.rows["end_step"]
    session.choose(noise_scale.selector, "Own number")
    noise_scale.box.value = 4
    session.pump()
    result = session.detect()
    assert result.case.evidence.point.end_step == 4
    assert knob_row("threshold").more.itemText(0).startswith("Manual")
    assert knob_row("threshold").more.currentText == "Manual: quantile of the map"
    assert {row[2] for row in session.cells(ui.slicesTable)} <= {"no decision"} | {
        f"not examined: {reason}" for reason in result.case.not_examined_reason
    }


def test_parameters_come_back_with_the_scene(session: Any, tmp_path: Path) -> None:
    ui, scene = session.ui, session.context.scene
    session.open(ui.runGroup)
    session.choose(ui.deviceSelector, "CPU")
    session.choose(session.panel._detection.rows["encoding"].widget, "Fresh noise")
    assert scene.WriteToMRB(str(tmp_path / "case.mrb"))
    scene.Clear(False)
    session.pump()
    assert ui.deviceSelector.currentText == "Automatic"
    assert planned(session).options.chosen == {}
    assert scene.ReadFromMRB(str(tmp_path / "case.mrb"), False)
    session.pump()
    assert ui.deviceSelector.currentText == "Processor (CPU)"
    assert planned(session).options.chosen["encoding"] == "ddpm"


def test_options_that_a_scene_of_version_0_1_remembers(session: Any, tmp_path: Path) -> None:
    """There encoding and noise scale were parameters of their own."""
    scene, ui = session.context.scene, session.ui
    node = scene.GetSingletonNode("AnoFPDMSegment", "vtkMRMLScriptedModuleNode")
    node.SetParameter("knobs", "")
    for name, value in {"encoding": "ddpm", "noiseScale": "fixed", "fixedEndStep": "5", "device": "cpu"}.items():
        node.SetParameter(name, value)
    node.UnsetParameter("knobs")
    assert scene.WriteToMRB(str(tmp_path / "case.mrb"))
    scene.Clear(False)
    session.pump()
    assert planned(session).options.chosen == {}
    assert scene.ReadFromMRB(str(tmp_path / "case.mrb"), False)
    session.pump()
    rows = session.panel._detection.rows
    chosen = planned(session).options.chosen
    assert (chosen["encoding"], chosen["end_step"]) == ("ddpm", 5) and planned(session).options.device == "cpu"
    assert rows["encoding"].widget.currentText == "Fresh noise (DDPM)" and rows["end_step"].box.value == 5
    session.open(ui.runGroup)
    session.choose(rows["encoding"].widget, "As calibrated")
    session.leave()
    session.enter()
    assert "encoding" not in planned(session).options.chosen, "taken over once"


def test_what_cannot_be_is_said_before_the_run(session: Any, tmp_path: Path) -> None:
    ui = session.ui
    session.load(write_slab(tmp_path / "slab.nii.gz"))
    session.open(ui.runGroup)
    field = session.panel._detection.rows["range"].widget
    for typed, problem in (("many", "takes two noise levels"), ("5..2", "do not fit together")):
        field.text = typed
        field._qt.editingFinished.emit()
        session.pump()
        assert (
            not ui.detectButton.enabled and problem in ui.detectButton.toolTip and "--" not in ui.detectButton.toolTip
        )
    field.text = ""
    field._qt.editingFinished.emit()
    session.pump()
    assert ui.detectButton.enabled and planned(session).options.chosen == {}


@pytest.fixture
def bank_model(model_place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A clamped model, calibrated for the guidance strengths 0, 2 and 8 alone."""
    import dataclasses

    from tiny_model import POINT, tiny_config, write_tiny_model

    point = dataclasses.replace(POINT, clamp=True, guidance_bank=(0.0, 2.0, 8.0))
    write_tiny_model(tmp_path / "place" / "bank", dataclasses.replace(tiny_config("bank"), operating_point=point))
    monkeypatch.setenv("ANOFPDM_MODELS", str(tmp_path / "place"))


def test_a_run_that_is_not_calibrated_begins_at_a_strength_of_the_bank(bank_model: None, session: Any) -> None:
    session.panel._model.reload("bank")
    session.pump()
    session.choose(session.panel._detection.rows["encoding"].widget, "Fresh noise")
    assert planned(session).options.chosen["guidance"] in (0.0, 2.0, 8.0) and not planned(session).problem


def test_mirrored_predictions_come_with_their_preset(session: Any, tmp_path: Path, monkeypatch: Any) -> None:
    """They are named in the list, and asked for by the preset's name."""
    import dataclasses

    from tiny_model import POINT, tiny_config, write_tiny_model

    carry_out_here(monkeypatch, tmp_path)
    point = dataclasses.replace(POINT, mirrored=True)
    write_tiny_model(tmp_path / "place" / "twice", dataclasses.replace(tiny_config("twice"), operating_point=point))
    monkeypatch.setenv("ANOFPDM_MODELS", str(tmp_path / "place"))
    session.panel._model.reload("twice")
    session.load(write_slab(tmp_path / "slab.nii.gz"))
    assert "1 to 300, mirrored too. " in session.ui.presetSelector.toolTip
    assert planned(session).calibrated and session.detect().case.evidence.point.mirrored


def test_model_without_calibration(model_place: Path, session: Any, tmp_path: Path, monkeypatch: Any) -> None:
    from tiny_model import write_tiny_model

    write_tiny_model(tmp_path / "place" / "raw", calibrated=False)
    monkeypatch.setenv("ANOFPDM_MODELS", str(tmp_path / "place"))
    session.panel._model.reload("raw")
    session.pump()
    ui, plan = session.ui, planned(session)
    session.open(ui.modelGroup)
    assert ui.presetSelector.currentText == "Not calibrated"
    assert ui.calibrationLabel.text.endswith("This model is not calibrated.")
    assert (
        plan.options.chosen.get("guidance") == 2.0
        and plan.options.chosen.get("ungated")
        and plan.options.chosen.get("threshold") == "quantile=0.98"
    )


def test_calibrate_on_ones_own_data(more_models: Path, session: Any, tmp_path: Path) -> None:
    """The dialog checks what it can; the worker calibrates; the new calibration is in use afterwards."""
    manifest = write_manifest(tmp_path / "slices")
    session.panel._model.reload("one")
    session.pump()
    ui = session.ui
    session.open(ui.modelGroup)

    session.dialogs.answer("Calibrate on my data", lambda dialog: _fill(session, dialog, manifest))
    session.click(ui.calibrateButton)
    assert ui.detectButton.text == "Cancel" and not ui.calibrateButton.enabled
    session.wait_for_end()
    assert ui.calibrationSelector.currentText == "mine", ui.runStatusLabel.text
    assert "of 2 subjects, my slices.csv" in ui.calibrationLabel.text
    assert planned(session).options.calibration == "mine"
    session.choose(ui.calibrationSelector, "The model's own")
    assert planned(session).options.calibration is None


def _fill(session: Any, dialog: Any, manifest: Path) -> int:
    import qt
    from qt_proxy import unwrap

    fields = {child.name: child for child in dialog.findChildren(qt.QWidget)}
    buttons = next(child for child in dialog.findChildren(qt.QWidget) if child.className() == "QDialogButtonBox")
    ok = buttons.button(qt.QDialogButtonBox.Ok)
    assert not ok.enabled and fields["problemLabel"].text == "Choose the table of your slices."
    session.dialogs.answer("getOpenFileName: Table of slices", str(manifest))
    session.click(fields["browseButton"])
    assert fields["nameEdit"].text == "my slices" and not ok.enabled and "name" in fields["problemLabel"].text
    fields["manifestEdit"].text = str(manifest.with_name("gone.csv"))
    assert fields["problemLabel"].text == "There is no such table." and not ok.enabled
    fields["manifestEdit"].text = str(manifest)
    fields["nameEdit"].text = "mine"
    assert ok.enabled and not fields["problemLabel"].text
    session.click(ok)
    return int(unwrap(dialog).result())
