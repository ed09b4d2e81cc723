"""`make detect` hands file names over whole, installs once, and says in a sentence what it lacks."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from module_files import REPOSITORY

pytestmark = pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")

RECORDER = """#!/bin/sh
for argument in "$0" "$@"; do printf '%s\\n' "$argument" >> "{log}"; done
"""


@pytest.fixture
def environment(tmp_path: Path) -> Path:
    """A stand-in virtual environment whose programs write down their arguments."""
    (tmp_path / "venv" / "bin").mkdir(parents=True)
    for program in ("python", "anofpdm", "anofpdm-scene"):
        script = tmp_path / "venv" / "bin" / program
        script.write_text(RECORDER.format(log=tmp_path / "log.txt"))
        script.chmod(0o755)
    return tmp_path / "venv"


def make(environment: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    variables = {key: value for key, value in os.environ.items() if key not in ("MAKEFLAGS", "MAKELEVEL", "MFLAGS")}
    for name in ("IMAGE", "RESULTS", "PYTHON", "VENV"):
        variables.pop(name, None)
    return subprocess.run(
        ["make", "--no-print-directory", f"VENV={environment}", *arguments],
        cwd=REPOSITORY,
        env=variables,
        capture_output=True,
        encoding="utf-8",
        timeout=240,
        check=False,
    )


def calls(environment: Path) -> list[str]:
    return (environment.parent / "log.txt").read_text(encoding="utf-8").splitlines()


def test_the_default_is_the_bundled_sample(environment: Path) -> None:
    assert make(environment, "detect").returncode == 0
    detect = calls(environment)[-4:]
    assert detect[:1] + detect[2:] == ["detect", "--output", "results"]
    assert (REPOSITORY / detect[1]).is_file()


def test_detect_ends_by_telling_how_to_open_the_result(environment: Path) -> None:
    run = make(environment, "detect", "RESULTS=my results")
    assert run.returncode == 0 and "make scene" in run.stdout and "my results/case.mrb" in run.stdout
    assert make(environment, "scene", "RESULTS=my results", "IMAGE=a scan.nii").returncode == 0
    scene = [str(environment / "bin" / "anofpdm-scene"), "my results", "--input", "a scan.nii", "--output"]
    assert calls(environment)[-6:] == [*scene, "my results/case.mrb"]
    assert ".[pictures,mrml]" in calls(environment)


@pytest.mark.parametrize("name", ["my scan.nii.gz", 'it\'s "the" scan; echo.nii', "Überblick (1) & 2*.nrrd"])
def test_any_file_name_arrives_whole(environment: Path, name: str) -> None:
    assert make(environment, "detect", f"IMAGE={name}", f"RESULTS=of {name}").returncode == 0
    detect = [str(environment / "bin" / "anofpdm"), "detect", name, "--output", f"of {name}"]
    assert calls(environment)[-5:] == detect


def test_style_types_and_tests_are_checked(environment: Path) -> None:
    """Style, which takes seconds, before the others; `make lint` both that need no tests."""
    checks = ('bin/ruff" check', 'bin/ruff" format --check', 'bin/lint-imports"', 'bin/mypy"', "-m pytest")
    said = make(environment, "--dry-run", "test")
    places = [said.stdout.find(check) for check in checks]
    assert said.returncode == 0 and -1 not in places and max(places[:3]) < min(places[3:])
    linted = make(environment, "--dry-run", "lint").stdout
    assert [check in linted for check in checks] == [True] * 4 + [False]


def test_the_second_call_does_not_install_again(environment: Path) -> None:
    for _ in range(2):
        assert make(environment, "detect").returncode == 0
    assert calls(environment).count("install") == 1
    assert calls(environment).count("detect") == 2
    assert "constraints.txt" in calls(environment)
    assert ".[pictures]" in calls(environment)


def test_a_failed_installation_stops_and_is_tried_again(environment: Path) -> None:
    python = environment / "bin" / "python"
    working = python.read_text()
    python.write_text("#!/bin/sh\nexit 1\n")
    failed = make(environment, "detect")
    assert failed.returncode != 0
    assert "failed" in failed.stderr
    python.write_text(working)
    assert make(environment, "detect").returncode == 0
    assert "install" in calls(environment)


def test_a_missing_python_is_named(tmp_path: Path) -> None:
    run = make(tmp_path / "none", "detect", "PYTHON=no-such-python")
    assert run.returncode != 0
    assert "no-such-python" in run.stderr
    assert "3.10" in run.stderr
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize(("refuses", "said"), [("version_info", "3.10 or newer"), ("ensurepip", "python3-venv")])
def test_an_unfit_python_is_explained(tmp_path: Path, refuses: str, said: str) -> None:
    python = tmp_path / "unfit python"
    python.write_text(f'#!/bin/sh\ncase "$*" in *{refuses}*) exit 1;; esac\nexec "{sys.executable}" "$@"\n')
    python.chmod(0o755)
    run = make(tmp_path / "none", "detect", f"PYTHON={python}")
    assert run.returncode != 0
    assert said in run.stderr
    assert str(python) in run.stderr
    assert not (tmp_path / "none").exists()
