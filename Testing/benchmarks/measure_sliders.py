"""How long the panel takes to follow a slider: 240 x 240 x 155 voxels, two modalities, three views of 600 x 600 pixels.

    python Testing/benchmarks/measure_sliders.py

prints the least processor time of a preview while a slider is dragged, with the views drawn, and of what follows when
it is let go: nodes, outline, tables, plot, views. Needs slicer-core and PySide6.
"""

from __future__ import annotations

import argparse
import dataclasses
import functools
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).resolve().parents[2]
FOLDERS = ("AnoFPDMSegment", "Testing/engine", "Testing/slicer", "Testing/slicer/standin", "Testing/slicer/panel")
SIZE = (240, 240, 155)
BALLS = [((28.0, -14.0, 21.0), 16.0), ((-30.0, 20.0, -10.0), 12.0), ((20.0, 30.0, 30.0), 8.0)]
VIEW_PX = 600
STARTS, STEPS = (0.3, 0.5, 0.7), (0.0, 0.07, 0.13)
"""Shares of the slider's length."""
SLIDERS = {"guidance strength": "guidance", "dataset-calibrated scaling": "scaling"}


def main() -> None:
    """Of the command line."""
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    sys.path[:0] = [str(REPOSITORY / folder) for folder in FOLDERS]
    import pytest
    import qt_install
    import slicer_install
    from panel_session import opened_module

    with tempfile.TemporaryDirectory() as user, pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_DATA_HOME", user)
        application = qt_install.install()
        slicer_install.install()
        with opened_module(application, patch) as session:
            views = _open_result(session)
            for what, name in SLIDERS.items():
                dragging, releasing = _measure(session, views, name)
                print(f"{what}: dragging {dragging:.2f} s, letting go {releasing:.2f} s")


def _open_result(session: Any) -> list[Any]:
    """A made-up result of that size, shown, with the groups open that follow it; returns the views' logics."""
    import numpy as np
    from evidence_makers import SETTINGS, axial_geometry, make_case
    from scene_makers import add_volume

    from anofpdm.results.detection import build_detection
    from anofpdm.thresholds.settings import Threshold
    from AnoFPDMSegmentLib.mrml.output_frame import geometryMatrix
    from AnoFPDMSegmentLib.mrml.result import Result

    geometry = axial_geometry(SIZE)
    voxels = np.random.default_rng(0).integers(0, 200, geometry.array_shape).astype(np.int16)
    node = add_volume(session.context, voxels, geometryMatrix(geometry), "large")
    node.CreateDefaultDisplayNodes()
    # With a scaling given, so that the dynamic threshold can be chosen without a calibration.
    settings = dataclasses.replace(SETTINGS, threshold=Threshold("dynamic"), scaling=(0.02, 0.02))
    case = make_case(geometry, BALLS, matrix=128, modalities=("flair", "t2"))
    Result.create(session.context, node, build_detection(dataclasses.replace(case, settings=settings))).show(0.6)
    session.panel._results.reload()
    session.open(session.ui.slicesGroup, session.ui.plotGroup)
    session.click_cell(session.ui.findingsTable, 0, 2)
    logics = [
        session.context.applicationLogic.GetSliceLogic(each) for each in session.context.nodes("vtkMRMLSliceNode")
    ]
    for each in session.context.nodes("vtkMRMLSliceNode"):
        each.SetDimensions(VIEW_PX, VIEW_PX, 1)
    return logics


def _measure(session: Any, views: list[Any], name: str) -> tuple[float, float]:
    from panel_session import knob_row, slider_of

    session.open(session.ui.advancedSection)
    if name == SLIDERS["dataset-calibrated scaling"]:
        session.choose(knob_row("threshold").more, "Dynamic")
    slider = slider_of(name)
    low, high = slider.minimum, slider.maximum
    drags, releases = [], []
    for start in STARTS:
        move = session.press(slider)
        values = [low + (start + step) * (high - low) for step in STEPS]
        drags += [_processor_s(functools.partial(move, value), views) for value in values]
        releases.append(_processor_s(functools.partial(session.release, slider), views))
    return min(drags), min(releases)


def _processor_s(action: Callable[[], object], views: list[Any]) -> float:
    """Of the action and of the views drawn after it."""
    start = time.process_time()
    action()
    for view in views:
        view.UpdatePipeline()
        view.GetImageDataConnection().GetProducer().Update()
    return time.process_time() - start


if __name__ == "__main__":
    main()
