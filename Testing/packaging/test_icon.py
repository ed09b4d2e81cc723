"""The icon of the repository is what its script draws."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from module_files import REPOSITORY

Image = pytest.importorskip("PIL.Image", reason="Pillow draws the icon")
SCRIPT = REPOSITORY / "Resources" / "Icons" / "draw_icon.py"


def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("draw_icon", SCRIPT)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("path", script().ICONS, ids=lambda path: path.relative_to(REPOSITORY).as_posix())
def test_current(path: Path) -> None:
    """Within what versions of Pillow differ by at edges."""
    drawn = np.asarray(script().icon(), dtype=float)
    there = np.asarray(Image.open(path).convert("RGBA"), dtype=float)
    assert there.shape == (128, 128, 4)
    assert np.abs(drawn - there).mean() < 1


def test_shows_what_it_should() -> None:
    """Transparent corners, a dark background, a lesion brighter and redder than the brain around it."""
    picture = np.asarray(script().icon()).astype(int)
    assert picture[0, 0, 3] == 0 and picture[64, 64, 3] == 255
    red, _, blue, _ = picture[78, 82]
    brain = picture[78, 52]
    assert red > 200 and red > blue + 40 and abs(brain[0] - brain[2]) < 40
