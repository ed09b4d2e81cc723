"""The command as a process: signals, streams that end early, machine-readable progress, missing packages."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import SimpleITK as sitk
from command_line import ENGINE, SAID, environment, heard_interrupts, run_process, run_python, snapshot

import anofpdm

POSIX = pytest.mark.skipif(os.name == "nt", reason="needs POSIX signals")


@contextlib.contextmanager
def long_run(model: Path, head: Path, output: Path, *options: str, **settings: Any) -> Iterator[subprocess.Popen[str]]:
    """A detection that takes a minute or so; killed at the end of the block if it still runs."""
    call = ["detect", head, "--model", model, "--output", output, "--progress", "json", *options]
    slow = ["--range", "1..1000", "--steps", "1000", "--batch-size", "1"]
    # No calibration knows this range.
    slow += ["--guidance", "2", "--threshold", "value=0.1", "--ungated"]
    run = subprocess.Popen(
        [sys.executable, "-m", "anofpdm", *map(str, [*call, *slow])],
        env=environment(),
        text=True,
        **{"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **settings},
    )
    try:
        yield run
    finally:
        run.kill()
        run.wait()
        for stream in (run.stdin, run.stdout, run.stderr):
            if stream is not None:
                with contextlib.suppress(OSError):
                    stream.close()


def wait_for(run: subprocess.Popen[str], event: str) -> None:
    assert run.stdout is not None
    for line in run.stdout:
        if json.loads(line)["event"] == event:
            return
    assert run.stderr is not None
    raise AssertionError(run.stderr.read())


def rest(run: subprocess.Popen[str]) -> tuple[list[dict[str, Any]], str]:
    """The events still to come and standard error, once the process has ended."""
    out, err = run.communicate()
    return [json.loads(line) for line in out.splitlines()], err


def check_cancelled(run: subprocess.Popen[str], folder: Path) -> None:
    events, err = rest(run)
    assert run.returncode == 130
    last = events[-1]
    assert last["event"] == "error" and last["exit_code"] == 130
    assert all(event["slices_done"] < event["slices_total"] for event in events if event["event"] == "progress")
    assert [line for line in err.splitlines() if line] == [f"anofpdm: {last['message']}"]
    assert last["message"] == "The run was cancelled; nothing was written."
    assert snapshot(folder) == {}


@pytest.mark.skipif(os.name == "nt", reason="needs POSIX signals")
def test_processes_hear_ctrl_c_in_the_background_too() -> None:
    """Without this, signals to processes of the tests below go unheard where the tests run behind an `&`."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with heard_interrupts():
            done = run_python("-c", "import signal; print(signal.getsignal(signal.SIGINT))")
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)
    assert "default_int_handler" in done.stdout


class TestSignals:
    """Ctrl-C and SIGTERM"""

    @pytest.fixture(autouse=True)
    def _heard(self) -> Iterator[None]:
        with heard_interrupts():
            yield

    @POSIX
    @pytest.mark.parametrize(
        ("number", "moment"),
        [(signal.SIGINT, "progress"), (signal.SIGTERM, "progress"), (signal.SIGINT, "start")],
    )
    def test_end_a_run(self, tiny_model: Path, head_file: Path, tmp_path: Path, number: int, moment: str) -> None:
        with long_run(tiny_model, head_file, tmp_path / "a" / "b") as run:
            wait_for(run, moment)
            run.send_signal(number)
            check_cancelled(run, tmp_path)

    @POSIX
    @pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
    def test_while_adjust_writes(self, result: Path, tmp_path: Path, number: int) -> None:
        """The older result stays as it was, without work folders beside it."""
        code = """
            import sys
            from anofpdm.results import detection
            from anofpdm.cli.main import main
            def write(path, **options):
                path.write_bytes(b"half")
                print("writing", flush=True)
                sys.stdin.read()
            detection.render_overlay = write
            sys.exit(main(sys.argv[1:]))
        """
        before = snapshot(tmp_path)
        call = [sys.executable, "-c", textwrap.dedent(code), "adjust", str(result), "--guidance", "1"]
        pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
        with subprocess.Popen(call, env=environment(), text=True, **pipes) as run:
            assert run.stdout is not None and run.stderr is not None
            assert run.stdout.readline() == "writing\n"
            run.send_signal(number)
            # Standard input stays open: nothing but the signal ends it.
            err = run.stderr.read()
        assert run.returncode == 130
        assert err == "anofpdm: The run was cancelled; nothing is left half-written.\n"
        assert snapshot(tmp_path) == before

    @POSIX
    def test_between_two_files_of_a_detection(self, tiny_model: Path, head_file: Path, tmp_path: Path) -> None:
        code = """
            import os, signal, sys
            from anofpdm.results import detection
            from anofpdm.cli.main import main
            write = detection.write_heatmap
            def interrupted(*arguments):
                write(*arguments)
                os.kill(os.getpid(), signal.SIGTERM)
            detection.write_heatmap = interrupted
            sys.exit(main(sys.argv[1:]))
        """
        call = ("detect", head_file, "--model", tiny_model, "--output", tmp_path / "out", "--progress", "none")
        done = run_python("-c", textwrap.dedent(code), *call)
        assert (done.returncode, done.stdout) == (130, "")
        assert done.stderr == "anofpdm: The run was cancelled; nothing was written.\n"
        assert snapshot(tmp_path) == {}

    def test_while_the_program_starts(self) -> None:
        code = """
            import sys
            class Interrupt:
                def find_spec(self, name, path=None, target=None):
                    if name == "SimpleITK":
                        raise KeyboardInterrupt
            sys.meta_path.insert(0, Interrupt())
            from anofpdm.__main__ import run
            sys.exit(run())
        """
        done = run_python("-c", textwrap.dedent(code), "--version")
        assert (done.returncode, done.stdout) == (130, "")
        assert done.stderr == "anofpdm: The run was cancelled; nothing was written.\n"

    def test_handlers_are_put_back(self, command, tmp_path: Path) -> None:
        before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
        command("detect", tmp_path / "no.nii", "--output", tmp_path / "o", "--model", "none")
        assert {number: signal.getsignal(number) for number in before} == before


class TestStandardInput:
    """--watch-stdin ends the run with the program that started it"""

    def test_closed_before_the_run(self, tiny_model: Path, head_file: Path, tmp_path: Path) -> None:
        with long_run(tiny_model, head_file, tmp_path / "o", "--watch-stdin") as run:
            check_cancelled(run, tmp_path)

    def test_closed_during_the_run(self, tiny_model: Path, head_file: Path, tmp_path: Path) -> None:
        with long_run(tiny_model, head_file, tmp_path / "o", "--watch-stdin", stdin=subprocess.PIPE) as run:
            assert run.stdin is not None
            run.stdin.write("lines do not matter\n" * 1000)
            run.stdin.flush()
            wait_for(run, "progress")
            run.stdin.close()
            run.stdin = None
            check_cancelled(run, tmp_path)

    @POSIX
    def test_not_there_at_all(self, tiny_model: Path, head_file: Path, tmp_path: Path) -> None:
        call = ("detect", head_file, "--model", tiny_model, "--output", tmp_path / "o", "--watch-stdin")
        done = run_process(*call, "--progress", "none", preexec_fn=lambda: os.close(0))
        assert done.returncode == 130
        assert done.stderr == "anofpdm: The run was cancelled; nothing was written.\n"
        assert snapshot(tmp_path) == {}

    def test_open_it_does_not_hold_up_the_end(self, tiny_model: Path, head_file: Path, tmp_path: Path) -> None:
        reading, writing = os.pipe()
        call = ("detect", head_file, "--model", tiny_model, "--output", tmp_path / "o", "--watch-stdin")
        try:
            done = run_process(*call, "--progress", "none", stdin=reading)
        finally:
            os.close(reading)
            os.close(writing)
        assert done.returncode == 0 and done.stderr == ""


class TestStandardOutput:
    """Readers that go away"""

    def test_closed_during_the_run(self, tiny_model: Path, head_file: Path, tmp_path: Path) -> None:
        with long_run(tiny_model, head_file, tmp_path / "o") as run:
            wait_for(run, "progress")
            assert run.stdout is not None and run.stderr is not None
            run.stdout.close()
            run.stdout = None
            err = run.stderr.read()
            assert run.wait() == 1
        assert err == ""
        assert snapshot(tmp_path) == {}

    @POSIX
    @pytest.mark.parametrize("arguments", [("--help",), ("compare", "{0}", "{0}"), ("models", "list")])
    def test_closed_before_it_begins(self, finished: Path, arguments: tuple[str, ...]) -> None:
        reading, writing = os.pipe()
        os.close(reading)
        call = [argument.format(finished) for argument in arguments]
        try:
            done = run_process(*call, capture_output=False, stdout=writing, stderr=subprocess.PIPE)
        finally:
            os.close(writing)
        # argparse takes no notice of a reader that is gone; the rest stops printing.
        assert done.returncode == (0 if arguments == ("--help",) else 1)
        assert done.stderr == ""


@pytest.fixture(scope="module")
def json_run(
    tiny_model: Path, head_file: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[subprocess.CompletedProcess[str], Path]:
    """A whole run with --progress json, and its output folder."""
    output = tmp_path_factory.mktemp("run") / "o"
    call = ("detect", head_file, "--model", tiny_model, "--output", output, "--progress", "json")
    return run_process(*call), output


class TestProgress:
    """--progress json: one object a line"""

    def test_begins_with_version_and_package_and_ends_with_the_result(self, json_run) -> None:
        done, output = json_run
        assert done.returncode == 0 and done.stderr == ""
        events = [json.loads(line) for line in done.stdout.splitlines()]
        package = str(ENGINE / "anofpdm")
        assert events[0] == {"event": "start", "version": anofpdm.__version__, "package": package}
        assert events[-1]["event"] == "result" and events[-1]["output"] == str(output)
        assert events[-1]["summary"] in events[-1]["text"]
        assert {event["event"] for event in events[1:-1]} == {"stage", "progress"}
        assert not any("case" in event for event in events)

    def test_prints_a_warning_once(self, command, tiny_model: Path, head_image, tmp_path: Path) -> None:
        """Programs find it beside the result's text too."""
        sitk.WriteImage(head_image[:, :, 5:9], str(tmp_path / "slab.nii"))
        call = ("detect", tmp_path / "slab.nii", "--model", tiny_model, "--output", tmp_path / "o", "--progress")
        for progress in ("none", "bar", "json"):
            outcome = command(*call, progress)
            assert outcome.status == 0
            warnings = json.loads((tmp_path / "o" / "findings.json").read_text())["warnings"]
            assert warnings
            if progress == "json":
                last = json.loads(outcome.out.splitlines()[-1])
                assert last["warnings"] == warnings
                assert all(last["text"].count(warning) == 1 for warning in warnings)
            else:
                assert all((outcome.out + outcome.err).count(warning) == 1 for warning in warnings)

    def test_names_the_stages_in_order(self, json_run) -> None:
        done, _ = json_run
        events = [json.loads(line) for line in done.stdout.splitlines()]
        stages = [event["stage"] for event in events if event["event"] == "stage"]
        assert stages == ["reading", "preparing", "detecting", "building", "writing"]
        # Slices are counted between `detecting` and `building`.
        kinds = [event.get("stage", event["event"]) for event in events]
        assert set(kinds[kinds.index("detecting") + 1 : kinds.index("building")]) == {"progress"}
        assert "progress" not in kinds[: kinds.index("detecting")] + kinds[kinds.index("building") :]

    def test_only_ever_rises(self, json_run) -> None:
        done, _ = json_run
        events = [json.loads(line) for line in done.stdout.splitlines()]
        progress = [event for event in events if event["event"] == "progress"]
        for name in ("slices_done", "elapsed_s"):
            values = [event[name] for event in progress]
            assert values == sorted(values), name
        assert {event["slices_total"] for event in progress} == {12}
        assert progress[0]["slices_done"] == 0 and progress[-1]["slices_done"] == 12
        # What remains at the end is for building and writing the results.
        assert progress[0]["remaining_s"] is None and 0 < progress[-1]["remaining_s"] < 1

    @pytest.mark.parametrize("arguments", [("--guidance", "-1"), ("--device", "tpu"), ("--model", "none")])
    def test_ends_with_the_error(self, command, tiny_model: Path, tmp_path: Path, arguments: tuple[str, ...]) -> None:
        call = ("detect", tmp_path / "a.nii", "--output", tmp_path / "o", "--model", tiny_model, *arguments)
        outcome = command(*call, "--progress", "json")
        first, last = (json.loads(line) for line in outcome.out.splitlines())
        assert first["event"] == "start"
        assert last == {"event": "error", "message": outcome.sentence, "exit_code": outcome.status}
        assert outcome.status != 0


BLOCKED = """
    import sys
    blocked = sys.argv.pop(1).split(",")
    class Blocker:
        def find_spec(self, name, path=None, target=None):
            if name.partition(".")[0] in blocked:
                raise ModuleNotFoundError(f"No module named {name!r}", name=name)
    sys.meta_path.insert(0, Blocker())
    from anofpdm.__main__ import run
    sys.exit(run())
"""


def without(packages: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    """A command in a process where some packages cannot be imported."""
    return run_python("-c", textwrap.dedent(BLOCKED), packages, *arguments)


class TestMissingPackages:
    """What works without torch works without torch; the rest says what to install"""

    def test_everything_but_detection_works_without_torch(self, tiny_model: Path, result: Path, tmp_path: Path) -> None:
        code = """
            import contextlib, io, sys
            class Blocker:
                def find_spec(self, name, path=None, target=None):
                    if name.partition(".")[0] in ("torch", "safetensors"):
                        raise ModuleNotFoundError(f"No module named {name!r}", name=name)
            sys.meta_path.insert(0, Blocker())
            from anofpdm.cli.main import main
            def call(*arguments):
                printed = io.StringIO()
                with contextlib.redirect_stdout(printed):
                    try:
                        status = main(arguments)
                    except SystemExit as error:
                        status = error.code
                assert status == 0, (arguments, status)
                return printed.getvalue()
            model, result, new = sys.argv[1:]
            assert "detect" in call("--help") and "anofpdm" in call("--version")
            for command in ("detect", "adjust", "compare", "models"):
                assert "usage" in call(command, "--help")
            call("models", "list")
            assert "Untrained test model" in call("models", "info", model)
            assert "Written to" in call("adjust", result, "--output", new, "--guidance", "1")
            assert "parameters.guidance" in call("compare", result, new)
            from anofpdm.volumes.reading import read_volume
            read_volume(new + "/heatmap.nrrd", "flair")
            assert "torch" not in sys.modules
        """
        done = run_python("-c", textwrap.dedent(code), tiny_model, result, tmp_path / "new")
        assert done.returncode == 0, done.stderr

    @pytest.mark.parametrize("package", ["torch", "safetensors"])
    def test_detection_says_what_is_missing(
        self, tiny_model: Path, head_file: Path, tmp_path: Path, package: str
    ) -> None:
        done = without(package, "detect", head_file, "--model", tiny_model, "--output", tmp_path / "o")
        assert done.returncode == 69 and done.stdout == ""
        assert SAID.fullmatch(done.stderr.strip())
        assert f"The Python package '{package}' cannot be imported" in done.stderr
        assert snapshot(tmp_path) == {}

    @pytest.mark.parametrize("package", ["numpy", "SimpleITK"])
    def test_an_installation_that_is_not_complete(self, package: str) -> None:
        done = without(package, "--version")
        assert done.returncode == 69
        assert f"No module named '{package}'" in done.stderr and done.stderr.count("\n") == 1

    def test_importing_the_package_imports_nothing_heavy(self) -> None:
        code = """
            import sys
            import anofpdm
            anofpdm.__version__
            print(sorted({"torch", "numpy", "SimpleITK", "PIL", "safetensors"} & set(sys.modules)))
            import anofpdm.cli.main
            print(sorted({"torch", "PIL", "safetensors"} & set(sys.modules)))
        """
        done = run_python("-c", textwrap.dedent(code))
        assert done.stdout.split("\n") == ["[]", "[]", ""], done.stderr


def test_the_module_and_the_command_are_one(tmp_path: Path) -> None:
    done = run_process("detect", tmp_path / "no.nii", "--output", tmp_path / "o", "--model", "no-such-model")
    assert done.returncode == 3
    assert done.stdout == "" and done.stderr.startswith("anofpdm: There is no model named 'no-such-model'")
