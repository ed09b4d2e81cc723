"""A worker that answers at once with a result that was made before: for sessions of many detections.

Arguments: the evidence, version and folder of the engine to pass for, then those of `python -m anofpdm detect`.
"""

from __future__ import annotations

import json
import shutil
import stat
import sys
from pathlib import Path

SOUND = {"torch": "2.6.0", "safetensors": "0.5.2", "device": "CPU"}
"""What the look at PyTorch, once a session and after each reload, would find."""


def main(evidence: str, version: str, package: str, *arguments: str) -> None:
    """Write the result and tell of it as the engine does."""
    output = Path(next(each for each in arguments if each.startswith("--output=")).partition("=")[2])
    output.mkdir()
    shutil.copy(evidence, output / "evidence.npz")
    print(json.dumps({"event": "start", "version": version, "package": package}))
    print(json.dumps({"event": "result", "output": str(output), "text": "Done."}))


def write_interpreter(folder: Path, evidence: Path) -> None:
    """Make `PythonSlicer`, which the module runs, a program that detects like this and at once knows of a PyTorch.

    Otherwise it is this Python.
    """
    import anofpdm

    package = Path(anofpdm.__file__).parent
    program = folder / "PythonSlicer"
    program.write_text(
        f'''#!/bin/sh
case "$*" in
*"anofpdm detect"*) exec "{sys.executable}" -I "{__file__}" "{evidence}" "{anofpdm.__version__}" "{package}" "$@";;
*torch_probe*) echo '{json.dumps(SOUND)}';;
*) exec "{sys.executable}" "$@";;
esac
'''
    )
    program.chmod(program.stat().st_mode | stat.S_IXUSR)


if __name__ == "__main__":
    main(*sys.argv[1:])
