"""Results whose evidence is damaged: the hidden nodes, or their files, may be lost."""

from __future__ import annotations

from typing import Any

import pytest
from evidence_makers import axial_geometry, make_case
from made_results import LARGE, made_result
from panel_session import slider_of
from qt_dialogs import DIALOGS

from anofpdm.results.detection import build_detection
from AnoFPDMSegmentLib.mrml.evidence_nodes import RECORD_ROLE
from AnoFPDMSegmentLib.mrml.result import Result


@pytest.fixture
def damaged(session: Any) -> Any:
    """A scene with two results, of which the evidence of the second one is gone."""
    made_result(session.context, name="sound head")
    session.damaged = made_result(session.context, name="damaged head")
    session.context.scene.RemoveNode(session.damaged.node.GetNodeReference(RECORD_ROLE))
    session.damaged = Result(session.context, session.damaged.node)
    return session


def test_without_its_evidence_a_result_is_told_of_once_and_the_others_stay(damaged: Any) -> None:
    DIALOGS.answer("does not hold the evidence", "OK")
    damaged.reload()
    ui = damaged.ui
    assert ui.resultSelector.count == 1 and damaged.result.name == "sound head"
    damaged.drag(slider_of("guidance"), 4.0)
    damaged.leave()
    damaged.enter()
    assert damaged.result.name == "sound head" and damaged.damaged.heatmapNode is not None


def test_chosen_without_its_evidence(damaged: Any) -> None:
    extra = made_result(damaged.context, name="third head")
    damaged.panel._results.reload()
    damaged.pump()
    assert damaged.result.node is extra.node
    DIALOGS.answer("does not hold the evidence", "OK")
    damaged.choose(damaged.ui.resultSelector, "damaged head")
    assert damaged.ui.resultSelector.count == 2 and damaged.result.node is extra.node
    assert damaged.ui.resultSelector.currentText.startswith("third head")


def test_a_new_result_replaces_one_without_evidence(damaged: Any) -> None:
    """Whether its outline was edited cannot be known: it stays."""
    outline, old = damaged.damaged.segmentationNode, damaged.damaged
    result = Result.create(
        damaged.context, old.inputNode, build_detection(make_case(axial_geometry(), (LARGE,))), replace=old
    )
    scene = damaged.context.scene
    assert scene.IsNodePresent(outline) and not scene.IsNodePresent(old.node)
    assert [each.node for each in Result.all(damaged.context)][-1] is result.node
