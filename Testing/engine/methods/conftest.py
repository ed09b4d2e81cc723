"""Methods for the conformance tests: the engine's own, and one that an installed package brings."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from method_models import MAKERS

from anofpdm.methods import registry

PACKAGE = Path(__file__).with_name("third_party") / "asymmetry_method.py"


@pytest.fixture(scope="session", autouse=True)
def other_package(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Installed as pip would: a module, and beside it what it says about itself."""
    place = tmp_path_factory.mktemp("site-packages")
    shutil.copy(PACKAGE, place)
    about = place / "asymmetry_method-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: asymmetry-method\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text(f"[{registry.ENTRY_POINTS}]\nasymmetry = asymmetry_method:METHOD\n")
    sys.path.insert(0, str(place))
    registry.methods.cache_clear()
    yield
    sys.path.remove(str(place))
    registry.methods.cache_clear()


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A model folder by method."""
    folder = tmp_path_factory.mktemp("models")
    found = {}
    for name in registry.methods():
        found[name] = folder / name
        MAKERS[name](found[name])
    return found
