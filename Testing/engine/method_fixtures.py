"""Every method for tests: the engine's own, and those that an installed package brings, each with a small model."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from method_models import MAKERS

from anofpdm.methods import registry

PACKAGE = Path(__file__).parent / "methods" / "third_party"


@pytest.fixture(scope="session")
def other_package(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Installed as pip would: modules, and beside them what they say about themselves; the folder they lie in."""
    place = tmp_path_factory.mktemp("site-packages")
    about = place / "other_methods-1.0.dist-info"
    about.mkdir()
    modules = sorted(PACKAGE.glob("*_method.py"))
    for module in modules:
        shutil.copy(module, place)
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: other-methods\nVersion: 1.0\n")
    named = "".join(f"{module.stem.removesuffix('_method')} = {module.stem}:METHOD\n" for module in modules)
    (about / "entry_points.txt").write_text(f"[{registry.ENTRY_POINTS}]\n{named}")
    sys.path.insert(0, str(place))
    registry.methods.cache_clear()
    yield place
    sys.path.remove(str(place))
    registry.methods.cache_clear()


@pytest.fixture(scope="session")
def method_models(other_package: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A model folder by method, all in one folder."""
    folder = tmp_path_factory.mktemp("models")
    found = {}
    for name in registry.methods():
        found[name] = folder / name
        MAKERS[name](found[name])
    return found
