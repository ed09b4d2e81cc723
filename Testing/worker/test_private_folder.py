"""What patients' images leave on the disk: nothing, even where the application was killed."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from fake_worker import MODULE

from anofpdm.app.worker.run_folder import RunFolder
from anofpdm.core.private_folder import PrivateFolder, sweep

POSIX = pytest.mark.skipif(os.name == "nt", reason="needs POSIX signals, owners and modes")

APPLICATION = """
import sys, time
from pathlib import Path
from anofpdm.core.private_folder import PrivateFolder
folder = PrivateFolder(Path(sys.argv[1]))
(folder.path / "flair.nrrd").write_bytes(b"a head")
(folder.path / "result").mkdir()
(folder.path / "result" / "evidence.npz").write_bytes(b"of a head")
print(folder.path, flush=True)
time.sleep(600)
"""


class Application:
    """A process that examines a patient until it is killed."""

    def __init__(self, place: Path) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", APPLICATION, str(place)],
            env={**os.environ, "PYTHONPATH": str(MODULE)},
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout is not None
        self.folder = Path(self._process.stdout.readline().strip())

    def kill(self) -> None:
        """As the user's task manager does."""
        self._process.kill()
        self._process.wait()

    def close(self) -> None:
        """Of the test alone: let go of its output."""
        assert self._process.stdout is not None
        self._process.stdout.close()


@pytest.fixture
def application(tmp_path: Path) -> Iterator[Application]:
    running = Application(tmp_path)
    yield running
    running.kill()
    running.close()


def files(place: Path) -> list[str]:
    return sorted(path.name for path in place.rglob("*") if path.is_file() and not path.name.startswith("."))


def test_closed_as_usual(tmp_path: Path) -> None:
    folder = PrivateFolder(tmp_path)
    (folder.path / "flair.nrrd").write_bytes(b"a head")
    other = PrivateFolder(tmp_path)
    folder.remove()
    assert not folder.path.exists() and other.path.exists()
    folder.remove()
    other.remove()
    assert list(tmp_path.iterdir()) == []


@POSIX
def test_an_application_that_was_killed_is_swept_at_the_next_start(application: Application, tmp_path: Path) -> None:
    sweep(tmp_path)
    assert files(tmp_path) == ["evidence.npz", "flair.nrrd"], "its owner still runs"
    application.kill()
    assert files(tmp_path) == ["evidence.npz", "flair.nrrd"]
    sweep(tmp_path)
    assert list(tmp_path.iterdir()) == []
    sweep(tmp_path)


@POSIX
def test_own_runs_are_not_swept(application: Application, tmp_path: Path) -> None:
    """A second application starts, or the module is loaded again, while this one computes."""
    mine = PrivateFolder(tmp_path)
    (mine.path / "flair.nrrd").write_bytes(b"a head")
    application.kill()
    sweep(tmp_path)
    assert files(tmp_path) == ["flair.nrrd"] and mine.path.is_dir()
    mine.remove()


@POSIX
def test_nobody_else_can_look_inside(tmp_path: Path) -> None:
    umask = os.umask(0)
    try:
        folder = PrivateFolder(tmp_path)
    finally:
        os.umask(umask)
    assert {path.stat().st_mode & 0o777 for path in (folder.path, folder.path.parent)} == {0o700}
    folder.remove()


@POSIX
@pytest.mark.parametrize("kind", ["open to others", "a link", "a file"])
def test_a_folder_that_is_not_private_is_neither_used_nor_swept(tmp_path: Path, kind: str) -> None:
    """In /tmp anybody may have made a folder of this name before."""
    folder = PrivateFolder(tmp_path)
    ours = folder.path.parent
    folder.remove()
    foreign = tmp_path / "foreign"
    (foreign / "run-1").mkdir(parents=True)
    (foreign / "run-1" / "thesis.txt").write_text("years of work")
    if kind == "open to others":
        foreign.chmod(0o777)
        foreign.rename(ours)
    elif kind == "a link":
        foreign.chmod(0o700)
        ours.symlink_to(foreign)
    else:
        ours.write_text("mine")
    again = PrivateFolder(tmp_path)
    assert again.path.parent.name == f"{ours.name}-1"
    assert again.path.parent.stat().st_mode & 0o777 == 0o700
    sweep(tmp_path)
    assert "thesis.txt" in files(tmp_path) and again.path.is_dir()
    again.remove()


@POSIX
def test_a_sweep_at_the_wrong_moment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between making a folder and holding it: another one is made."""
    real, made = PrivateFolder._hold, []

    def swept(self: PrivateFolder) -> bool:
        made.append(self.path)
        if len(made) == 1:
            sweep(tmp_path)
        return real(self)

    monkeypatch.setattr(PrivateFolder, "_hold", swept)
    folder = PrivateFolder(tmp_path)
    assert len(made) == 2 and not made[0].exists() and folder.path.is_dir()
    folder.remove()


def test_without_a_place(tmp_path: Path) -> None:
    with pytest.raises(OSError):
        PrivateFolder(tmp_path / "gone")


@POSIX
def test_temporary_files_of_a_worker_lie_inside(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    call = [sys.executable, "-c", "import tempfile; print(tempfile.mkdtemp())"]
    made = subprocess.run(call, env={**os.environ, **folder.environment}, capture_output=True, text=True, check=True)
    assert Path(made.stdout.strip()).is_relative_to(folder.path)
    assert list(folder.empty.iterdir()) == []
    folder.remove()
    assert list(tmp_path.iterdir()) == []
