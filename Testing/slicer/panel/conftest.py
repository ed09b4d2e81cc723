"""The real panel in a window of its own, on a real scene, over the stand-in Qt."""

from __future__ import annotations

import importlib.util
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

_TESTING = Path(__file__).parents[2]
sys.path.insert(0, str(_TESTING / "slicer" / "standin"))


def _usable() -> bool:
    """test_slicer_core.py and test_standin_qt.py say what is missing."""
    if importlib.util.find_spec("slicer_core") is None:
        return False
    try:
        from PySide6 import QtWidgets  # noqa: F401
    except ImportError:
        return False
    return True


collect_ignore_glob = [] if _usable() else ["test_*.py"]


@pytest.fixture(scope="session", autouse=True)
def application() -> Any:
    """`slicer.app` and all stand-ins."""
    import qt_install
    import slicer_install

    app = qt_install.install()
    slicer_install.install()
    return app


@pytest.fixture(autouse=True)
def user_data(bright_default: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's own folder, empty."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "user"))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    folder = tmp_path / "user" / "anofpdm"
    folder.mkdir(parents=True)
    return folder


@pytest.fixture(autouse=True)
def looked_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """PyTorch is really looked at, but by the first test alone."""
    from AnoFPDMSegmentLib.install.torch_setup import TorchSetup

    real = TorchSetup._probe

    def probe(setup: Any) -> Any:
        if not _FOUND:
            _FOUND.append(real(setup))
        return _FOUND[0]

    monkeypatch.setattr(TorchSetup, "_probe", probe)


_FOUND: list[Any] = []


@pytest.fixture(scope="session")
def model_place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """More models: `one` of FLAIR, `two` of FLAIR and T2, `strict` with a non-commercial licence; untrained, fast."""
    import dataclasses

    import torch
    from tiny_model import tiny_config, write_tiny_model

    torch.set_num_threads(1)
    place = tmp_path_factory.mktemp("models")
    write_tiny_model(place / "one")
    write_tiny_model(place / "two", tiny_config("two", ("flair", "t2")))
    strict = dataclasses.replace(tiny_config("strict"), licence="CC-BY-NC-4.0", non_commercial=True)
    write_tiny_model(place / "strict", strict)
    return place


@pytest.fixture
def more_models(model_place: Path, bright_default: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """They are in the list."""
    monkeypatch.setenv("ANOFPDM_MODELS", os.pathsep.join([str(bright_default), str(model_place)]))
    return model_place


@pytest.fixture(scope="session")
def slab_evidence(model_place: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of a detection with the model `one` in the sample's slab; not to be changed."""
    from own_slices import write_slab

    from anofpdm import Detector
    from anofpdm.results.case_storage import EVIDENCE_FILE

    folder = tmp_path_factory.mktemp("slab")
    volume = write_slab(folder / "slab.nii.gz")
    Detector.from_model(model_place / "one", device="cpu").detect(volume).write(folder / "result", overlay=False)
    return folder / "result" / EVIDENCE_FILE


@pytest.fixture
def replayed_slab(slab_evidence: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Workers give the evidence of an earlier run: for tests of what the panel makes of runs, not of the runs."""
    if os.name == "nt":
        return  # there they compute
    from quick_worker import write_interpreter

    folder = tmp_path / "replay"
    folder.mkdir()
    write_interpreter(folder, slab_evidence)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")


@pytest.fixture
def session(application: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The opened module on an empty scene with three slice views; nothing may have gone wrong in it."""
    from panel_session import opened_module

    with opened_module(application, monkeypatch) as opened:
        yield opened
