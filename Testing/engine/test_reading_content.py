"""Whole files, and images in memory, whose content is no volume of a head."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from reading_samples import OBLIQUE, ORIGIN, SPACING, oblique_image, refused, saved
from volume_makers import head_like, make_image, rotation

from anofpdm.core.errors import InputError
from anofpdm.volumes.reading import check_volume


@pytest.fixture
def image() -> sitk.Image:
    return oblique_image()


class TestUnusableContent:
    """Each on disk and in memory."""

    @pytest.fixture(params=["file", "memory"])
    def refuse(self, request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[sitk.Image, str], None]:
        def on_disk(image: sitk.Image, words: str) -> None:
            refused(saved(image, tmp_path / "a.nrrd"), words)

        def in_memory(image: sitk.Image, words: str) -> None:
            with pytest.raises(InputError, match=words) as caught:
                check_volume(image, "flair")
            assert str(caught.value).startswith("The flair image ")

        return on_disk if request.param == "file" else in_memory

    def test_dimensions(self, image: sitk.Image, refuse: Callable[[sitk.Image, str], None]) -> None:
        refuse(sitk.JoinSeries([image, image]), "more than three dimensions")
        refuse(image[:, :, 3], "two-dimensional")

    def test_components(self, image: sitk.Image, refuse: Callable[[sitk.Image, str], None]) -> None:
        refuse(sitk.Compose(image, image, image), "several values per voxel")
        refuse(sitk.Compose(image, image), "several values per voxel")

    @pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e300])
    def test_values(self, refuse: Callable[[sitk.Image, str], None], value: float) -> None:
        array = head_like().astype(np.float64)
        array[3, 4, 5] = value
        refuse(make_image(array, SPACING), "infinite, undefined or too large")

    @pytest.mark.parametrize("value", [0, 17])
    def test_constant(self, image: sitk.Image, refuse: Callable[[sitk.Image, str], None], value: int) -> None:
        refuse(image * 0 + value, "the same value everywhere")

    @pytest.mark.parametrize(
        "spacing", [(0.0015, 0.0015, 0.005), (1.5, 0.5, 1.0), (150, 150, 500), (1.5, 1.5, 100), (15, 30, 1)]
    )
    def test_not_the_size_of_a_head(
        self, refuse: Callable[[sitk.Image, str], None], spacing: tuple[float, float, float]
    ) -> None:
        refuse(make_image(head_like(), spacing), "millimetres?")

    @pytest.mark.parametrize("size", [(48, 4, 4), (15, 15, 80), (2, 3, 4)])
    def test_too_few_voxels(self, refuse: Callable[[sitk.Image, str], None], size: tuple[int, int, int]) -> None:
        refuse(make_image(head_like(size), (4, 4, 4)), "too few voxels")

    def test_sheared(self, refuse: Callable[[sitk.Image, str], None]) -> None:
        direction = np.array([[1, 0.3, 0], [0, np.sqrt(1 - 0.09), 0], [0, 0, 1]])
        refuse(make_image(head_like(), SPACING, ORIGIN, direction), "perpendicular")

    def test_rounded_cosines_are_fine(self) -> None:
        check_volume(make_image(head_like(), SPACING, ORIGIN, np.round(OBLIQUE, 3)), "flair")

    def test_vanishing_cosines_do_not_break_the_geometry(self) -> None:
        direction = rotation((0, 1, 0), 3)
        direction[0, 1] = 1e-310
        checked = check_volume(make_image(head_like(), SPACING, ORIGIN, direction), "flair")
        point = checked.TransformContinuousIndexToPhysicalPoint((3, 4, 5))
        np.testing.assert_allclose(checked.TransformPhysicalPointToContinuousIndex(point), (3, 4, 5))

    def test_complex(self, image: sitk.Image) -> None:
        real = sitk.Cast(image, sitk.sitkFloat32)
        with pytest.raises(InputError, match="complex"):
            check_volume(sitk.RealAndImaginaryToComplex(real, real), "flair")

    def test_undefined_position(self, image: sitk.Image) -> None:
        image.SetOrigin((0, float("nan"), 0))
        with pytest.raises(InputError, match="position"):
            check_volume(image, "flair")

    def test_the_given_image_is_left_alone(self, image: sitk.Image) -> None:
        image.SetMetaData("key", "value")
        checked = check_volume(image, "flair")
        assert image.GetMetaData("key") == "value"
        assert image.GetPixelID() == sitk.sitkInt16
        np.testing.assert_array_equal(sitk.GetArrayFromImage(checked), head_like())
