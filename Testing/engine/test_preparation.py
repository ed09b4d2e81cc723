"""Whole cases: from images on their own grids to the network's slices."""

from __future__ import annotations

import head_samples as samples
import numpy as np
import pytest
import SimpleITK as sitk
from head_samples import config
from scipy import ndimage

from anofpdm.core.errors import InputError, ModelError
from anofpdm.volumes.geometry import VolumeGeometry
from anofpdm.volumes.preparation import LITTLE_HEAD, NO_HEAD, NOISE_ONLY, OUTSIDE, prepare_case


def test_ordinary_case() -> None:
    sample = samples.head("flair", noise=8.0)
    case = prepare_case({"flair": sample.image}, config())
    slices = case.grid.size[2]
    assert case.geometry == VolumeGeometry.from_image(sample.image)
    assert slices == 36
    assert case.x0.shape == (int(case.examined.sum()), 1, 64, 64)
    assert case.x0.dtype == np.float32
    assert case.x0.min() >= -1
    assert case.x0.max() == 1
    assert case.head.shape == case.interior.shape == (slices, 64, 64)
    assert not (case.interior & ~case.head).any()
    assert case.interior.sum() < 0.85 * case.head.sum()
    assert [reason == "" for reason in case.not_examined_reason] == case.examined.tolist()
    assert {"", NOISE_ONLY} <= set(case.not_examined_reason) <= {"", NOISE_ONLY, LITTLE_HEAD}
    assert case.warnings == []
    assert not case.skull_stripped
    volume = case.head.sum() * case.grid.pixel_mm**2 * case.grid.slice_spacing_mm
    assert volume == pytest.approx(float(sample.whole.sum()) * 20, rel=0.06)


def test_network_input_follows_the_formula() -> None:
    sample = samples.head("flair", noise=8.0)
    case = prepare_case({"flair": sample.image}, config(percentile=95.0))
    inside = case.x0[:, 0][case.head[case.examined]]
    assert (inside >= 1 - 1e-6).mean() == pytest.approx(0.05, abs=0.01)


def test_level_runs_from_the_lowest_to_the_highest_slice_of_head() -> None:
    sample = samples.head("flair")
    case = prepare_case({"flair": sample.image}, config())
    level = case.level[case.examined]
    assert level[0] == 0
    assert level[-1] == 1
    np.testing.assert_allclose(np.diff(level), 1 / (len(level) - 1), rtol=1e-4)
    assert np.isnan(case.level[~case.examined]).all()


def test_level_is_undefined_in_a_slab_or_without_definition() -> None:
    sample = samples.head("flair")
    slab = prepare_case({"flair": sample.image[:, :, 14:24]}, config())
    assert slab.examined.all()
    assert np.isnan(slab.level).all()
    assert any("Only 50 mm" in warning for warning in slab.warnings)
    whole = prepare_case({"flair": sample.image}, config(grid={"level": "none"}))
    assert np.isnan(whole.level).all()


def test_reasons_for_slices_left_out() -> None:
    sample = samples.head("flair")
    values = sitk.GetArrayFromImage(sample.image)
    values[-1] = np.random.default_rng(0).rayleigh(4, values[-1].shape)
    image = samples.like(values, sample.image)
    case = prepare_case({"flair": image}, config(minimum_head_mm2=9000.0))
    assert case.not_examined_reason[0] == NO_HEAD
    assert case.not_examined_reason[-1] == NOISE_ONLY
    assert case.not_examined_reason[3] == LITTLE_HEAD
    area = case.head.sum(axis=(1, 2)) * case.grid.pixel_mm**2
    assert (area[case.examined] >= 9000).all()
    with pytest.raises(InputError, match="nothing to examine"):
        prepare_case({"flair": image}, config(minimum_head_mm2=90000.0))


def test_stripped_input_uses_its_own_erosion_and_warns() -> None:
    sample = samples.head("flair", stripped=True)
    case = prepare_case({"flair": sample.image}, config(erosion_mm=20.0, erosion_stripped_mm=2.0))
    assert case.skull_stripped
    assert [w for w in case.warnings if "skull-stripped" in w]
    assert case.interior.sum() > 0.85 * case.head.sum()
    assert prepare_case({"flair": sample.image}, config(anatomy="both")).warnings == []


def test_stripped_input_is_dimmed_by_its_gain_and_whole_heads_are_not() -> None:
    stripped, whole = samples.head("flair", stripped=True), samples.head("flair")

    def x0(image: sitk.Image, gain: float) -> np.ndarray:
        return np.asarray(prepare_case({"flair": image}, config(clip=False, stripped_gain=gain)).x0)

    np.testing.assert_allclose(x0(stripped.image, 0.5) + 1, 0.5 * (x0(stripped.image, 1.0) + 1), atol=1e-5)
    np.testing.assert_array_equal(x0(whole.image, 0.5), x0(whole.image, 1.0))
    with pytest.raises(ModelError, match="stripped_gain must lie between"):
        config(stripped_gain=0.0)


def test_modalities_on_different_grids_line_up() -> None:
    flair, t1 = samples.head("flair", noise=5.0).image, samples.head("t1", noise=5.0).image
    turned = sitk.Resample(
        t1,
        (150, 140, 60),
        sitk.Transform(),
        sitk.sitkLinear,
        (-10.0, -10.0, -15.0),
        (1.8, 1.9, 3.5),
        (1.0, 0, 0, 0, 1, 0, 0, 0, 1),
    )
    model = config(("flair", "t1"))
    case = prepare_case({"t1": turned, "flair": flair}, model)
    reference = prepare_case({"flair": flair, "t1": t1}, model)
    assert case.geometry == VolumeGeometry.from_image(flair)
    assert case.x0.shape == reference.x0.shape
    np.testing.assert_array_equal(case.x0[:, 0], reference.x0[:, 0])
    assert np.corrcoef(case.x0[:, 1].ravel(), reference.x0[:, 1].ravel())[0, 1] > 0.98
    inside = case.interior[case.examined]
    assert np.corrcoef(case.x0[:, 1][inside], reference.x0[:, 1][inside])[0, 1] > 0.95
    assert np.corrcoef(case.x0[:, 1][inside], case.x0[:, 0][inside])[0, 1] < 0.9


def test_partly_covering_modality() -> None:
    flair, t1 = samples.head("flair", noise=5.0).image, samples.head("t1", noise=5.0).image
    model = config(("flair", "t1"))
    case = prepare_case({"flair": flair, "t1": t1[:, :, 14:22]}, model)
    assert case.examined[14:22].all()
    assert case.examined.sum() == 8
    assert case.not_examined_reason[10] == OUTSIDE
    assert any("t1 image shows only" in warning for warning in case.warnings)
    moved = sitk.Image(t1)
    moved.SetOrigin((0.0, 0.0, 1000.0))
    with pytest.raises(InputError, match=r"t1 image shows only 0%.*same examination\?"):
        prepare_case({"flair": flair, "t1": moved}, model)


def test_mixed_stripping_warns() -> None:
    flair, t1 = samples.head("flair", noise=5.0).image, samples.head("t1", stripped=True).image
    case = prepare_case({"flair": flair, "t1": t1}, config(("flair", "t1")))
    assert not case.skull_stripped
    assert any("Skull-stripped (t1) and whole-head images (flair) are mixed" in w for w in case.warnings)


def test_wrong_modalities() -> None:
    image = samples.head("flair").image
    with pytest.raises(InputError, match="needs the modalities flair, t1, but flair was given"):
        prepare_case({"flair": image}, config(("flair", "t1")))
    with pytest.raises(InputError, match="needs the modalities flair, but flair, t2 was given"):
        prepare_case({"flair": image, "t2": image}, config())
    with pytest.raises(InputError, match="none was given"):
        prepare_case({}, config())


def test_image_without_head_names_the_modality() -> None:
    noise = sitk.GetImageFromArray(np.random.default_rng(0).rayleigh(20, (20, 64, 64)).astype(np.float32))
    noise.SetSpacing((3, 3, 5))
    with pytest.raises(InputError, match="No head was found in the flair image"):
        prepare_case({"flair": noise}, config())


def test_display_is_finer_and_covers_the_same_field() -> None:
    sample = samples.head("flair", noise=5.0)
    case = prepare_case({"flair": sample.image}, config())
    assert case.display.shape == (36, 120, 120)  # 240 mm at the image's own 2 mm
    assert case.display.dtype == np.uint8
    middle = 18
    coarse = (case.x0[case.examined[:middle].sum(), 0] + 1) / 2
    fine = case.display[middle].astype(float)
    rows = np.linspace(0, 119, 64).round().astype(int)
    assert np.corrcoef(ndimage.gaussian_filter(fine, 0.8)[np.ix_(rows, rows)].ravel(), coarse.ravel())[0, 1] > 0.95
    weight = np.arange(120) + 0.5
    center = (fine.sum(axis=0) @ weight / fine.sum()) / 120, (fine.sum(axis=1) @ weight / fine.sum()) / 120
    weight = np.arange(64) + 0.5
    expected = (coarse.sum(axis=0) @ weight / coarse.sum()) / 64, (coarse.sum(axis=1) @ weight / coarse.sum()) / 64
    assert center == pytest.approx(expected, abs=0.004)
    assert 0.99 < (case.display[case.examined] < 255).mean() < 1


def test_too_small_field_of_view_warns() -> None:
    sample = samples.head("flair", noise=5.0)
    case = prepare_case({"flair": sample.image}, config(grid={"field_of_view_mm": 150.0}))
    assert any("beyond the model's field of view of 150 mm" in warning for warning in case.warnings)


def test_inverted_image_warns() -> None:
    sample = samples.head("flair", noise=3.0)
    values = sitk.GetArrayFromImage(sample.image)
    case = prepare_case({"flair": samples.like(values.max() - values, sample.image)}, config())
    assert any("air is brighter than the head in flair" in warning for warning in case.warnings)


def test_real_examination() -> None:
    modalities = ("t1", "t2", "flair")
    folder = samples.real_data() / "open_ms"
    names = {"flair": "FLAIR", "t1": "T1W", "t2": "T2W"}
    images = {
        m: sitk.ReadImage(str(folder / f"patient01_study1_{names[m]}.nii.gz"), sitk.sitkFloat32) for m in modalities
    }
    case = prepare_case(images, config(modalities))
    assert case.warnings == []
    assert case.examined.all()
    assert case.grid.size[2] == images[modalities[0]].GetSize()[2]


def test_real_whole_heads_hardly_warn() -> None:
    folders = sorted((samples.real_data() / "lgg").glob("TCGA*"))[::22]
    warned = []
    for folder in folders:
        image = sitk.ReadImage(str(folder / "flair.nii.gz"), sitk.sitkFloat32)
        case = prepare_case({"flair": image}, config())
        warned += [f"{folder.name}: {warning}" for warning in case.warnings]
        assert case.examined.sum() > 0.4 * len(case.examined)
    assert len(warned) <= len(folders) // 10, warned


@pytest.mark.parametrize("stripped", [False, True])
def test_units_of_tissue_survive_z_scores(stripped: bool) -> None:
    """Negative values, another scale and a background that is not 0: the same slices whatever a file's numbers are."""
    image = samples.head("flair", stripped=stripped).image
    values = sitk.GetArrayFromImage(image).astype(np.float32)
    inside = values > 0
    scores = (values - values[inside].mean()) / values[inside].std()
    model = config(tissue_units=2.5, anatomy="both")
    plain, scored = (prepare_case({"flair": samples.like(changed, image)}, model) for changed in (values, scores))
    middle = float(np.median(plain.x0[:, 0][plain.head[plain.examined]]))
    assert middle == pytest.approx(2 / 2.5 - 1, abs=0.25)
    assert np.abs(scored.x0 - plain.x0).mean() < 0.02


def test_units_of_tissue_have_bounds() -> None:
    with pytest.raises(ModelError, match="tissue_units must lie between"):
        config(tissue_units=0.0)
