"""The README's pictures can be drawn, and the ones in the repository show the present result."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import vtk
from render_pictures import NO_GRAPHICS, SIDE_PX, SLICES, SURFACE
from vtk.util.numpy_support import vtk_to_numpy

from anofpdm.results.case_storage import EVIDENCE_FILE

SCRIPT = Path(__file__).with_name("render_pictures.py")
SCREENSHOTS = Path(__file__).resolve().parents[2] / "Resources" / "Screenshots"


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
        kept = pixels(SCREENSHOTS / name)
        # Graphics drivers differ in details.
        assert kept.shape == drawn.shape and np.abs(kept - drawn).mean() < 2, f"{name} is out of date: make pictures"
