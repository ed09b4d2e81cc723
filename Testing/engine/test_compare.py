"""Comparison of two stored results."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from anofpdm.core.errors import EvidenceError
from anofpdm.core.output_set import write_output_set
from anofpdm.results.compare import compare_results, format_comparison
from anofpdm.results.components import find_components
from anofpdm.results.findings import findings_document, write_findings
from anofpdm.results.findings_record import ComponentFinding, MethodRecord, ModelRecord, SliceFinding
from anofpdm.results.segmentation import write_heatmap, write_segmentation
from anofpdm.volumes.geometry import VolumeGeometry
from anofpdm.volumes.stack_grid import StackGrid

SHAPE = (8, 20, 24)
GEOMETRY = VolumeGeometry(SHAPE[::-1], (1.0, 1.0, 2.5), (-12.0, -10.0, 3.0), (1.0, 0, 0, 0, 1.0, 0, 0, 0, 1.0))


def base_score() -> np.ndarray:
    score = np.random.default_rng(0).uniform(0, 0.5, SHAPE).astype(np.float32)
    score[1:4, 2:6, 2:7] = 2.0  # 60 voxels
    score[5:7, 12:15, 12:17] = 1.5  # 30 voxels
    return score


def _stack(geometry: VolumeGeometry, slices: int) -> StackGrid:
    """As many slices over the volume's thickness."""
    thickness = geometry.spacing[2] * geometry.size[2] / slices
    origin = (*geometry.origin[:2], geometry.origin[2] + (thickness - geometry.spacing[2]) / 2)
    return StackGrid((*geometry.size[:2], slices), (*geometry.spacing[:2], thickness), origin, geometry.direction)


def write_result(
    directory: Path,
    score: np.ndarray,
    *,
    decisions: str = "-huuh",
    geometry: VolumeGeometry = GEOMETRY,
    levels: float = 2.5,
    **changes: Any,
) -> Path:
    meaning = {"h": "healthy", "u": "unhealthy", "?": None}
    slices = [
        SliceFinding(n, n * levels, None, examined=True, decision=meaning[letter])  # type: ignore[arg-type]
        if letter in meaning
        else SliceFinding(n, n * levels, None, examined=False, not_examined_reason="noise only")
        for n, letter in enumerate(decisions)
    ]
    components = find_components(score, geometry, _stack(geometry, len(decisions)), 0.0)
    document = findings_document(
        **{
            "files": {"flair": "flair.nii.gz"},
            "geometry": geometry,
            "midline_ras_r_mm": 0.0,
            "skull_stripped": None,
            "slices": slices,
            "components": [ComponentFinding(**vars(component)) for component in components],
            "model": ModelRecord("lgg", "1.0", "t", "l", "00", None),
            "method": MethodRecord("made-up", "Made up", {}),
            "parameters": {"w": 8.0, "range": {"last": 400}},
            "warnings": [],
            "software": {"anofpdm": "1"},
            "seed": None,
            "device": "cpu",
            "run_time_s": 1.0,
            **changes,
        }
    )
    write_output_set(
        directory,
        {
            "heatmap.nrrd": lambda path: write_heatmap(path, score, geometry),
            "segmentation.seg.nrrd": lambda path: write_segmentation(path, score >= 1, geometry),
            "findings.json": lambda path: write_findings(path, document),
        },
    )
    return directory


def test_a_result_equals_itself(tmp_path: Path) -> None:
    one, two = (write_result(tmp_path / name, base_score()) for name in "ab")
    found = compare_results(one, two)
    assert found.differing == {}
    assert found.same_geometry
    assert found.same_slices
    assert found.decision_changes == []
    assert found.dice == 1.0
    assert found.correlation == pytest.approx(1.0)
    assert found.largest_difference == 0.0
    assert [(p.number_a, p.number_b, p.overlap_ml) for p in found.components] == [
        (1, 1, pytest.approx(0.15)),
        (2, 2, pytest.approx(0.075)),
    ]
    text = format_comparison(found)
    assert "Input, model and settings are the same." in text
    assert "All slices are decided alike." in text


def test_every_difference_is_named(tmp_path: Path) -> None:
    changed = base_score()
    changed[1:4, 2:6, 2:3] = 0.5  # the larger region loses 12 voxels and stays the larger
    changed[5:7, 12:15, 12:17] = 0.25  # the smaller is gone
    changed[0, 18, 20:24] = 1.25  # and another has come
    one = write_result(tmp_path / "a", base_score())
    two = write_result(
        tmp_path / "b",
        changed,
        decisions="h?u-h",
        parameters={"w": 4.0, "range": {"last": 600}, "clamp": True},
        model=ModelRecord("lgg", "1.1", "t", "l", "11", None),
    )
    found = compare_results(one, two)
    assert found.differing == {
        "model.version": ("1.0", "1.1"),
        "model.weights_sha256": ("00", "11"),
        "parameters.w": (8.0, 4.0),
        "parameters.range.last": (400, 600),
        "parameters.clamp": (None, True),
    }
    assert [(c.index, c.decision_a, c.decision_b) for c in found.decision_changes] == [
        (0, "not examined", "healthy"),
        (1, "healthy", "undecided"),
        (3, "unhealthy", "not examined"),
    ]
    assert found.dice == pytest.approx(2 * 48 / (90 + 52))
    expected = np.corrcoef(base_score().ravel(), changed.ravel())[0, 1]
    assert found.correlation == pytest.approx(expected, abs=1e-6)
    assert found.largest_difference == 1.5
    assert [(p.number_a, p.number_b) for p in found.components] == [(1, 1), (2, None), (None, 2)]
    assert found.components[0].overlap_ml == pytest.approx(0.12)
    assert found.volume_ml == (pytest.approx(0.225), pytest.approx(0.13))
    text = format_comparison(found)
    for words in (
        "parameters.w: 8.0 -> 4.0",
        "parameters.clamp: none -> True",
        "slice 1, S 0.0 mm: not examined -> healthy",
        "Dice 0.6761",
        "0.15 mL -> 0.12 mL (-0.03)",
        "region 2 of A (0.07 mL) has no partner in B",
        "region 2 of B (0.01 mL) has no partner in A",
    ):
        assert words in text, text


def test_a_region_that_falls_apart_has_one_partner(tmp_path: Path) -> None:
    changed = base_score()
    changed[1:4, 2:6, 3] = 0.5
    one, two = write_result(tmp_path / "a", base_score()), write_result(tmp_path / "b", changed)
    pairs = [(p.number_a, p.number_b) for p in compare_results(one, two).components]
    assert pairs == [(1, 1), (2, 2), (None, 3)]


def test_the_larger_overlap_makes_the_pair(tmp_path: Path) -> None:
    first, second = np.zeros(SHAPE, np.float32), np.zeros(SHAPE, np.float32)
    first[1, 2:4, 2:12] = 1.0  # 20 voxels
    second[1:8, 2:4, 2:5] = 1.0  # 42 voxels, 6 of them shared
    second[1, 2:4, 6:12] = 1.0  # 12 voxels, all of them shared
    found = compare_results(write_result(tmp_path / "a", first), write_result(tmp_path / "b", second))
    assert [(p.number_a, p.number_b) for p in found.components] == [(1, 2), (None, 1)]


def test_another_geometry_is_said_and_not_compared(tmp_path: Path) -> None:
    shifted = dataclasses.replace(GEOMETRY, origin=(-12.0, -10.0, 3.5))
    one = write_result(tmp_path / "a", base_score())
    two = write_result(tmp_path / "b", base_score(), geometry=shifted, levels=3.0)
    found = compare_results(one, two)
    assert not found.same_geometry
    assert not found.same_slices
    assert (found.dice, found.correlation, found.largest_difference, found.components) == (None, None, None, [])
    text = format_comparison(found)
    assert "different geometry" in text
    assert "different slices" in text


def test_empty_masks_and_constant_heatmaps_have_no_figures(tmp_path: Path) -> None:
    flat = np.full(SHAPE, 0.1, np.float32)
    one, two = write_result(tmp_path / "a", flat), write_result(tmp_path / "b", base_score() * np.float32(0.1))
    found = compare_results(one, two)
    assert (found.dice, found.correlation) == (None, None)
    text = format_comparison(found)
    assert "both masks are empty" in text
    assert "correlation undefined" in text


def test_what_cannot_be_compared(tmp_path: Path) -> None:
    one = write_result(tmp_path / "a", base_score())
    with pytest.raises(EvidenceError, match="is not a folder"):
        compare_results(one, tmp_path / "none")
    for name in ("heatmap.nrrd", "segmentation.seg.nrrd", "findings.json"):
        two = write_result(tmp_path / f"without {name}", base_score())
        (two / name).unlink()
        with pytest.raises(EvidenceError, match="does not exist") as caught:
            compare_results(one, two)
        assert name in str(caught.value)
    mixed = write_result(tmp_path / "mixed", base_score())
    write_heatmap(mixed / "heatmap.nrrd", np.zeros(SHAPE, np.float32), GEOMETRY)
    with pytest.raises(EvidenceError, match="do not belong to one result"):
        compare_results(mixed, one)
    other = write_result(tmp_path / "other", base_score())
    moved = dataclasses.replace(GEOMETRY, spacing=(1.0, 1.0, 2.0))
    write_segmentation(other / "segmentation.seg.nrrd", base_score() >= 1, moved)
    with pytest.raises(EvidenceError, match="do not belong to one result"):
        compare_results(one, other)
