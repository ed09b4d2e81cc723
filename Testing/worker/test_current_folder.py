"""Whatever lies in the folder Slicer was started in, none of it is executed by the processes that the module starts."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from fake_worker import MODULE, events_of
from pip_standins import PipStandins

from anofpdm.app.worker import command as command_module
from anofpdm.app.worker.child_environment import child_environment
from anofpdm.app.worker.command import WorkerCommand
from anofpdm.app.worker.detection_run import DetectionRun
from anofpdm.app.worker.events import Failed, Finished, Started
from anofpdm.app.worker.run_options import RunOptions
from AnoFPDMSegmentLib.install import installation as installation_module
from AnoFPDMSegmentLib.install.installation import Installation, Step
from AnoFPDMSegmentLib.install.slicer_installer import SlicerInstaller
from AnoFPDMSegmentLib.install.torch_setup import TorchSetup

MODULES = ("csv", "json", "random", "torch", "numpy", "safetensors", "anofpdm", "AnoFPDMSegmentLib", "pip")
COMMAND = WorkerCommand(sys.executable, MODULE)


@pytest.fixture(params=["Python 3.11 and newer", "Python 3.10"])
def executed(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file that a module of the current folder would write its name to. Python 3.10 knows no PYTHONSAFEPATH."""
    trap, told = tmp_path / "trap", tmp_path / "executed"
    trap.mkdir()
    for name in MODULES:
        (trap / f"{name}.py").write_text(f"open({str(told)!r}, 'a').write({name!r} + ' ')\n")
    monkeypatch.chdir(trap)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(["", "."]))
    subprocess.run([sys.executable, "-c", "import json, csv, torch"], env={**os.environ, "PYTHONPATH": ""}, check=True)
    assert told.read_text().split() == ["json", "csv", "torch"], "the trap works"
    told.unlink()
    if request.param == "Python 3.10":

        def older(*arguments: object) -> dict[str, str]:
            environment = child_environment(*arguments)  # type: ignore[arg-type]
            del environment["PYTHONSAFEPATH"]
            return environment

        for module in (command_module, installation_module):
            monkeypatch.setattr(module, "child_environment", older)
    return told


def test_the_worker(executed: Path, tmp_path: Path) -> None:
    run = DetectionRun(COMMAND, tmp_path)
    run.start({"flair": lambda path: path.write_bytes(b"no image")}, RunOptions("none"))
    events = events_of(run)
    run.close()
    assert isinstance(events[0], Started) and isinstance(events[-1], Failed)
    assert "There is no model named 'none'" in events[-1].sentence
    assert not executed.exists()


def test_the_probe(executed: Path) -> None:
    state = TorchSetup(COMMAND, SlicerInstaller(), idle=lambda: None).state()
    assert state.ok, state
    assert not executed.exists()


def test_an_installation(executed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    standins = PipStandins(tmp_path / "packages")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([".", str(standins.folder), ""]))
    made = Installation(sys.executable, [Step("Installing...", ("-m", "pip", "install", "safetensors"))], tmp_path)
    made.start()
    assert isinstance(events_of(made)[-1], Finished)
    assert len(standins.calls) == 1 and not executed.exists()


@pytest.mark.parametrize("before", [None, "0"])
def test_what_slicer_installs_itself(before: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its own functions start Python in the current folder: they are called with PYTHONSAFEPATH."""
    import types

    seen: list[tuple[str, str | None]] = []

    class Logic:
        def installTorch(self, **options: object) -> None:  # noqa: N802 - the extension's name
            seen.append(("install", os.environ.get("PYTHONSAFEPATH")))
            raise RuntimeError("no internet")

        def uninstallTorch(self) -> None:  # noqa: N802
            seen.append(("uninstall", os.environ.get("PYTHONSAFEPATH")))

    util = types.SimpleNamespace(pip_install=lambda arguments: seen.append(("pip", os.environ.get("PYTHONSAFEPATH"))))
    monkeypatch.setitem(sys.modules, "PyTorchUtils", types.SimpleNamespace(PyTorchUtilsLogic=Logic))
    monkeypatch.setitem(sys.modules, "slicer", types.SimpleNamespace(util=util))
    monkeypatch.setitem(sys.modules, "slicer.util", util)
    if before is None:
        monkeypatch.delenv("PYTHONSAFEPATH", raising=False)
    else:
        monkeypatch.setenv("PYTHONSAFEPATH", before)
    installer = SlicerInstaller()
    with pytest.raises(RuntimeError):
        installer.installTorch(">=2.4")
    installer.uninstallTorch()
    installer.pipInstall("safetensors")
    assert seen == [("install", "1"), ("uninstall", "1"), ("pip", "1")]
    assert os.environ.get("PYTHONSAFEPATH") == before
