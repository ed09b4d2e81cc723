"""`anofpdm-scene`: a result folder becomes a scene that opens with everything live."""

from __future__ import annotations

import dataclasses
import os
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import SimpleITK as sitk
from evidence_makers import make_case
from made_results import LARGE
from scene_makers import world_points
from test_result_geometry import GRIDS, SIZE

from anofpdm.results.case_storage import load_evidence
from anofpdm.results.detection import build_detection
from anofpdm.volumes.nrrd_file import write_nrrd
from AnoFPDMSegmentLib.mrml.headless import SLICE_VIEWS, addSliceView, headlessScene
from AnoFPDMSegmentLib.mrml.output_frame import geometryOf
from AnoFPDMSegmentLib.mrml.result import Result
from AnoFPDMSegmentLib.mrml.scene_file import main
from AnoFPDMSegmentLib.mrml.voxels import voxelsOf

MODULE = Path(__file__).resolve().parents[2] / "AnoFPDMSegment"


@contextmanager
def opened(path: Path) -> Iterator[Result]:
    with headlessScene() as context:
        assert context.scene.ReadFromMRB(str(path), True)
        (result,) = Result.all(context)
        yield result


def write_result(folder: Path, grid: str = "axial") -> Path:
    """A result in `folder`, and the volume it was made on."""
    geometry = geometryOf(GRIDS[grid], SIZE)
    voxels = np.random.default_rng(1).integers(0, 500, geometry.array_shape).astype(np.int16)
    write_nrrd(folder / "flair.nrrd", voxels, geometry)
    build_detection(make_case(geometry, [LARGE])).write(folder / "out", overlay=False)
    return folder / "flair.nrrd"


@pytest.mark.parametrize("grid", ["axial", "left-handed oblique"])
def test_the_scene_holds_volume_and_result(tmp_path: Path, capsys: pytest.CaptureFixture[str], grid: str) -> None:
    volume = write_result(tmp_path, grid)
    target = tmp_path / "new" / "case.mrb"
    assert main([str(tmp_path / "out"), "--input", str(volume), "--output", str(target)]) == 0
    said = capsys.readouterr()
    assert str(target) in said.out and not said.err
    image = sitk.ReadImage(str(volume))
    with opened(target) as result:
        assert result.inputNode.GetName() == "flair"
        points, voxels = world_points(result.inputNode), voxelsOf(result.inputNode.GetImageData())
        for k, j, i in ((0, 0, 0), (20, 30, 10)):
            index = image.TransformPhysicalPointToIndex((points[k, j, i] * [-1, -1, 1]).tolist())
            assert voxels[k, j, i] == image[index]
        found = world_points(result.heatmapNode)[voxelsOf(result.heatmapNode.GetImageData()) >= 1]
        assert np.linalg.norm(found.mean(axis=0) - LARGE[0]) < 4
        composite = result.context.nodes("vtkMRMLSliceCompositeNode")
        assert len(composite) == 3
        assert {node.GetForegroundVolumeID() for node in composite} == {result.heatmapNode.GetID()}
        assert {node.GetBackgroundVolumeID() for node in composite} == {result.inputNode.GetID()}
        for view in result.context.nodes("vtkMRMLSliceNode"):
            center = [view.GetSliceToRAS().GetElement(row, 3) for row in range(3)]
            assert np.linalg.norm(np.array(center) - result.detection.components[0].peak_ras_mm) < 1


def test_the_bars_of_the_applications_views_stay_as_they_are(tmp_path: Path) -> None:
    """Slicer takes over what the scene says of its own views."""
    write_result(tmp_path)
    assert main([str(tmp_path / "out"), "--output", str(tmp_path / "case.mrb")]) == 0
    with headlessScene() as application:
        nodes = [addSliceView(application, name).GetSliceNode() for name in SLICE_VIEWS]
        before = [bar_of(node) for node in nodes]
        assert [label for label, *_ in before] == ["R", "Y", "G"] and len({tuple(color) for _, *color in before}) == 3
        assert application.scene.ReadFromMRB(str(tmp_path / "case.mrb"), False)
        assert [bar_of(node) for node in nodes] == before
        application.scene.Clear(False)
        assert [bar_of(node) for node in nodes] == before


def bar_of(node: Any) -> tuple[Any, ...]:
    """Letter and color."""
    return node.GetLayoutLabel(), *(round(255 * part) for part in node.GetLayoutColor())


def test_without_the_volume_the_kept_pictures_stand_in(tmp_path: Path) -> None:
    write_result(tmp_path)
    assert main([str(tmp_path / "out"), "--output", str(tmp_path / "case.mrb")]) == 0
    with opened(tmp_path / "case.mrb") as result:
        assert result.inputNode.GetName() == "flair (picture)"
        voxels = voxelsOf(result.inputNode.GetImageData())
        inside = np.linalg.norm(world_points(result.inputNode) / [70, 85, 65], axis=-1)
        assert voxels[inside < 0.9].min() > 150 and voxels[inside > 1.1].max() < 50


def test_a_volume_of_another_name_is_mentioned(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Of the same grid it may be the next patient's."""
    volume = write_result(tmp_path)
    other = volume.rename(tmp_path / "next patient.nrrd")
    assert main([str(tmp_path / "out"), "--input", str(other), "--output", str(tmp_path / "case.mrb")]) == 0
    said = capsys.readouterr().err
    assert (
        said
        == "Note: the result was made from flair.nrrd; next patient.nrrd has the same grid and is shown in its place.\n"
    )


def test_an_anonymous_result_makes_an_anonymous_scene(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    volume = write_result(tmp_path)
    case = load_evidence(tmp_path / "out" / "evidence.npz")
    run = dataclasses.replace(case.run, files=tuple((modality, "") for modality, _ in case.run.files))
    build_detection(dataclasses.replace(case, run=run)).write(tmp_path / "out", overlay=False)
    patient = volume.rename(tmp_path / "Doe_Jane.nrrd")
    assert main([str(tmp_path / "out"), "--input", str(patient), "--output", str(tmp_path / "case.mrb")]) == 0
    assert capsys.readouterr().err == ""
    with zipfile.ZipFile(tmp_path / "case.mrb") as archive:
        assert not any(b"Doe" in name.encode() + archive.read(name) for name in archive.namelist())
    with opened(tmp_path / "case.mrb") as result:
        assert result.inputNode.GetName() == "flair"


def test_scenes_are_made_in_the_private_folder_of_the_user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """There the next start finds what a killed process left of a patient."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with headlessScene() as context:
        place = Path(context.applicationLogic.GetTemporaryPath())
        assert place.is_dir() and place.relative_to(tmp_path).parts[0].startswith("AnoFPDM")
    assert list(tmp_path.iterdir()) == []


def test_refusals_are_one_sentence_and_leave_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    volume = write_result(tmp_path)
    other = tmp_path / "other.nrrd"
    geometry = geometryOf(GRIDS["oblique"], SIZE)
    write_nrrd(other, sitk.GetArrayFromImage(sitk.ReadImage(str(volume))), geometry)
    (tmp_path / "folder.mrb").mkdir()
    (tmp_path / "damaged").mkdir()
    (tmp_path / "damaged" / "evidence.npz").write_bytes(b"no archive")
    before = sorted(tmp_path.rglob("*"))
    out = str(tmp_path / "out")
    for arguments, status, word in (
        ([out, "--output", str(tmp_path / "case.zip")], 4, "ends in .mrb"),
        ([out, "--output", str(tmp_path / "folder.mrb")], 4, "is a folder"),
        ([out, "--output", str(volume / "case.mrb")], 4, "is a file"),
        ([str(tmp_path / "none"), "--output", str(tmp_path / "case.mrb")], 5, "no evidence"),
        ([str(tmp_path / "damaged"), "--output", str(tmp_path / "case.mrb")], 5, "damaged"),
        ([out, "--input", str(tmp_path / "none.nii"), "--output", str(tmp_path / "case.mrb")], 2, "none.nii"),
        ([out, "--input", str(other), "--output", str(tmp_path / "case.mrb")], 2, "its grid differs"),
    ):
        assert main(arguments) == status, arguments
        said = capsys.readouterr()
        assert said.out == "" and word in said.err, said.err
        assert said.err.startswith("anofpdm-scene: ") and said.err.count("\n") == 1
        assert sorted(tmp_path.rglob("*")) == before


def test_an_unfinished_scene_never_replaces_an_older_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    write_result(tmp_path)
    target = tmp_path / "case.mrb"
    target.write_text("older")
    monkeypatch.setattr("zipfile.ZipFile.testzip", lambda self: "a damaged member")
    assert main([str(tmp_path / "out"), "--output", str(target)]) == 4
    assert "could not be written" in capsys.readouterr().err and target.read_text() == "older"


@pytest.mark.parametrize(
    ("trick", "word"),
    [
        ("sys.modules['slicer'] = None", "anofpdm[mrml]"),
        ("sys.modules['slicer'] = types.ModuleType('slicer')", "not 3D Slicer's"),
    ],
)
def test_without_slicer_core_the_command_says_what_to_install(tmp_path: Path, trick: str, word: str) -> None:
    write_result(tmp_path)
    code = f"import sys, types; {trick}; from AnoFPDMSegmentLib.mrml.scene_file import run; run()"
    command: list[Any] = [sys.executable, "-c", code, tmp_path / "out", "--output", tmp_path / "case.mrb"]
    environment = {**os.environ, "PYTHONPATH": str(MODULE)}
    run = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert run.returncode == 2 and word in run.stderr and run.stderr.count("\n") == 1, run.stderr
