"""Output folders that cannot take a result: found out early where possible, and never half-written."""

from __future__ import annotations

import errno
import json
import os
import shutil
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from command_line import CommandLine, DetectCalls, environment, run_python, snapshot
from network_samples import random_network

from anofpdm.core.errors import OutputError
from anofpdm.core.output_set import OutputSet
from anofpdm.results import detection

FILES = ["heatmap.nrrd", "segmentation.seg.nrrd", "findings.json", "evidence.npz", "overlay.png", "checksums.json"]
POSIX = pytest.mark.skipif(os.name == "nt", reason="needs POSIX processes and limits")


@pytest.fixture
def no_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """The network must not run: what is wrong with the output is said before."""
    from anofpdm.methods.anofpdm import runner

    def run(*arguments: object, **options: object) -> None:
        raise AssertionError("the long run was begun although its result cannot be written")

    monkeypatch.setattr(runner, "accumulate_slices", run)


@pytest.fixture
def refused(command: CommandLine, tiny_model: Path, head_file: Path, tmp_path: Path) -> Callable[..., None]:
    """Detect in a good head into `output`."""

    def check(output: object, words: str) -> None:
        call = ("detect", head_file, "--model", tiny_model, "--progress", "none", "--output", output)
        command.refuses(*call, words=words, folder=tmp_path)

    return check


@pytest.mark.usefixtures("no_run")
class TestOutputFolder:
    """--output"""

    @pytest.mark.parametrize(
        ("name", "words"),
        [
            ("file", "is a file or lies below one"),
            ("file/below", "is a file or lies below one"),
            ("file/far/below", "is a file or lies below one"),
            ("n" * 300, "too long"),
            ("/".join(["d" * 200] * 30), "too long"),
            ("dangling", "is a file or lies below one"),
        ],
    )
    def test_cannot_be_one(self, refused, tmp_path: Path, name: str, words: str) -> None:
        (tmp_path / "file").write_text("x")
        if hasattr(os, "symlink"):
            (tmp_path / "dangling").symlink_to(tmp_path / "nowhere")
        refused(tmp_path / name, words)

    @pytest.mark.parametrize("name", ["", " "])
    def test_empty(self, refused, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
        monkeypatch.chdir(tmp_path)
        refused(name, "--output is empty")

    @pytest.mark.parametrize("name", FILES)
    def test_a_folder_in_place_of_a_result(self, refused, tmp_path: Path, name: str) -> None:
        (tmp_path / "out" / name).mkdir(parents=True)
        refused(tmp_path / "out", f"{name} is a folder")

    def test_another_run_is_writing_there(self, refused, tmp_path: Path) -> None:
        with OutputSet(tmp_path / "out"):
            refused(tmp_path / "out", "Another run is writing")

    def test_the_input_would_be_replaced(
        self, command: CommandLine, tiny_model: Path, result: Path, tmp_path: Path
    ) -> None:
        """A heatmap is a volume, too: detecting in it must not overwrite it."""
        for given in (result / "heatmap.nrrd", f"flair={result / 'heatmap.nrrd'}"):
            call = ("detect", given, "--model", tiny_model, "--output", result, "--progress", "none")
            command.refuses(*call, words="would replace the input", folder=tmp_path)

    @POSIX
    @pytest.mark.skipif(hasattr(os, "geteuid") and os.geteuid() == 0, reason="this user may write everywhere")
    def test_without_permission(self, refused, tmp_path: Path) -> None:
        (tmp_path / "locked").mkdir(mode=0o555)
        refused(tmp_path / "locked", "cannot be written to")
        refused(tmp_path / "locked" / "below", "cannot be written to")

    @pytest.mark.parametrize("code", [errno.EACCES, errno.EROFS, errno.ENOSPC, errno.EIO, errno.EDQUOT])
    def test_the_system_refuses(self, refused, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int) -> None:
        def refuse(self: Path, *arguments: object, **options: object) -> None:
            raise OSError(code, os.strerror(code), str(self))

        monkeypatch.setattr(Path, "mkdir", refuse)
        refused(tmp_path / "out", "output folder")


@pytest.mark.usefixtures("no_run")
class TestPillow:
    """Without Pillow there is no picture; that is said before the long run."""

    @pytest.fixture(autouse=True)
    def without_pillow(self, monkeypatch: pytest.MonkeyPatch) -> None:
        for name in ("PIL", "PIL.Image", "PIL.ImageDraw", "PIL.ImageFont"):
            monkeypatch.setitem(sys.modules, name, None)

    def test_detect(self, refused, tmp_path: Path) -> None:
        refused(tmp_path / "out", "needs Pillow; install it with 'pip install Pillow'")

    def test_adjust(self, command: CommandLine, result: Path, tmp_path: Path) -> None:
        command.refuses("adjust", result, words="needs Pillow", folder=tmp_path)


WRITERS = {
    "heatmap.nrrd": "write_heatmap",
    "segmentation.seg.nrrd": "write_segmentation",
    "findings.json": "write_findings",
    "evidence.npz": "save_evidence",
    "overlay.png": "render_overlay",
    "checksums.json": "write_checksums",
}


class TestOutputStage:
    """Writing each of the files fails half-way"""

    @pytest.mark.parametrize("name", FILES)
    @pytest.mark.parametrize(
        ("error", "words"),
        [
            (OSError(errno.ENOSPC, "No space left on device"), "disk of .* is full"),
            (OSError(errno.EIO, "Input/output error"), "could not be written .*Input/output error"),
            (OSError(errno.EFBIG, "File too large"), "larger than the file size allowed"),
            (OutputError("It could not be written."), "could not be written"),
            (MemoryError(), "Memory ran out"),
            (KeyboardInterrupt(), "cancelled; nothing is left half-written"),
        ],
        ids=["full", "faulty", "too large", "refused", "no memory", "Ctrl-C"],
    )
    def test_leaves_nothing(
        self,
        detect: DetectCalls,
        head_file: Path,
        monkeypatch: pytest.MonkeyPatch,
        name: str,
        error: BaseException,
        words: str,
    ) -> None:
        def fail(path: Path, *arguments: object, **options: object) -> None:
            path.write_bytes(b"half")
            raise error

        monkeypatch.setattr(detection, WRITERS[name], fail)
        detect.command.refuses("adjust", earlier_result(detect), "--guidance", 1, words=words, folder=detect.folder)

    @pytest.mark.parametrize("name", FILES)
    def test_leaves_nothing_of_a_detection(
        self, detect: DetectCalls, head_file: Path, monkeypatch: pytest.MonkeyPatch, name: str
    ) -> None:
        def fail(path: Path, *arguments: object, **options: object) -> None:
            path.write_bytes(b"half")
            raise OSError(errno.ENOSPC, "No space left on device")

        monkeypatch.setattr(detection, WRITERS[name], fail)
        detect.refuses(head_file, words="is full")

    @pytest.mark.parametrize("name", FILES)
    def test_a_writer_that_writes_nothing(
        self, detect: DetectCalls, monkeypatch: pytest.MonkeyPatch, name: str
    ) -> None:
        monkeypatch.setattr(detection, WRITERS[name], lambda *arguments, **options: None)
        words = f"{name} could not be written"
        detect.command.refuses("adjust", earlier_result(detect), words=words, folder=detect.folder)


def earlier_result(detect: DetectCalls) -> Path:
    return Path(shutil.copytree(detect.finished, detect.folder / "earlier", dirs_exist_ok=True))


FULL_DISK = """
    import contextlib, io, json, resource, shutil, sys
    from pathlib import Path
    from anofpdm.cli.main import main
    result, folder = Path(sys.argv[1]), Path(sys.argv[2])
    whole = folder / "whole"
    shutil.copytree(result, whole)
    def snapshot():
        return {str(p): p.read_bytes() if p.is_file() else None for p in sorted(folder.rglob("*"))}
    before = snapshot()
    for limit in json.loads(sys.argv[3]):
        for output in (whole, folder / "new"):
            errors = io.StringIO()
            with contextlib.redirect_stdout(io.StringIO()) as printed, contextlib.redirect_stderr(errors):
                resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
                try:
                    status = main(["adjust", str(whole), "--output", str(output)])
                finally:
                    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
            kept = snapshot() == before
            print(json.dumps([limit, status, printed.getvalue(), errors.getvalue(), kept]))
"""


@POSIX
class TestFullDisk:
    """The system really refuses to write further, wherever in the files that happens"""

    def test_at_every_size(self, finished: Path, tmp_path: Path) -> None:
        sizes = sorted((finished / name).stat().st_size for name in FILES)
        limits = sorted({1, 500, 1000, *(size - 200 for size in sizes), *(size // 2 for size in sizes)})
        done = run_python("-c", textwrap.dedent(FULL_DISK), finished, tmp_path, json.dumps(limits))
        assert done.returncode == 0, done.stderr
        lines = [json.loads(line) for line in done.stdout.splitlines()]
        assert len(lines) == 2 * len(limits) >= 20
        for limit, status, printed, errors, kept in lines:
            assert (status, printed, kept) == (4, "", True), (limit, status, errors)
            assert "is larger than the file size allowed" in errors and errors.count("\n") == 1

    def test_a_whole_detection(self, tiny_model: Path, head_file: Path, tmp_path: Path) -> None:
        code = """
            import resource, sys
            from anofpdm.cli.main import main
            resource.setrlimit(resource.RLIMIT_FSIZE, (150_000, 150_000))
            sys.exit(main(sys.argv[1:]))
        """
        call = ("detect", head_file, "--model", tiny_model, "--output", tmp_path / "out", "--progress", "none")
        done = run_python("-c", textwrap.dedent(code), *call)
        assert done.returncode == 4 and done.stdout == ""
        assert "is larger than the file size allowed" in done.stderr and "Traceback" not in done.stderr
        assert snapshot(tmp_path) == {}


@POSIX
def test_an_imported_model_on_a_full_disk(tmp_path: Path) -> None:
    torch.save(random_network().state_dict(), tmp_path / "ema.pt")
    code = """
        import resource, sys
        from anofpdm.cli.main import main
        for limit in (100, 20_000):
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
            print(main(sys.argv[1:]))
    """
    call = ("models", "import-official", tmp_path / "ema.pt", "--output", tmp_path / "m", "--image-size", 16)
    before = snapshot(tmp_path)
    done = run_python("-c", textwrap.dedent(code), *call, "--modalities", "flair,t2")
    assert (done.returncode, done.stdout) == (0, "4\n4\n"), done.stderr
    assert done.stderr.count("could not be written") == done.stderr.count("\n") == 2
    assert snapshot(tmp_path) == before


class TestStandardOutput:
    """Where the findings are printed"""

    @pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
    @pytest.mark.parametrize("unbuffered", ["", "1"])
    def test_full(self, result: Path, unbuffered: str) -> None:
        options = {"capture_output": False, "stderr": subprocess.PIPE, "env": environment(PYTHONUNBUFFERED=unbuffered)}
        with open("/dev/full", "w") as full:
            done = run_python("-m", "anofpdm", "compare", result, result, stdout=full, **options)
        assert done.returncode == 4
        assert done.stderr.count("\n") == 1 and "Printing failed (No space left on device)" in done.stderr

    @POSIX
    @pytest.mark.parametrize("closed", [1, 2, (0, 1, 2)])
    def test_closed(self, result: Path, tmp_path: Path, closed: object) -> None:
        numbers = closed if isinstance(closed, tuple) else (closed,)

        def close() -> None:
            for number in numbers:
                os.close(number)

        done = run_python("-m", "anofpdm", "adjust", result, "--output", tmp_path / "new", preexec_fn=close)
        assert done.returncode == 0
        assert "Traceback" not in done.stdout + done.stderr
        assert set(snapshot(tmp_path / "new")) == set(FILES)


def test_a_name_that_a_terminal_cannot_show(command: CommandLine, result: Path, tmp_path: Path) -> None:
    """The result is written, and said to be, whatever the folder is called."""
    for name in ("Müller 脳", os.fsdecode(b"raw\xff")):
        try:
            (tmp_path / name).mkdir()
        except (OSError, UnicodeError):
            continue
        outcome = command("adjust", result, "--output", tmp_path / name)
        assert outcome.status == 0, outcome.err
        assert set(snapshot(tmp_path / name)) == set(FILES)
