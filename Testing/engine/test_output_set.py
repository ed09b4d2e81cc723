"""All files of a result or none: failures, interruptions, crashes, full disks, two runs at once."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import tempfile
import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest

from anofpdm.errors import Cancelled, OutputError
from anofpdm.results.output_set import OutputSet, check_output_directory, write_output_set

ENGINE = Path(__file__).resolve().parents[2] / "AnoFPDMSegment"
POSIX = pytest.mark.skipif(os.name == "nt", reason="needs POSIX processes and limits")


def text_writer(text: str) -> Callable[[Path], object]:
    return lambda path: path.write_text(text)


def contents(directory: Path) -> dict[str, bytes]:
    """Every file below the directory, hidden ones included."""
    return {str(p.relative_to(directory)): p.read_bytes() for p in sorted(directory.rglob("*")) if p.is_file()}


def run_python(code: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code), *map(str, arguments)],
        env={**os.environ, "PYTHONPATH": str(ENGINE)},
        capture_output=True,
        text=True,
        timeout=60,
    )


@pytest.fixture
def results(tmp_path: Path) -> Path:
    """A folder with an older result (a, b, picture) and a file of somebody else."""
    directory = tmp_path / "results"
    write_output_set(directory, {"a.txt": text_writer("old a"), "b.txt": text_writer("old b")})
    write_output_set(directory, {"picture.png": text_writer("old picture")})
    (directory / "notes.txt").write_text("mine")
    (directory / ".hidden").mkdir()
    (directory / ".hidden" / "keep").write_text("mine too")
    return directory


NEW = {"a.txt": text_writer("new a"), "c.txt": text_writer("new c"), "b.txt": text_writer("new b")}


def test_a_new_folder_is_made_and_holds_just_the_files(tmp_path: Path) -> None:
    paths = write_output_set(tmp_path / "x" / "y", NEW)
    assert paths == [tmp_path / "x" / "y" / name for name in NEW]
    assert contents(tmp_path / "x" / "y") == {"a.txt": b"new a", "b.txt": b"new b", "c.txt": b"new c"}


def test_older_files_are_replaced_and_foreign_ones_left(results: Path) -> None:
    before = contents(results)
    write_output_set(results, NEW)
    assert contents(results) == before | {"a.txt": b"new a", "b.txt": b"new b", "c.txt": b"new c"}


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
        write_output_set(results, writers)
    assert contents(results) == before


@pytest.mark.parametrize("fault", [OSError(errno.EIO, "Input/output error"), KeyboardInterrupt()])
@pytest.mark.parametrize("call", range(7))
def test_a_fault_during_the_exchange_is_undone(
    results: Path, monkeypatch: pytest.MonkeyPatch, call: int, fault: BaseException
) -> None:
    # Calls: the journal, two old files away (a, b), three new ones in place, none after.
    before = contents(results)
    replace, calls = os.replace, []

    def faulty(source: object, target: object) -> None:
        calls.append(source)
        if len(calls) == call + 1:
            raise fault
        replace(source, target)  # type: ignore[arg-type]

    monkeypatch.setattr(os, "replace", faulty)
    if call == 6:
        write_output_set(results, NEW)
        assert len(calls) == 6
        return
    with pytest.raises(OutputError if isinstance(fault, OSError) else KeyboardInterrupt):
        write_output_set(results, NEW)
    assert contents(results) == before


CRASH = """
    import os, sys
    from anofpdm.results.output_set import write_output_set
    replace, left = os.replace, int(sys.argv[2])
    def crashing(source, target):
        global left
        if left == 0:
            os._exit(9)
        left -= 1
        replace(source, target)
    os.replace = crashing
    names = ("a.txt", "c.txt", "b.txt")
    write_output_set(sys.argv[1], {n: lambda p: p.write_text("new") for n in names})
"""


@POSIX
@pytest.mark.parametrize("call", [0, 1, 2, 3, 4, 5])
def test_the_next_run_undoes_what_a_killed_run_left(results: Path, call: int) -> None:
    before = contents(results)
    assert run_python(CRASH, results, call).returncode == 9
    assert contents(results) != before  # the dead run's work folder and lock, at least
    check_output_directory(results)
    assert contents(results) == before


@POSIX
def test_undoing_spares_a_file_that_came_after_the_crash(results: Path) -> None:
    before = contents(results)
    assert run_python(CRASH, results, 1).returncode == 9  # announced, but nothing moved yet
    (results / "c.txt").write_text("the user's own")
    check_output_directory(results)
    assert contents(results) == before | {"c.txt": b"the user's own"}


@POSIX
def test_a_killed_run_that_made_the_folder_does_not_block_the_next(tmp_path: Path) -> None:
    assert run_python(CRASH, tmp_path / "new", 2).returncode == 9
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
    from anofpdm.errors import OutputError
    from anofpdm.results import findings, overlay, segmentation
    from anofpdm.results.output_set import write_output_set
    from anofpdm.volumes.geometry import VolumeGeometry

    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    rng = np.random.default_rng(0)
    score = rng.standard_normal((8, 64, 64)).astype(np.float32)
    geometry = VolumeGeometry((64, 64, 8), (1.0, 1.0, 1.0), (0.0, 0.0, 0.0), (1.0, 0, 0, 0, 1.0, 0, 0, 0, 1.0))
    def archive(path):
        with open(path, "wb") as stream:
            np.savez(stream, score=score)
    picture = dict(display=np.zeros((8, 64, 64), np.uint8), score=score, healthy_prediction=score, flagged=[1, 2],
                   labels=["s"] * 8, title="t", footer="f")
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
    done = run_python(FULL_DISK, tmp_path / "results")
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert len(lines) == 5 * 4
    assert all("is larger than the file size allowed" in line for line in lines), done.stdout


def test_paths_that_cannot_be_a_folder(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("x")
    cases = {
        file: "is a file or lies below one",
        file / "below": "is a file or lies below one",
        tmp_path / ("n" * 300): "too long",
        tmp_path / "/".join(["d" * 200] * 30): "too long",
        tmp_path / "nul\0byte": "not a valid path",
    }
    for path, words in cases.items():
        with pytest.raises(OutputError, match=words) as caught:
            check_output_directory(path)
        assert len(str(caught.value)) < 400
        with pytest.raises(OutputError, match=words):
            write_output_set(path, NEW)
    assert contents(tmp_path) == {"file": b"x"}
    assert list(tmp_path.iterdir()) == [file]


def test_a_folder_in_place_of_a_file_is_left_alone(results: Path) -> None:
    (results / "c.txt").mkdir()
    before = contents(results)
    with pytest.raises(OutputError, match="is a folder"):
        write_output_set(results, NEW)
    assert contents(results) == before
    assert (results / "c.txt").is_dir()


@pytest.mark.parametrize("name", ["", ".hidden", "a/b", "../a", "a\\b"])
def test_only_plain_file_names(results: Path, name: str) -> None:
    with pytest.raises(ValueError, match="plain file name"):
        write_output_set(results, {name: text_writer("x")})


@POSIX
def test_a_read_only_folder() -> None:
    # Not below tmp_path, which other users may not even enter.
    with tempfile.TemporaryDirectory() as name:
        parent, folder = Path(name), Path(name) / "locked"
        folder.mkdir()
        parent.chmod(0o755)
        folder.chmod(0o555)
        for path in (folder, folder / "below"):
            done = run_python(CHECK_AS_NOBODY, path)
            assert done.stdout.startswith(f"{path} cannot be written to"), done.stderr
        assert list(folder.iterdir()) == []


CHECK_AS_NOBODY = """
    import os, sys
    from anofpdm.errors import OutputError
    from anofpdm.results.output_set import check_output_directory
    if os.geteuid() == 0:
        os.setuid(65534)  # root may write everywhere
    try:
        check_output_directory(sys.argv[1])
    except OutputError as error:
        print(error)
"""


def test_checking_leaves_no_trace(tmp_path: Path, results: Path) -> None:
    before = contents(results)
    check_output_directory(results)
    assert contents(results) == before
    check_output_directory(tmp_path / "p" / "q")
    assert not (tmp_path / "p").exists()


def test_a_made_folder_goes_again_unless_something_lies_in_it(tmp_path: Path) -> None:
    def fail(path: Path) -> None:
        raise RuntimeError("bug")

    with pytest.raises(RuntimeError):
        write_output_set(tmp_path / "p" / "q", {"a": fail})
    assert not (tmp_path / "p").exists()

    def fail_and_litter(path: Path) -> None:
        (tmp_path / "p" / "foreign").write_text("x")
        raise RuntimeError("bug")

    with pytest.raises(RuntimeError):
        write_output_set(tmp_path / "p" / "q", {"a": fail_and_litter})
    assert contents(tmp_path) == {"p/foreign": b"x"}
    assert not (tmp_path / "p" / "q").exists()


def test_a_second_run_into_the_same_folder_is_told(results: Path) -> None:
    before = contents(results)
    with OutputSet(results) as first:
        for second in (check_output_directory, lambda path: write_output_set(path, NEW)):
            with pytest.raises(OutputError, match="Another run is writing"):
                second(results)
        code = "import sys; from anofpdm.results.output_set import check_output_directory as c; c(sys.argv[1])"
        other = run_python(code, results)
        assert "Another run is writing" in other.stderr
        first.write({"a.txt": text_writer("first")})
    assert contents(results) == before | {"a.txt": b"first"}
    check_output_directory(results)


@POSIX
def test_many_runs_at_once_never_mix(tmp_path: Path) -> None:
    code = """
        import sys
        from anofpdm.errors import OutputError
        from anofpdm.results.output_set import write_output_set
        done = refused = 0
        while done < 15:
            text = f"{sys.argv[2]} {done}"
            try:
                write_output_set(sys.argv[1], {name: lambda p: p.write_text(text) for name in ("a", "b", "c")})
                done += 1
            except OutputError as error:
                assert "Another run" in str(error), error
                refused += 1
        print(refused)
    """
    command = [sys.executable, "-c", textwrap.dedent(code), str(tmp_path / "results")]
    environment = {**os.environ, "PYTHONPATH": str(ENGINE)}
    runs = [
        subprocess.Popen([*command, str(n)], env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for n in range(3)
    ]
    refused = 0
    for run in runs:
        output, problems = run.communicate(timeout=60)
        assert run.returncode == 0, problems
        refused += int(output)
    assert refused > 0  # they did meet
    found = contents(tmp_path / "results")
    assert set(found) == {"a", "b", "c"}
    assert len(set(found.values())) == 1


def test_writing_needs_the_open_context(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="with"):
        OutputSet(tmp_path).write(NEW)
