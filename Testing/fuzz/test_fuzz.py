"""A short run of the fuzz command, and that it would notice each kind of fault."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest
from cases import Cases, judged
from command import keep
from isolation import Child, Limits
from mutations import VALUES, Files, changed_value
from seeds import make_seeds
from tally import Tally
from targets import TARGETS, Act, Target

from anofpdm.core.errors import InputError

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="the system cannot fork processes")

SEED = 20
INPUTS = 4 * len(TARGETS)
LIMITS = Limits(memory_bytes=1 << 30, processor_s=20)


@pytest.fixture(scope="module")
def seeds() -> dict[str, Files]:
    return make_seeds()


@pytest.fixture
def cases(seeds: dict[str, Files], tmp_path: Path) -> Cases:
    return Cases(seeds, SEED, tmp_path)


def test_every_seed_is_read(cases: Cases) -> None:
    cases.check_seeds()


@pytest.mark.parametrize("name", ["NIfTI .nii", "model folder", "student"])
def test_undamaged_files_are_read_with_the_network(seeds: dict[str, Files], tmp_path: Path, name: str) -> None:
    """One in a hundred inputs is given to it."""
    target = next(target for target in TARGETS if target.name == name)
    assert target.with_network is not None
    for file, content in seeds[name].items():
        path = tmp_path / "input" / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    (tmp_path / "output").mkdir()
    assert judged(target.with_network, tmp_path / "input", tmp_path / "output") == "read"


def test_damaged_inputs_are_read_or_refused(cases: Cases) -> None:
    child = Child(cases.try_out, LIMITS)
    tally = Tally([target.name for target in TARGETS])
    try:
        for number in range(INPUTS):
            if not cases.runs_network(number):
                tally.add(number, cases.target(number).name, child.run(number))
    finally:
        child.end()
    assert tally.faults == []
    assert tally.total("refused") > INPUTS / 2 and tally.total("read") > INPUTS / 20


def test_a_number_is_always_the_same_input(seeds: dict[str, Files]) -> None:
    for number, target in enumerate(TARGETS):
        one, other = (target.mutate(seeds[target.name], Random(f"{SEED} {number}")) for _ in range(2))
        # pydicom writes its own version and the same otherwise.
        assert one == other, target.name


def test_every_value_can_be_changed_again() -> None:
    for seed in range(2000):
        random = Random(seed)
        changed_value({"a": random.choice(VALUES)}, random)


def _cannot(files: Files, random: Random) -> Files:
    raise OverflowError("too large")


def test_an_input_that_cannot_be_made_is_counted(cases: Cases, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(cases, "target", lambda number: Target("findings", _cannot, _raises(AssertionError("tried"))))
    outcome = cases.try_out(0)
    assert outcome == "not made: OverflowError: too large"
    assert Tally(["findings"]).add(0, "findings", outcome)
    keep(cases, 0, outcome, tmp_path / "kept")
    assert "not made" in (tmp_path / "kept" / "0" / "outcome.txt").read_text()


def test_what_libraries_print_is_a_fault(cases: Cases, monkeypatch: pytest.MonkeyPatch) -> None:
    def act(place: Path, output: Path) -> None:
        os.write(2, b"vnl_svd: suspicious return value")

    monkeypatch.setattr(cases, "target", lambda number: Target("findings", lambda files, random: files, act))
    assert cases.try_out(0) == "noise: vnl_svd: suspicious return value"


def _waits() -> str:
    time.sleep(600)
    return "never"


def _fills_the_memory() -> str:
    return str(len(bytearray(1 << 31)))


FAULTS: dict[str, tuple[Callable[[], str], str]] = {
    "traceback": (lambda: str(1 // 0), "traceback: ZeroDivisionError"),
    "crash": (lambda: os.abort(), "crash: SIGABRT"),
    "end": (lambda: os._exit(3), "crash: exit status 3"),
    "loop": (lambda: next(n for n in iter(int, 1) if n), "hang"),  # type: ignore[arg-type]
    "sleep": (_waits, "hang"),
    "memory": (_fills_the_memory, "traceback: MemoryError"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_the_child_outlives_every_fault(fault: str) -> None:
    does, words = FAULTS[fault]
    child = Child(lambda number: does() if number == 1 else f"did {number}", Limits(1 << 28, 0.2))
    try:
        assert child.run(0) == "did 0"
        assert child.run(1).startswith(words)
        assert child.run(2) == "did 2"
    finally:
        child.end()


def _raises(error: Exception) -> Act:
    def act(place: Path, output: Path) -> None:
        raise error

    return act


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (InputError("The image is too small; give another."), "refused"),
        (InputError("the image"), "unclear refusal: the image"),
        (InputError("It does not fit into memory."), "blow-up: It does not fit into memory."),
        (MemoryError(), "blow-up: MemoryError: "),
        (RuntimeError("bad_alloc"), "blow-up: RuntimeError: bad_alloc"),
    ],
)
def test_how_an_end_is_judged(tmp_path: Path, error: Exception, expected: str) -> None:
    assert judged(_raises(error), tmp_path, tmp_path) == expected


def test_what_is_left_behind_is_named(cases: Cases, tmp_path: Path) -> None:
    (tmp_path / "temporary" / "volume.mha").write_text("a patient's")
    assert cases.clear() == "volume.mha"
    assert cases.clear() == ""
