"""All files of a result or none: failures, interruptions, crashes, full disks."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest
from output_samples import NEW, POSIX, contents, run_code, text_writer, write_older_result

from anofpdm.core.errors import Cancelled, OutputError
from anofpdm.core.output_set import OutputSet, check_output_directory, write_output_set


@pytest.fixture
def results(tmp_path: Path) -> Path:
    """A folder with an older result and files of somebody else."""
    return write_older_result(tmp_path / "results")


def test_a_new_folder_is_made_and_holds_just_the_files(tmp_path: Path) -> None:
    paths = write_output_set(tmp_path / "x" / "y", NEW)
    assert paths == [tmp_path / "x" / "y" / name for name in NEW]
    assert contents(tmp_path / "x" / "y") == {"a.txt": b"new a", "b.txt": b"new b", "c.txt": b"new c"}


def test_older_files_are_replaced_and_foreign_ones_left(results: Path) -> None:
    before = contents(results)
    write_output_set(results, NEW)
    assert contents(results) == before | {"a.txt": b"new a", "b.txt": b"new b", "c.txt": b"new c"}


def test_an_older_file_goes_as_the_new_ones_come(results: Path) -> None:
    before = contents(results)
    write_output_set(results, {"a.txt": text_writer("new a")}, without=["picture.png", "never.there"])
    del before["picture.png"]
    assert contents(results) == before | {"a.txt": b"new a"}


@pytest.mark.parametrize("stage", range(3))
@pytest.mark.parametrize("error", [KeyboardInterrupt(), Cancelled("ended"), RuntimeError("bug"), MemoryError()])
def test_a_failing_writer_leaves_everything_as_it_was(results: Path, stage: int, error: BaseException) -> None:
    def fail(path: Path) -> None:
        path.write_text("half")
        raise error

    writers = dict(NEW)
    writers[list(NEW)[stage]] = fail
    before = contents(results)
    with pytest.raises(type(error)):
        write_output_set(results, writers, without=["picture.png"])
    assert contents(results) == before


@pytest.mark.parametrize("fault", [OSError(errno.EIO, "Input/output error"), KeyboardInterrupt()])
@pytest.mark.parametrize("call", range(8))
def test_a_fault_during_the_exchange_is_undone(
    results: Path, monkeypatch: pytest.MonkeyPatch, call: int, fault: BaseException
) -> None:
    # Calls: the journal, three old files away (a, b, picture), three new ones in place, none after.
    before = contents(results)
    replace, calls = os.replace, []

    def faulty(source: object, target: object) -> None:
        calls.append(source)
        if len(calls) == call + 1:
            raise fault
        replace(source, target)  # type: ignore[arg-type]

    monkeypatch.setattr(os, "replace", faulty)
    if call == 7:
        write_output_set(results, NEW, without=["picture.png"])
        assert len(calls) == 7
        return
    with pytest.raises(OutputError if isinstance(fault, OSError) else KeyboardInterrupt):
        write_output_set(results, NEW, without=["picture.png"])
    assert contents(results) == before


CRASH = """
    import os, sys
    from anofpdm.core.output_set import write_output_set
    replace, left = os.replace, int(sys.argv[2])
    def crashing(source, target):
        global left
        if left == 0:
            os._exit(9)
        left -= 1
        replace(source, target)
    os.replace = crashing
    names = ("a.txt", "c.txt", "b.txt")
    write_output_set(sys.argv[1], {n: lambda p: p.write_text("new") for n in names}, without=["picture.png"])
"""


@POSIX
@pytest.mark.parametrize("call", range(7))
def test_the_next_run_undoes_or_finishes_what_a_killed_run_left(results: Path, call: int) -> None:
    """Call 0 is the journal; with the first of the others the new files count (test_crash_points: every step)."""
    before = contents(results)
    assert run_code(CRASH, results, call).returncode == 9
    assert contents(results) != before  # the dead run's work folder and lock, at least
    check_output_directory(results)
    changed = {"a.txt": b"new", "b.txt": b"new", "c.txt": b"new"}
    del (after := {**before, **changed})["picture.png"]
    assert contents(results) == (after if call else before)


@POSIX
def test_undoing_spares_a_file_that_came_after_the_crash(results: Path) -> None:
    before = contents(results)
    assert run_code(CRASH, results, 1).returncode == 9  # announced, but nothing moved yet
    (results / "c.txt").write_text("the user's own")
    check_output_directory(results)
    assert contents(results) == before | {"c.txt": b"the user's own"}


@POSIX
def test_a_killed_run_that_made_the_folder_does_not_block_the_next(tmp_path: Path) -> None:
    assert run_code(CRASH, tmp_path / "new", 2).returncode == 9
    write_output_set(tmp_path / "new", NEW)
    assert set(contents(tmp_path / "new")) == set(NEW)


def test_old_files_survive_even_if_undoing_fails(results: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = contents(results)
    replace, calls = os.replace, []

    def broken(source: object, target: object) -> None:
        calls.append(source)
        if len(calls) > 3:
            raise OSError(errno.EIO, "Input/output error")
        replace(source, target)  # type: ignore[arg-type]

    monkeypatch.setattr(os, "replace", broken)
    with pytest.raises(OutputError):
        write_output_set(results, NEW)
    monkeypatch.undo()
    assert set(before.values()) <= set(contents(results).values())
    check_output_directory(results)
    assert contents(results) == before


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (errno.ENOSPC, "is full"),
        (errno.EFBIG, "larger than the file size allowed"),
        (errno.EROFS, "read-only"),
        (errno.EACCES, "cannot be written to"),
        (errno.EIO, "Input/output error"),
    ],
)
def test_system_errors_become_one_sentence(results: Path, code: int, words: str) -> None:
    def fail(path: Path) -> None:
        raise OSError(code, os.strerror(code), str(path))

    with pytest.raises(OutputError, match=words) as caught:
        write_output_set(results, {"a.txt": fail})
    assert str(caught.value).endswith(".")
    assert "\n" not in str(caught.value)
    assert ".anofpdm" not in str(caught.value)


def test_a_writer_that_silently_writes_nothing_is_noticed(results: Path) -> None:
    before = contents(results)
    for writer in (lambda path: None, lambda path: path.touch()):
        with pytest.raises(OutputError, match=r"c\.txt could not be written"):
            write_output_set(results, {"a.txt": text_writer("new"), "c.txt": writer})
        assert contents(results) == before


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_really_full_device(results: Path) -> None:
    before = contents(results)
    with pytest.raises(OutputError, match="is full"):
        write_output_set(results, {"a.txt": lambda path: Path("/dev/full").write_text("x")})
    assert contents(results) == before


FULL_DISK = """
    import resource, signal, sys
    from pathlib import Path
    import numpy as np
    from anofpdm.core.errors import OutputError
    from anofpdm.results import findings, overlay, segmentation
    from anofpdm.core.output_set import write_output_set
    from anofpdm.volumes.geometry import VolumeGeometry

    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    rng = np.random.default_rng(0)
    score = rng.standard_normal((8, 64, 64)).astype(np.float32)
    geometry = VolumeGeometry((64, 64, 8), (1.0, 1.0, 1.0), (0.0, 0.0, 0.0), (1.0, 0, 0, 0, 1.0, 0, 0, 0, 1.0))
    def archive(path):
        with open(path, "wb") as stream:
            np.savez(stream, score=score)
    picture = dict(display=np.zeros((8, 64, 64), np.uint8), score=score, healthy_prediction=score, marked=[1, 2],
                   labels=["s"] * 8, title="t", prediction="p", footer="f")
    writers = {
        "heatmap.nrrd": lambda p: segmentation.write_heatmap(p, score, geometry),
        "segmentation.seg.nrrd": lambda p: segmentation.write_segmentation(p, score > 0, geometry),
        "findings.json": lambda p: findings.write_findings(p, {"numbers": score[0, 0].tolist()}),
        "overlay.png": lambda p: overlay.render_overlay(p, **picture),
        "evidence.zip": archive,
    }
    folder = Path(sys.argv[1])
    paths = write_output_set(folder, writers)
    sizes = {path.name: path.stat().st_size for path in paths}
    before = {p.name: p.read_bytes() for p in folder.iterdir()}
    for name, size in sizes.items():
        # Smaller files pass the limit and come first, so that the failure hits exactly this stage.
        order = sorted(sizes, key=sizes.get)
        for limit in (size - 1, max(size // 2, 1000)):
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
            try:
                write_output_set(folder, {n: writers[n] for n in order if sizes[n] < size or n == name})
            except OutputError as error:
                print(name, error)
            else:
                sys.exit(f"{name} was written in spite of the limit")
            finally:
                resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
            assert {p.name: p.read_bytes() for p in folder.iterdir()} == before, name
            empty = folder.with_name("empty")
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
            try:
                write_output_set(empty, {name: writers[name]})
            except OutputError as error:
                print(name, error)
            resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
            assert not empty.exists()
"""


@POSIX
def test_running_out_of_space_in_every_file(tmp_path: Path) -> None:
    pytest.importorskip("PIL", reason="Pillow is not installed")
    done = run_code(FULL_DISK, tmp_path / "results")
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert len(lines) == 5 * 4
    assert all("is larger than the file size allowed" in line for line in lines), done.stdout


def test_writing_needs_the_open_context(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="with"):
        OutputSet(tmp_path).write(NEW)


def test_a_folder_in_place_of_a_file_is_left_alone(results: Path) -> None:
    (results / "c.txt").mkdir()
    before = contents(results)
    with pytest.raises(OutputError, match="is a folder"):
        write_output_set(results, NEW)
    with pytest.raises(OutputError, match="is a folder"):
        write_output_set(results, {"a.txt": text_writer("new a")}, without=["c.txt"])
    assert contents(results) == before
    assert (results / "c.txt").is_dir()


@pytest.mark.parametrize("name", ["", ".hidden", "a/b", "../a", "a\\b"])
def test_only_plain_file_names(results: Path, name: str) -> None:
    with pytest.raises(ValueError, match="plain file name"):
        write_output_set(results, {name: text_writer("x")})
    with pytest.raises(ValueError, match="plain file name"):
        write_output_set(results, NEW, without=[name])
