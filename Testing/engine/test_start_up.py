"""How long commands take until they begin; processor time, so that a busy machine does not matter."""

from __future__ import annotations

import textwrap
from pathlib import Path

import pytest
from command_line import run_python

HELP_S, FIRST_SLICE_S = 0.5, 5.0


@pytest.mark.parametrize("arguments", [["--help"], ["detect", "--help"], ["bench", "--help"]])
def test_help_comes_at_once(arguments: list[str]) -> None:
    code = """
        import sys, time
        from anofpdm.cli.main import main
        try:
            main(sys.argv[1:])
        except SystemExit:
            print(time.process_time(), file=sys.stderr)
    """
    done = run_python("-c", textwrap.dedent(code), *arguments)
    assert "usage: anofpdm" in done.stdout
    assert float(done.stderr) < HELP_S


def test_detection_reaches_its_first_slice_soon(head_file: Path, tmp_path: Path) -> None:
    """With the default model; torch is imported, the model read and proved, the volume read and prepared."""
    code = """
        import sys, time
        from anofpdm.cli import detect, main, reporting

        class Reporter(reporting.SilentReporter):
            reached = False
            def progress(self, progress):
                if progress.slices_done >= 1 and not self.reached:
                    self.reached = True
                    print("first slice", time.process_time())

        detect.make_reporter = lambda kind: Reporter()
        sys.exit(main.main(sys.argv[1:]))
    """
    arguments = ["detect", head_file, "--device", "cpu", "--no-overlay"]
    done = run_python("-c", textwrap.dedent(code), *arguments, "--output", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    (line,) = (line for line in done.stdout.splitlines() if line.startswith("first slice"))
    assert float(line.split()[-1]) < FIRST_SLICE_S
