"""Two dates' images at one brightness and in one place, from detections."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from anofpdm import Detection, build_detection
from anofpdm.followup.change_regions import change_limit, change_regions
from anofpdm.followup.registered_images import RIM_MM, RegisteredImages, depth_mm, registered_images, robust_spread
from anofpdm.results.case import CaseEvidence
from anofpdm.results.case_storage import load_evidence


@pytest.fixture(scope="module")
def case(finished: Path) -> CaseEvidence:
    return load_evidence(finished / "evidence.npz")


def beside(case: CaseEvidence, display: np.ndarray) -> RegisteredImages:
    """The case and itself with another picture."""
    later = build_detection(replace(case, display=display.astype(case.display.dtype)))
    return registered_images(build_detection(case), later, sitk.Euler3DTransform())


def test_shading_is_no_change(case: CaseEvidence) -> None:
    ramp = np.linspace(0.6, 0.95, case.display.shape[2])[None, None, :]
    shown = beside(case, case.display * ramp)
    raw = np.abs(shown.pictures[1] - shown.pictures[0])[shown.tissue] / np.median(shown.pictures[0][shown.tissue])
    left = np.abs(shown.alike[1] - shown.alike[0])[shown.tissue]
    assert np.median(raw) > 0.15 and np.median(left) < 0.03
    assert np.median(shown.level[shown.tissue]) == pytest.approx(1, abs=0.1)
    assert all(not regions.any() for regions in change_regions(shown, change_limit(shown)))


def test_only_the_depth_of_the_head_is_compared(case: CaseEvidence) -> None:
    shown = beside(case, case.display)
    depth = depth_mm(shown.head, shown.spacing_mm)
    assert shown.inside.any() and depth[shown.inside].min() > RIM_MM
    # The baseline is blurred as much as interpolation blurs the later image.
    assert robust_spread((shown.alike[1] - shown.alike[0])[shown.tissue]) < 0.02


def test_where_a_method_sees_no_brain_nothing_is_compared(case: CaseEvidence, monkeypatch: pytest.MonkeyPatch) -> None:
    blind: Detection = build_detection(case)
    monkeypatch.setattr(type(blind.method), "tissue", lambda self, case: np.zeros(case.head[case.examined].shape, bool))
    shown = beside(case, case.display // 2)
    assert not shown.inside.any() and not shown.tissue.any() and np.isfinite(shown.alike[1]).all()
    assert all(not regions.any() for regions in change_regions(shown, change_limit(shown)))


def test_brain_is_where_either_date_sees_it(case: CaseEvidence, monkeypatch: pytest.MonkeyPatch) -> None:
    """And no further than a centimeter beside."""
    half = np.zeros(case.head[case.examined].shape, dtype=bool)
    half[..., : half.shape[2] // 2] = True
    monkeypatch.setattr(type(build_detection(case).method), "tissue", lambda self, case: half)
    shown = beside(case, case.display)
    monkeypatch.undo()
    everywhere = beside(case, case.display)
    spacing = case.geometry.spacing[0]

    def width(mask: np.ndarray) -> float:
        return len(np.flatnonzero(mask.any(axis=(0, 1)))) * spacing

    assert width(shown.inside) < width(everywhere.inside) - 10
    assert width(shown.tissue) < width(everywhere.head) * 0.6
