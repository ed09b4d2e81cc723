"""Changed settings show at once: previews are what the full result shows there, and cost no more than they must."""

from __future__ import annotations

import dataclasses
from collections import Counter
from typing import Any

import numpy as np
import pytest
from evidence_makers import SETTINGS, axial_geometry, make_case
from hypothesis import given, settings
from hypothesis import strategies as st
from made_results import LARGE, SMALL, made_result

from anofpdm.app.live.live_detection import LiveDetection
from anofpdm.app.live.plane_boxes import boxes_around_plane
from anofpdm.results.detection import build_detection
from anofpdm.thresholds.settings import MinimumSize, Threshold
from anofpdm.volumes import score_volume
from anofpdm.volumes.geometry import VolumeGeometry
from AnoFPDMSegmentLib.mrml import evidence_nodes
from AnoFPDMSegmentLib.mrml.headless import SLICE_VIEWS, addSliceView
from AnoFPDMSegmentLib.mrml.voxels import voxelsOf


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
    for box in boxes_around_plane(plane, shape):
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
    assert boxes_around_plane(np.array([0.0, 0, 2, -14]), (20, 30, 40)) == [(slice(7, 8), slice(0, 30), slice(0, 40))]
    assert boxes_around_plane(np.array([0.0, 0, 2, -15]), (20, 30, 40)) == [(slice(7, 9), slice(0, 30), slice(0, 40))]
    assert boxes_around_plane(np.array([0.0, 0, 2, -150]), (20, 30, 40)) == []


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


class Work:
    """What is done for a change of the settings, counted."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        from anofpdm.methods.anofpdm import method
        from anofpdm.results import detection
        from AnoFPDMSegmentLib.mrml import heatmap_node, segmentation_node

        self.calls: Counter[str] = Counter()
        self.voxels = 0
        """Of which the score was interpolated."""
        for module, name in (
            (method, "select"),
            (detection, "find_components"),
            (detection, "score_in_volume"),
            (evidence_nodes, "storeEvidence"),
            (evidence_nodes, "storeSettings"),
            (segmentation_node, "writeMask"),
            (heatmap_node, "updateHeatmap"),
            (heatmap_node, "updateBoxes"),
        ):
            monkeypatch.setattr(module, name, self._counted(name, getattr(module, name)))
        interpolate = score_volume.stack_to_volume

        def interpolated(stack: Any, grid: Any, target: VolumeGeometry) -> Any:
            self.voxels += int(np.prod(target.size))
            return interpolate(stack, grid, target)

        monkeypatch.setattr(score_volume, "stack_to_volume", interpolated)

    def _counted(self, name: str, function: Any) -> Any:
        def call(*arguments: Any, **options: Any) -> Any:
            self.calls[name] += 1
            return function(*arguments, **options)

        return call

    def of(self, action: Any) -> tuple[dict[str, int], int]:
        """Calls and voxels of one action."""
        self.calls.clear()
        self.voxels = 0
        action()
        return dict(self.calls), self.voxels


@pytest.mark.parametrize("change", [{"guidance": 2.1}, {"threshold": Threshold("value", 0.51)}], ids=str)
def test_a_slider_that_is_dragged_costs_the_slices_in_view_alone(
    scene: Any, monkeypatch: pytest.MonkeyPatch, change: dict[str, Any]
) -> None:
    """Two modalities; three views along the voxels, each of which lies between two layers at most."""
    result = made_result(scene, modalities=("flair", "t2"))
    for name in SLICE_VIEWS:
        addSliceView(scene, name)
    result.show(0.6)
    result.centreOn(1)
    size = result.detection.score.shape
    layers = 2 * (size[0] * size[1] + size[1] * size[2] + size[2] * size[0])
    changed = dataclasses.replace(SETTINGS, **change)
    work = Work(monkeypatch)
    calls, voxels = work.of(lambda: result.preview(changed))
    assert calls == {"select": 1, "updateBoxes": 1}
    # The score and where it is accepted.
    assert 0 < voxels <= 2 * layers < size[0] * size[1] * size[2]


@pytest.mark.parametrize("change", [{"guidance": 2.1}, {"threshold": Threshold("value", 0.51)}], ids=str)
def test_a_slider_that_is_let_go_costs_one_pass_over_the_volume(
    scene: Any, monkeypatch: pytest.MonkeyPatch, change: dict[str, Any]
) -> None:
    """Everything once, and nothing that the settings do not change."""
    result = made_result(scene, modalities=("flair", "t2"))
    work = Work(monkeypatch)
    calls, voxels = work.of(lambda: result.update(dataclasses.replace(SETTINGS, **change)))
    once = ("select", "find_components", "score_in_volume", "storeSettings", "writeMask", "updateHeatmap")
    assert calls == dict.fromkeys(once, 1)
    assert voxels <= 2 * result.detection.score.size and len(result.detection.components) == 2
