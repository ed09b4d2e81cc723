"""A result in the scene follows its settings, whatever the user has removed or moved."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
from evidence_makers import BANK, SETTINGS
from made_results import column, current_mask, made_result, paint

from anofpdm.core.errors import SettingsError
from anofpdm.results.detection import build_detection
from anofpdm.thresholds.settings import Threshold
from AnoFPDMSegmentLib.mrml.voxels import voxelsOf


def test_settings_change_everything(scene: Any) -> None:
    result = made_result(scene)
    healthy = np.array(voxelsOf(result.healthyPredictionNode.GetImageData()))
    result.update(dataclasses.replace(SETTINGS, guidance=2.0, threshold=Threshold("value", 0.6)))
    expected = build_detection(result.case, result.settings)
    assert 0 < expected.mask.sum() < build_detection(result.case, SETTINGS).mask.sum()
    assert np.array_equal(voxelsOf(result.heatmapNode.GetImageData()), expected.score)
    assert np.array_equal(current_mask(result), expected.mask)
    volumes = [component.volume_ml for component in expected.components]
    assert column(result.findingsNode, "Volume [mL]") == pytest.approx(volumes, rel=1e-5)
    result.update(dataclasses.replace(SETTINGS, guidance=1.0))
    weaker = voxelsOf(result.healthyPredictionNode.GetImageData())
    examined = result.case.examined
    assert np.array_equal(weaker[examined], result.case.evidence.healthy_prediction(1.0)[:, 0])
    assert (weaker[~examined] == -1).all() and np.abs(weaker - healthy).max() > 0.1


def test_settings_that_cannot_be_leave_everything_as_it_is(scene: Any) -> None:
    result = made_result(scene, point=BANK)
    result.show(0.5)
    before = np.array(voxelsOf(result.heatmapNode.GetImageData()))
    for action in (result.update, result.preview):
        with pytest.raises(SettingsError, match="0, 2, 8"):
            action(dataclasses.replace(SETTINGS, guidance=3.0))
    assert np.array_equal(voxelsOf(result.heatmapNode.GetImageData()), before)
    assert result.settings == SETTINGS and result.segmentationNode.GetDisplayVisibility()


def test_nothing_found_is_shown_as_nothing(scene: Any) -> None:
    result = made_result(scene, balls=[])
    assert result.findingsNode.GetTable().GetNumberOfRows() == 0 and not current_mask(result).any()
    assert not result.wasEdited
    result.update(dataclasses.replace(SETTINGS, threshold=Threshold("value", 1e-4)))
    assert current_mask(result).any()
    result.update(SETTINGS)
    assert not current_mask(result).any() and not result.wasEdited


def test_a_removed_segmentation_is_made_again(scene: Any) -> None:
    result = made_result(scene)
    scene.removeNode(result.segmentationNode)
    assert result.segmentationNode is None and not result.wasEdited
    result.update(dataclasses.replace(SETTINGS, guidance=3.0))
    assert np.array_equal(current_mask(result), result.detection.mask)


def test_a_result_outlives_its_input(scene: Any) -> None:
    result = made_result(scene)
    paint(result, np.s_[5:7, 5:7, 5:7])
    scene.removeNode(result.inputNode)
    result.update(dataclasses.replace(SETTINGS, guidance=3.0))
    assert result.inputNode is None and np.array_equal(current_mask(result), result.detection.mask)
    result.show(0.5)
    result.divergencePlot()


def test_results_under_a_transform_that_is_not_linear_still_answer(scene: Any) -> None:
    import vtk

    result = made_result(scene)
    warp = scene.addNode("vtkMRMLBSplineTransformNode", "warp")
    spline = vtk.vtkThinPlateSplineTransform()
    source, target = vtk.vtkPoints(), vtk.vtkPoints()
    for corner in np.ndindex(2, 2, 2):
        source.InsertNextPoint(np.array(corner) * 200.0 - 100)
        target.InsertNextPoint(np.array(corner) * 200.0 - 100 + (10, 0, 0))
    spline.SetSourceLandmarks(source)
    spline.SetTargetLandmarks(target)
    spline.SetBasisToR()
    warp.SetAndObserveTransformToParent(spline)
    for node in result.volumeNodes:
        node.SetAndObserveTransformNodeID(warp.GetID())
    place = result.detection.components[0].peak_ras_mm
    assert np.allclose(result.frame.toWorld(result.heatmapNode, place), np.add(place, (10, 0, 0)), atol=1e-3)
    result.preview(dataclasses.replace(SETTINGS, guidance=3.0))
    result.update(dataclasses.replace(SETTINGS, guidance=3.0))
    assert np.array_equal(current_mask(result), result.detection.mask)
