"""The kill run would notice a result that is lost, computed again or not finished."""

from __future__ import annotations

import os
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="the system cannot fork processes")

for _name in ("benchmarks", "fuzz"):
    sys.path.append(str(Path(__file__).resolve().parents[1] / _name))
from kill_runs import Round  # noqa: E402 - the folders have to be on the path first


def forked(work: Callable[[], object]) -> int:
    child = os.fork()
    if not child:
        try:
            work()
        finally:
            os._exit(0)
    return child


def counted(tmp_path: Path, whole: list[dict[str, int]], lives: list[Callable[[], object]]) -> Counter[str]:
    """What is counted of runs that do `lives` one after the other, with `whole` results after each."""
    left, seen = iter(lives), iter(whole)
    archive = SimpleNamespace(
        begin=lambda output: forked(next(left)), whole=lambda output: next(seen), temporary=tmp_path
    )
    counts = Counter[str]()
    moments = iter([0.0 if life is waits else 600.0 for life in lives])
    Round(archive, tmp_path, counts).run(moments)
    return counts


def waits() -> None:
    time.sleep(600)


def test_runs_are_killed_until_one_ends(tmp_path: Path) -> None:
    counts = counted(tmp_path, [{}, {"a": 1}, {"a": 1, "b": 2}], [waits, waits, lambda: None])
    assert counts["kills"] == 2 and counts["runs"] == 3 and counts["lost or computed again"] == 0


@pytest.mark.parametrize("after", [{}, {"a": 2}])
def test_a_result_that_does_not_stay_is_counted(tmp_path: Path, after: dict[str, int]) -> None:
    assert counted(tmp_path, [{"a": 1}, after], [waits, lambda: None])["lost or computed again"] == 1


def test_a_failed_run_ends_the_command(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="status 3"):
        counted(tmp_path, [{}], [lambda: os._exit(3)])
