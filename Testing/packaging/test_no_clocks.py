"""Tests count work and ask no clock: how long something takes depends on what else the machine does."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest
from module_files import REPOSITORY

TESTING = REPOSITORY / "Testing"
CLOCKS = re.compile(r"(perf_counter|monotonic|process_time|thread_time)(_ns)?|ru_[us]time|default_timer|timeit")
TIMES = re.compile(rf"\b(({CLOCKS.pattern})\b|time\.time(_ns)?\(|os\.times\()")
"""As they stand in code that tests hand to another interpreter."""
COMMANDS = ("fuzz/command.py",)
"""No test, but what says how long it took."""


def clocks_in(source: str) -> list[str]:
    """The clocks that code asks, itself or in a text that is code, with the line of each."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Attribute) and CLOCKS.fullmatch(node.attr):
            found.append((node.lineno, node.attr))
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            name = f"{node.value.id}.{node.attr}"
            found += [(node.lineno, name)] if name in ("time.time", "time.time_ns", "os.times") else []
        elif isinstance(node, ast.ImportFrom) and node.module in ("time", "timeit"):
            found += [(node.lineno, alias.name) for alias in node.names if alias.name not in ("sleep", "gmtime")]
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and "import" in node.value:
            found += [(node.lineno, match.group(1)) for match in TIMES.finditer(node.value)]
    return [f"{line}: {name}" for line, name in sorted(found)]


def test_no_test_asks_a_clock() -> None:
    files = {path.relative_to(TESTING).as_posix(): path for path in sorted(TESTING.rglob("*.py"))}
    tests = {
        name: path for name, path in files.items() if not name.startswith("benchmarks/") and path != Path(__file__)
    }
    assert set(COMMANDS) <= set(tests) and len(tests) > 100
    found = {name: clocks_in(path.read_text(encoding="utf-8")) for name, path in tests.items()}
    assert {name: clocks for name, clocks in found.items() if clocks and name not in COMMANDS} == {}


@pytest.mark.parametrize(
    "code",
    [
        "import time\nassert time.perf_counter() - start < 1",
        "import time as t\nassert t.process_time_ns() < 1",
        "from time import monotonic\nassert monotonic() < 1",
        "import time\nassert time.time() - start < 1",
        "run('import time; print(time.process_time())')",
        "run('''import sys, time\nprint(time.time())''')",
    ],
)
def test_clocks_are_seen(code: str) -> None:
    assert clocks_in(code)


@pytest.mark.parametrize("code", ["import time\ntime.sleep(1)", "from datetime import datetime", "elapsed_s = 3"])
def test_waiting_and_dates_are_not(code: str) -> None:
    assert clocks_in(code) == []
