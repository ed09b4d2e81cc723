"""Synthetic heads: the planted lesion, the twin, resolution, labels, and the shipped samples."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from scipy import ndimage

from anofpdm.synthetic import make_sample
from anofpdm.synthetic.phantom import PhantomVolume, centered_axis, draw_head, phantom_volume, render
from anofpdm.synthetic.training_slices import HEIGHTS_MM, MINIMUM_LESION_MM2, phantom_slices

SAMPLES = Path(__file__).parents[2] / "AnoFPDMSegment" / "Resources" / "SampleData"
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


def test_labels_follow_the_lesion_and_not_the_height() -> None:
    slices = phantom_slices(11, 64)
    areas = slices.lesions.sum(axis=(1, 2)) * 3.75**2
    assert slices.labels.sum() == 32
    assert (areas[slices.labels] >= MINIMUM_LESION_MM2).all()
    assert (areas[~slices.labels] == 0).all()
    unhealthy, healthy = slices.heights_mm[slices.labels], slices.heights_mm[~slices.labels]
    assert (healthy == unhealthy).mean() > 0.5
    assert (healthy != unhealthy).any()
    assert slices.heights_mm.min() > HEIGHTS_MM[0] - 40
    assert slices.heights_mm.max() < HEIGHTS_MM[1] + 40
    assert len({image.tobytes() for image in slices.images}) == 64


def test_training_slices_repeat_and_take_a_resolution() -> None:
    one, two = phantom_slices(5, 4, matrix=32), phantom_slices(5, 4, matrix=32)
    assert one.images.shape == (4, 32, 32)
    assert all(np.array_equal(a, b) for a, b in zip(one, two, strict=True))
    assert not np.array_equal(one.images, phantom_slices(6, 4, matrix=32).images)


@pytest.mark.parametrize("count", [0, 1, 3, -2])
def test_an_odd_number_of_training_slices_is_refused(count: int) -> None:
    with pytest.raises(ValueError, match="even"):
        phantom_slices(1, count)


@pytest.fixture(scope="module")
def made() -> dict[str, sitk.Image]:
    return make_sample.sample_images()


@pytest.mark.parametrize("name", [make_sample.LESION, make_sample.NO_LESION, make_sample.MASK])
def test_the_shipped_sample_is_what_the_program_makes(name: str, made: dict[str, sitk.Image]) -> None:
    stored = sitk.ReadImage(str(SAMPLES / name))
    assert stored.GetPixelID() == sitk.sitkInt16
    assert stored.GetSize() == make_sample.SIZE
    assert stored.GetSpacing() == pytest.approx(make_sample.SPACING_MM)
    assert stored.GetOrigin() == pytest.approx(make_sample.ORIGIN_LPS_MM, abs=1e-4)
    assert stored.GetDirection() == pytest.approx(make_sample.DIRECTION_LPS)
    difference = np.abs(sitk.GetArrayFromImage(stored).astype(int) - sitk.GetArrayFromImage(made[name]))
    # Sines differ in the last bit between processors, which may move a rounded value by one.
    assert difference.max() <= 1
    assert (difference > 0).mean() < 1e-3
    assert (SAMPLES / name).stat().st_size < 1_000_000


def test_the_sample_folder_holds_nothing_else() -> None:
    assert {p.name for p in SAMPLES.iterdir()} == {make_sample.LESION, make_sample.NO_LESION, make_sample.MASK}


def test_the_sample_lies_the_right_way_round(made: dict[str, sitk.Image]) -> None:
    """The vertex is up, and the lesion is on the side where the phantom put it."""
    image, mask = made[make_sample.LESION], made[make_sample.MASK]
    planted = phantom_volume(make_sample.SEED, lesion=True, size=make_sample.SIZE, spacing_mm=make_sample.SPACING_MM)
    statistics = sitk.LabelShapeStatisticsImageFilter()
    statistics.Execute(sitk.Cast(mask, sitk.sitkUInt8))
    lesion_x, lesion_y, lesion_z = statistics.GetCentroid(1)
    center_x, center_y, _ = image.TransformContinuousIndexToPhysicalPoint([(n - 1) / 2 for n in image.GetSize()])
    k, j, i = (axis.mean() for axis in np.nonzero(planted.lesion))
    assert lesion_x - center_x == pytest.approx((i - 79.5) * 1.5, abs=0.01), "+x is left"
    assert lesion_y - center_y == pytest.approx((j - 79.5) * 1.5, abs=0.01), "+y is back"
    array = sitk.GetArrayViewFromImage(image)
    area = (array > 75).sum(axis=(1, 2))
    assert area[-1] < 0.5 * area[14] < area[0], "the last slice is near the vertex"
    assert mask.TransformPhysicalPointToContinuousIndex((lesion_x, lesion_y, lesion_z))[2] == pytest.approx(k)


def test_making_heads_needs_no_torch() -> None:
    code = (
        "import sys; import anofpdm.synthetic.training_slices as t; t.phantom_slices(1, 2); "
        "sys.exit('torch' in sys.modules)"
    )
    engine = str(SAMPLES.parents[1])
    subprocess.run([sys.executable, "-c", code], check=True, env={"PYTHONPATH": engine, "PATH": ""}, timeout=60)
