"""Accepting and rejecting findings."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
from evidence_makers import SETTINGS
from made_results import LARGE, SMALL, column, current_mask, made_result, paint

from anofpdm.thresholds.settings import Threshold
from AnoFPDMSegmentLib.mrml.voxels import voxelsOf


def test_a_rejected_finding_leaves_the_segmentation_and_says_so(scene: Any) -> None:
    result = made_result(scene)
    result.setAccepted(1, False)
    labels = current_mask(result)
    assert 0 < labels.sum() < result.detection.mask.sum()
    assert column(result.findingsNode, "Accepted") == ["no", "yes"] and not result.wasEdited
    assert np.array_equal(voxelsOf(result.heatmapNode.GetImageData()), result.detection.score)
    result.setAccepted(1, True)
    assert np.array_equal(current_mask(result), result.detection.mask)


def test_rejections_follow_their_finding_to_other_settings(scene: Any) -> None:
    result = made_result(scene)
    result.setAccepted(2, False)
    strict = dataclasses.replace(SETTINGS, threshold=Threshold("value", 0.55))
    for settings in (strict, dataclasses.replace(SETTINGS, guidance=2.5), SETTINGS):
        result.update(settings)
        sides = [component.side for component in result.detection.components]
        assert result.accepted == [side == "right" for side in sides] and len(sides) == 2


def test_a_finding_that_swallows_an_accepted_one_is_not_hidden(scene: Any) -> None:
    near = ((28.0, 40.0, 21.0), 10.0)
    result = made_result(scene, balls=[LARGE, near])
    assert len(result.detection.components) == 2
    result.setAccepted(1, False)
    result.update(dataclasses.replace(SETTINGS, threshold=Threshold("value", 0.02)))
    assert len(result.detection.components) == 1 and result.accepted == [True]
    result.setAccepted(1, False)
    assert result.accepted == [False] and not current_mask(result).any()
    result.update(SETTINGS)
    assert False in result.accepted and len(result.accepted) == 2


def test_reviewing_an_edited_segmentation_keeps_the_edits(scene: Any) -> None:
    result = made_result(scene, balls=[LARGE, SMALL])
    paint(result, np.s_[5:7, 5:7, 5:7])
    edited = result.segmentationNode
    result.setAccepted(2, False)
    assert result.segmentationNode is not edited and scene.scene.IsNodePresent(edited)
