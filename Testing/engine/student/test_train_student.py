"""`anofpdm train --method student`: a whole tiny run, and what it refuses."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from layered_head import layered_labels, write_layered_maps

from anofpdm.cli.main import build_parser
from anofpdm.cli.train import train
from anofpdm.core.errors import Cancelled, InputError, OutputError
from anofpdm.core.progress import CancelToken
from anofpdm.methods.student.run import StudentRun, train_student
from anofpdm.methods.student.stages import Mixture
from anofpdm.methods.student.student_folder import open_student
from anofpdm.synthetic.renderer import RenderSettings


@pytest.fixture(scope="module")
def label_maps(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("label-maps")
    write_layered_maps(folder)
    return folder


def _run(folder: Path, output: Path, **changes) -> StudentRun:
    given = {
        "data": folder,
        "output": output,
        "stage": "rendered",
        "labels": folder / "labels.csv",
        "label_maps": folder,
        "start_from": None,
        "teacher": None,
        "steps": 1,
        "name": "tiny",
        "contrast": "flair",
        "modality": "flair",
        "seed": 1,
        "heads": 8,
        "batch_size": 2,
        "widths": (4, 4),
        "mixture": Mixture(pool=1, workers=0, settings=RenderSettings(slices=6, spacings_mm=(6.0,))),
    }
    return StudentRun(**{**given, **changes})


def test_two_stages_give_two_students(label_maps, tmp_path):
    said: list[str] = []
    first = train_student(_run(label_maps, tmp_path / "1"), None, said.append)
    student = open_student(first)
    assert student.config.network.widths == (4, 4)
    assert "head" in student.config.trained_on
    with pytest.raises(OutputError, match="this run is finished"):
        train_student(_run(label_maps, tmp_path / "1"), None, said.append)

    image = sitk.Cast(
        sitk.GetImageFromArray(np.where(layered_labels()[::6] > 500, 300, layered_labels()[::6])), sitk.sitkInt16
    )
    image.SetSpacing((1, 1, 6))
    sitk.WriteImage(image, str(tmp_path / "a.nii.gz"))
    rows = "".join(f"a,train,a.nii.gz,{index},{index % 2},x\n" for index in range(6, 16))
    (tmp_path / "m.csv").write_text(f"subject,split,flair,slice,label,source\n{rows}", encoding="utf-8")
    second = train_student(
        _run(label_maps, tmp_path / "2", data=tmp_path / "m.csv", stage="self-training", start_from=str(first)),
        None,
        said.append,
    )
    assert open_student(second).config.trained_on == f"{student.config.trained_on}; volumes of m.csv"
    assert any("AUROC" in line for line in said)


def test_label_maps_that_cannot_be_used_are_named(label_maps, tmp_path):
    with pytest.raises(InputError, match="is not a folder"):
        train_student(_run(label_maps, tmp_path / "o", label_maps=tmp_path / "none"), None, print)
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="at least two"):
        train_student(_run(label_maps, tmp_path / "o", label_maps=tmp_path / "empty"), None, print)
    short = tmp_path / "labels.csv"
    short.write_text(
        "label,structure\n0,background\n2,left cerebral white matter\n3,left cerebral cortex\n"
        "4,left lateral ventricle\n",
        encoding="utf-8",
    )
    with pytest.raises(InputError, match="does not list"):
        train_student(_run(label_maps, tmp_path / "o", labels=short), None, print)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "needs --labels"),
        (["--labels", "t.csv", "--device", "cuda"], "trained on the processor"),
        (["--labels", "t.csv", "--export", "x"], "--export is an option of anofpdm"),
        (["--labels", "t.csv", "--teacher", "x"], "--teacher is an option of student .stage self-training."),
        (["--labels", "t.csv", "--name", "../x"], "cannot name a student"),
        (["--labels", "t.csv", "--stage", "self-training"], "needs --label-maps"),
        (["--labels", "t.csv", "--stage", "self-training", "--label-maps", "m"], "needs --start-from"),
        (["--labels", "t.csv", "--steps", "0"], "--steps takes"),
        (["--labels", "t.csv"], "cannot be read"),
    ],
)
def test_what_is_missing_is_said_in_a_sentence(command, tmp_path, arguments, words):
    data = ("train", tmp_path, "--method", "student", "--output", tmp_path / "o")
    command.refuses(*data, *arguments, words=words, folder=tmp_path)


def test_a_run_that_is_ended_says_how_it_goes_on(label_maps, tmp_path):
    """What was prepared and reached is kept, so nothing may say that nothing was written."""
    labels, output = label_maps / "labels.csv", tmp_path / "o"
    call = ["train", label_maps, "--method", "student", "--labels", labels, "--output", output]
    token = CancelToken()
    token.cancel()
    with pytest.raises(Cancelled, match="Training was stopped; run the same command to continue it"):
        train(build_parser().parse_args(list(map(str, call))), token)
