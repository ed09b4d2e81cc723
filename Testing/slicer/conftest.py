"""Fixtures of the tests on real MRML: a scene, a drawn head, a finished detection of it."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from bright_fixtures import bright_default, bright_place  # noqa: F401
from bundled_fixtures import bundled_results  # noqa: F401
from scene_makers import SAMPLE, load_volume
from session_hooks import pytest_collection_finish  # noqa: F401


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
def sample_volume(scene: Any) -> Any:
    """The drawn head, loaded as Slicer loads it."""
    return load_volume(scene, SAMPLE)


@pytest.fixture(scope="session")
def detected_case(bright_place: Path) -> Any:  # noqa: F811
    """The evidence of the drawn head; not to be changed."""
    from bright_model import NAME

    from anofpdm import Detector

    return Detector.from_model(bright_place / NAME).examine(SAMPLE)


@pytest.fixture
def detection(detected_case: Any) -> Any:
    """The detection of the drawn head as calibrated: one finding, in its right hemisphere."""
    from anofpdm.results.detection import build_detection

    return build_detection(detected_case)


@pytest.fixture
def result(scene: Any, sample_volume: Any, detection: Any) -> Any:
    """That detection in the scene."""
    from AnoFPDMSegmentLib.mrml.result import Result

    return Result.create(scene, sample_volume, detection)
