"""Changed settings show at once: previews are what the full result shows there, and both are fast enough."""

from __future__ import annotations

import dataclasses
import time
from typing import Any

import numpy as np
import pytest
from evidence_makers import SETTINGS, axial_geometry, make_case
from hypothesis import given, settings
from hypothesis import strategies as st
from made_results import LARGE, SMALL, made_result
from scene_makers import add_volume

from anofpdm.results.detection import build_detection
from anofpdm.thresholds.settings import MinimumSize, Threshold
from anofpdm.volumes.geometry import VolumeGeometry
from AnoFPDMSegmentLib.live.live_detection import LiveDetection
from AnoFPDMSegmentLib.live.plane_boxes import boxesAroundPlane
from AnoFPDMSegmentLib.mrml.headless import SLICE_VIEWS, addSliceView
from AnoFPDMSegmentLib.mrml.output_frame import geometryMatrix
from AnoFPDMSegmentLib.mrml.result import Result
from AnoFPDMSegmentLib.mrml.voxels import voxelsOf

PREVIEW_S = 0.3
FULL_S = 1.5


@settings(max_examples=60, deadline=None)
@given(
    st.tuples(*[st.floats(-1, 1)] * 3).filter(lambda n: np.linalg.norm(n) > 0.1),
    st.tuples(*[st.floats(-0.2, 1.2)] * 3),
    st.tuples(*[st.integers(1, 60)] * 3),
)
def test_boxes_hold_all_voxels_that_interpolation_on_the_plane_looks_at(normal, place, shape) -> None:
    size = np.array(shape[::-1])
    plane = np.array([*normal, -np.dot(normal, np.array(place) * (size - 1))])
    covered = np.zeros(shape, bool)
    for box in boxesAroundPlane(plane, shape):
        covered[box] = True
    # Points of the plane inside the volume: random ones, brought onto the plane along its steepest axis.
    points = np.random.default_rng(0).uniform(0, 1, (200, 3)) * (size - 1)
    axis = int(np.argmax(np.abs(plane[:3])))
    points[:, axis] -= (points @ plane[:3] + plane[3]) / plane[axis]
    points = points[((points >= 0) & (points <= size - 1)).all(axis=1)]
    for corner in np.ndindex(2, 2, 2):
        voxel = np.where(corner, np.ceil(points - 1e-5), np.floor(points + 1e-5)).astype(int)
        assert covered[tuple(voxel[:, ::-1].T)].all()


def test_a_plane_along_the_voxels_takes_one_layer() -> None:
    assert boxesAroundPlane(np.array([0.0, 0, 2, -14]), (20, 30, 40)) == [(slice(7, 8), slice(0, 30), slice(0, 40))]
    assert boxesAroundPlane(np.array([0.0, 0, 2, -15]), (20, 30, 40)) == [(slice(7, 9), slice(0, 30), slice(0, 40))]
    assert boxesAroundPlane(np.array([0.0, 0, 2, -150]), (20, 30, 40)) == []


@pytest.mark.parametrize(
    "change",
    [
        {"guidance": 3.0},
        {"threshold": Threshold("value", 0.3)},
        {"threshold": Threshold("quantile", 0.97)},
        {"threshold": Threshold("dynamic"), "scaling": (0.05,)},
        {"minimum_size": MinimumSize(pixels=30)},
        {"region": "frame"},
        {"consistency": "volume"},
    ],
    ids=str,
)
def test_a_preview_is_the_full_result_in_the_slices_shown(scene: Any, change: dict[str, Any]) -> None:
    result = made_result(scene)
    views = [addSliceView(scene, name).GetSliceNode() for name in SLICE_VIEWS]
    result.show(0.6)
    result.centreOn(1)
    views[0].SetSliceOffset(views[0].GetSliceOffset() + 1.7)
    views[1].GetSliceToRAS().SetElement(0, 2, 0.2)  # no longer along the voxels
    views[1].UpdateMatrices()
    before = np.array(voxelsOf(result.heatmapNode.GetImageData()))
    changed = dataclasses.replace(SETTINGS, **change)
    result.preview(changed)
    shown = np.array(voxelsOf(result.heatmapNode.GetImageData()))
    assert not result.segmentationNode.GetDisplayVisibility()
    result.update(changed)
    full = voxelsOf(result.heatmapNode.GetImageData())
    assert result.segmentationNode.GetDisplayVisibility()
    drawn = shown != before
    assert drawn.any() and np.allclose(shown[drawn], full[drawn], atol=1e-6)
    assert (full != shown).any(), "only the slices in view were drawn"
    axial = scene.nodes("vtkMRMLSliceNode")[0]
    assert np.allclose(resliced(axial, result, shown), resliced(axial, result, full), atol=1e-6)


def resliced(view: Any, result: Any, score: np.ndarray) -> np.ndarray:
    """Linear interpolation of the scores on an axial view's slice."""
    from AnoFPDMSegmentLib.mrml.voxels import arrayOfMatrix, ijkToRAS

    level = arrayOfMatrix(view.GetSliceToRAS())[2, 3]
    k = float((np.linalg.inv(ijkToRAS(result.heatmapNode)) @ [0, 0, level, 1])[2])
    low = int(np.floor(k))
    return np.asarray(score[low] * (low + 1 - k) + score[low + 1] * (k - low))


def test_hidden_outlines_stay_hidden(scene: Any) -> None:
    result = made_result(scene)
    result.segmentationNode.SetDisplayVisibility(False)
    result.preview(SETTINGS)
    result.update(SETTINGS)
    assert not result.segmentationNode.GetDisplayVisibility()


def test_full_is_what_the_engine_builds() -> None:
    case = make_case(axial_geometry(), [LARGE, SMALL])
    changed = dataclasses.replace(SETTINGS, guidance=4.0)
    live, expected = LiveDetection(case).full(changed), build_detection(case, changed)
    assert np.array_equal(live.score, expected.score) and live.components == expected.components


def test_a_large_case_of_two_modalities_follows_the_sliders(scene: Any) -> None:
    """240 x 240 x 155 voxels, the whole path: settings, nodes, three resliced views. In processor time."""
    geometry = VolumeGeometry((240, 240, 155), (1.0,) * 3, (119.5, 119.5, -77.0), (-1.0, 0, 0, 0, -1.0, 0, 0, 0, 1.0))
    balls = [((35.0, 10.0, 25.0), 28.0), ((-30.0, -30.0, -15.0), 18.0)]
    case = make_case(geometry, balls, matrix=128, modalities=("flair", "t2"), head_radii_mm=(75.0, 92.0, 77.0))
    node = add_volume(scene, np.ones(geometry.array_shape, np.int16), geometryMatrix(geometry), "head")
    node.CreateDefaultDisplayNodes()
    result = Result.create(scene, node, build_detection(case))
    views = [addSliceView(scene, name) for name in SLICE_VIEWS]
    for view in views:
        view.GetSliceNode().SetDimensions(600, 600, 1)
    result.show(0.6)
    result.centreOn(1)
    draw(views)
    for changes in (
        [{"guidance": 2.0 + step} for step in (0.1, 0.2, 0.3)],
        [{"threshold": Threshold("value", 0.5 + step)} for step in (0.01, 0.02, 0.03)],
    ):
        previews, updates = [], []
        for change in changes:
            changed = dataclasses.replace(SETTINGS, **change)
            previews.append(seconds(lambda s=changed: (result.preview(s), draw(views))))
            updates.append(seconds(lambda s=changed: (result.update(s), draw(views))))
        assert min(previews) < PREVIEW_S, previews
        assert min(updates) < FULL_S, updates
    assert result.case.examined.sum() > 130 and len(result.detection.components) == 2


def draw(views: list[Any]) -> None:
    for view in views:
        view.UpdatePipeline()
        view.GetImageDataConnection().GetProducer().Update()


def seconds(action: Any) -> float:
    start = time.process_time()
    action()
    return time.process_time() - start
