"""A rendered head in the patient's space: what is painted comes back where it was painted, however it is stored."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from anofpdm.synthetic.rendered_volume import Placement, draw_placement, image_volume, mask_volume, rotation
from anofpdm.synthetic.renderer import RenderedHead
from anofpdm.synthetic.slab import Slab

SLAB = Slab(matrix=24, pixel_mm=2.0, slices=14, spacing_mm=4.0, thickness_mm=4.0, planes=1, center_z_mm=3.0)
BALL = np.array([7.0, -9.0, 5.0])
"""x, y, z in mm from the slab's middle."""
RADIUS_MM = 8.0


def ball() -> np.ndarray:
    """Shares [slices, rows, columns] of a ball about BALL."""
    z = SLAB.slice_z - SLAB.center_z_mm
    offset = np.stack(np.meshgrid(z, SLAB.across, SLAB.across, indexing="ij"), -1) - BALL[::-1]
    return (np.linalg.norm(offset, axis=-1) < RADIUS_MM).astype(np.float32)


def center_lps(mask: sitk.Image) -> np.ndarray:
    """LPS mm of the middle of what is marked."""
    k, j, i = np.argwhere(sitk.GetArrayViewFromImage(mask) > 0).mean(0)
    return np.array(mask.TransformContinuousIndexToPhysicalPoint((float(i), float(j), float(k))))


def rendered(image: np.ndarray, *, stripped: bool) -> RenderedHead:
    """A head that shows this picture."""
    nothing = torch.zeros(SLAB.shape)
    return RenderedHead(
        slab=SLAB,
        image=torch.from_numpy(image.astype(np.float32)),
        lesion=torch.from_numpy(ball()),
        brain=nothing,
        ventricles=nothing,
        sampled=None,  # type: ignore[arg-type]
        stripped=stripped,
        noise=0.0,
        blur_mm=0.0,
        lesions=(),
    )


ORDERS = list(itertools.permutations((0, 1, 2)))
BACKWARDS = list(itertools.product((False, True), repeat=3))


@pytest.mark.parametrize("axes", ORDERS)
def test_a_ball_lies_where_it_was_painted_in_every_orientation(axes: tuple[int, int, int]) -> None:
    for backwards in BACKWARDS:
        placement = Placement(np.eye(3), (11.0, -20.0, 33.0), axes, backwards)
        mask = mask_volume(ball(), SLAB, placement)
        assert mask.GetSpacing() == tuple((2.0, 2.0, 4.0)[axis] for axis in axes)
        np.testing.assert_allclose(center_lps(mask), BALL + np.array([11.0, -20.0, 33.0]), atol=0.6)


@settings(max_examples=40, deadline=None)
@given(
    turns=st.tuples(*[st.floats(-40, 40)] * 3),
    center=st.tuples(*[st.floats(-200, 200)] * 3),
    axes=st.sampled_from(ORDERS),
    backwards=st.sampled_from(BACKWARDS),
)
def test_a_ball_lies_where_it_was_painted_when_turned(
    turns: tuple[float, float, float],
    center: tuple[float, float, float],
    axes: tuple[int, int, int],
    backwards: tuple[bool, bool, bool],
) -> None:
    directions = rotation(*turns)
    np.testing.assert_allclose(directions @ directions.T, np.eye(3), atol=1e-9)
    assert np.linalg.det(directions) == pytest.approx(1)
    mask = mask_volume(ball(), SLAB, Placement(directions, center, axes, backwards))
    np.testing.assert_allclose(center_lps(mask), directions @ BALL + np.array(center), atol=0.6)


def test_turning_about_an_axis_turns_the_way_the_right_hand_does() -> None:
    np.testing.assert_allclose(rotation(0, 0, 90) @ [1, 0, 0], [0, 1, 0], atol=1e-12)
    np.testing.assert_allclose(rotation(90, 0, 0) @ [0, 1, 0], [0, 0, 1], atol=1e-12)
    np.testing.assert_allclose(rotation(0, 90, 0) @ [0, 0, 1], [1, 0, 0], atol=1e-12)


@pytest.mark.parametrize("seed", range(4))
def test_image_and_truth_lie_together_in_the_written_file(tmp_path: Path, seed: int) -> None:
    placement = draw_placement(np.random.default_rng(seed), SLAB)
    head = rendered(0.2 + ball(), stripped=False)
    for name, volume in (
        ("image", image_volume(head, placement, "scanner", 500.0)),
        ("mask", mask_volume(ball(), SLAB, placement)),
    ):
        sitk.WriteImage(volume, str(tmp_path / f"{name}.nii.gz"))
    image, mask = (sitk.ReadImage(str(tmp_path / f"{name}.nii.gz")) for name in ("image", "mask"))
    np.testing.assert_allclose(center_lps(mask), placement.directions @ BALL + placement.center, atol=0.6)
    np.testing.assert_array_equal(sitk.GetArrayFromImage(image), np.where(sitk.GetArrayFromImage(mask) > 0, 600, 100))
    assert image.GetDirection() == mask.GetDirection()
    assert image.GetOrigin() == mask.GetOrigin()


def test_placements_are_oblique_within_bounds_and_thin_slices_may_be_sagittal() -> None:
    thin = Slab(matrix=24, pixel_mm=1.0, slices=24, spacing_mm=1.0, thickness_mm=1.0, planes=1)
    draws = [draw_placement(np.random.default_rng(seed), slab, 9.0) for seed in range(40) for slab in (thin, SLAB)]
    tilts = [np.degrees(np.arccos(np.clip(draw.directions[2, 2], -1, 1))) for draw in draws]
    assert 3 < np.mean(tilts) < max(tilts) < 13
    assert {draw.axes for draw in draws[::2]} == {(0, 1, 2), (1, 2, 0)}
    assert {draw.axes for draw in draws[1::2]} == {(0, 1, 2)}
    assert {draw.reversed[2] for draw in draws} == {True, False}


def test_z_scores_have_mean_0_and_deviation_1_where_the_head_is() -> None:
    rng = np.random.default_rng(0)
    picture = np.where(ball() > 0, rng.uniform(0.5, 1.5, SLAB.shape), 0)
    placement = Placement(np.eye(3), (0.0, 0.0, 0.0))
    scores = sitk.GetArrayFromImage(image_volume(rendered(picture, stripped=True), placement, "z-scored", 1.0))
    inside = scores[ball() > 0]
    assert inside.mean() == pytest.approx(0, abs=1e-4)
    assert inside.std() == pytest.approx(1, abs=1e-4)
    assert (scores[ball() == 0] == 0).all()
    whole = sitk.GetArrayFromImage(image_volume(rendered(picture, stripped=False), placement, "z-scored", 1.0))
    assert whole.mean() == pytest.approx(0, abs=1e-4)
    assert whole.std() == pytest.approx(1, abs=1e-4)


def test_scanner_values_are_whole_numbers_in_range() -> None:
    placement = Placement(np.eye(3), (0.0, 0.0, 0.0))
    volume = image_volume(rendered(ball() * 30, stripped=True), placement, "scanner", 2000.0)
    assert volume.GetPixelID() == sitk.sitkInt16
    assert sitk.GetArrayViewFromImage(volume).max() == 32767
