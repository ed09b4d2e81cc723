"""Augmentation: each variation does what it says, alone, and the draws do not depend on how the batch is shared."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from scipy import ndimage
from training_samples import EVERYTHING

from anofpdm.core.errors import SettingsError
from anofpdm.training.augmentation import Draws, augment, blur, draw, moved_lesions, plain
from anofpdm.training.config import AugmentationConfig
from anofpdm.training.slice_batch import SliceBatch

N, C, SIZE = 6, 2, 32
NOTHING = AugmentationConfig(flip_probability=0, gain=0)


def discs() -> SliceBatch:
    """Heads of radius 13 px with scalp (0.9) and brain (0.5, on the right 0.4) of radius 10 px."""
    y, x = torch.meshgrid(torch.arange(SIZE) - 15.5, torch.arange(SIZE) - 15.5, indexing="ij")
    head, brain = (x**2 + y**2 <= 13**2).float(), (x**2 + y**2 <= 10**2).float()
    values = head * 0.9 * (1 - brain) + brain * torch.where(x < 0, 0.5, 0.4)
    scale = torch.tensor([[0.5, 0.5]]).repeat(N, 1)
    return SliceBatch(
        values=values.expand(N, C, SIZE, SIZE).clone(),
        head=head.expand(N, SIZE, SIZE).clone(),
        brain=brain.expand(N, SIZE, SIZE).clone(),
        whole_head=torch.tensor([True] * 4 + [False] * 2),
        brain_scale=scale,
        stripped_scale=scale,
        scalp_scale=torch.full((N, C), 0.9),
        label=torch.tensor([0, 1, 0, 1, 0, 1]),
        level=torch.linspace(0, 1, N),
        brain_level=torch.linspace(0, 0.5, N),
    )


def draws(config: AugmentationConfig, seed: int = 0) -> Draws:
    return draw(config, (N, C, SIZE, SIZE), torch.Generator().manual_seed(seed))


def varied(seed: int = 0, **changes: Any) -> torch.Tensor:
    """Intensities after the one variation, back in units of the percentile."""
    config = replace(NOTHING, **changes)
    values, _ = augment(discs(), draws(config, seed), config)
    return (values + 1) / 2


def test_nothing_changes_when_nothing_is_asked_for() -> None:
    batch = discs()
    torch.testing.assert_close(varied(), batch.values)
    same = replace(
        NOTHING, affine_probability=1, rotation_degrees=0, scale=0, shift=0, blur_probability=1, blur_px=0,
        bias_probability=1, bias=0, noise_probability=1, noise=0, scalp_probability=1, scalp_range=(1, 1),
    )  # fmt: skip
    values, level = augment(batch, draws(same), same)
    torch.testing.assert_close((values + 1) / 2, batch.values, atol=2e-5, rtol=0)
    assert torch.equal(level, batch.level)


@pytest.mark.parametrize("affine", [0.0, 1.0])
def test_lesions_move_with_the_head(affine: float) -> None:
    batch = discs()
    batch.values[:, :, 10:14, 18:21] = 1
    lesion = batch.values[:, 0].clone()
    lesion[2] = torch.nan
    config = replace(NOTHING, flip_probability=0.5, affine_probability=affine)
    values, _ = augment(replace(batch, lesion=lesion), draws(config), config)
    moved = moved_lesions(replace(batch, lesion=lesion), draws(config), config)
    known = batch.whole_head & (torch.arange(N) != 2)  # of the others, what is outside their head is removed
    torch.testing.assert_close(moved[known], (values[known, 0] + 1) / 2)
    assert moved[2].isnan().all()
    assert not torch.equal(moved[known], lesion[known])


def test_values_are_clipped_to_the_networks_range_only_at_the_end() -> None:
    batch = discs()
    batch.values[:] = 1.6 * batch.head[:, None]
    config = replace(NOTHING, gain=0.5)
    numbers = draws(config)
    values, _ = augment(batch, numbers, config)
    expected = (1.6 * (1 + 0.5 * numbers.intensity[:, 0])).clamp(max=1)
    np.testing.assert_allclose(values[:, 0, 15, 15].numpy(), (2 * expected - 1).numpy(), rtol=1e-5)
    assert float(values.max()) <= 1
    assert float(values.min()) == -1


@pytest.mark.parametrize("affine", [0.0, 1.0])
def test_the_flip_mirrors_left_and_right(affine: float) -> None:
    flipped = varied(flip_probability=1, affine_probability=affine, rotation_degrees=0, scale=0, shift=0)
    torch.testing.assert_close(flipped, discs().values.flip(-1), atol=1e-5, rtol=0)


def test_half_of_the_slices_are_flipped() -> None:
    numbers = draw(AugmentationConfig(), (2000, 1, 2, 2), torch.Generator().manual_seed(0))
    assert 0.45 < float(numbers.flip.float().mean()) < 0.55


def test_the_affine_map_turns_scales_and_shifts_within_its_limits() -> None:
    batch = discs()
    batch.values[:] = 0
    batch.values[:, :, 14:18, 22:26] = 0.8
    config = replace(NOTHING, affine_probability=1, rotation_degrees=30, scale=0.0, shift=0.0)
    numbers = draws(config, 3)
    values, _ = augment(batch, numbers, config)
    for image, amount in zip((values + 1)[:, 0].numpy(), numbers.affine[:, 0].tolist(), strict=True):
        y, x = np.array(ndimage.center_of_mass(image)) - 15.5
        assert np.hypot(y, x) == pytest.approx(8, abs=0.2), "turned about the middle, without stretching"
        assert np.degrees(np.arctan2(-y, x)) == pytest.approx(30 * amount, abs=1.5)
    config = replace(NOTHING, affine_probability=1, rotation_degrees=0, scale=0.0, shift=0.1)
    numbers = draws(config, 3)
    values, _ = augment(batch, numbers, config)
    for image, amount in zip((values + 1)[:, 0].numpy(), numbers.affine[:, 3].tolist(), strict=True):
        assert ndimage.center_of_mass(image)[1] - 15.5 == pytest.approx(8 - 0.1 * SIZE * amount, abs=0.1)


def test_the_blur_is_gaussian_and_differs_along_the_axes() -> None:
    image = torch.rand(3, 2, SIZE, SIZE, generator=torch.Generator().manual_seed(1))
    sigma = torch.tensor([[0.7, 0.0], [0.3, 0.8], [0.0, 0.0]])
    blurred = blur(image, sigma)
    for n in range(3):
        expected = ndimage.gaussian_filter(image[n].numpy(), (0, *sigma[n].tolist()), mode="nearest", radius=3)
        np.testing.assert_allclose(blurred[n].numpy(), expected, atol=1e-5)


def test_noise_is_that_of_a_magnitude_image() -> None:
    config = replace(NOTHING, noise_probability=1, noise=0.1)
    numbers = replace(draws(config), noise_amount=torch.ones(N))
    values, _ = augment(discs(), numbers, config)
    background = ((values + 1) / 2)[:4][:, :, :2].flatten()
    # Rayleigh: mean sigma sqrt(pi / 2).
    assert float(background.mean()) == pytest.approx(0.1 * np.sqrt(np.pi / 2), rel=0.05)
    stripped = ((values + 1) / 2)[4:]
    assert float(stripped[:, :, :2].abs().max()) == 0, "what was cut away before stays black"
    inside = ((values + 1) / 2)[:, 0, 15, 12]
    assert float((inside - 0.5).abs().max()) > 0.005


def test_the_bias_field_is_smooth_and_bounded() -> None:
    ratio = varied(bias_probability=1, bias=0.1)[:4, 0] / discs().values[:4, 0].clamp(min=1e-6)
    inside = discs().head[:4] > 0
    assert float(ratio[inside].min()) > np.exp(-0.13)
    assert float(ratio[inside].max()) < np.exp(0.13)
    assert float(ratio[inside].std()) > 0.005
    row = ratio[:, 15, 5:26].log()
    assert float(row.diff().abs().max()) < 0.03


def test_gamma_and_contrast_keep_order_and_mean() -> None:
    config = replace(NOTHING, gamma=0.5)
    numbers = draws(config)
    values, _ = augment(discs(), numbers, config)
    exponent = 1.5 ** numbers.intensity[:, 1].numpy()
    np.testing.assert_allclose(((values + 1) / 2)[:, 0, 15, 12].numpy(), 0.5**exponent, rtol=1e-4)
    config = replace(NOTHING, contrast=0.3)
    numbers = draws(config)
    values, _ = augment(discs(), numbers, config)
    after = (values + 1) / 2
    head = discs().head[0] > 0
    np.testing.assert_allclose(after[:, 0][:, head].mean(1).numpy(), discs().values[0, 0][head].mean(), atol=2e-3)
    step = after[:, 0, 15, 12] - after[:, 0, 15, 19]
    np.testing.assert_allclose(step.numpy(), 0.1 * (1 + 0.3 * numbers.intensity[:, 2].numpy()), rtol=1e-3)
    assert float(after[:, :, 0].max()) == 0, "the background stays black"


def test_extraction_leaves_the_brain_at_its_own_scale_and_level() -> None:
    config = replace(NOTHING, extraction_probability=1, extraction_border_px=0)
    values, level = augment(discs(), draws(config), config)
    after, batch = (values + 1) / 2, discs()
    assert float(after[:4, :, 15, 12].min()) == pytest.approx(1.0), "0.5 divided by the brain's percentile, 0.5"
    assert float(after[:4, :, 15, 19].max()) == pytest.approx(0.8)
    assert float(after[:4][:, :, 15, 3:5].max()) == 0, "no scalp is left"
    torch.testing.assert_close(after[4:], batch.values[4:])
    assert torch.equal(level, torch.cat([batch.brain_level[:4], batch.level[4:]]))
    simple, simple_level = plain(discs(), extract=True)
    assert torch.equal(simple_level, level)
    torch.testing.assert_close(simple[:, :, 15, 8:24], values[:, :, 15, 8:24])


def test_an_extracted_brain_is_divided_by_its_scale_for_stripped_heads() -> None:
    config = replace(NOTHING, extraction_probability=1, extraction_border_px=0)
    batch = replace(discs(), stripped_scale=discs().brain_scale / 0.8)
    for values in (augment(batch, draws(config), config)[0], plain(batch, extract=True)[0]):
        after = (values + 1) / 2
        assert float(after[:4, :, 15, 12].max()) == pytest.approx(0.8)
        torch.testing.assert_close(after[4:], batch.values[4:])


def test_the_outline_of_an_extracted_brain_moves_by_up_to_its_limit() -> None:
    config = replace(NOTHING, extraction_probability=1, extraction_border_px=2.0)
    batch = discs()
    batch.values = batch.head[:, None].expand(N, C, SIZE, SIZE) * 0.5
    radii = []
    for amount in (-1.0, 0.0, 1.0):
        numbers = draws(config)
        numbers = replace(numbers, outline=torch.full_like(numbers.outline, amount))
        values, _ = augment(batch, numbers, config)
        radii.append(float(((values + 1) / 2)[0, 0].sum() / np.pi) ** 0.5)
    np.testing.assert_allclose(np.diff(radii), 2.0, atol=0.35)
    assert radii[1] == pytest.approx(10, abs=0.35)


def test_scalp_brightness_changes_the_percentile_as_the_volume_would() -> None:
    dark = varied(scalp_probability=1, scalp_range=(0.3, 0.3))
    # Scalp 0.27, brain 0.5: the brain's percentile now leads, so the whole is brighter by 0.9 / 0.5.
    assert float(dark[:4, :, 15, 12].mean()) == pytest.approx(0.9, rel=0.02)
    assert float(dark[0, 0, 15, 4]) == pytest.approx(0.27 * 0.9 / 0.5, rel=0.1)
    bright = varied(scalp_probability=1, scalp_range=(1.25, 1.25))
    assert float(bright[:4, :, 15, 12].mean()) == pytest.approx(0.5 / 1.25, rel=0.02)
    assert float(bright[0, 0, 15, 3]) == pytest.approx(0.9, rel=0.02)
    torch.testing.assert_close(dark[4:], discs().values[4:])


def test_a_slices_fate_does_not_depend_on_how_the_batch_is_shared() -> None:
    whole, _ = augment(discs(), draws(EVERYTHING, 5), EVERYTHING)
    halves = [
        augment(discs().part(part), draws(EVERYTHING, 5).part(part), EVERYTHING)[0]
        for part in (slice(0, 3), slice(3, 6))
    ]
    torch.testing.assert_close(torch.cat(halves), whole, atol=1e-5, rtol=0)
    other, _ = augment(discs(), draws(EVERYTHING, 6), EVERYTHING)
    assert not torch.allclose(whole, other)
    assert torch.isfinite(whole).all()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"flip_probability": 1.5}, "flip_probability must lie in 0..1"),
        ({"scale": -0.1}, "augmentation.scale must lie in 0..0.5"),
        ({"scalp_range": (1.0, 0.5)}, "scalp_range must be two rising numbers"),
    ],
)
def test_settings_out_of_range_are_refused(change: dict[str, Any], words: str) -> None:
    with pytest.raises(SettingsError, match=words):
        replace(EVERYTHING, **change)
