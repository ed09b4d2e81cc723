"""Connected components: scipy as the oracle for labels, brute force for the diameter."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import scipy.ndimage as ndi
from call_sizes import CallSizes

from anofpdm.results import components
from anofpdm.results.components import find_components, label_components, limit_small_components
from anofpdm.results.diameter import longest_diameter_mm
from anofpdm.results.slice_share import slice_areas_mm2
from anofpdm.volumes.bounding_box import bounding_box
from anofpdm.volumes.geometry import VolumeGeometry
from anofpdm.volumes.stack_grid import StackGrid

IDENTITY = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0)
STACK = StackGrid((64, 64, 20), (3.75, 3.75, 5.0), (-120.0, -120.0, 0.0), IDENTITY)
"""Slices of 5 mm, the first at S 0 mm."""


def make_geometry(
    shape: tuple[int, int, int],
    spacing: tuple[float, float, float] = (1.0, 1.0, 1.0),
    direction: tuple[float, ...] = IDENTITY,
    origin: tuple[float, float, float] = (0.0, 0.0, 0.0),
) -> VolumeGeometry:
    return VolumeGeometry(shape[::-1], spacing, origin, direction)


def oblique(left_handed: bool) -> tuple[float, ...]:
    """A rotation about two axes, with the third index axis turned round if left-handed."""
    a, b = 0.3, -0.5
    about_z = np.array([[math.cos(a), -math.sin(a), 0], [math.sin(a), math.cos(a), 0], [0, 0, 1]])
    about_x = np.array([[1, 0, 0], [0, math.cos(b), -math.sin(b)], [0, math.sin(b), math.cos(b)]])
    matrix = about_z @ about_x
    if left_handed:
        matrix[:, 2] *= -1
    return tuple(matrix.ravel().tolist())


def blobs(shape: tuple[int, int, int], share: float, seed: int, sigma: float = 1.5) -> np.ndarray:
    noise = ndi.gaussian_filter(np.random.default_rng(seed).standard_normal(shape), sigma)
    return (noise / np.quantile(noise, 1 - share)).astype(np.float32)


def brute_diameter(ijk: np.ndarray, axes: np.ndarray) -> float:
    best, fewest = 0.0, math.inf
    for p, q in itertools.combinations(ijk.tolist(), 2):
        step = np.array(p) - np.array(q)
        length = float(np.linalg.norm(axes @ step))
        if length > best * (1 + 1e-7):
            best, fewest = length, math.inf
        if length >= best * (1 - 1e-7):
            fewest = min(fewest, float(np.abs(step).max()))
    return best * (1 + 1 / fewest)


def test_labels_agree_with_scipy_and_fall_in_size() -> None:
    score = blobs((30, 40, 50), 0.05, seed=1)
    labels = label_components(score)
    expected, count = ndi.label(score >= 1, structure=np.ones((3, 3, 3)))
    assert count > 5
    assert labels.max() == count
    pairs = {(int(a), int(b)) for a, b in zip(labels.ravel(), expected.ravel(), strict=True)}
    assert len(pairs) == count + 1  # one label of ours for each of scipy's
    sizes = np.bincount(labels.ravel())[1:]
    assert (np.diff(sizes) <= 0).all()


def test_equal_sizes_are_numbered_in_index_order() -> None:
    score = np.zeros((5, 5, 20), np.float32)
    score[4, 0, 0] = score[0, 0, 18] = score[2, 4, 4] = 1.0
    labels = label_components(score)
    assert [labels[0, 0, 18], labels[2, 4, 4], labels[4, 0, 0]] == [1, 2, 3]


def test_corner_neighbours_are_one_component_and_exactly_one_counts() -> None:
    score = np.zeros((4, 4, 4), np.float32)
    score[0, 0, 0] = score[1, 1, 1] = 1.0
    score[3, 3, 3] = np.nextafter(np.float32(1), np.float32(0))
    (component,) = find_components(score, make_geometry(score.shape), STACK, 0.0)
    assert component.volume_ml == pytest.approx(0.002)
    assert component.longest_diameter_mm == pytest.approx(2 * math.sqrt(3))


@pytest.mark.parametrize("left_handed", [False, True])
def test_positions_follow_the_geometry(left_handed: bool) -> None:
    score = np.zeros((12, 20, 24), np.float32)
    score[3:6, 4:12, 10:20] = 1.25
    score[5, 7, 11] = 3.0
    geometry = make_geometry(score.shape, (0.8, 1.1, 4.0), oblique(left_handed), (12.0, -30.0, 44.0))
    image = geometry.to_image_like(score)
    points = np.array(
        [image.TransformIndexToPhysicalPoint((int(i), int(j), int(k))) for k, j, i in np.argwhere(score >= 1)]
    ) * [-1, -1, 1]
    (component,) = find_components(score, geometry, STACK, midline_ras_r_mm=0.0)
    peak = np.array(image.TransformIndexToPhysicalPoint((11, 7, 5))) * [-1, -1, 1]
    assert component.number == 1
    assert component.volume_ml == pytest.approx(240 * 0.8 * 1.1 * 4.0 / 1000)
    assert component.centroid_ras_mm == pytest.approx(points.mean(axis=0))
    assert component.extent_s_ras_mm == pytest.approx((points[:, 2].min(), points[:, 2].max()))
    assert component.peak_ras_mm == pytest.approx(peak)
    assert component.peak_score == 3.0
    assert component.mean_score == pytest.approx((239 * 1.25 + 3) / 240)
    corners = np.array([[9, 7, 2]]) * [0.8, 1.1, 4.0]
    assert component.longest_diameter_mm == pytest.approx(float(np.linalg.norm(corners)) * (1 + 1 / 9))


@pytest.mark.parametrize(
    ("layers", "thickness", "origin", "expected"),
    [
        ((3, 5), 5.0, 0.0, (3, 5)),  # layers that are slices
        ((12, 22), 1.0, 0.0, (2, 4)),  # five layers to a slice: layer 12 still in slice 2, layer 22 in slice 4
        ((13, 17), 1.0, 0.0, (3, 3)),
        ((16, 16), 1.0, 0.0, (3, 3)),  # one layer of a slice
        ((1, 1), 5.0, 2.5, (1, 2)),  # half in one slice, half in the next
        ((2, 2), 15.0, -5.0, (4, 6)),  # one thick layer, 17.5 to 32.5 mm
        ((0, 11), 15.0, -60.0, (0, 19)),  # beyond the stack on both sides
    ],
)
def test_slices_are_those_the_voxels_reach(
    layers: tuple[int, int], thickness: float, origin: float, expected: tuple[int, int]
) -> None:
    score = np.zeros((24, 6, 6), np.float32)
    score[layers[0] : layers[1] + 1, 2:4, 2] = 1.5
    geometry = make_geometry(score.shape, (1.0, 1.0, thickness), origin=(0.0, 0.0, origin))
    (component,) = find_components(score, geometry, STACK, 0.0)
    assert component.slice_range == expected


def test_slices_are_those_of_the_stack_in_sagittal_volumes() -> None:
    """Index j rises downwards, k across the patient."""
    score = np.zeros((4, 30, 30), np.float32)
    score[1, 10:14, 5:9] = 1.5
    geometry = make_geometry(score.shape, (2.0, 2.0, 6.0), (0, 0, 1, 1, 0, 0, 0, -1, 0), (0.0, 0.0, 70.0))
    (component,) = find_components(score, geometry, STACK, 0.0)
    assert component.extent_s_ras_mm == (44.0, 50.0) and component.slice_range == (9, 10)


def test_areas_add_up_to_the_volume_and_lie_in_the_slices_of_the_range() -> None:
    score = blobs((24, 20, 22), 0.02, seed=3, sigma=3)
    geometry = make_geometry(score.shape, (1.3, 2.0, 3.1), oblique(True), (30.0, -20.0, 85.0))
    components = find_components(score, geometry, STACK, 0.0)
    areas = slice_areas_mm2(score >= 1, geometry, STACK)
    assert areas.shape == (20,) and areas[0] == areas[-1] == 0
    assert areas.sum() * 5.0 == pytest.approx(1000 * sum(c.volume_ml for c in components))
    reached = {n for c in components for n in range(c.slice_range[0], c.slice_range[1] + 1)}
    assert set(np.flatnonzero(areas).tolist()) == reached


def test_areas_are_exact_where_layers_are_parts_of_slices() -> None:
    mask = np.zeros((30, 6, 6), bool)
    mask[10:15, 2:4, 2] = mask[15:17, 1:4, 1:4] = True  # layers 8 to 12 are slice 2
    geometry = make_geometry(mask.shape, (2.0, 2.0, 1.0), origin=(0, 0, 0))
    areas = slice_areas_mm2(mask, geometry, STACK)
    assert areas[:5] == pytest.approx([0, 0, 3 * 8 / 5, (2 * 8 + 2 * 36) / 5, 0])
    assert not slice_areas_mm2(np.zeros_like(mask), geometry, STACK).any()


@pytest.mark.parametrize("flip", [False, True])
def test_side_is_the_patients(flip: bool) -> None:
    # Index i rises toward the patient's left (LPS), or toward the right when flipped.
    direction = (-1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0) if flip else IDENTITY
    score = np.zeros((9, 9, 41), np.float32)
    score[1, 1, 2:10] = 1.0
    score[4, 4, 12:30] = 1.0
    score[7, 7, 19:40] = 1.0
    geometry = make_geometry(score.shape, direction=direction, origin=(20.0 if flip else -20.0, 0.0, 0.0))
    found = {c.volume_ml: c.side for c in find_components(score, geometry, STACK, midline_ras_r_mm=0.0)}
    near, far = ("left", "right") if flip else ("right", "left")
    # Of the longest, one voxel lies on the near side and one on the midline: less than a fifth.
    assert found == {0.008: near, 0.018: "midline", 0.021: far}
    moved = find_components(score, geometry, STACK, midline_ras_r_mm=100.0)
    assert {c.side for c in moved} == {"left"}
    unknown = find_components(score, geometry, STACK, midline_ras_r_mm=None)
    assert {c.volume_ml: c.side for c in unknown} == dict.fromkeys(found)


@pytest.mark.parametrize(("across", "side"), [(2, "midline"), (1, "left")])
def test_a_fifth_on_the_other_side_is_midline(across: int, side: str) -> None:
    score = np.zeros((3, 3, 40), np.float32)
    score[1, 1, 20 - across : 30 - across] = 1.0
    geometry = make_geometry(score.shape, origin=(-19.5, 0.0, 0.0))
    (component,) = find_components(score, geometry, STACK, midline_ras_r_mm=0.0)
    assert component.side == side


@pytest.mark.parametrize("seed", range(6))
def test_diameter_is_exact(seed: int) -> None:
    rng = np.random.default_rng(seed)
    mask = blobs((9, 10, 11), 0.1, seed) >= 1
    ijk = np.argwhere(mask)[:, ::-1]
    axes = np.linalg.qr(rng.standard_normal((3, 3)))[0] * np.array([0.7, 1.0, 3.0])
    assert longest_diameter_mm(ijk, axes) == pytest.approx(brute_diameter(ijk, axes), rel=1e-9)


def test_diameter_is_exact_for_a_ball_of_many_corners() -> None:
    k, j, i = np.mgrid[:29, :29, :29] - 14
    ijk = np.argwhere(k**2 + j**2 + i**2 <= 14**2)[:, ::-1]
    axes = np.diag([1.0, 0.9, 1.2])
    points = ijk @ axes
    squares = ((points[:, None, :] - points[None, ::7, :]) ** 2).sum(axis=-1)
    diameter = longest_diameter_mm(ijk, axes)
    assert diameter == pytest.approx(28 * 1.2 * (1 + 1 / 28))
    assert diameter >= float(np.sqrt(squares.max()))


@pytest.mark.parametrize(
    ("ijk", "expected"),
    [([[0, 0, 0]], 3.0), ([[n, 0, 0] for n in range(7)], 7.0), ([[0, 0, 0], [0, 0, 1]], 6.0), ([[5, 2, 1]], 3.0)],
)
def test_diameter_of_rows_and_single_voxels(ijk: list[list[int]], expected: float) -> None:
    assert longest_diameter_mm(np.array(ijk), np.diag([1.0, 2.0, 3.0])) == pytest.approx(expected)


def test_among_equally_long_lines_the_longest_result_counts() -> None:
    # Both lines from the origin are 5 long; a voxel covers 1/4 of the second and 1/5 of the first.
    ijk = np.array([[0, 0, 0], [5, 0, 0], [3, 4, 0]])
    assert longest_diameter_mm(ijk, np.eye(3)) == pytest.approx(5 * (1 + 1 / 4))


def test_a_component_of_exactly_the_minimum_stays_whatever_the_rounding() -> None:
    score = np.zeros((3, 3, 5), np.float32)
    score[1, 1, :2] = 1.0
    geometry = make_geometry(score.shape, (0.7, 0.7, 1.0))
    assert 2 * geometry.voxel_volume_mm3 < 0.98  # only by rounding
    assert (limit_small_components(score, geometry, 0.98) == score).all()


def test_small_components_are_capped_and_nothing_else_changes() -> None:
    score = np.full((10, 10, 10), 0.5, np.float32)
    score[1, 1, 1:4] = 1.5
    score[5, 5, 1:6] = 1.5
    score[8, 8, 8] = 0.9995
    before = score.copy()
    geometry = make_geometry(score.shape, (1.0, 1.0, 0.1))
    limited = limit_small_components(score, geometry, minimum_mm3=0.5)
    assert (score == before).all()
    assert limited.dtype == np.float32
    assert (limited[1, 1, 1:4] < 1).all()
    assert (limited[1, 1, 1:4] > 0.99).all()
    changed = limited != score
    assert int(changed.sum()) == 3
    assert len(find_components(limited, geometry, STACK, 0.0)) == 1  # five voxels of 0.1 are exactly 0.5
    assert (limit_small_components(score, geometry, 0.0) == score).all()
    assert (limit_small_components(score, geometry, 1e9) < 1).all()


def test_empty_and_full_masks() -> None:
    empty = np.full((6, 7, 8), 0.99, np.float32)
    geometry = make_geometry(empty.shape)
    assert find_components(empty, geometry, STACK, 0.0) == []
    assert not label_components(empty).any()
    assert (limit_small_components(empty, geometry, 10.0) == empty).all()
    (component,) = find_components(np.ones_like(empty), geometry, STACK, 0.0)
    assert component.volume_ml == pytest.approx(6 * 7 * 8 / 1000)


LABELING = ["GetImageFromArray", "ConnectedComponent", "GetArrayFromImage"]


def passes(score: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> tuple[list[str], list[int]]:
    """Calls of numpy and SimpleITK on as many values as the components' box has; voxels of each one measured."""
    libraries = [CallSizes(components.np), CallSizes(components.sitk)]
    measured: list[int] = []

    def diameter(ijk: np.ndarray, axes: np.ndarray) -> float:
        measured.append(len(ijk))
        return longest_diameter_mm(ijk, axes)

    with monkeypatch.context() as patch:
        for name, library in zip(("np", "sitk"), libraries, strict=True):
            patch.setattr(components, name, library)
        patch.setattr(components, "longest_diameter_mm", diameter)
        found = find_components(score, make_geometry(score.shape), STACK, -120.0)
    assert len(found) == len(measured)
    box = score[bounding_box(score >= 1)].size
    return [call.name for library in libraries for call in library.calls if call.size >= box], measured


def test_a_volume_is_passed_over_as_often_for_many_components_as_for_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """And every voxel is measured once, in its own component alone."""
    one = np.zeros((40, 60, 60), np.float32)
    for axis in range(3):
        beam = [slice(15, 20)] * 3
        beam[axis] = slice(4, 36)
        one[tuple(beam)] = 2
    many = np.zeros_like(one)
    many[4:36:3, 5:55:7, 5:55:7] = 2
    for score, count in ((one, 1), (many, 11 * 8 * 8)):
        calls, measured = passes(score, monkeypatch)
        assert len(measured) == count and sum(measured) == (score >= 1).sum()
        assert calls == [
            "asarray",
            "bincount",
            "argwhere",
            "GetImageFromArray",
            "ConnectedComponent",
            "GetArrayFromImage",
        ]
