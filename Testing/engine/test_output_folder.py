"""The folder of a result: what cannot be one, what is left of it, and two runs at once."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import textwrap
from pathlib import Path

import pytest
from command_line import environment
from output_samples import NEW, POSIX, contents, run_code, text_writer, write_older_result

from anofpdm.core.errors import OutputError
from anofpdm.core.output_set import OutputSet, check_output_directory, write_output_set


@pytest.fixture
def results(tmp_path: Path) -> Path:
    """A folder with an older result and files of somebody else."""
    return write_older_result(tmp_path / "results")


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


@POSIX
def test_a_read_only_folder() -> None:
    # Not below tmp_path, which other users may not even enter.
    with tempfile.TemporaryDirectory() as name:
        parent, folder = Path(name), Path(name) / "locked"
        folder.mkdir()
        parent.chmod(0o755)
        folder.chmod(0o555)
        for path in (folder, folder / "below"):
            done = run_code(CHECK_AS_NOBODY, path)
            assert done.stdout.startswith(f"{path} cannot be written to"), done.stderr
        assert list(folder.iterdir()) == []


CHECK_AS_NOBODY = """
    import os, sys
    from anofpdm.core.errors import OutputError
    from anofpdm.core.output_set import check_output_directory
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
        code = "import sys; from anofpdm.core.output_set import check_output_directory as c; c(sys.argv[1])"
        other = run_code(code, results)
        assert "Another run is writing" in other.stderr
        first.write({"a.txt": text_writer("first")})
    assert contents(results) == before | {"a.txt": b"first"}
    check_output_directory(results)


@POSIX
def test_many_runs_at_once_never_mix(tmp_path: Path) -> None:
    code = """
        import sys
        from anofpdm.core.errors import OutputError
        from anofpdm.core.output_set import write_output_set
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
    runs = [
        subprocess.Popen(
            [*command, str(n)], env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        for n in range(3)
    ]
    refused = 0
    for run in runs:
        output, problems = run.communicate(timeout=240)
        assert run.returncode == 0, problems
        refused += int(output)
    assert refused > 0  # they did meet
    found = contents(tmp_path / "results")
    assert set(found) == {"a", "b", "c"}
    assert len(set(found.values())) == 1
