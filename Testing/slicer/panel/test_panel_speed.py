"""The whole path from a slider to views, tables and plot, on a volume of 240 x 240 x 155 voxels, 2 modalities."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from evidence_makers import SETTINGS, axial_geometry, make_case
from scene_makers import add_volume

from anofpdm.thresholds.settings import Threshold

SIZE = (240, 240, 155)
DRAG_S, RELEASE_S = 0.3, 1.5
SCALING = (0.02, 0.02)
SLACK = 2
"""For machines that do other things at the same time."""


@pytest.fixture
def large(session: Any) -> Any:
    """A result of that size, with the groups open that follow it."""
    from anofpdm.results.detection import build_detection
    from AnoFPDMSegmentLib.mrml.output_frame import geometryMatrix
    from AnoFPDMSegmentLib.mrml.result import Result

    geometry = axial_geometry(SIZE)
    voxels = np.random.default_rng(0).integers(0, 200, geometry.array_shape).astype(np.int16)
    node = add_volume(session.context, voxels, geometryMatrix(geometry), "large")
    node.CreateDefaultDisplayNodes()
    balls = [((28.0, -14.0, 21.0), 16.0), ((-30.0, 20.0, -10.0), 12.0), ((20.0, 30.0, 30.0), 8.0)]
    case = make_case(geometry, balls, matrix=128, modalities=("flair", "t2"))
    # With a scaling given, so that the dynamic threshold can be chosen without a calibration.
    with_scaling = dataclasses.replace(SETTINGS, threshold=Threshold("dynamic"), scaling=SCALING)
    case = dataclasses.replace(case, settings=with_scaling)
    Result.create(session.context, node, build_detection(case)).show(0.6)
    session.panel._results.reload()
    session.open(session.ui.slicesGroup, session.ui.plotGroup)
    session.click_cell(session.ui.findingsTable, 0, 2)
    return session


@pytest.mark.parametrize("name", ["resultGuidance", "resultScaling1"])
def test_dragging_and_releasing(large: Any, name: str) -> None:
    """Guidance strength; and the scaling, whose dynamic threshold is found anew from every slice's map."""
    if name == "resultScaling1":
        large.choose(large.ui.thresholdSelector, "Dynamic")
    slider = large.ui.__dict__[name]
    low, high = slider.minimum, slider.maximum
    move = large.press(slider)
    move(low + 0.2 * (high - low))  # the first movement prepares what the later ones use
    dragging = [_spent(lambda share=share: move(low + share * (high - low))) for share in (0.3, 0.4, 0.5)]
    releasing = _spent(lambda: large.release(slider))
    settings = large.result.settings
    reached = settings.guidance if name == "resultGuidance" else settings.scaling[0]
    assert abs(reached - (low + 0.5 * (high - low))) < 0.02 * (high - low)
    for what, spent in (("dragging", min(dragging)), ("releasing", releasing)):
        print(f"{name}, {what}: {spent[0]:.3f} s of processor time, {spent[1]:.3f} s by the clock")
    assert min(dragging)[0] < SLACK * DRAG_S and releasing[0] < SLACK * RELEASE_S


def _spent(action: Callable[[], object]) -> tuple[float, float]:
    """Processor time, and time by the clock, in seconds."""
    begin = time.process_time(), time.perf_counter()
    action()
    return time.process_time() - begin[0], time.perf_counter() - begin[1]
