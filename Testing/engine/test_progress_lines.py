"""Progress where there is no terminal: lines, a few a minute at most, and never minutes of silence."""

from __future__ import annotations

import io
import json
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from command_line import CommandLine
from evaluation_samples import write_masked_data
from tiny_model import tiny_config, write_tiny_model
from training_samples import training_config, write_data

from anofpdm.core import reporting
from anofpdm.core.progress import Progress
from anofpdm.core.reporting import BarReporter, StepTeller
from anofpdm.training.config import training_config_to_dict


@dataclass
class Clock:
    """Goes on when told."""

    now: float = 0.0

    def __call__(self) -> float:
        return self.now


def lines_of(seconds_each: float, total: int) -> list[float]:
    """When lines come, of a run of `total` slices."""
    clock, stream = Clock(), io.StringIO()
    reporter = BarReporter(stream, clock)
    times = []
    for done in range(1, total + 1):
        clock.now += seconds_each
        before = stream.tell()
        reporter.progress(Progress(done, total, 0.0, None))
        times += [clock.now] * (stream.tell() > before)
    return times


@pytest.mark.parametrize(("seconds_each", "total"), [(0.1, 1000), (1.0, 600), (20.0, 12), (5.0, 4000), (0.5, 20)])
def test_a_few_lines_a_minute_at_most(seconds_each: float, total: int) -> None:
    times = np.array(lines_of(seconds_each, total))
    for start in times:
        assert ((times >= start) & (times < start + 60)).sum() <= 4
    silence = np.diff([0.0, *times, seconds_each * total])
    assert silence.max() < 60 + max(seconds_each, 15)


def test_steps_that_are_not_counted() -> None:
    clock, stream = Clock(), io.StringIO()
    teller = StepTeller(stream=stream, clock=clock)
    for number in range(200):
        teller.tell(f"step {number}")
        clock.now += 1
    teller.close()
    assert stream.getvalue().splitlines() == [f"step {number}" for number in range(0, 200, 15)]
    StepTeller(quiet=True, stream=stream, clock=clock).tell("nothing")
    assert "nothing" not in stream.getvalue()


@pytest.fixture
def every_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if minutes passed between any two reports."""
    monkeypatch.setattr(reporting._Pace, "SHORTEST_S", 0.0)
    monkeypatch.setattr(reporting._Pace, "LONGEST_S", 0.0)


@pytest.mark.usefixtures("every_line")
def test_training_tells_of_the_volumes_it_prepares(command: CommandLine, tmp_path: Path) -> None:
    config = tmp_path / "config.json"
    config.write_text(json.dumps(training_config_to_dict(training_config(steps=1, warmup_steps=0))), encoding="utf-8")
    manifest = write_data(tmp_path)
    call = ("train", manifest, "--config", config, "--no-tensorboard", "--device", "cpu")
    told = command(*call, "--output", tmp_path / "run")
    assert told.status == 0, told.err
    told_of = [line for line in told.err.splitlines() if line.startswith("preparing: ")]
    assert [line.partition(",")[0] for line in told_of] == [f"preparing: {n} of 4 volumes" for n in range(5)]
    quiet = command(*call, "-q", "--output", tmp_path / "quiet")
    assert (quiet.status, quiet.out, quiet.err) == (0, "", "")


@pytest.mark.usefixtures("every_line")
def test_evaluation_tells_of_volumes_and_slices(command: CommandLine, tmp_path: Path) -> None:
    model = write_tiny_model(tmp_path / "tiny", tiny_config("tiny", matrix=32)).path
    data = write_masked_data(tmp_path / "data")
    call = ("evaluate", model, data, "--resamplings", "20", "--no-pictures", "--methods", "anofpdm")
    told = command(*call, "--output", tmp_path / "out")
    assert told.status == 0, told.err
    assert "preparing: 3 of 3 volumes" in told.err
    assert re.search(r"^.*: \d+ of \d+ slices$", told.err, re.MULTILINE)
    assert "\x1b" not in told.err and "\r" not in told.err
