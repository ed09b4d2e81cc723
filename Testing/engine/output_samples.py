"""Results of a few text files, older ones and new ones, and what lies in a folder."""

from __future__ import annotations

import os
import subprocess
import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest
from command_line import run_python

from anofpdm.core.output_set import write_output_set

POSIX = pytest.mark.skipif(os.name == "nt", reason="needs POSIX processes and limits")


def text_writer(text: str) -> Callable[[Path], object]:
    return lambda path: path.write_text(text)


NEW = {"a.txt": text_writer("new a"), "c.txt": text_writer("new c"), "b.txt": text_writer("new b")}


def contents(directory: Path) -> dict[str, bytes]:
    """Every file below the directory, hidden ones included."""
    return {str(p.relative_to(directory)): p.read_bytes() for p in sorted(directory.rglob("*")) if p.is_file()}


def run_code(code: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    """Indented code in a process of its own."""
    return run_python("-c", textwrap.dedent(code), *arguments)


def write_older_result(directory: Path) -> Path:
    """An older result (a, b, picture) and files of somebody else."""
    write_output_set(directory, {"a.txt": text_writer("old a"), "b.txt": text_writer("old b")})
    write_output_set(directory, {"picture.png": text_writer("old picture")})
    (directory / "notes.txt").write_text("mine")
    (directory / ".hidden").mkdir()
    (directory / ".hidden" / "keep").write_text("mine too")
    return directory
