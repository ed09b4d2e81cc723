"""A first run without PyTorch: one question, progress, cancel, and what is said where it cannot be had."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import slicer_install
from own_slices import write_manifest
from pip_standins import PipStandins
from scene_makers import SAMPLE
from slicer_torch_extension import PyTorchUtilsLogic

from AnoFPDMSegmentLib.install.torch_setup import TorchSetup
from AnoFPDMSegmentLib.install.torch_state import TorchState

MISSING = TorchState("missing", "PyTorch is not installed; it is needed to compute.", needs_torch=True)
SOUND = TorchState("ok", "PyTorch 2.6.0 computes on: CPU.", "", "2.6.0", "CPU")
DOWNLOADING = """
print("Downloading torch-2.6.0-cp311-cp311-linux_x86_64.whl (178.7 MB)")
print("Progress 89350000 of 178700000", flush=True)
while not Path({go!r}).exists():
    time.sleep(0.02)
"""


class Computer:
    """Without PyTorch until it is installed; `probed` counts how often that was looked at."""

    def __init__(self, folder: Path) -> None:
        self.standins = PipStandins(folder / "packages")
        self.go = folder / "go"
        self.state = MISSING
        self.probed = 0
        self.standins.put("light_the_torch", DOWNLOADING.format(go=str(self.go)))

    def probe(self) -> TorchState:
        self.probed += 1
        return self.state


@pytest.fixture
def computer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Computer]:
    made = Computer(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(made.standins.folder))
    monkeypatch.setattr(TorchSetup, "_probe", lambda setup: made.probe())
    slicer_install.install_torch_extension()
    PyTorchUtilsLogic.calls.clear()
    yield made
    slicer_install.remove_torch_extension()


def begin(session: Any, computer: Computer, answer: str = "Yes", words: str = "or cancel it") -> None:
    session.load(SAMPLE)
    session.dialogs.answer(words, answer)
    session.click(session.ui.detectButton)


def downloading(session: Any) -> None:
    session.wait(lambda: "89 of 179 MB" in session.ui.runStatusLabel.text, "it is under way")


def test_installed_then_detected(session: Any, computer: Computer, monkeypatch: pytest.MonkeyPatch) -> None:
    ui = session.ui
    begin(session, computer)
    downloading(session)
    assert ui.runStatusLabel.text == "Downloading torch 2.6.0... 89 of 179 MB"
    assert ui.progressBar.visible and ui.progressBar.value == 500
    assert ui.detectButton.text == "Cancel" and not ui.calibrateButton.enabled
    begun: list[int] = []
    monkeypatch.setattr(type(session.panel._detect), "_begin", lambda self: begun.append(1))
    computer.state = SOUND
    computer.go.touch()
    session.wait_for_end()
    assert begun == [1] and session.dialogs.shown and len(session.dialogs.shown) == 1
    assert [call[:2] for call in computer.standins.calls] == [["pip", "install"], ["light_the_torch", "install"]]
    assert PyTorchUtilsLogic.calls == [] and not ui.progressBar.visible
    probed = computer.probed
    session.click(ui.detectButton)
    assert begun == [1, 1] and computer.probed == probed, "looked at once a session"


def test_declined(session: Any, computer: Computer) -> None:
    begin(session, computer, "No")
    assert not session.panel.state.busy and computer.standins.calls == []
    assert session.ui.runStatusLabel.text.endswith("it is needed to compute. Nothing was installed.")
    assert session.ui.detectButton.enabled and session.ui.detectButton.text == "Detect anomalies"


def test_cancelled(session: Any, computer: Computer) -> None:
    begin(session, computer)
    downloading(session)
    session.click(session.ui.detectButton)
    session.wait_for_end()
    assert session.ui.runStatusLabel.text.startswith("Cancelled. PyTorch is not complete")
    assert session.ui.detectButton.text == "Detect anomalies" and session.result is None


def test_failed(session: Any, computer: Computer) -> None:
    computer.standins.put("light_the_torch", "print('no internet', file=sys.stderr); sys.exit(1)")
    begin(session, computer)
    session.dialogs.answer("did not succeed", "Ok")
    session.wait_for_end()
    assert "check the internet connection" in session.ui.runStatusLabel.text
    assert session.panel._torch.installing is False


def test_closing_the_scene_does_not_spoil_it(session: Any, computer: Computer) -> None:
    begin(session, computer)
    downloading(session)
    session.context.scene.Clear(False)
    session.pump()
    assert session.panel._torch.installing and session.ui.detectButton.text == "Cancel"
    computer.state = SOUND
    computer.go.touch()
    session.wait_for_end()
    assert session.ui.runStatusLabel.text == "PyTorch is installed." and session.result is None


def test_the_application_ends_meanwhile(session: Any, computer: Computer) -> None:
    begin(session, computer)
    downloading(session)
    process = session.panel._torch._installation._process
    session.widget.exit()
    session.widget.cleanup()
    session.pump()
    assert process.poll() is not None


def test_without_the_extension(session: Any, computer: Computer) -> None:
    """Nothing can be installed, so nothing is asked."""
    slicer_install.remove_torch_extension()
    begin(session, computer, "Ok", "Extensions Manager")
    assert not session.panel.state.busy and "Extensions Manager" in session.ui.runStatusLabel.text


def test_an_extension_that_does_not_tell_what_it_runs(
    session: Any, computer: Computer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Slicer stands still, as was said in the question; its own question is left out."""
    monkeypatch.delattr(PyTorchUtilsLogic, "_getPipInstallArguments")
    monkeypatch.setattr(type(session.panel._detect), "_begin", lambda self: False)

    def installed() -> None:
        computer.state = SOUND

    monkeypatch.setattr(PyTorchUtilsLogic, "onInstall", staticmethod(installed))
    begin(session, computer, words="Slicer's window stands still meanwhile")
    assert PyTorchUtilsLogic.calls[0] == (
        "installTorch",
        {"askConfirmation": False, "torchVersionRequirement": ">=2.4"},
    )
    assert not session.panel.state.busy


def test_before_a_calibration(more_models: Path, session: Any, computer: Computer, tmp_path: Path) -> None:
    manifest = write_manifest(tmp_path / "slices")
    session.panel._model.reload("one")
    session.open(session.ui.modelGroup)

    def answered(dialog: Any) -> int:
        fields = {child.name: child for child in dialog.findChildren(_widget())}
        fields["manifestEdit"].text, fields["nameEdit"].text = str(manifest), "mine"
        return 1

    session.dialogs.answer("Calibrate on my data", answered)
    session.dialogs.answer("or cancel it", "No")
    session.click(session.ui.calibrateButton)
    assert not session.panel.state.busy and session.ui.runStatusLabel.text.endswith("Nothing was installed.")


def _widget() -> Any:
    import qt

    return qt.QWidget
