"""A constant far below an image's values is background, whatever its shape; what merely is negative is not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import SimpleITK as sitk
from base_head import BASE_HEAD
from hypothesis import given, settings
from hypothesis import strategies as st

from anofpdm.volumes.head import find_head
from anofpdm.volumes.padding import CONTINUED_MM, far_constant, fill_padding
from anofpdm.volumes.reading import check_noted_volume, read_noted_volume

Values = npt.NDArray[np.float32]
Mask = npt.NDArray[np.bool_]


@pytest.fixture(scope="module")
def base() -> sitk.Image:
    return sitk.ReadImage(str(BASE_HEAD), sitk.sitkFloat32)


@pytest.fixture(scope="module")
def head(base: sitk.Image) -> Mask:
    return np.asarray(sitk.GetArrayFromImage(find_head(base).mask) > 0)


def shape(name: str, head: Mask) -> Mask:
    """Where the padding lies [k, j, i], around the head."""
    padding = np.zeros(head.shape, dtype=bool)
    _, j, i = np.ogrid[: head.shape[0], : head.shape[1], : head.shape[2]]
    if name == "corner marks":
        padding[:, :3, :3] = padding[:, -3:, -3:] = True
    elif name == "circle":
        padding |= (j - 39.5) ** 2 + (i - 39.5) ** 2 > 39.5**2
    elif name == "bands":
        padding[:, :, :8] = padding[:, :, -6:] = True
    elif name == "end slices":
        padding[-1] = True
    elif name == "tilted frame":
        padding |= (j + i < 12) | (j + i > 146)
    return padding & ~head if name != "end slices" else padding


SHAPES = ["corner marks", "circle", "bands", "end slices", "tilted frame"]


def like(image: sitk.Image, values: npt.NDArray[np.floating]) -> sitk.Image:
    result = sitk.GetImageFromArray(np.asarray(values, dtype=np.float32))
    result.CopyInformation(image)
    return result


class TestFarConstant:
    @pytest.mark.parametrize(
        ("name", "value"),
        [*((name, -1024) for name in SHAPES), *(("circle", value) for value in (-1000, -2000, -32768, -200))],
    )
    def test_is_background(self, base: sitk.Image, head: Mask, tmp_path: Path, name: str, value: float) -> None:
        values, padding = sitk.GetArrayFromImage(base), shape(name, head)
        assert padding.any()
        sitk.WriteImage(like(base, np.where(padding, value, values)), str(tmp_path / "a.nii.gz"))
        volume = read_noted_volume(tmp_path / "a.nii.gz", "flair")
        (warning,) = volume.warnings
        assert f" of its voxels at {value}, far below all others; they are taken for background." in warning
        read = sitk.GetArrayFromImage(volume.image)
        np.testing.assert_array_equal(read[~padding], values[~padding])
        assert read[padding].min() >= 0 and read[padding].max() <= values.max()
        finding = find_head(volume.image)
        found = sitk.GetArrayFromImage(finding.mask) > 0
        assert not finding.skull_stripped and finding.background >= 0
        inside = ~padding if name == "end slices" else np.ones_like(padding)
        assert (found ^ head)[inside].sum() < 0.01 * head.sum()

    def test_in_memory_too(self, base: sitk.Image, head: Mask) -> None:
        values = sitk.GetArrayFromImage(base)
        volume = check_noted_volume(like(base, np.where(shape("circle", head), -1000, values)), "flair")
        assert len(volume.warnings) == 1 and sitk.GetArrayFromImage(volume.image).min() >= 0

    @pytest.mark.parametrize("value", [-1000.0, -2000.0])
    def test_around_a_stripped_brain(self, base: sitk.Image, head: Mask, value: float) -> None:
        """Its own values stay, and its outline: 0 is what surrounds it."""
        values = sitk.GetArrayFromImage(base) + 100
        volume = check_noted_volume(like(base, np.where(head, values, value)), "flair")
        read = sitk.GetArrayFromImage(volume.image)
        np.testing.assert_array_equal(read[head], values[head])
        assert np.unique(read[~head]).tolist() == [values[head].min()]

    def test_interpolated(self, base: sitk.Image, head: Mask) -> None:
        """The border's mixtures of padding and image go with it."""
        padded = like(base, np.where(shape("circle", head), -1000, sitk.GetArrayFromImage(base)))
        turned = sitk.Euler3DTransform((0.0, 0.0, 0.0), 0.0, 0.0, 0.1)
        volume = check_noted_volume(sitk.Resample(padded, base, turned, sitk.sitkLinear, -1000.0), "flair")
        assert len(volume.warnings) == 1 and sitk.GetArrayFromImage(volume.image).min() > -100

    def test_around_negative_values(self, base: sitk.Image, head: Mask) -> None:
        values = sitk.GetArrayFromImage(base)
        scored = (values - values[head].mean()) / values[head].std()
        padding = shape("circle", head)
        volume = check_noted_volume(like(base, np.where(padding, -100, scored)), "flair")
        assert len(volume.warnings) == 1
        assert sitk.GetArrayFromImage(volume.image).min() == pytest.approx(scored.min())


class TestNoFarConstant:
    def untouched(self, base: sitk.Image, values: npt.NDArray[np.floating]) -> None:
        volume = check_noted_volume(like(base, values), "flair")
        assert volume.warnings == ()
        np.testing.assert_array_equal(sitk.GetArrayFromImage(volume.image), values.astype(np.float32))

    def test_plain(self, base: sitk.Image) -> None:
        self.untouched(base, sitk.GetArrayFromImage(base))

    def test_scored_over_the_image_or_the_brain(self, base: sitk.Image, head: Mask) -> None:
        values = np.where(head, sitk.GetArrayFromImage(base), 0)
        self.untouched(base, (values - values.mean()) / values.std())
        self.untouched(base, np.where(head, (values - values[head].mean()) / values[head].std(), 0))

    def test_shifted_as_a_whole(self, base: sitk.Image, head: Mask) -> None:
        values = sitk.GetArrayFromImage(base)
        self.untouched(base, values - 1024)
        self.untouched(base, np.where(head, values, 0) - 300)
        self.untouched(base, np.where(head, values, 0) / values.max() * 2 - 1)

    def test_ringing_below_zero(self, base: sitk.Image, head: Mask) -> None:
        values = sitk.GetArrayFromImage(base)
        noise = np.random.default_rng(1).normal(0, 60, values.shape)
        self.untouched(base, np.where(head, values, np.rint(noise)))

    def test_a_few_voxels(self, base: sitk.Image) -> None:
        values = sitk.GetArrayFromImage(base)
        values[3, :5, 0] = -1000
        self.untouched(base, values)


class TestFill:
    def test_continues_measured_values_near_the_cut_and_air_beyond(self, base: sitk.Image) -> None:
        values = sitk.GetArrayFromImage(base)
        padding = np.zeros(values.shape, dtype=bool)
        padding[:, :20] = True
        filled = np.where(padding, -5000, values).astype(np.float32)
        fill_padding(filled, padding, 0, (5.0, 3.0, 3.0))
        near = int(CONTINUED_MM // 3)
        for row in range(20 - near, 20):
            np.testing.assert_array_equal(filled[:, row], values[:, 20])
        assert len(np.unique(filled[:, : 20 - near])) == 1 and 0 < filled[0, 0, 0] < 20

    @settings(max_examples=40, deadline=None, derandomize=True)
    @given(seed=st.integers(0, 2**32 - 1), axis=st.integers(0, 2), share=st.floats(0.0, 1.0))
    def test_any_shape(self, seed: int, axis: int, share: float) -> None:
        """Nothing measured changes, and what is made up lies within what was measured."""
        draw = np.random.default_rng(seed)
        values = draw.rayleigh(10, (7, 9, 11)).astype(np.float32)
        values[2:5, 3:6, 4:8] += 500
        padding = draw.random(values.shape) < share
        filled = np.where(padding, np.float32(-2000), values)
        fill_padding(filled, padding, axis, (5.0, 3.0, 2.0))
        np.testing.assert_array_equal(filled[~padding], values[~padding])
        if padding.any() and not padding.all():
            assert filled.min() >= values[~padding].min() and filled.max() <= values[~padding].max()

    def test_none_where_all_is_one_value(self) -> None:
        assert far_constant(np.zeros((3, 4, 5), np.float32)) is None
        assert far_constant(np.full((3, 4, 5), -1000, np.float32)) is None
        assert far_constant(np.full((3, 4, 5), np.nan, np.float32)) is None
