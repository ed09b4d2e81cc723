"""Finding the head: whole and stripped, clean and noisy, real and made up."""

from __future__ import annotations

import head_samples as samples
import numpy as np
import pytest
import SimpleITK as sitk
from call_sizes import CallSizes

from anofpdm.errors import Cancelled, InputError
from anofpdm.progress import CancelToken
from anofpdm.volumes.head import axis_of_slices, find_head


def overlap(mask: sitk.Image, truth: np.ndarray) -> float:
    found = sitk.GetArrayFromImage(mask) > 0
    return float(2 * (found & truth).sum() / (found.sum() + truth.sum()))


@pytest.mark.parametrize("contrast", ["flair", "t1", "t2"])
@pytest.mark.parametrize("noise", [0.0, 15.0])
def test_whole_head_is_found_and_filled(contrast: str, noise: float) -> None:
    sample = samples.head(contrast, noise=noise)
    finding = find_head(sample.image)
    assert overlap(finding.mask, sample.whole) > 0.95
    assert not finding.skull_stripped
    assert not finding.inverted
    assert finding.mask.GetSize() == sample.image.GetSize()
    assert finding.mask.GetSpacing() == sample.image.GetSpacing()
    found = sitk.GetArrayFromImage(finding.mask) > 0
    assert found[sample.ventricles].all()
    assert found[sample.sinus].all()


@pytest.mark.parametrize("contrast", ["flair", "t1", "t2"])
def test_stripped_brain_is_recognised_and_outlined_exactly(contrast: str) -> None:
    sample = samples.head(contrast, stripped=True)
    finding = find_head(sample.image)
    assert finding.skull_stripped
    assert finding.constant_background
    assert overlap(finding.mask, sample.brain) > 0.995


def test_background_constants_of_stripped_brains() -> None:
    sample = samples.head("flair", stripped=True)
    values = sitk.GetArrayFromImage(sample.image)
    whole_z = (values - values.mean()) / values.std()
    finding = find_head(samples.like(whole_z, sample.image))
    assert finding.skull_stripped
    assert not finding.background_inside_range
    assert finding.background == pytest.approx(float(whole_z.min()), abs=1e-5)
    assert overlap(finding.mask, sample.brain) > 0.995
    inside = values[sample.brain]
    masked_z = np.where(sample.brain, (values - inside.mean()) / inside.std(), 0)
    finding = find_head(samples.like(masked_z, sample.image))
    assert finding.skull_stripped
    assert finding.background_inside_range
    assert finding.background == 0
    assert overlap(finding.mask, sample.brain) > 0.98


def test_whole_head_with_blanked_air_is_not_stripped() -> None:
    sample = samples.head("flair")
    values = np.where(sample.whole, sitk.GetArrayFromImage(sample.image), 0)
    assert not find_head(samples.like(values, sample.image)).skull_stripped


def test_inverted_contrast_is_recognised() -> None:
    sample = samples.head("flair", noise=3.0)
    values = sitk.GetArrayFromImage(sample.image)
    finding = find_head(samples.like(values.max() - values, sample.image))
    assert finding.inverted
    assert not finding.skull_stripped
    assert overlap(finding.mask, sample.whole) > 0.9


def test_slices_of_noise_or_nothing_hold_no_head() -> None:
    sample = samples.head("flair", noise=15.0)
    values = sitk.GetArrayFromImage(sample.image)
    blank, noisy = [0, 1, 2], [values.shape[0] - 1, values.shape[0] - 2]
    values[blank] = 0
    values[noisy] = np.random.default_rng(1).rayleigh(15, values[noisy].shape)
    found = sitk.GetArrayFromImage(find_head(samples.like(values, sample.image)).mask) > 0
    assert not found[blank + noisy].any()
    assert found[values.shape[0] // 2].any()


def test_louder_noise_in_a_slice_is_not_head() -> None:
    sample = samples.head("flair", noise=8.0)
    values = sitk.GetArrayFromImage(sample.image)
    values[-3:] = np.random.default_rng(1).rayleigh(45, values[-3:].shape)
    found = sitk.GetArrayFromImage(find_head(samples.like(values, sample.image)).mask) > 0
    assert not found[-3:].any()


def test_cut_off_field_of_view() -> None:
    sample = samples.head("flair", noise=8.0)
    half = sample.image[:, 30:75, :]
    assert overlap(find_head(half).mask, sample.whole[:, 30:75]) > 0.93


@pytest.mark.parametrize("stripped", [False, True])
def test_single_slice(stripped: bool) -> None:
    sample = samples.head("flair", stripped=stripped)
    middle = sample.whole.shape[0] // 2
    finding = find_head(sample.image[:, :, middle : middle + 1])
    truth = sample.brain if stripped else sample.whole
    assert overlap(finding.mask, truth[middle : middle + 1]) > 0.95
    assert finding.skull_stripped is stripped


def test_axis_order_does_not_matter() -> None:
    sample = samples.head("t1", noise=8.0)
    turned = sitk.PermuteAxes(sample.image, [2, 0, 1])
    assert axis_of_slices(sample.image) == 2
    assert axis_of_slices(turned) == 0
    straight = sitk.GetArrayFromImage(sitk.PermuteAxes(find_head(turned).mask, [1, 2, 0])) > 0
    assert (straight == (sitk.GetArrayFromImage(find_head(sample.image).mask) > 0)).mean() > 0.999


@pytest.mark.parametrize("kind", ["rayleigh", "normal", "smooth", "blob", "zeros"])
def test_no_head(kind: str) -> None:
    rng = np.random.default_rng(3)
    values = rng.rayleigh(20, (30, 96, 96))
    if kind == "normal":
        values = rng.normal(0, 20, values.shape)
    elif kind == "blob":
        values[14:18, 40:48, 40:48] += 500
    elif kind == "zeros":
        values[:] = 0
    image = sitk.GetImageFromArray(values.astype(np.float32))
    if kind == "smooth":
        image = sitk.SmoothingRecursiveGaussian(image, 1.5)
    with pytest.raises(InputError, match=r"No head was found in the t2 image.*load an MR volume"):
        find_head(image, "t2")


def test_a_large_volume_is_searched_on_a_coarse_grid(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its own voxels are averaged first: morphology on them would take many times as long."""
    from anofpdm.volumes import head as module

    sample = samples.head("flair", noise=8.0)
    large = sitk.Resample(
        sample.image, (240, 240, 155), sitk.Transform(), sitk.sitkLinear, sample.image.GetOrigin(), (1.0, 1.0, 1.1)
    )
    libraries = [CallSizes(module.sitk), CallSizes(module.np)]
    for name, library in zip(("sitk", "np"), libraries, strict=True):
        monkeypatch.setattr(module, name, library)
    find_head(large)
    calls = [call for library in libraries for call in library.calls]
    coarse = large.GetNumberOfPixels() / 4
    # To be averaged, for a look at its rim, and for the mask in the end.
    assert [call.name for call in calls if call.size > coarse] == [
        "ZeroFluxNeumannPad", "BinShrink", "GetArrayViewFromImage", "Resample", "Cast", "moveaxis"
    ]  # fmt: skip
    for name, times in (
        ("BinaryMorphologicalClosing", 1),
        ("BinaryMorphologicalOpening", 1),
        ("ConnectedComponent", 2),
    ):
        assert sum(call.name == name for call in calls) == times


def test_real_whole_heads() -> None:
    data = samples.real_data()
    for contrast in ("FLAIR", "T1W", "T2W"):
        image = sitk.ReadImage(str(data / "open_ms" / f"patient01_study1_{contrast}.nii.gz"), sitk.sitkFloat32)
        finding = find_head(image)
        assert not finding.skull_stripped
        voxel = float(np.prod(image.GetSpacing()))
        litres = float(sitk.GetArrayViewFromImage(finding.mask).sum()) * voxel / 1e6
        assert 1.8 < litres < 3.2
    folders = sorted((data / "lgg").glob("TCGA*"))[::16]
    for folder in folders:
        image = sitk.ReadImage(str(folder / "flair.nii.gz"), sitk.sitkFloat32)
        finding = find_head(image)
        assert not finding.skull_stripped, folder.name
        assert not finding.inverted, folder.name
        areas = sitk.GetArrayFromImage(finding.mask).mean(axis=(1, 2))
        assert 0.2 < areas.max() < 0.85, folder.name


def test_real_stripped_slices() -> None:
    slices = np.load(samples.real_data() / "soop" / "soop_flair_axial.npz")["flair"]
    for plane in slices[::200]:
        finding = find_head(sitk.GetImageFromArray(plane[None].astype(np.float32)))
        assert finding.skull_stripped
        assert overlap(finding.mask, plane[None] > 0) > 0.98


def test_finding_the_head_can_be_ended() -> None:
    token = CancelToken()
    token.cancel()
    with pytest.raises(Cancelled):
        find_head(samples.head("flair").image, cancel=token)


def test_no_closing_is_longer_than_the_axis(monkeypatch: pytest.MonkeyPatch) -> None:
    """Slices of 0.1 mm: a ball of 10 mm would be a hundred of them, around each voxel."""
    from anofpdm.volumes import head as module

    radii, closing = [], module.sitk.BinaryMorphologicalClosing

    def recording(image: sitk.Image, radius: list[int], kernel: int) -> sitk.Image:
        radii.append(list(radius))
        return closing(image, radius, kernel)

    monkeypatch.setattr(module.sitk, "BinaryMorphologicalClosing", recording)
    image = sitk.Image(samples.head("flair").image[:, :, 10:14])
    image.SetSpacing([*image.GetSpacing()[:2], 0.1])
    find_head(image)
    assert radii and all(radius[2] <= 4 for radius in radii)
