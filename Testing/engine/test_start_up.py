"""What commands load until they begin, and how long the first slice takes, in processor time."""

from __future__ import annotations

import getpass
import os
import textwrap
from pathlib import Path

import pytest
from command_line import run_python

FIRST_SLICE_S = 5.0
SLOW = ("torch", "pydicom", "matplotlib", "PIL", "scipy", "lightning_fabric", "tensorboard")
"""Packages that take long to load and that no help needs."""


@pytest.mark.parametrize("arguments", [["--help"], ["detect", "--help"], ["bench", "--help"]])
def test_help_loads_nothing_slow(arguments: list[str]) -> None:
    code = """
        import sys
        from anofpdm.cli.main import main
        try:
            main(sys.argv[1:])
        except SystemExit:
            print(*sorted({name.partition(".")[0] for name in sys.modules}), file=sys.stderr)
    """
    done = run_python("-c", textwrap.dedent(code), *arguments)
    assert "usage: anofpdm" in done.stdout
    loaded = done.stderr.split()
    assert "anofpdm" in loaded
    assert not set(SLOW) & set(loaded)


def test_detection_reaches_its_first_slice_soon(head_file: Path, tmp_path: Path) -> None:
    """With the default model; torch is imported, the model read and proved, the volume read and prepared."""
    code = """
        import sys, time
        from anofpdm.cli import detect, main
from anofpdm.core import reporting

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


def test_reading_the_network_loads_no_compiler(tmp_path: Path) -> None:
    """torch would import it to draw numbers on the meta device: half of the start, and it needs a cache folder."""
    (tmp_path / f"torchinductor_{getpass.getuser()}").write_text("in the way")
    code = """
        import sys
        from anofpdm.store.model_search import default_model_name, find_model
        from anofpdm.store.weights import load_network
        load_network(find_model(default_model_name()))
        print(*sorted(name for name in sys.modules if name in ("torch._dynamo", "torch._inductor", "sympy")))
    """
    done = run_python("-c", textwrap.dedent(code), env={**os.environ, "TMPDIR": str(tmp_path)})
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == ""
