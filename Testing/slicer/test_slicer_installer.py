"""Installing through the PyTorch extension and Slicer's pip, on stand-ins with the extension's own signatures."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent / "standin"))

from AnoFPDMSegmentLib.install.slicer_installer import SlicerInstaller


@pytest.fixture
def extension() -> Iterator[Any]:
    """The logic of the PyTorch extension, which writes down its calls."""
    import slicer_install
    from slicer_torch_extension import PyTorchUtilsLogic

    slicer_install.install_torch_extension()
    PyTorchUtilsLogic.calls.clear()
    before = PyTorchUtilsLogic.onInstall, PyTorchUtilsLogic.onUninstall
    yield PyTorchUtilsLogic
    PyTorchUtilsLogic.onInstall, PyTorchUtilsLogic.onUninstall = map(staticmethod, before)
    slicer_install.remove_torch_extension()


def test_runs_what_the_extension_runs(extension: Any) -> None:
    steps = SlicerInstaller().torchSteps(">=2.4")
    assert steps is not None and [step.arguments for step in steps] == [
        ("-m", "pip", "install", "light-the-torch>=0.5"),
        ("-m", "light_the_torch", "install", "torch>=2.4", "torchvision"),
    ]
    assert extension.calls == []


@pytest.mark.parametrize(
    "other",
    [None, lambda requirement: ["install", "torch"], lambda backend, requirement: ["download", "torch>=2.4"]],
    ids=["gone", "called otherwise", "of another form"],
)
def test_an_extension_that_does_not_tell_what_it_runs(
    extension: Any, monkeypatch: pytest.MonkeyPatch, other: Any
) -> None:
    if other is None:
        monkeypatch.delattr(extension, "_getPipInstallArguments")
    else:
        monkeypatch.setattr(extension, "_getPipInstallArguments", staticmethod(other))
    assert SlicerInstaller().torchSteps(">=2.4") is None


def test_its_own_installing_asks_nothing(extension: Any) -> None:
    """The one question was ours."""
    SlicerInstaller().installTorch(">=2.4")
    asked = {"askConfirmation": False, "torchVersionRequirement": ">=2.4"}
    assert extension.calls == [("installTorch", asked)]


def test_removal(extension: Any) -> None:
    SlicerInstaller().uninstallTorch()
    assert extension.calls == [("uninstallTorch", {})]


def test_without_the_extension() -> None:
    assert "PyTorchUtils" not in sys.modules
    installer = SlicerInstaller()
    for call in (lambda: installer.torchSteps(">=2.4"), lambda: installer.installTorch(""), installer.uninstallTorch):
        with pytest.raises(ModuleNotFoundError) as raised:
            call()
        assert raised.value.name == "PyTorchUtils"


def test_pip_is_slicers(monkeypatch: pytest.MonkeyPatch) -> None:
    import slicer.util

    calls: list[Any] = []
    monkeypatch.setattr(slicer.util, "pip_install", calls.append)
    SlicerInstaller().pipInstall("safetensors>=0.4", "--no-deps")
    assert calls == [["safetensors>=0.4", "--no-deps"]]
