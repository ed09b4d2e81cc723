"""Real volumes: read with their labels, painted where they are free of lesions, marked by a teacher."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from anofpdm.core.errors import InputError
from anofpdm.datasets.manifest import read_manifest
from anofpdm.methods.student.config import StudentCalibration, StudentConfig
from anofpdm.methods.student.predictor import StudentPrediction
from anofpdm.methods.student.pseudo_masks import Target
from anofpdm.methods.student.real_anatomy import real_anatomy
from anofpdm.methods.student.real_heads import RealHeads
from anofpdm.methods.student.real_volumes import HEALTHY, UNHEALTHY, UNKNOWN, RealVolume, real_volumes
from anofpdm.methods.student.repainting import keep_what_explains, surroundings
from anofpdm.methods.student.teacher_maps import result_folder, teacher_map


@pytest.fixture
def manifest(tmp_path: Path, head_image: sitk.Image) -> Path:
    image = head_image
    sitk.WriteImage(image, str(tmp_path / "flair.nii.gz"))
    lines = ["subject,split,flair,slice,slices,label,source"]
    count = image.GetSize()[2]
    lines += [f"one,train,flair.nii.gz,{index},{count},{int(index > 6)},here" for index in range(3, 11)]
    path = tmp_path / "manifest.csv"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def test_volumes_come_with_the_labels_of_their_slices(manifest, config):
    (volume,) = real_volumes(read_manifest(manifest, ("flair",)), ("train",), config)
    assert volume.labels[:3].tolist() == [UNKNOWN] * 3
    assert volume.labels[3:7].tolist() == [HEALTHY] * 4
    assert volume.labels[7:11].tolist() == [UNHEALTHY] * 4
    assert volume.slices.shape[1:] == (64, 64)
    assert volume.name == "here/one"


def test_prepared_volumes_are_kept_until_the_image_changes(manifest, config, tmp_path):
    def read():
        return real_volumes(read_manifest(manifest, ("flair",)), ("train",), config, cache=tmp_path / "cache")[0]

    first, kept = read(), list((tmp_path / "cache").iterdir())
    again = read()
    np.testing.assert_array_equal(again.slices, first.slices)
    assert again.grid == first.grid
    assert list((tmp_path / "cache").iterdir()) == kept
    image = sitk.ReadImage(str(tmp_path / "flair.nii.gz"))
    image[20:28, 24:32, 5:9] = 400
    sitk.WriteImage(image, str(tmp_path / "flair.nii.gz"))
    assert not np.array_equal(read().slices, first.slices)
    assert len(list((tmp_path / "cache").iterdir())) == 2


def test_a_label_of_a_slice_that_is_not_there_is_refused(manifest, config):
    text = manifest.read_text(encoding="utf-8").replace(",14,", ",400,")
    manifest.write_text(text.replace("flair.nii.gz,10,", "flair.nii.gz,399,"), encoding="utf-8")
    with pytest.raises(InputError, match="slices on the student's stack"):
        real_volumes(read_manifest(manifest, ("flair",)), ("train",), config)


def test_a_teachers_heatmap_is_brought_to_the_students_slices(manifest, config, tmp_path, head_image):
    (volume,) = real_volumes(read_manifest(manifest, ("flair",)), ("train",), config)
    assert result_folder(tmp_path / "results", volume) is None
    heatmap = sitk.Cast(head_image, sitk.sitkFloat32) * 0 + 1.0
    folder = tmp_path / "results" / "here_one"
    folder.mkdir(parents=True)
    sitk.WriteImage(heatmap, str(folder / "heatmap.nrrd"))
    assert result_folder(tmp_path / "results", volume) == folder
    found = teacher_map(folder, volume)
    assert found.shape == volume.slices.shape
    assert found[7, 32, 32] == pytest.approx(0.5)


def test_a_teacher_of_another_grid_is_refused(manifest, config, tmp_path, head_image):
    (volume,) = real_volumes(read_manifest(manifest, ("flair",)), ("train",), config)
    heatmap = sitk.Cast(head_image, sitk.sitkFloat32) * 0 + 1.0
    heatmap.SetSpacing((4.0, 4.0, 5.0))
    folder = tmp_path / "results" / "one"
    folder.mkdir(parents=True)
    sitk.WriteImage(heatmap, str(folder / "heatmap.nrrd"))
    with pytest.raises(InputError, match="does not lie on the grid"):
        teacher_map(folder, volume)


def _rendered_volume(heads, number):
    """A rendered head, taken for a real one."""
    sample = heads(number)
    labels = np.full(len(sample.image), HEALTHY, np.int8)
    labels[::3] = UNHEALTHY
    volume = RealVolume("s", "x", Path("s"), sample.image, labels, 6.0, None)  # type: ignore[arg-type]
    return volume, (sample.brain / 255).astype(np.float16)


def test_lesions_are_painted_inside_the_brain_of_lesion_free_slices(heads, config):
    painted, changed = 0, 0
    for number in range(12):
        volume, brain = _rendered_volume(heads, number)
        nothing = np.zeros(volume.slices.shape, np.uint8)
        maker = RealHeads((volume,), (brain,), (Target(nothing, nothing),), (True,), (1.0,), config, number)
        sample = maker._painted(np.random.default_rng(number), volume, brain)
        lesion = sample.lesion >= 128
        assert not lesion[volume.labels != HEALTHY].any()
        assert not (lesion & (brain < 0.5)).any()
        assert set(sample.usable) == set(np.flatnonzero(volume.labels == HEALTHY))
        painted += bool(lesion.any())
        difference = np.abs(sample.image.astype(np.float32) - volume.slices.astype(np.float32))
        changed += bool(lesion.any() and difference[lesion].mean() > 5 * difference[~lesion].mean())
    assert painted >= 6
    assert changed >= painted - 1


def test_a_single_slice_has_an_anatomy_too(heads):
    volume, brain = _rendered_volume(heads, 0)
    middle = slice(5, 6)
    anatomy, level = real_anatomy(
        volume.slices[middle].astype(np.float32),
        brain[middle].astype(np.float32),
        0.0,
        StudentConfig(matrix=64, widths=(8, 8, 8)),
        np.array([True]),
    )
    assert anatomy.tissue.sum() > 200
    assert 0.3 < float(level[brain[middle] >= 0.5].mean()) < 3


def test_the_same_number_gives_the_same_sample(heads, config):
    volume, brain = _rendered_volume(heads, 1)
    everything = np.full(volume.slices.shape, 255, np.uint8)
    maker = RealHeads((volume,), (brain,), (Target(everything, everything),), (True,), (1.0,), config, 3)
    for number in range(4):
        first, second = maker(number), maker(number)
        np.testing.assert_array_equal(first.image, second.image)
        np.testing.assert_array_equal(first.lesion, second.lesion)


class Bright:
    """Calls unhealthy what is brighter than 1.6."""

    calibration = StudentCalibration()

    def predict(self, slices, spacing_mm, cancel=None):
        return StudentPrediction((slices > 1.6).astype(np.float32), slices * 0, np.ones_like(slices))


def _two_lesions():
    """Two unhealthy slices with two lesions each, and a target that has one of them, or both."""
    slices = np.ones((2, 64, 64), np.float16)
    slices[:, 10:18, 10:18] = slices[:, 40:48, 40:48] = 2
    mask = np.zeros(slices.shape, np.uint8)
    mask[:, 10:18, 10:18] = 255
    mask[1, 40:48, 40:48] = 255
    labels = np.array([UNHEALTHY, UNHEALTHY], np.int8)
    volume = RealVolume("s", "x", Path("s"), slices, labels, 6.0, None)  # type: ignore[arg-type]
    return volume, Target(mask, np.full(slices.shape, 255, np.uint8))


def test_a_mask_that_does_not_explain_its_slice_says_nothing_about_the_rest_of_it(config):
    volume, target = _two_lesions()
    kept, tested, explained = keep_what_explains(volume, target, Bright(), config, None)
    assert (tested, explained) == (2, 1)
    assert kept.weight[0, 14, 14] == 255
    assert not kept.weight[0, 44, 44], "the other lesion must not be taught as healthy"
    assert (kept.weight[1] == 255).all()


def test_surroundings_are_continued(config):
    volume, _ = _two_lesions()
    wide = np.zeros(volume.slices.shape, bool)
    wide[:, 8:20, 8:20] = wide[:, 38:50, 38:50] = True
    filled = surroundings(volume.slices.astype(np.float32), wide, config)
    np.testing.assert_allclose(filled[wide], 1, atol=0.02)
