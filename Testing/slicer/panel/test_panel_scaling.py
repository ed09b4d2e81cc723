"""Dataset-calibrated scaling of the shown result: live, for each modality, reset, without calibration."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import slicer.util
from evidence_makers import SETTINGS, axial_geometry, make_case
from made_results import LARGE, SMALL
from scene_makers import SAMPLE, add_volume

from anofpdm.results.detection import build_detection
from anofpdm.thresholds.settings import Threshold

DYNAMIC = "Dynamic (Algorithm 1)"


def _shown(session: Any, node: Any, detection: Any) -> Any:
    from AnoFPDMSegmentLib.mrml.result import Result

    result = Result.create(session.context, node, detection)
    session.panel._results.reload()
    session.pump()
    result.show(0.6)
    assert session.result.node is result.node
    return session.ui


def _without_calibration(session: Any, scaling: tuple[float, ...]) -> Any:
    """Two modalities, examined with a scaling given by hand."""
    from AnoFPDMSegmentLib.mrml.output_frame import geometryMatrix

    geometry = axial_geometry()
    node = add_volume(session.context, np.ones(geometry.array_shape, np.int16), geometryMatrix(geometry), "head")
    node.CreateDefaultDisplayNodes()
    case = make_case(geometry, (LARGE, SMALL), modalities=("flair", "t2"))
    settings = dataclasses.replace(SETTINGS, threshold=Threshold("dynamic"), scaling=scaling)
    return _shown(session, node, build_detection(dataclasses.replace(case, settings=settings)))


def test_it_acts_at_once_while_the_threshold_is_dynamic(session: Any, detection: Any) -> None:
    ui = _shown(session, session.load(SAMPLE), detection)
    assert ui.thresholdSelector.currentText.endswith("(from healthy slices)")
    assert ui.resultScalingNote.text == "acts on the dynamic threshold only"
    assert not ui.resultScaling1.visible and not ui.resetResultScalingButton.visible

    session.choose(ui.thresholdSelector, DYNAMIC)
    calibrated = session.result.detection.answer.choices.scaling
    assert ui.resultScaling1.visible and not ui.resultScaling2.visible and ui.resultScalingLabel1.text == "FLAIR:"
    assert abs(ui.resultScaling1.value - calibrated[0]) < 1e-3 and ui.resultScaling1.maximum > 3 * calibrated[0]
    assert ui.resultScalingNote.text == "as calibrated" and not ui.resetResultScalingButton.enabled
    volume, summary = _volume(session), ui.summaryLabel.text

    session.click_cell(ui.findingsTable, 0, 2)
    before = slicer.util.arrayFromVolume(session.result.heatmapNode).copy()
    move = session.press(ui.resultScaling1)
    move(3 * calibrated[0])
    dragged = slicer.util.arrayFromVolume(session.result.heatmapNode).copy()
    assert not np.array_equal(dragged, before)
    assert session.result.settings.scaling is None and ui.summaryLabel.text == summary
    session.release(ui.resultScaling1)
    assert abs(session.result.settings.scaling[0] - 3 * calibrated[0]) < 0.05
    assert np.array_equal(slicer.util.arrayFromVolume(session.result.heatmapNode), session.result.detection.score)
    assert _volume(session) < volume and ui.summaryLabel.text != summary
    assert ui.resultScalingNote.text == "your own" and ui.resetResultScalingButton.enabled

    session.click(ui.resetResultScalingButton)
    assert session.result.settings.scaling is None and ui.thresholdSelector.currentText == DYNAMIC
    assert abs(ui.resultScaling1.value - calibrated[0]) < 1e-3 and _volume(session) == volume


def test_it_follows_the_guidance_strength_until_it_is_ones_own(session: Any, detection: Any) -> None:
    ui = _shown(session, session.load(SAMPLE), detection)
    session.choose(ui.thresholdSelector, DYNAMIC)
    session.drag(ui.resultGuidance, 10.0)
    expected = session.result.case.calibration.at(ui.resultGuidance.value).largest_divergence[0]
    assert abs(ui.resultScaling1.value - expected) < 1e-3
    session.drag(ui.resultScaling1, 2 * expected)
    own = session.result.settings.scaling
    session.drag(ui.resultGuidance, 20.0)
    assert session.result.settings.scaling == own and ui.resultScalingNote.text == "your own"
    session.choose(ui.thresholdSelector, "As calibrated")
    assert session.result.settings.scaling is None and not ui.resultScaling1.visible


def test_each_modality_has_its_own(session: Any) -> None:
    ui = _without_calibration(session, (0.02, 0.03))
    assert [ui.resultScalingLabel1.text, ui.resultScalingLabel2.text] == ["FLAIR:", "T2:"]
    assert ui.resultScaling1.visible and ui.resultScaling2.visible and not ui.resultScaling3.visible
    session.drag(ui.resultScaling2, 0.1)
    first, second = session.result.settings.scaling
    assert first == 0.02 and abs(second - 0.1) < 0.01


def test_a_scaling_given_to_the_run_comes_back_with_the_dynamic_threshold(session: Any) -> None:
    """Without a calibration there is no other: a manual threshold in between must not lose it."""
    ui = _without_calibration(session, (0.02, 0.03))
    assert ui.resultScalingNote.text == "your own" and not ui.resetResultScalingButton.visible
    session.choose(ui.thresholdSelector, "value of the map")
    assert session.result.settings.scaling is None and not ui.resultScaling1.visible
    session.choose(ui.thresholdSelector, DYNAMIC)
    assert session.result.settings.scaling == (0.02, 0.03)


def _volume(session: Any) -> float:
    return float(session.result.detection.findings["totals"]["volume_ml"])
