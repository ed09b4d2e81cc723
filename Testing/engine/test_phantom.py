"""Synthetic heads: the planted lesion, the twin, resolution."""

from __future__ import annotations

import numpy as np
import pytest
from phantom import PhantomVolume, centered_axis, draw_head, phantom_volume, render
from scipy import ndimage

SEEDS = (0, 1, 2, 3, 4, 5)


@pytest.fixture(scope="module")
def twins() -> dict[int, tuple[PhantomVolume, PhantomVolume]]:
    return {seed: (phantom_volume(seed, lesion=True), phantom_volume(seed, lesion=False)) for seed in SEEDS}


def test_shape_type_and_range(twins: dict[int, tuple[PhantomVolume, PhantomVolume]]) -> None:
    for unhealthy, healthy in twins.values():
        for volume in (unhealthy, healthy):
            assert volume.image.shape == volume.lesion.shape == (24, 64, 64)
            assert volume.image.dtype == np.float32
            assert volume.lesion.dtype == np.bool_
            assert np.isfinite(volume.image).all()
            assert volume.image.min() >= 0
            assert volume.image.max() < 3


def test_same_seed_same_head_and_other_seed_other_head(twins: dict[int, tuple[PhantomVolume, PhantomVolume]]) -> None:
    again = phantom_volume(3, lesion=True)
    assert np.array_equal(again.image, twins[3][0].image)
    assert np.array_equal(again.lesion, twins[3][0].lesion)
    assert np.abs(twins[2][1].image - twins[3][1].image).mean() > 0.02


def test_twins_differ_in_the_lesion_alone(twins: dict[int, tuple[PhantomVolume, PhantomVolume]]) -> None:
    for unhealthy, healthy in twins.values():
        assert unhealthy.lesion.any()
        assert not healthy.lesion.any()
        near = ndimage.binary_dilation(unhealthy.lesion, np.ones((3, 3, 3)), iterations=4)
        assert np.array_equal(unhealthy.image[~near], healthy.image[~near])
        raised = unhealthy.image[unhealthy.lesion].mean() / healthy.image[unhealthy.lesion].mean()
        assert 1.1 < raised < 2.5


def test_a_lesion_spans_slices_and_stays_off_the_scalp(twins: dict[int, tuple[PhantomVolume, PhantomVolume]]) -> None:
    for unhealthy, healthy in twins.values():
        levels = np.flatnonzero(unhealthy.lesion.any(axis=(1, 2)))
        assert len(levels) >= 2
        head = ndimage.binary_fill_holes(ndimage.gaussian_filter(healthy.image, 0.7) > 0.15)
        depth = ndimage.distance_transform_edt(head, sampling=(6.0, 3.75, 3.75))
        assert depth[unhealthy.lesion].min() > 5
        volume_ml = unhealthy.lesion.sum() * 6 * 3.75**2 / 1000
        assert 0.5 < volume_ml < 140


def test_a_head_is_as_large_and_as_bright_as_a_flair_head(
    twins: dict[int, tuple[PhantomVolume, PhantomVolume]],
) -> None:
    for _, healthy in twins.values():
        middle = healthy.image[14]
        rows, columns = np.nonzero(middle > 0.15)
        assert 160 < np.ptp(rows) * 3.75 < 215, "front to back in mm"
        assert 125 < np.ptp(columns) * 3.75 < 180, "side to side in mm"
        brain = np.median(middle[26:38, 26:38])
        corner = healthy.image[:, :4, :4].mean()
        scalp = np.percentile(healthy.image, 99.5)
        assert corner < 0.15 * brain
        assert scalp > 1.4 * brain
        assert healthy.image[14, 26:38, 26:38].min() < 0.6 * brain, "no dark ventricle"


def test_the_vertex_is_smaller_than_the_middle(twins: dict[int, tuple[PhantomVolume, PhantomVolume]]) -> None:
    for _, healthy in twins.values():
        area = (healthy.image > 0.15).sum(axis=(1, 2))
        assert area[23] < 0.5 * area[14]


def test_the_same_head_at_another_resolution() -> None:
    coarse = phantom_volume(7, lesion=True, size=(64, 64, 24), spacing_mm=(3.75, 3.75, 6.0))
    fine = phantom_volume(7, lesion=True, size=(192, 192, 24), spacing_mm=(1.25, 1.25, 6.0))
    averaged = fine.image.reshape(24, 64, 3, 64, 3).mean(axis=(2, 4))
    assert np.corrcoef(averaged.ravel(), coarse.image.ravel())[0, 1] > 0.98
    tissue = coarse.image > 0.3
    assert averaged[tissue].mean() == pytest.approx(coarse.image[tissue].mean(), rel=0.02)
    share = fine.lesion.reshape(24, 64, 3, 64, 3).mean(axis=(2, 4)) > 0.5
    assert (share & coarse.lesion).sum() * 2 / (share.sum() + coarse.lesion.sum()) > 0.9


def test_noise_has_the_same_law_after_averaging() -> None:
    head = draw_head(np.random.default_rng(3))
    levels = np.array([20.0], np.float32)

    def noise(matrix: int) -> np.ndarray:
        axis = centered_axis(matrix, 240 / matrix)
        one, two = (render(head, [], axis, axis, levels, np.random.default_rng(n)).image for n in (1, 2))
        binned = (one - two).reshape(64, matrix // 64, 64, matrix // 64).mean(axis=(1, 3))
        return binned[20:44, 20:44]

    assert noise(192).std() == pytest.approx(noise(64).std(), rel=0.12)
    assert noise(64).std() == pytest.approx(np.sqrt(2) * head.noise, rel=0.12)
