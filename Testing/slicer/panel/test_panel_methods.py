"""A user's session with a model of every method: nothing here knows one by name, but the package that is installed."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from method_fixtures import method_models, other_package  # noqa: F401
from method_models import EXTRA, MAKERS
from own_slices import write_slab
from panel_session import require_one_screen, slider_of
from worker_here import carry_out_here

from anofpdm.methods import registry


@pytest.fixture
def listed(method_models: dict[str, Path], other_package: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Path]:  # noqa: F811
    """A model of every method is in the list; the worker, too, finds the other package."""
    monkeypatch.setenv("ANOFPDM_MODELS", str(next(iter(method_models.values())).parent))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, [str(other_package), os.environ.get("PYTHONPATH")])))
    return method_models


def chosen(session: Any, name: str) -> Any:
    """The method, its model chosen in the list."""
    session.panel._model.reload()
    model = next(each for each in session.panel._model._models if each.name == name)
    session.choose(session.ui.modelSelector, model.title)
    assert session.panel.state.model.method.name == name and not session.panel.state.model.error
    return session.panel.state.model.method


@pytest.mark.parametrize("name", sorted(MAKERS))
def test_a_session_by_clicks(
    listed: dict[str, Path], session: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """Choose the model, detect, move the live threshold, save and reopen the scene, move it again."""
    slab = write_slab(tmp_path / "slab.nii.gz")
    if name != EXTRA:  # that one's worker must find the package by itself
        carry_out_here(monkeypatch, tmp_path)
    method = chosen(session, name)
    session.load(slab)
    require_one_screen(session)
    result = session.detect()
    assert result.case.method == name and result.heatmapNode is not None
    require_one_screen(session)
    _everyOptionHasARow(session, method)
    session.open(session.ui.advancedSection, session.ui.runGroup, session.ui.modelGroup)
    require_one_screen(session)
    session.click(session.ui.advancedSection)

    if "threshold" not in session.panel._settings.rows:
        assert all(knob.name != "threshold" for knob in method.knobs)
        _savedAndReopened(session, tmp_path / "case.mrb", result)
        return
    before = result.detection.score.copy()
    assert session.ui.advancedSection.collapsed, "the threshold is in sight"
    start = slider_of("threshold").value
    session.drag(slider_of("threshold"), 1.5 * start)
    value = slider_of("threshold").value
    assert value > 1.2 * start and result.settings.threshold is not None
    assert result.detection.score.max() < before.max()
    again = _savedAndReopened(session, tmp_path / "case.mrb", result)
    assert slider_of("threshold").value == pytest.approx(value)
    session.drag(slider_of("threshold"), start)
    assert again.detection.score.max() > result.detection.score.max()


def _savedAndReopened(session: Any, path: Path, result: Any) -> Any:  # noqa: N802 - as the panel's own
    """The result in the reopened scene, where everything stands as it was left."""
    ui, scene = session.ui, session.context.scene
    summary, model = ui.summaryLabel.text, session.panel.state.model.name
    assert scene.WriteToMRB(str(path))
    scene.Clear(False)
    session.pump()
    assert session.result is None and not ui.resultArea.visible
    assert scene.ReadFromMRB(str(path), False)
    session.pump()
    again = session.result
    assert again is not None and again.settings == result.settings and again.case.method == result.case.method
    assert ui.summaryLabel.text == summary and session.panel.state.model.name == model
    return again


def _everyOptionHasARow(session: Any, method: Any) -> None:  # noqa: N802 - as the panel's own
    assert set(session.panel._detection.rows) == {knob.name for knob in method.knobs if not knob.live}
    assert set(session.panel._settings.rows) == {knob.name for knob in method.knobs if knob.live}


def test_an_option_of_another_package_acts_live_and_is_saved(
    listed: dict[str, Path], session: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    carry_out_here(monkeypatch, tmp_path)
    write_slab(tmp_path / "slab.nii.gz")
    chosen(session, EXTRA)
    session.load(tmp_path / "slab.nii.gz")
    result = session.detect()
    row = session.panel._settings.rows["direction"].widget
    assert not session.ui.plotGroup.visible and not session.ui.showHealthyPrediction.visible
    assert row.toolTip == "what counts, compared with the other side"
    brighter = result.detection.score.copy()
    session.choose(row, "darker")
    assert result.settings.direction == "darker" and not np.array_equal(result.detection.score, brighter)
    scene = session.context.scene
    assert scene.WriteToMRB(str(tmp_path / "case.mrb"))
    scene.Clear(False)
    assert scene.ReadFromMRB(str(tmp_path / "case.mrb"), False)
    session.pump()
    assert session.result.settings.direction == "darker"
    assert session.panel._settings.rows["direction"].widget.currentText == "darker"


def test_the_panel_adapts_to_the_method(listed: dict[str, Path], session: Any) -> None:
    """There and back, with nothing of one method left in the rows of another."""
    ui = session.ui
    rows = session.panel._detection.rows
    assert rows and ui.presetSelector.visible
    session.open(ui.modelGroup)
    assert ui.calibrateButton.visible
    chosen(session, "student")
    assert session.panel._detection.rows == {} and ui.presetSelector.currentText == "Standard"
    assert ui.calibrateButton.visible and ui.calibrationSelector.visible
    chosen(session, "tissue")
    assert not ui.calibrateButton.visible, "nothing to calibrate"
    chosen(session, "student")
    assert session.panel._detection.planned().options.to_arguments()[0].endswith("student")
    assert {each.config.method for each in session.panel._model._models} >= set(registry.methods())
    chosen(session, "anofpdm")
    assert set(session.panel._detection.rows) == set(rows) and ui.calibrateButton.visible
