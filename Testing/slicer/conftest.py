"""Fixtures of the tests on real MRML: a scene, the bundled sample, a finished detection of it."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

SAMPLES = Path(__file__).resolve().parents[2] / "AnoFPDMSegment" / "Resources" / "SampleData"
SAMPLE = SAMPLES / "synthetic_flair_lesion.nii.gz"


def pytest_ignore_collect(collection_path: Path) -> bool | None:
    """Nothing here can even be imported without slicer-core; `test_slicer_core.py` says so."""
    if importlib.util.find_spec("slicer_core") is None and collection_path.name != "test_slicer_core.py":
        return collection_path.is_file() or None
    return None


@pytest.fixture
def scene() -> Iterator[Any]:
    """A SceneContext with module logics and nothing in it."""
    from AnoFPDMSegmentLib.mrml.headless import headlessScene

    with headlessScene() as context:
        yield context


@pytest.fixture
def sampleVolume(scene: Any) -> Any:
    """The bundled sample, loaded as Slicer loads it."""
    return loadVolume(scene, SAMPLE)


def loadVolume(scene: Any, path: Path, name: str | None = None) -> Any:
    """A volume node of a file, through Slicer's own reader."""
    node = scene.moduleLogic("Volumes").AddArchetypeVolume(str(path), name or path.name.partition(".")[0])
    assert node is not None, path
    return node


@pytest.fixture(scope="session")
def detectedCase(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The evidence of the bundled sample, found by the bundled model; not to be changed."""
    import torch

    from anofpdm import Detector

    torch.set_num_threads(1)
    return Detector.from_model().examine(SAMPLE)


@pytest.fixture
def detection(detectedCase: Any) -> Any:
    """The detection of the bundled sample as calibrated: one finding, in its right hemisphere."""
    from anofpdm.detection import build_detection

    return build_detection(detectedCase)


@pytest.fixture
def result(scene: Any, sampleVolume: Any, detection: Any) -> Any:
    """That detection in the scene."""
    from AnoFPDMSegmentLib.mrml.result import Result

    return Result.create(scene, sampleVolume, detection)
