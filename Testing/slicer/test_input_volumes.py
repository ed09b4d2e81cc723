"""Which volumes of the scene can be examined, which is which, and what reaches the worker."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import SimpleITK as sitk
from scene_makers import add_grid_transform, add_transform, add_volume, world_points
from test_result_geometry import GRIDS, TRANSFORMS

from anofpdm.core.errors import InputError
from anofpdm.volumes.reading import read_volume
from AnoFPDMSegmentLib.mrml.input_volumes import checkInput, exportVolume, guessInputs, inputSets
from AnoFPDMSegmentLib.mrml.voxels import imageOf, setVoxels

VOXELS = np.random.default_rng(3).integers(0, 900, (32, 64, 60)).astype(np.int16)


def test_an_ordinary_volume_can_be_examined(scene: Any) -> None:
    assert checkInput(add_volume(scene, VOXELS)) == (True, "")


def test_what_cannot_be_examined_is_refused_in_a_sentence(scene: Any, tmp_path: Path) -> None:
    for node, word in unusable(scene):
        ok, sentence = checkInput(node)
        assert not ok and word in sentence and sentence.endswith("."), (word, sentence)
        with pytest.raises(InputError) as refusal:
            exportVolume(node, tmp_path / "x.nrrd")
        assert str(refusal.value) == sentence
        assert not (tmp_path / "x.nrrd").exists()


def unusable(scene: Any) -> list[tuple[Any, str]]:
    import vtk

    def node(class_name: str, image: Any = None) -> Any:
        made = scene.addNode(class_name, "image")
        if image is not None:
            made.SetAndObserveImageData(image)
        return made

    color = vtk.vtkImageData()
    color.SetDimensions(20, 20, 20)
    color.AllocateScalars(vtk.VTK_UNSIGNED_CHAR, 3)
    with_nan = VOXELS.astype(np.float32)
    with_nan[3, 4, 5] = np.nan
    sheared = np.eye(4)
    sheared[0, 1] = 0.3
    warp = scene.addNode("vtkMRMLBSplineTransformNode", "warp")
    warp.SetAndObserveTransformToParent(vtk.vtkThinPlateSplineTransform())
    bent = add_volume(scene, VOXELS)
    bent.SetAndObserveTransformNodeID(warp.GetID())
    under_grid, deep_under_grid = add_volume(scene, VOXELS), add_volume(scene, VOXELS)
    add_grid_transform(scene, under_grid)
    add_grid_transform(scene, add_transform(scene, np.eye(4), deep_under_grid))
    under_shear = add_volume(scene, VOXELS)
    add_transform(scene, sheared, under_shear)
    return [
        (None, "Choose a volume"),
        (node("vtkMRMLScalarVolumeNode"), "is empty"),
        (node("vtkMRMLScalarVolumeNode", vtk.vtkImageData()), "is empty"),
        (node("vtkMRMLLabelMapVolumeNode", imageOf(VOXELS)), "label map"),
        (node("vtkMRMLVectorVolumeNode", color), "several values"),
        (node("vtkMRMLScalarVolumeNode", color), "several values"),
        (add_volume(scene, VOXELS[:1]), "single slice"),
        (add_volume(scene, with_nan), "not finite"),
        (add_volume(scene, VOXELS * 0 + 7), "same value"),
        (bent, "take it out of the transform or harden it"),
        (under_grid, "a slice may be missing"),
        (deep_under_grid, "or harden the transform"),
        (under_shear, "sheared"),
    ]


def test_of_a_missing_slice_nobody_is_told_to_take_the_volume_out(scene: Any) -> None:
    """Taken out of its acquisition transform, its slices lie where they do not belong."""
    node = add_volume(scene, VOXELS)
    add_grid_transform(scene, node)
    _, sentence = checkInput(node)
    assert "take it out" not in sentence
    node.HardenTransform()
    assert checkInput(node) == (True, "")


@pytest.mark.parametrize("dtype", ["u1", "i1", "u2", "i2", "i4", "u4", "f4", "f8"])
def test_every_kind_of_number_reaches_the_engine(scene: Any, tmp_path: Path, dtype: str) -> None:
    voxels = (VOXELS % 120).astype(dtype)
    exportVolume(add_volume(scene, voxels), tmp_path / "Überblick 1.nrrd")
    assert np.array_equal(sitk.GetArrayFromImage(read_volume(tmp_path / "Überblick 1.nrrd", "flair")), voxels)


@pytest.mark.parametrize("transform", TRANSFORMS)
@pytest.mark.parametrize("grid", GRIDS)
def test_volumes_are_written_where_they_lie_in_the_world(scene: Any, tmp_path: Path, grid: str, transform: str) -> None:
    node = add_volume(scene, VOXELS, GRIDS[grid])
    if TRANSFORMS[transform] is not None:
        add_transform(scene, TRANSFORMS[transform], node)
    exportVolume(node, tmp_path / "x.nrrd")
    image = read_volume(tmp_path / "x.nrrd", "flair")
    expected = world_points(node)
    for k, j, i in ((0, 0, 0), (31, 63, 59), (7, 40, 11)):
        point = np.array(image.TransformIndexToPhysicalPoint((i, j, k))) * [-1, -1, 1]
        assert np.allclose(point, expected[k, j, i], atol=1e-3)
    assert np.array_equal(sitk.GetArrayFromImage(image), VOXELS)


@pytest.mark.parametrize(
    ("names", "modalities", "expected"),
    [
        (["head"], ["flair"], {"flair": 0}),
        (["head", "other"], ["flair"], {}),
        (["a T1", "b FLAIR"], ["flair"], {"flair": 1}),
        (["sub-1_T2_FLAIR", "sub-1_T2w", "sub-1_T1w", "sub-1_T1CE"], ["flair", "t1", "t1ce", "t2"], [0, 2, 3, 1]),
        (["BraTS_flair", "BraTS_t1", "BraTS_t1ce", "BraTS_t2"], ["flair", "t2"], [0, 3]),
        (["t1 post", "t1 pre"], ["t1ce", "t1"], [0, 1]),
        (["T1-Gd", "MPRAGE"], ["t1", "t1ce"], [1, 0]),
        (["flair 1", "flair 2"], ["flair", "t2"], {}),
        (["report12", "t10"], ["t1", "t2"], {}),
        (["5: Ax T1 SE"], ["flair"], {}),
        (["5: Ax T1 SE"], ["t1"], {"t1": 0}),
        (["2: localizer", "9: ep2d_diff_3scan_trace_p2_ADC", "5: t2_tirm_tra_dark-fluid"], ["flair"], {"flair": 2}),
        (["BraTS-GLI-1-t1n", "BraTS-GLI-1-t1c", "BraTS-GLI-1-t2w", "BraTS-GLI-1-t2f"], ["flair", "t1ce"], [3, 1]),
        (["synthetic_flair_lesion", "synthetic_flair_lesion_mask"], ["flair"], {"flair": 0}),
        (["5: Ax T2 FLAIR fs", "5: Ax T2 FLAIR fs anomaly heatmap"], ["flair"], {"flair": 0}),
    ],
)
def test_names_tell_the_modality(scene: Any, names: list[str], modalities: list[str], expected: Any) -> None:
    nodes = [add_volume(scene, VOXELS, name=name) for name in names]
    if isinstance(expected, list):
        expected = dict(zip(modalities, expected, strict=True))
    found = {name: nodes.index(node) for name, node in guessInputs(scene, modalities).items()}
    assert found == expected


def test_empty_hidden_and_label_volumes_are_not_guessed(scene: Any) -> None:
    scene.addNode("vtkMRMLScalarVolumeNode", "flair empty")
    scene.addNode("vtkMRMLScalarVolumeNode", "flair hidden", hidden=True).SetAndObserveImageData(imageOf(VOXELS))
    label = scene.addNode("vtkMRMLLabelMapVolumeNode", "flair label")
    setVoxels(label, (VOXELS > 100).astype(np.uint8))
    assert guessInputs(scene, ["flair"]) == {}
    shown = add_volume(scene, VOXELS, name="flair")
    assert guessInputs(scene, ["flair"]) == {"flair": shown}


def test_every_volume_that_a_model_of_one_modality_may_examine(scene: Any) -> None:
    names = ("FLAIR of Rosa", "head", "T1 MPRAGE", "ADC", "eFLAIR_longTR")
    nodes = [add_volume(scene, VOXELS, name=name) for name in names]
    sets, left_out = inputSets(scene, ["flair"])
    assert sets == [{"flair": nodes[0]}, {"flair": nodes[1]}, {"flair": nodes[4]}]
    assert left_out == ["By their names these are no FLAIR volumes: T1 MPRAGE, ADC."]


def test_sets_of_several_modalities_where_names_leave_no_doubt(scene: Any) -> None:
    flair, t2 = add_volume(scene, VOXELS, name="FLAIR"), add_volume(scene, VOXELS, name="T2w")
    assert inputSets(scene, ["flair", "t2"]) == ([{"flair": flair, "t2": t2}], [])
    add_volume(scene, VOXELS, name="T2 TSE")
    sets, left_out = inputSets(scene, ["flair", "t2"])
    assert sets == [] and left_out == ["Of the loaded volumes it is not clear which is T2; select them by hand."]
