"""Inputs, models and tables given as options: for programs, whose names may begin with anything."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from command_line import CommandLine, DetectCalls


def test_an_input_is_what_its_option_says(
    command: CommandLine, tiny_model: Path, head_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    name = "--cases=a=b.nii.gz"
    shutil.copy(head_file, tmp_path / name)
    call = ("detect", f"--input=flair={name}", f"--model={tiny_model}", "--output=o", "--progress=none", "--no-overlay")
    outcome = command(*call)
    assert outcome.status == 0, outcome.err
    assert f'"flair": "{name}"' in (tmp_path / "o" / "findings.json").read_text()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("-i", "a.nii"), "a.nii"),
        (("--input=../x=a.nii",), "../x=a.nii"),
        (("--input=flair=",), "No file is named after 'flair='"),
        (("--input=",), "An INPUT is empty"),
        (
            ("--input=a.nii", "--input=t2=b.nii"),
            "--input takes a modality and its volume, as in flair=a.nii.gz, not 'a.nii'",
        ),
        (("--input=flair=a.nii", "--input=FLAIR=b.nii"), "The modality flair is given twice"),
        (("--input=flair=a.nii", "b.nii"), "Give either INPUT, --input or --cases"),
        (("--input=flair=a.nii", "--cases=b.csv"), "Give either INPUT, --input or --cases"),
        (("a.nii", "--cases=b.csv"), "Give either INPUT, --input or --cases"),
        ((), "Name the volume to examine"),
    ],
)
def test_inputs_that_are_refused(detect: DetectCalls, arguments: tuple[str, ...], words: str) -> None:
    detect.refuses(*arguments, words=words)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "Name one model and one manifest"),
        (("none",), "Name one model and one manifest"),
        (("--model=none",), "Name one model and one manifest"),
        (("--model=none", "--manifest=b.csv", "c.csv"), "Name one model and one manifest"),
        (("--model=none", "b.csv"), "There is no model named 'none'"),
        (("none", "--manifest=b.csv"), "There is no model named 'none'"),
        (("none", "b.csv"), "There is no model named 'none'"),
        (("--model=--manifest", "--manifest=--help"), "There is no model named '--manifest'"),
    ],
)
def test_what_calibrate_is_given(command: CommandLine, tmp_path: Path, arguments: tuple[str, ...], words: str) -> None:
    command.refuses("calibrate", *arguments, words=words, folder=tmp_path)
