"""Which files the repository tracks for the module, and which of them CMake and the wheel must carry."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]
MODULE = REPOSITORY / "AnoFPDMSegment"
MODULE_CMAKE = MODULE / "CMakeLists.txt"
LISTS = ("MODULE_PYTHON_SCRIPTS", "MODULE_PYTHON_RESOURCES")


def tracked_files(folder: Path) -> list[str]:
    """Paths relative to `folder` of its files in git's index, sorted."""
    answer = subprocess.run(["git", "ls-files", "-z", "--", "."], cwd=folder, check=True, capture_output=True)
    return sorted(name for name in answer.stdout.decode().split("\0") if name)


def is_checkout() -> bool:
    """False in an unpacked archive, where there is nothing to compare with."""
    return (REPOSITORY / ".git").exists()


def expected_lists() -> dict[str, list[str]]:
    """What the two lists of the module's CMakeLists.txt must hold."""
    files = [name for name in tracked_files(MODULE) if name != "CMakeLists.txt"]
    return {
        LISTS[0]: [name for name in files if name.endswith(".py")],
        LISTS[1]: [name for name in files if not name.endswith(".py")],
    }


def list_pattern(name: str) -> re.Pattern[str]:
    """Matches `set(name ...)`; group 1 is what it lists."""
    return re.compile(rf"(?<=^set\({name}\n)((?:  [^ )\n][^\n]*\n)*)(?=  \)$)", re.MULTILINE)
