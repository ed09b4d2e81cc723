"""NumPy arrays with their geometry give the result of the same image from a file; whatever else is no image is said."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import SimpleITK as sitk

from anofpdm import Detector
from anofpdm.core.errors import InputError
from anofpdm.volumes.array_image import ArrayGeometry, image_of_array


@pytest.fixture(scope="module")
def detector(tiny_model: Path) -> Detector:
    return Detector.from_model(tiny_model)


@pytest.fixture(scope="module")
def oblique(head_image: Any) -> sitk.Image:
    """A head that is turned, with axes in another order and of three lengths, and is not alike left and right."""
    image = sitk.PermuteAxes(sitk.Image(head_image), [2, 0, 1])
    turned = sitk.Euler3DTransform((0.0, 0.0, 0.0), 0.1, -0.07, 0.05).GetMatrix()
    image.SetDirection((np.reshape(turned, (3, 3)) @ np.reshape(image.GetDirection(), (3, 3))).ravel().tolist())
    image[3:9, 5:12, 7:20] = 200
    return image


def geometry(image: sitk.Image) -> dict[str, Any]:
    return {"spacing": image.GetSpacing(), "direction": image.GetDirection(), "origin": image.GetOrigin()}


def test_the_same_result_as_from_a_file(detector: Detector, oblique: sitk.Image, tmp_path: Path) -> None:
    path = tmp_path / "head.nrrd"
    sitk.WriteImage(oblique, str(path))
    array = sitk.GetArrayFromImage(oblique)
    assert len(set(array.shape)) == 3
    kept = array.copy()
    found, expected = detector.detect(array, **geometry(oblique)), detector.detect(path)
    assert (expected.score > 0).any()
    np.testing.assert_allclose(found.score, expected.score, atol=1e-5)
    assert found.findings["summary"] == expected.findings["summary"]
    np.testing.assert_allclose(found.case.grid.origin, expected.case.grid.origin, atol=1e-3)
    assert found.findings["input"]["files"] == {"flair": ""}
    np.testing.assert_array_equal(array, kept)


@pytest.mark.parametrize("dtype", ["uint8", ">i2", "float16", ">f8", "int64", "longdouble"])
def test_kinds_of_numbers(head_image: Any, dtype: str) -> None:
    array = np.clip(sitk.GetArrayFromImage(head_image), 0, 255).astype(dtype)
    for order in (np.ascontiguousarray(array), np.asfortranarray(array), array[::-1][::-1]):
        image = image_of_array(order, ArrayGeometry((4, 4, 6), np.eye(3)), "flair")
        np.testing.assert_array_equal(sitk.GetArrayFromImage(image), array.astype(np.float64))
    assert image.GetSpacing() == (4, 4, 6) and image.GetOrigin() == (0, 0, 0)


PLACE: dict[str, Any] = {"spacing": (4, 4, 6), "direction": np.eye(3).ravel()}


@pytest.mark.parametrize(
    ("image", "place", "words"),
    [
        (None, {}, "The flair image is a NoneType; give the path"),
        ([[[1.0]]], {}, "is a list; give the path"),
        (b"head.nii", {}, "is a bytes"),
        (np.ones((4, 4, 4)), {}, "does not say where its voxels lie; give detect"),
        (np.ones((4, 4, 4)), {"spacing": (1, 1, 1)}, "does not say where"),
        (np.ones((4, 4, 4)), {"direction": np.eye(3)}, "does not say where"),
        (np.ones((4, 4)), PLACE, "2 axes instead of 3"),
        (np.ones((0, 4, 4)), PLACE, "is empty"),
        (np.ones((4, 4, 4), complex), PLACE, "complex128 instead of real numbers"),
        (np.ones((4, 4, 4), bool), PLACE, "bool instead of real numbers"),
        (np.array([[["a"]]]), PLACE, "instead of real numbers"),
        (np.ma.masked_equal(np.ones((4, 4, 4)), 1), PLACE, "has a mask"),
        (np.ones((4, 4, 4)), {**PLACE, "spacing": (1, 1)}, "spacing of the flair array must be 3 positive numbers"),
        (np.ones((4, 4, 4)), {**PLACE, "spacing": (1, 1, 0)}, "must be 3 positive numbers"),
        (np.ones((4, 4, 4)), {**PLACE, "spacing": "abc"}, "must be 3 positive numbers"),
        (np.ones((4, 4, 4)), {**PLACE, "origin": (1, 1, np.nan)}, "origin of the flair array must be 3 numbers"),
        (np.ones((4, 4, 4)), {**PLACE, "direction": np.zeros(9)}, "direction"),
        (np.ones((4, 4, 4)), {**PLACE, "direction": np.arange(9)}, "direction"),
        (np.ones((4, 4, 4)), PLACE, "flair image"),
        (Path("head.nii"), PLACE, "are those of arrays"),
    ],
)
def test_what_cannot_be_used_is_said(detector: Detector, image: Any, place: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=words) as caught:
        detector.detect(image, **place)
    assert str(caught.value).endswith(".") and "\n" not in str(caught.value)


def test_several_modalities_share_a_place(two_modality_model: Path, head_image: Any) -> None:
    detector = Detector.from_model(two_modality_model)
    array = sitk.GetArrayFromImage(head_image)
    found = detector.examine({"flair": array, "t2": head_image}, **geometry(head_image))
    assert found.geometry.size == head_image.GetSize()
