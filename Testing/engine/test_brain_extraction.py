"""The approximate brain: on built heads against the truth, and on real heads against lesion masks."""

from __future__ import annotations

import os
from pathlib import Path

import dataset_makers as make
import numpy as np
import numpy.typing as npt
import pytest
import SimpleITK as sitk
from phantom import phantom_volume

from anofpdm.datasets.brain_extraction import BrainExtraction, brain_on_grid, extract_brain
from anofpdm.volumes.preparation import PreparedCase, prepare_case
from anofpdm.volumes.reading import read_volume
from anofpdm.volumes.resampling import sample_stack

DATA = os.environ.get("ANOFPDM_TEST_DATA")
BRAIN = make.ellipsoid(17)
SLICE_MM = make.SPACING[2]
Mask = npt.NDArray[np.bool_]


def prepared(values: npt.NDArray[np.float32], matrix: int = 64) -> tuple[sitk.Image, PreparedCase]:
    image = make.to_image(values)
    return image, prepare_case({"flair": image}, make.model(matrix=matrix))


def on_stack(mask: Mask, case: PreparedCase) -> Mask:
    return sample_stack(make.to_image(mask.astype(np.float32)), case.grid, slab_average=True) > 0.5


def dice(first: Mask, second: Mask) -> float:
    return float(2 * (first & second).sum() / (first.sum() + second.sum()))


@pytest.fixture(scope="module")
def whole() -> tuple[sitk.Image, PreparedCase]:
    return prepared(make.head_values(1, make.ball((30, 10, 10), 20)))


@pytest.mark.parametrize("matrix", [32, 64])
def test_finds_the_brain_of_a_built_head_with_its_lesion(matrix: int) -> None:
    lesion = make.ball((30, 10, 10), 20)
    image, case = prepared(make.head_values(1, lesion), matrix)
    brain = brain_on_grid(image, case)
    assert dice(brain, on_stack(BRAIN, case)) > 0.93
    assert brain[on_stack(lesion & BRAIN, case)].mean() > 0.99
    scalp = on_stack(make.ellipsoid() & ~make.ellipsoid(9), case)
    middle = slice(8, 17)
    assert brain[middle][scalp[middle]].mean() < 0.02


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_keeps_the_lesions_of_synthetic_heads_and_cuts_off_the_scalp(seed: int) -> None:
    volume = phantom_volume(seed, lesion=True)
    image = sitk.GetImageFromArray(volume.image)
    image.SetSpacing((3.75, 3.75, 6.0))
    case = prepare_case({"flair": image}, make.model(matrix=64))
    brain = brain_on_grid(image, case)
    lesion = sitk.GetImageFromArray(volume.lesion.astype(np.float32))
    lesion.CopyInformation(image)
    assert brain[sample_stack(lesion, case.grid, slab_average=True) > 0.5].mean() > 0.9
    share = brain.sum(axis=(1, 2)) / np.maximum(case.head.sum(axis=(1, 2)), 1)
    assert 0.5 < share[len(share) // 2] < 0.9


def test_a_stripped_brain_is_left_alone() -> None:
    image, case = prepared(np.where(BRAIN, make.head_values(1), 0).astype(np.float32))
    assert case.skull_stripped
    np.testing.assert_array_equal(brain_on_grid(image, case), case.head)


def test_the_result_is_stripped_to_the_head_finder(whole: tuple[sitk.Image, PreparedCase]) -> None:
    image, case = whole
    assert not case.skull_stripped
    brain = brain_on_grid(image, case)
    stack = sample_stack(image, case.grid, slab_average=True)
    again = case.grid.to_image_like(np.where(brain, stack, 0).astype(np.float32))
    assert prepare_case({"flair": again}, make.model(matrix=64)).skull_stripped


def test_brightness_and_slow_shading_do_not_matter(whole: tuple[sitk.Image, PreparedCase]) -> None:
    image, case = whole
    stack = sample_stack(image, case.grid, slab_average=True)
    plain = extract_brain(stack, case.head, case.grid.pixel_mm, SLICE_MM)
    assert dice(extract_brain(7 * stack, case.head, case.grid.pixel_mm, SLICE_MM), plain) == 1
    shading = np.linspace(0.7, 1.3, len(stack))[:, None, None]
    assert dice(extract_brain(stack * shading, case.head, case.grid.pixel_mm, SLICE_MM), plain) > 0.95


def test_settings_change_the_cut(whole: tuple[sitk.Image, PreparedCase]) -> None:
    image, case = whole
    tight = brain_on_grid(image, case, BrainExtraction(scalp_mm=25.0))
    assert tight.sum() < 0.95 * brain_on_grid(image, case).sum()


def test_nothing_in_nothing() -> None:
    empty = np.zeros((3, 16, 16))
    assert not extract_brain(empty, empty > 0, 2.0, 5.0).any()
    assert not extract_brain(empty, empty == 0, 2.0, 5.0).any()


@pytest.mark.data
@pytest.mark.skipif(DATA is None, reason="ANOFPDM_TEST_DATA does not name the test volumes")
def test_lesions_of_real_heads_stay_inside() -> None:
    patients = sorted(path.parent for path in Path(str(DATA)).glob("lgg/*/flair.nii.gz"))[::40]
    assert patients
    for patient in patients:
        image = read_volume(patient / "flair.nii.gz", "flair")
        case = prepare_case({"flair": image}, make.model(matrix=64))
        brain = brain_on_grid(image, case)
        lesion = sitk.ReadImage(str(patient / "lesion.nii.gz"), sitk.sitkFloat32)
        inside = brain[sample_stack(lesion, case.grid, slab_average=True) > 0.5]
        assert inside.mean() > 0.9, patient.name
        assert 0.25 < brain.sum() / case.head.sum() < 0.75, patient.name
