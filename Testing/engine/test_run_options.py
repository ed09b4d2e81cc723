"""What every command says and writes down: -q, -v, --log-file, and the short spellings of input and output."""

from __future__ import annotations

import argparse
import json
import re
from pathlib import Path

import pytest
from command_line import CommandLine, run_python, snapshot

from anofpdm.cli.main import build_parser, leaves
from anofpdm.core import exit_statuses, failures
from anofpdm.core.errors import AnoFPDMError, InputError
from anofpdm.core.exit_statuses import EXIT_STATUSES

STAMPED = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}[+-]\d{4} (DEBUG|INFO|WARNING|ERROR) .+")


def commands() -> dict[str, argparse.ArgumentParser]:
    return {parser.prog: parser for parser in leaves(build_parser())}


def test_the_commands_are_found() -> None:
    assert {"anofpdm detect", "anofpdm models list", "anofpdm bench"} <= set(commands())


@pytest.mark.parametrize("name", commands())
def test_options_are_spelt_alike(name: str) -> None:
    options = commands()[name]._option_string_actions
    assert {"-q", "--quiet", "-v", "--verbose", "--log-file"} <= set(options)
    for short, long in (("-o", "--output"), ("-i", "--input")):
        assert options.get(short) is options.get(long)


def test_quiet_keeps_to_errors(command: CommandLine, result: Path, tmp_path: Path) -> None:
    outcome = command("adjust", result, "-q", "-o", tmp_path / "new", "--guidance", "1")
    assert (outcome.status, outcome.out, outcome.err) == (0, "", "")
    assert (tmp_path / "new" / "findings.json").is_file()
    outcome = command("models", "info", "no-such-model", "-q")
    assert outcome.status == 3 and outcome.out == "" and "There is no model" in outcome.sentence


def test_quiet_detection_shows_no_progress(
    command: CommandLine, tiny_model: Path, head_file: Path, tmp_path: Path
) -> None:
    outcome = command("detect", "-i", head_file, "-q", "-o", tmp_path / "o", "--model", tiny_model)
    assert outcome.status == 0 and outcome.out == ""
    assert all(line.startswith("anofpdm: ") for line in outcome.err.splitlines())


def test_contradictions_are_refused(command: CommandLine, head_file: Path, tmp_path: Path) -> None:
    call = ("detect", head_file, "-o", tmp_path / "o")
    command.refuses(*call, "-q", "--progress", "json", words="leave --quiet out", folder=tmp_path)
    command.refuses(*call, "-q", "-v", words="not allowed with", folder=tmp_path)


class TestLogFile:
    """Whole, with time stamps, and never at the cost of another file"""

    def test_holds_everything(self, command: CommandLine, tiny_model: Path, head_file: Path, tmp_path: Path) -> None:
        log = tmp_path / "run.log"
        call = ("detect", head_file, "--model", tiny_model, "--no-overlay", "--log-file", log)
        quiet = command(*call, "-q", "-o", tmp_path / "o")
        assert quiet.status == 0, quiet.err
        text = log.read_text("utf-8")
        lines = text.splitlines()
        assert all(STAMPED.fullmatch(line) or line.startswith("    | ") for line in lines)
        for told in ("called with: detect", "reading", "preparing", "detecting", "building", "writing", "Written to"):
            assert told in text, told
        findings = json.loads((tmp_path / "o" / "findings.json").read_text())
        assert findings["summary"] in text and all(warning in text for warning in findings["warnings"])
        assert lines[-1].endswith("exit status 0: finished")
        # Added to the end; the second run is refused, and says so there.
        refused = command(*call[:-2], "--guidance", "-1", "--log-file", log, "-o", tmp_path / "o2")
        assert refused.status == 2
        again = log.read_text("utf-8")
        assert again.startswith(text) and refused.sentence in again
        assert again.rstrip().endswith(f"exit status 2: {EXIT_STATUSES[2]}")

    def test_keeps_names_to_itself_when_asked(
        self, command: CommandLine, tiny_model: Path, head_file: Path, tmp_path: Path
    ) -> None:
        log = tmp_path / "run.log"
        call = ("detect", head_file, "--model", tiny_model, "--no-overlay", "--anonymous", "--log-file", log)
        assert command(*call, "-o", tmp_path / "o").status == 0
        assert head_file.name not in log.read_text("utf-8")

    def test_json_lines_stay_json(
        self, command: CommandLine, tiny_model: Path, head_file: Path, tmp_path: Path
    ) -> None:
        log = tmp_path / "run.log"
        call = ("detect", head_file, "--model", tiny_model, "--no-overlay", "--progress", "json", "--log-file", log)
        outcome = command(*call, "-o", tmp_path / "o")
        events = [json.loads(line) for line in outcome.out.splitlines()]
        assert events[-1]["event"] == "result" and events[-1]["summary"] in log.read_text("utf-8")

    def test_replaces_no_other_file(self, command: CommandLine, tmp_path: Path) -> None:
        (tmp_path / "head.nii").write_bytes(b"voxels")
        outcome = command.refuses(
            *("models", "list", "--log-file", tmp_path / "head.nii"), words="something else than a log", folder=tmp_path
        )
        assert outcome.status == 4

    @pytest.mark.parametrize("place", ["", ".", "no/such/folder/run.log"])
    def test_that_cannot_be_written(
        self, command: CommandLine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str
    ) -> None:
        monkeypatch.chdir(tmp_path)
        outcome = command.refuses("models", "list", "--log-file", place, words="log", folder=tmp_path)
        assert outcome.status == 4

    @pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
    def test_on_a_full_disk_the_run_goes_on(self, command: CommandLine) -> None:
        outcome = command("models", "list", "--log-file", "/dev/full")
        assert outcome.status == 0 and "Searched" in outcome.out
        assert outcome.err.count("is not whole") == 1 and "Traceback" not in outcome.err

    def test_unexpected_errors_say_where(
        self, command: CommandLine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def broken() -> None:
            raise ZeroDivisionError("of the test")

        monkeypatch.setattr("anofpdm.cli.models.list_models", broken)
        outcome = command("models", "list", "--log-file", tmp_path / "run.log")
        assert outcome.status == 70 and "Traceback" not in outcome.err
        text = (tmp_path / "run.log").read_text("utf-8")
        assert "Traceback" in text and "of the test" in text and "exit status 70" in text
        assert "Traceback" in command("models", "list", "-v").err


def test_verbose_says_what_is_done(command: CommandLine, tiny_model: Path, head_file: Path, tmp_path: Path) -> None:
    call = ("detect", head_file, "--model", tiny_model, "--no-overlay", "--progress", "none", "-o", tmp_path / "o")
    before = command(*call)
    after = command(*call, "-v")
    shown = [line for line in after.err.splitlines() if STAMPED.fullmatch(line)]
    assert any("detecting" in line for line in shown)
    # What is shown anyway is shown once.
    others = [line for line in after.err.splitlines() if line not in shown]
    assert others == before.err.splitlines()


class TestExitStatuses:
    """One list, which the README shows"""

    def test_errors_have_listed_ones(self) -> None:
        def kinds(of: type) -> list[type]:
            return [of, *(each for below in of.__subclasses__() for each in kinds(below))]

        assert InputError in kinds(AnoFPDMError)
        used = {kind.exit_code for kind in kinds(AnoFPDMError)}
        constants = {
            value for name in (exit_statuses, failures) for value in vars(name).values() if isinstance(value, int)
        }
        assert used | constants == set(EXIT_STATUSES)

    def test_the_readme_lists_them(self) -> None:
        readme = Path(__file__).resolve().parents[2] / "README.md"
        rows = re.findall(r"^\| (\d+) \| (.+) \|$", readme.read_text("utf-8"), re.MULTILINE)
        assert {int(status): meaning for status, meaning in rows} == EXIT_STATUSES


class TestCompletion:
    """By argcomplete, and nothing runs while the shell asks"""

    @pytest.mark.parametrize(
        ("typed", "expected"),
        [
            ("anofpdm det", {"detect"}),
            ("anofpdm models ver", {"verify"}),
            ("anofpdm detect --log", {"--log-file"}),
            ("anofpdm detect --model brain-f", {"brain-flair", "brain-fused"}),
            ("anofpdm detect --method stu", {"student"}),
        ],
    )
    def test_completes(self, tmp_path: Path, typed: str, expected: set[str]) -> None:
        assert {word.strip() for word in self.asked(tmp_path, typed)} == expected

    def test_without_argcomplete_nothing_runs(self, tmp_path: Path) -> None:
        code = "import sys; sys.modules['argcomplete'] = None; from anofpdm.__main__ import run; sys.exit(run())"
        before = snapshot(tmp_path)
        done = run_python("-c", code, "models", "list", env=self.environment(tmp_path, "anofpdm models list"))
        assert (done.returncode, done.stdout, done.stderr) == (1, "", "") and snapshot(tmp_path) == before

    def asked(self, folder: Path, typed: str) -> list[str]:
        answer = folder / "answer"
        code = "import sys; sys.argv[0] = 'anofpdm'; from anofpdm.__main__ import run; sys.exit(run())"
        done = run_python("-c", code, env=self.environment(folder, typed), cwd=folder)
        assert done.returncode == 0, done.stderr
        return answer.read_text().split("\x0b")

    def environment(self, folder: Path, typed: str) -> dict[str, str]:
        from command_line import environment

        asks = {"_ARGCOMPLETE": "1", "_ARGCOMPLETE_IFS": "\x0b", "COMP_LINE": typed, "COMP_POINT": str(len(typed))}
        return environment(**asks, COMP_TYPE="9", _ARGCOMPLETE_STDOUT_FILENAME=str(folder / "answer"))
