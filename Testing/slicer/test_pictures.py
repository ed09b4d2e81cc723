"""The README's pictures can be drawn, and the ones in the repository show the present result."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import vtk
from render_pictures import NO_GRAPHICS, SIDE_PX, SLICES, SURFACE
from skimage.metrics import structural_similarity
from vtk.util.numpy_support import vtk_to_numpy

from anofpdm.results.case_storage import EVIDENCE_FILE

SCRIPT = Path(__file__).with_name("render_pictures.py")
PANEL_SCRIPT = SCRIPT.with_name("panel") / "panel_picture.py"
REPOSITORY = SCRIPT.resolve().parents[2]
SCREENSHOTS = REPOSITORY / "Resources" / "Screenshots"
PANEL = SCREENSHOTS / "panel.png"
TEXTS_KEY = "Texts"
"""Under which the panel's picture carries its words (panel_picture.py)."""
LEAST_LIKENESS = 0.97


def pixels(path: Path) -> np.ndarray:
    """[h, w, 3], row 0 on top."""
    reader = vtk.vtkPNGReader()
    reader.SetFileName(str(path))
    reader.Update()
    width, height, _ = reader.GetOutput().GetDimensions()
    values = vtk_to_numpy(reader.GetOutput().GetPointData().GetScalars())
    return np.asarray(values.reshape(height, width, -1)[::-1, :, :3].astype(int))


def cyan(picture: np.ndarray) -> np.ndarray:
    return np.asarray((picture[..., 2] > 120) & (picture[..., 1] > 100) & (picture[..., 0] < picture[..., 1] - 60))


@pytest.mark.slow
def test_pictures_are_drawn_and_those_of_the_repository_are_current(bundled_results: Path, tmp_path: Path) -> None:
    evidence = bundled_results / "lesion" / EVIDENCE_FILE
    # In a process of its own: graphics drivers that are not there may end it.
    run = subprocess.run(
        [sys.executable, str(SCRIPT), "--output", str(tmp_path), "--evidence", str(evidence)],
        env={**os.environ, "PYTHONPATH": str(SCRIPT.parents[2] / "AnoFPDMSegment")},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    if run.returncode == NO_GRAPHICS or run.returncode < 0:
        pytest.skip("no EGL here, so no pictures can be drawn")
    assert run.returncode == 0, run.stderr[-2000:]
    slices, surface = pixels(tmp_path / SLICES), pixels(tmp_path / SURFACE)
    views = [slices[:, start : start + SIDE_PX] for start in range(0, slices.shape[1], SIDE_PX + 6)]
    assert len(views) == 4
    for view in views[:3]:
        warm = (view[..., 0] > view[..., 2] + 60).sum()
        assert 300 < warm < SIDE_PX**2 / 10 and 50 < cyan(view).sum() < warm, "heatmap and outline around it"
    # Axial: patient right on the left; the sample's large lesion lies on the left, a little behind the middle.
    rows, columns = np.nonzero(cyan(views[0]))
    assert 0.55 < columns.mean() / SIDE_PX < 0.75 and 0.5 < rows.mean() / SIDE_PX < 0.65
    # Sagittal and coronal: superior above, where it lies.
    for view in views[1:3]:
        assert np.nonzero(cyan(view))[0].mean() < SIDE_PX / 2
    assert 1000 < cyan(surface).sum() < surface.shape[0] * surface.shape[1] / 5
    for name, drawn in ((SLICES, slices), (SURFACE, surface)):
        check_alike(name, pixels(SCREENSHOTS / name), drawn)


def check_alike(name: str, kept: np.ndarray, drawn: np.ndarray) -> None:
    """Graphics drivers and fonts differ in details, and may."""
    assert kept.shape == drawn.shape, f"{name} is out of date: make pictures"
    likeness = structural_similarity(kept, drawn, channel_axis=2, data_range=255)
    assert likeness >= LEAST_LIKENESS, f"{name} is out of date (SSIM {likeness:.3f}): make pictures"


def test_what_is_not_alike_is_seen() -> None:
    kept = pixels(SCREENSHOTS / PANEL.name)
    check_alike("itself", kept, kept)
    changed = kept.copy()
    height, width, _ = changed.shape
    changed[height // 3 : height // 2, width // 4 : width // 2] = 128
    with pytest.raises(AssertionError, match="out of date"):
        check_alike("changed", kept, changed)


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="the quick worker is started by a shell")
def test_the_picture_of_the_panel_is_current(bundled_results: Path, tmp_path: Path) -> None:
    pytest.importorskip("PySide6")
    from PySide6.QtGui import QImage

    evidence, drawn = bundled_results / "lesion" / EVIDENCE_FILE, tmp_path / PANEL.name
    run = subprocess.run(
        [sys.executable, str(PANEL_SCRIPT), str(drawn), "--evidence", str(evidence)],
        env={**os.environ, "QT_QPA_PLATFORM": "offscreen"},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert run.returncode == 0, run.stderr[-2000:]
    kept, now = (json.loads(QImage(str(path)).text(TEXTS_KEY) or "[]") for path in (PANEL, drawn))
    # The last digits are the processor's.
    words = [[re.sub(r"\d+", "0", text) for text in texts] for texts in (kept, now)]
    assert words[0] == words[1] != [], "panel.png is out of date: make pictures"
    check_alike(PANEL.name, pixels(PANEL), pixels(drawn))


def test_every_picture_of_readme_and_tutorial_is_drawn_by_make_pictures() -> None:
    shown = {
        (page.parent / name).resolve()
        for page in (REPOSITORY / "README.md", REPOSITORY / "Resources" / "tutorial.md")
        for name in re.findall(r"!\[[^\]]*\]\(([^)]+)\)", page.read_text("utf-8"))
    }
    assert shown and shown <= {SCREENSHOTS / SLICES, SCREENSHOTS / SURFACE, PANEL}
    recipe = re.search(r"^pictures:.*\n((?:\t.*\n)+)", (REPOSITORY / "Makefile").read_text("utf-8"), re.MULTILINE)
    assert recipe is not None
    assert all(str(script.relative_to(REPOSITORY)) in recipe[1] for script in (SCRIPT, PANEL_SCRIPT))
