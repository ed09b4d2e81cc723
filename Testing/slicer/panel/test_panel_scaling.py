"""Dataset-calibrated scaling of the shown result: live, for each modality, reset, without calibration."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import slicer.util
from evidence_makers import SETTINGS, axial_geometry, make_case
from made_results import LARGE, SMALL
from panel_session import knob_row, slider_of
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
    session.open(session.ui.advancedSection)
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
    assert knob_row("threshold").more.currentText.endswith("(from healthy slices)")
    assert knob_row("scaling").note.text == "acts on the dynamic threshold only"
    assert not slider_of("scaling").visible and not knob_row("scaling").reset.visible

    session.choose(knob_row("threshold").more, DYNAMIC)
    calibrated = session.result.detection.answer.choices.scaling
    assert slider_of("scaling").visible
    assert [label.text for label in knob_row("scaling").labels] == ["FLAIR:"]
    assert abs(slider_of("scaling").value - calibrated[0]) < 1e-3 and slider_of("scaling").maximum > 3 * calibrated[0]
    assert knob_row("scaling").note.text == "as calibrated" and not knob_row("scaling").reset.enabled
    volume, summary = _volume(session), ui.summaryLabel.text

    session.click_cell(ui.findingsTable, 0, 2)
    before = slicer.util.arrayFromVolume(session.result.heatmapNode).copy()
    move = session.press(slider_of("scaling"))
    move(3 * calibrated[0])
    dragged = slicer.util.arrayFromVolume(session.result.heatmapNode).copy()
    assert not np.array_equal(dragged, before)
    assert session.result.settings.scaling is None and ui.summaryLabel.text == summary
    session.release(slider_of("scaling"))
    assert abs(session.result.settings.scaling[0] - 3 * calibrated[0]) < 0.05
    assert np.array_equal(slicer.util.arrayFromVolume(session.result.heatmapNode), session.result.detection.score)
    assert _volume(session) < volume and ui.summaryLabel.text != summary
    assert knob_row("scaling").note.text == "your own" and knob_row("scaling").reset.enabled

    session.click(knob_row("scaling").reset)
    assert session.result.settings.scaling is None and knob_row("threshold").more.currentText == DYNAMIC
    assert abs(slider_of("scaling").value - calibrated[0]) < 1e-3 and _volume(session) == volume


def test_it_follows_the_guidance_strength_until_it_is_ones_own(session: Any, detection: Any) -> None:
    _shown(session, session.load(SAMPLE), detection)
    session.choose(knob_row("threshold").more, DYNAMIC)
    session.drag(slider_of("guidance"), 10.0)
    expected = session.result.case.calibration.at(slider_of("guidance").value).largest_divergence[0]
    assert abs(slider_of("scaling").value - expected) < 1e-3
    session.drag(slider_of("scaling"), 2 * expected)
    own = session.result.settings.scaling
    session.drag(slider_of("guidance"), 20.0)
    assert session.result.settings.scaling == own and knob_row("scaling").note.text == "your own"
    session.choose(knob_row("threshold").more, "As calibrated")
    assert session.result.settings.scaling is None and not slider_of("scaling").visible


def test_each_modality_has_its_own(session: Any) -> None:
    _without_calibration(session, (0.02, 0.03))
    assert [label.text for label in knob_row("scaling").labels] == ["FLAIR:", "T2:"]
    assert slider_of("scaling").visible and slider_of("scaling", 1).visible
    session.drag(slider_of("scaling", 1), 0.1)
    first, second = session.result.settings.scaling
    assert first == 0.02 and abs(second - 0.1) < 0.01


def test_a_scaling_given_to_the_run_comes_back_with_the_dynamic_threshold(session: Any) -> None:
    """Without a calibration there is no other: a manual threshold in between must not lose it."""
    _without_calibration(session, (0.02, 0.03))
    assert knob_row("scaling").note.text == "your own" and not knob_row("scaling").reset.visible
    session.choose(knob_row("threshold").more, "value of the map")
    assert session.result.settings.scaling is None and not slider_of("scaling").visible
    session.choose(knob_row("threshold").more, DYNAMIC)
    assert session.result.settings.scaling == (0.02, 0.03)


def _volume(session: Any) -> float:
    return float(session.result.detection.findings["totals"]["volume_ml"])
