"""Installing beside Slicer: progress as pip tells it, cancelling, failures, and nothing left in temporary folders."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

import pytest
from fake_worker import events_of, is_running, wait_for, wait_until
from pip_standins import PipStandins

from anofpdm.app.worker.events import Cancelled, Download, Event, Failed, Finished, Notice
from AnoFPDMSegmentLib.install.installation import Installation, Step
from AnoFPDMSegmentLib.install.torch_state import older_than

STEPS = [
    Step("Preparing...", ("-m", "pip", "install", "light-the-torch>=0.5")),
    Step("Installing PyTorch...", ("-m", "light_the_torch", "install", "torch>=2.4", "torchvision")),
]
DOWNLOADING = """
print("  Downloading https://host/whl/torch-2.6.0%2Bcpu-cp311-cp311-linux_x86_64.whl.metadata (26 kB)")
print("Downloading torch-2.6.0%2Bcpu-cp311-cp311-linux_x86_64.whl (178.7 MB)")
print("Progress 0 of 178700000")
print("Progress 89350000 of 178700000", flush=True)
{pause}
print("Installing collected packages: torch, torchvision")
print("WARNING: something", file=sys.stderr)
"""


@pytest.fixture
def standins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> PipStandins:
    made = PipStandins(tmp_path / "packages")
    monkeypatch.setenv("PYTHONPATH", str(made.folder))
    return made


@pytest.fixture
def installation(tmp_path: Path, standins: PipStandins) -> Iterator[Installation]:
    """Closed in any case; its temporary folder is gone then."""
    place = tmp_path / "temporary"
    place.mkdir()
    made = Installation(sys.executable, STEPS, place)
    yield made
    made.close()
    assert list(place.iterdir()) == []


def sentences(events: list[Event]) -> list[str]:
    return [event.sentence for event in events if isinstance(event, Notice)]


def test_step_by_step(installation: Installation, standins: PipStandins, tmp_path: Path) -> None:
    standins.put("light_the_torch", DOWNLOADING.format(pause=""))
    installation.start()
    events = events_of(installation)
    assert events[-1] == Finished("", "") and not installation.running and installation.poll() == []
    assert sentences(events) == [
        "Preparing...",
        "Installing PyTorch...",
        "Downloading torch 2.6.0+cpu...",
        "Unpacking; this takes a minute or two...",
    ]
    assert Download("Downloading torch 2.6.0+cpu...", 89350000, 178700000) in events
    raw = "" if older_than(metadata.version("pip"), ">=24.1") else "raw"
    assert standins.calls == [
        ["pip", "install", "light-the-torch>=0.5", raw],
        ["light_the_torch", "install", "torch>=2.4", "torchvision", raw],
    ]
    log = installation.log.text()
    assert "WARNING: something" in log and "Progress" not in log and f"from {tmp_path / 'temporary'}" in log


def test_cancelled(installation: Installation, standins: PipStandins) -> None:
    standins.put("light_the_torch", DOWNLOADING.format(pause="time.sleep(600)"))
    installation.start()
    wait_for(installation, Download)
    assert installation._process is not None
    pid = installation._process.pid
    installation.cancel()
    assert installation.cancelling
    assert events_of(installation) == [Cancelled()]
    wait_until(lambda: not is_running(pid))


def test_closed_midway(installation: Installation, standins: PipStandins) -> None:
    standins.put("light_the_torch", DOWNLOADING.format(pause="time.sleep(600)"))
    installation.start()
    wait_for(installation, Download)
    assert installation._process is not None
    pid = installation._process.pid
    installation.close()
    assert not installation.running and installation.poll() == []
    wait_until(lambda: not is_running(pid))


def test_a_step_that_fails_is_the_last(installation: Installation, standins: PipStandins) -> None:
    standins.put("pip", "print('ERROR: no matching distribution', file=sys.stderr); sys.exit(1)")
    installation.start()
    last = events_of(installation)[-1]
    assert isinstance(last, Failed) and last.exit_code == 1
    assert [call[0] for call in standins.calls] == ["pip"] and "no matching distribution" in installation.log.text()


def test_without_an_interpreter(tmp_path: Path) -> None:
    installation = Installation(str(tmp_path / "none"), STEPS, tmp_path)
    with pytest.raises(OSError):
        installation.start()
    assert not installation.running and list(tmp_path.iterdir()) == []
