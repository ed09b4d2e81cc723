"""Scaling of intensities, removal of background offsets, erosion in plane."""

from __future__ import annotations

import head_samples as samples
import numpy as np
import pytest
import SimpleITK as sitk
from scipy import ndimage

from anofpdm.core.errors import InputError
from anofpdm.volumes.head import find_head
from anofpdm.volumes.input_config import PreprocessingConfig
from anofpdm.volumes.preprocessing import erode_in_plane, normalise, remove_background_offset


def stack_and_head() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    stack = rng.uniform(10, 200, (2, 5, 16, 16)).astype(np.float32)
    stack[1] *= 7
    head = np.zeros((5, 16, 16), dtype=bool)
    head[1:4, 3:13, 3:13] = True
    return stack, head


def test_formula_and_layout() -> None:
    stack, head = stack_and_head()
    x = normalise(stack, head, PreprocessingConfig(percentile=90))
    assert x.shape == (5, 2, 16, 16)
    assert x.dtype == np.float32
    for channel in (0, 1):
        scale = np.percentile(stack[channel][head], 90)
        expected = 2 * np.clip(stack[channel] / scale, 0, 1) - 1
        np.testing.assert_allclose(x[:, channel], expected, atol=1e-5)
    assert x.max() == 1


def test_scaling_an_image_changes_nothing() -> None:
    stack, head = stack_and_head()
    config = PreprocessingConfig()
    np.testing.assert_allclose(normalise(stack, head, config), normalise(stack * 37, head, config), atol=1e-5)


def test_outside_the_head_stays_but_does_not_decide() -> None:
    stack, head = stack_and_head()
    config = PreprocessingConfig()
    before = normalise(stack, head, config)
    stack[:, ~head] *= 0.5
    after = normalise(stack, head, config)
    np.testing.assert_array_equal(after[:, 0][head], before[:, 0][head])
    assert (after[:, 0][~head] < before[:, 0][~head]).any()
    assert (after[:, 0][~head] > -1).all()


def test_without_clip_values_exceed_one() -> None:
    stack, head = stack_and_head()
    assert normalise(stack, head, PreprocessingConfig(percentile=80, clip=False)).max() > 1


def test_min_max_per_slice_and_modality() -> None:
    stack, head = stack_and_head()
    stack[:, 4] = 50  # a constant slice must not divide by zero
    x = normalise(stack, head, PreprocessingConfig(per_slice_min_max=True))
    np.testing.assert_allclose(x[:4].min(axis=(2, 3)), -1, atol=1e-6)
    np.testing.assert_allclose(x[:4].max(axis=(2, 3)), 1, atol=1e-6)
    assert np.isfinite(x).all()


def test_uncovered_pixels_do_not_count() -> None:
    stack, head = stack_and_head()
    covered = np.ones(stack.shape, dtype=bool)
    config = PreprocessingConfig(percentile=60)
    whole = normalise(stack, head, config, covered=covered)
    np.testing.assert_array_equal(whole, normalise(stack, head, config))
    covered[1, 3] = False
    stack[1, 3] = 0
    x = normalise(stack, head, config, covered=covered)
    scale = np.percentile(stack[1, 1:3][head[1:3]], 60)
    np.testing.assert_allclose(x[1, 1], 2 * np.clip(stack[1, 1] / scale, 0, 1) - 1, atol=1e-5)


def test_errors() -> None:
    stack, head = stack_and_head()
    with pytest.raises(InputError, match="Modality 2 is dark"):
        normalise(stack * np.array([1, 0], np.float32)[:, None, None, None], head, PreprocessingConfig())
    with pytest.raises(InputError, match="No head is left"):
        normalise(stack, np.zeros_like(head), PreprocessingConfig())
    with pytest.raises(ValueError, match="do not fit"):
        normalise(stack, head[:3], PreprocessingConfig())


@pytest.mark.parametrize(("mm", "pixel_mm"), [(3.0, 1.0), (10.0, 1.875), (5.0, 3.0)])
def test_erosion_is_by_millimetres_in_plane(mm: float, pixel_mm: float) -> None:
    rng = np.random.default_rng(2)
    head = ndimage.gaussian_filter(rng.normal(size=(3, 64, 64)), (0, 8, 8)) > 0
    head[0] = False
    padded = np.pad(head, ((0, 0), (1, 1), (1, 1)))
    expected = np.stack([ndimage.distance_transform_edt(p, sampling=pixel_mm)[1:-1, 1:-1] > mm for p in padded])
    expected[0] = False
    eroded = erode_in_plane(head, mm, pixel_mm)
    assert eroded.sum() < head.sum()
    # Danielsson's distance is exact but for rare pixels.
    assert (eroded == expected).mean() > 0.999


def test_no_erosion_copies() -> None:
    _, head = stack_and_head()
    same = erode_in_plane(head, 0, 1.0)
    np.testing.assert_array_equal(same, head)
    assert same is not head


@pytest.mark.parametrize("stripped", [False, True])
def test_ordinary_background_is_left_alone(stripped: bool) -> None:
    sample = samples.head("flair", noise=10.0, stripped=stripped)
    image, warnings = remove_background_offset(sample.image, find_head(sample.image), "flair")
    assert warnings == []
    np.testing.assert_array_equal(sitk.GetArrayFromImage(image), sitk.GetArrayFromImage(sample.image))


@pytest.mark.parametrize("stripped", [False, True])
def test_z_scored_volume_comes_back_up_to_scale(stripped: bool) -> None:
    sample = samples.head("flair", noise=10.0, stripped=stripped)
    values = sitk.GetArrayFromImage(sample.image)
    scored = samples.like((values - values.mean()) / values.std(), sample.image)
    image, warnings = remove_background_offset(scored, find_head(scored), "flair")
    assert len(warnings) == 1
    assert "flair image's background" in warnings[0]
    restored = sitk.GetArrayFromImage(image) * values.std()
    assert restored.min() == 0
    np.testing.assert_allclose(restored, values, atol=3 if not stripped else 1e-2)


def test_z_scored_inside_the_brain_mask() -> None:
    sample = samples.head("flair", stripped=True)
    values = sitk.GetArrayFromImage(sample.image)
    inside = values[sample.brain]
    scored = samples.like(np.where(sample.brain, (values - inside.mean()) / inside.std(), 0), sample.image)
    image, warnings = remove_background_offset(scored, find_head(scored), "flair")
    assert len(warnings) == 1
    assert "both sides" in warnings[0]
    restored = sitk.GetArrayFromImage(image)
    assert restored.min() == 0
    assert (restored[~sample.brain] == 0).mean() > 0.999
    assert np.corrcoef(restored[sample.brain], inside)[0, 1] > 0.99
