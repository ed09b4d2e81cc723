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


def test_asks_and_names_the_version(extension: Any) -> None:
    extension.onInstall = staticmethod(lambda: "the module torch")
    assert SlicerInstaller().installTorch(">=2.4") is True
    asked = {"askConfirmation": True, "torchVersionRequirement": ">=2.4"}
    assert extension.calls == [("installTorch", asked)]


def test_declined(extension: Any) -> None:
    assert SlicerInstaller().installTorch(">=2.4") is False


def test_removal(extension: Any) -> None:
    SlicerInstaller().uninstallTorch()
    assert extension.calls == [("uninstallTorch", {})]


def test_without_the_extension() -> None:
    assert "PyTorchUtils" not in sys.modules
    for call in (lambda: SlicerInstaller().installTorch(">=2.4"), SlicerInstaller().uninstallTorch):
        with pytest.raises(ModuleNotFoundError) as raised:
            call()
        assert raised.value.name == "PyTorchUtils"


def test_pip_is_slicers(monkeypatch: pytest.MonkeyPatch) -> None:
    import slicer.util

    calls: list[str] = []
    monkeypatch.setattr(slicer.util, "pip_install", calls.append)
    SlicerInstaller().pipInstall("safetensors>=0.4 --no-deps")
    assert calls == ["safetensors>=0.4 --no-deps"]
