"""A process dies at any step of writing, or of putting right what a dead one left: old result or new, never neither."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from crash_points import crashes, visible, write_new
from dying import NEEDS_FORK
from output_samples import NEW, contents, run_code, write_older_result

from anofpdm.core.output_set import check_output_directory

pytestmark = NEEDS_FORK


@pytest.fixture
def older(tmp_path: Path) -> Path:
    return write_older_result(tmp_path / "older")


@pytest.fixture
def newer(older: Path, tmp_path: Path) -> dict[str, bytes]:
    shutil.copytree(older, tmp_path / "newer")
    write_new(tmp_path / "newer")
    return contents(tmp_path / "newer")


def test_dying_at_every_step_of_writing(older: Path, newer: dict[str, bytes], tmp_path: Path) -> None:
    before, found = contents(older), []
    for step, place in crashes(tmp_path / "crashes", older, write_new):
        seen = visible(place)
        check_output_directory(place)
        after = contents(place)
        assert after in (before, newer), f"step {step}"
        # What could be seen whole does not vanish.
        assert seen not in (before, newer) or seen == after or after == newer, f"step {step}"
        found.append(after == newer)
    assert found == sorted(found), "once committed, the new result stays"
    assert 10 < found.index(True) < len(found) - 10, "dying on both sides of the commit"


def test_a_first_result(tmp_path: Path) -> None:
    whole = {name: f"new {name[0]}".encode() for name in NEW}
    found = []
    for step, place in crashes(tmp_path / "crashes", None, write_new):
        seen = visible(place) if place.exists() else {}
        check_output_directory(place)
        after = contents(place) if place.exists() else {}
        assert after in ({}, whole), f"step {step}"
        assert seen != whole or after == whole, f"step {step}"
        found.append(after == whole)
    assert found == sorted(found) and found[-1]


def test_dying_again_while_putting_right(older: Path, tmp_path: Path) -> None:
    """Whatever the first death left, the second one during the repair changes nothing about the outcome.

    In a small process: a copy of one that has loaded the libraries of all tests takes long to make, hundreds of times.
    """
    code = """
        import sys
        from pathlib import Path
        sys.path.insert(0, sys.argv[1])
        from crash_points import repairs_that_die
        print(*repairs_that_die(Path(sys.argv[2]), Path(sys.argv[3])))
    """
    done = run_code(code, Path(__file__).parent, older, tmp_path)
    assert done.returncode == 0, done.stderr
    left, repairs = map(int, done.stdout.split())
    assert left > 15 and repairs > 200


def test_dying_while_a_failed_exchange_is_undone(older: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The third file cannot be put in place (open in another program, say): back to the older result, even so."""
    before, replace = contents(older), os.replace

    def refuse(source: Path, target: Path) -> None:
        if Path(source).parent.name == "new" and Path(source).name == "b.txt":
            raise PermissionError(13, "Permission denied")
        replace(source, target)

    def fail(place: Path) -> None:
        os.replace = refuse  # in the fork alone
        try:
            write_new(place)
        except Exception:  # noqa: BLE001 - it fails, in one way or the other
            return

    outcomes = []
    for step, place in crashes(tmp_path / "crashes", older, fail):
        check_output_directory(place)
        outcomes.append(contents(place))
        new = {name for name, text in outcomes[-1].items() if text.startswith(b"new ")}
        assert outcomes[-1] == before or new == set(NEW), f"step {step}"
    assert outcomes[-1] == before
