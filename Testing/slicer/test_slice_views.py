"""What the slice views show: colors at known points of slices that Slicer's own pipeline reslices and blends."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
from evidence_makers import SETTINGS, make_case
from made_results import LARGE, made_result
from scene_makers import add_transform, add_volume, put_over_images
from test_result_geometry import GRIDS, SIZE, TRANSFORMS

from anofpdm.results.detection import build_detection
from anofpdm.results.heat_colors import heat_rgb, top_of_scale
from AnoFPDMSegmentLib.mrml import heatmap_node
from AnoFPDMSegmentLib.mrml.headless import SLICE_VIEWS, addSliceView
from AnoFPDMSegmentLib.mrml.input_volumes import worldGeometry
from AnoFPDMSegmentLib.mrml.result import Result
from AnoFPDMSegmentLib.mrml.voxels import arrayOfMatrix

OPACITY = 0.6
GRAY = 100


def views_of(scene: Any) -> list[Any]:
    views = [addSliceView(scene, name) for name in SLICE_VIEWS]
    for view in views:
        view.GetSliceNode().SetDimensions(240, 240, 1)
        view.GetSliceNode().SetFieldOfView(240, 240, 1)
    return views


def color_at(view: Any, ras: Any) -> np.ndarray:
    """What a view shows at a point of its slice."""
    from vtk.util.numpy_support import vtk_to_numpy

    view.UpdatePipeline()
    view.GetImageDataConnection().GetProducer().Update()
    image = view.GetImageDataConnection().GetProducer().GetOutputDataObject(0)
    to_xy = np.linalg.inv(arrayOfMatrix(view.GetSliceNode().GetXYToRAS()))
    column, row, _, _ = np.rint(to_xy @ [*ras, 1.0]).astype(int)
    width, height, _ = image.GetDimensions()
    assert 0 <= column < width and 0 <= row < height
    return np.asarray(vtk_to_numpy(image.GetPointData().GetScalars()).reshape(height, width, -1)[row, column, :3])


def uniform_result(scene: Any, grid: str = "axial", transform: Any = None) -> tuple[Result, np.ndarray]:
    """A result on a uniformly gray head, and where its finding lies in the world."""
    voxels = np.full(SIZE[::-1], GRAY, np.float32)
    voxels[0, 0, 0] = 0
    node = add_volume(scene, voxels, GRIDS[grid], "head")
    node.CreateDefaultDisplayNodes()
    node.GetDisplayNode().SetAutoWindowLevel(False)
    node.GetDisplayNode().SetWindowLevelMinMax(0, 255)
    ball = np.array([*LARGE[0], 1.0])
    if transform is not None:
        add_transform(scene, transform, node)
        ball = transform @ ball
    case = make_case(worldGeometry(node), [(ball[:3], LARGE[1])])
    return Result.create(scene, node, build_detection(case)), ball[:3]


def blended(score: float, top: float) -> np.ndarray:
    heat = heat_rgb(np.array([score], np.float32), top)[0].astype(float)
    return np.asarray(GRAY * (1 - OPACITY) + heat * OPACITY)


@pytest.mark.parametrize("grid", ["axial", "sagittal", "coronal", "oblique", "left-handed oblique"])
@pytest.mark.parametrize("transform", ["none", "turned"])
def test_the_finding_is_colored_at_its_place_and_nothing_else(scene: Any, grid: str, transform: str) -> None:
    views = views_of(scene)
    result, ball = uniform_result(scene, grid, TRANSFORMS[transform])
    result.show(OPACITY)
    result.centreOn(1)
    component = result.detection.components[0]
    peak = np.array(component.peak_ras_mm)
    top = top_of_scale(result.detection.score)
    for view in views:
        shown = color_at(view, peak)
        assert np.abs(shown - blended(component.peak_score, top)).max() < 12, view.GetSliceNode().GetName()
        normal = arrayOfMatrix(view.GetSliceNode().GetSliceToRAS())[:3, 0]
        for side in (1, -1):
            beside = peak + side * 34 * normal
            if np.linalg.norm(beside - ball) > 1.5 * LARGE[1]:
                assert np.abs(color_at(view, beside) - GRAY).max() <= 1


def test_a_lower_border_colors_more(scene: Any) -> None:
    views = views_of(scene)
    result, ball = uniform_result(scene)
    result.show(OPACITY)
    result.centreOn(1)
    score = result.detection.score
    index = result.case.geometry.to_index(np.array(result.detection.components[0].peak_ras_mm) * [-1, -1, 1])
    k, j, _ = np.rint(index[::-1]).astype(int)
    row = score[k, j]
    (below,) = np.flatnonzero((row > 0.6) & (row < 0.9))[:1]
    point = result.case.geometry.to_physical([below, j, k]) * [-1, -1, 1]
    assert np.abs(color_at(views[0], point) - GRAY).max() <= 1
    heatmap_node.showFrom(result.heatmapNode, 0.5)
    assert np.abs(color_at(views[0], point) - blended(1.0, 2.0)).max() < 12
    heatmap_node.showFrom(result.heatmapNode, 2.0 * score.max())
    assert np.abs(color_at(views[0], ball) - GRAY).max() <= 1


def test_opacity_and_what_lies_over_the_image(scene: Any) -> None:
    views = views_of(scene)
    result, ball = uniform_result(scene)
    result.show(OPACITY)
    result.centreOn(1)
    half = color_at(views[0], ball).astype(float)
    put_over_images(scene, result.heatmapNode, 0.0)
    assert np.abs(color_at(views[0], ball) - GRAY).max() <= 1
    put_over_images(scene, result.heatmapNode, 1.0)
    full = color_at(views[0], ball).astype(float)
    assert np.abs(half - (GRAY * (1 - OPACITY) + full * OPACITY)).max() <= 2
    put_over_images(scene, result.healthyPredictionNode, 1.0)
    gray = color_at(views[0], ball)
    assert gray.max() - gray.min() <= 1 and gray.max() > GRAY
    put_over_images(scene, None, 1.0)
    assert np.abs(color_at(views[0], ball) - GRAY).max() <= 1


def test_a_preview_changes_what_is_seen(scene: Any) -> None:
    from anofpdm.thresholds.settings import Threshold

    views = views_of(scene)
    result, ball = uniform_result(scene)
    result.show(OPACITY)
    result.centreOn(1)
    color_at(views[0], ball)
    result.preview(dataclasses.replace(SETTINGS, threshold=Threshold("value", 30.0)))
    for view in views:
        assert np.abs(color_at(view, ball) - GRAY).max() <= 1
    result.update(SETTINGS)
    assert np.abs(color_at(views[0], ball) - GRAY).max() > 20


def test_views_jump_to_a_finding(scene: Any) -> None:
    views = views_of(scene)
    result = made_result(scene)
    for number, component in enumerate(result.detection.components, start=1):
        result.centreOn(number)
        for view in views:
            center = arrayOfMatrix(view.GetSliceNode().GetSliceToRAS())[:3, 3]
            assert np.allclose(center, component.peak_ras_mm, atol=1e-3)


@pytest.mark.parametrize("change", ["preview", "update", "voxels alone"])
def test_views_are_told_of_new_scores(scene: Any, change: str) -> None:
    """Slice layers listen to the volume node; an image that changes under it redraws nothing."""
    from AnoFPDMSegmentLib.mrml.voxels import setVoxels, voxelsOf

    views = views_of(scene)
    result = made_result(scene)
    result.show(OPACITY)
    result.centreOn(1)
    redrawn: list[str] = []
    for view in views:
        view.AddObserver("ModifiedEvent", lambda caller, _event: redrawn.append(caller.GetSliceNode().GetName()))
    changed = dataclasses.replace(SETTINGS, guidance=2.0001)  # the scale of colors stays
    if change == "voxels alone":
        setVoxels(result.heatmapNode, 2 * voxelsOf(result.heatmapNode.GetImageData()))
    else:
        getattr(result, change)(changed)
    assert sorted(set(redrawn)) == sorted(SLICE_VIEWS)


def test_slice_views_look_as_slicers_own(scene: Any) -> None:
    """Letter and color of their bars are the node's, and stay when the scene is closed."""
    expected = {"Red": ("R", (243, 74, 51)), "Yellow": ("Y", (237, 213, 76)), "Green": ("G", (110, 176, 75))}
    views = views_of(scene)
    for _ in range(2):
        nodes = [view.GetSliceNode() for view in views]
        found = {
            node.GetLayoutName(): (node.GetLayoutLabel(), tuple(round(255 * part) for part in node.GetLayoutColor()))
            for node in nodes
        }
        assert found == expected
        scene.scene.Clear(False)
