"""What the panel does while a slider is dragged and once it is let go, counted; two modalities."""

from __future__ import annotations

import dataclasses
from collections import Counter
from typing import Any

import pytest
from evidence_makers import SETTINGS
from made_results import made_result
from panel_session import knob_row, slider_of

from anofpdm.thresholds.settings import Threshold

SCALING = (0.02, 0.02)


@pytest.fixture
def opened(session: Any) -> Any:
    """The panel on a result, with the groups open that follow it."""
    # With a scaling given, so that the dynamic threshold can be chosen without a calibration.
    with_scaling = dataclasses.replace(SETTINGS, threshold=Threshold("dynamic"), scaling=SCALING)
    made_result(session.context, modalities=("flair", "t2"), settings=with_scaling).show(0.6)
    session.panel._results.reload()
    session.open(session.ui.slicesGroup, session.ui.plotGroup)
    session.click_cell(session.ui.findingsTable, 0, 2)
    return session


@pytest.fixture
def work(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """Calls of what costs time; the scene's nodes and the panel's tables apart."""
    from anofpdm.app.live.live_detection import LiveDetection
    from AnoFPDMSegmentLib.mrml import evidence_nodes, result
    from AnoFPDMSegmentLib.mrml.divergence_plot import DivergencePlot
    from AnoFPDMSegmentLib.panel import findings_section, slices_section

    counted: Counter[str] = Counter()

    def count(owner: Any, name: str, called: str) -> None:
        function = getattr(owner, name)

        def call(*arguments: Any, **options: Any) -> Any:
            counted[called] += 1
            return function(*arguments, **options)

        monkeypatch.setattr(owner, name, call)

    count(LiveDetection, "preview", "preview")
    count(LiveDetection, "full", "full")
    count(result, "fillTable", "table node")
    count(findings_section, "fillTable", "findings")
    count(slices_section, "fillTable", "slices")
    count(DivergencePlot, "showSlice", "plot")
    count(evidence_nodes, "storeEvidence", "evidence")
    return counted


@pytest.mark.parametrize("name", ["guidance", "scaling"])
def test_dragging_and_releasing(opened: Any, work: Counter[str], name: str) -> None:
    """Guidance strength; and the scaling, whose dynamic threshold is found anew from every slice's map."""
    if name == "scaling":
        opened.choose(knob_row("threshold").more, "Dynamic")
    slider = slider_of(name)
    low, high = slider.minimum, slider.maximum
    move = opened.press(slider)
    work.clear()
    for share in (0.3, 0.45, 0.6):
        move(low + share * (high - low))
    assert work == {"preview": 3}
    work.clear()
    opened.release(slider)
    assert work == {"full": 1, "table node": 2, "findings": 1, "slices": 1, "plot": 1}
    settings = opened.result.settings
    reached = settings.guidance if name == "guidance" else settings.scaling[0]
    assert abs(reached - (low + 0.6 * (high - low))) < 0.02 * (high - low)


def test_movements_that_come_too_fast_are_shown_once(opened: Any, work: Counter[str]) -> None:
    """The last of them, once the events at hand are dealt with."""
    from qt_proxy import unwrap

    slider = slider_of("guidance")
    opened.press(slider)
    inner = unwrap(slider)._slider
    work.clear()
    for value in (3.0, 4.0, 5.0):
        inner.setSliderPosition(inner.position(value))
    assert work == {}
    opened.pump()
    assert work == {"preview": 1}
    opened.release(slider)
    assert abs(opened.result.settings.guidance - 5.0) < 0.1
