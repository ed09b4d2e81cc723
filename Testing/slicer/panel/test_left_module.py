"""What happens to the parameter node once the module was left must not crash Slicer."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

PROGRAM = Path(__file__).parent / "left_module.py"


def test_the_node_is_touched_after_the_module_was_left() -> None:
    done = subprocess.run(
        [sys.executable, str(PROGRAM)], capture_output=True, encoding="utf-8", timeout=240, check=False
    )
    assert (done.returncode, done.stdout) == (0, "alive\n"), f"{done.returncode}\n{done.stderr[-4000:]}"
