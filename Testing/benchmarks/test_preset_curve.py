"""The curve behind the presets: what its command makes of the steps asked for, of slices and of M_t."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from preset_curve import KeptRuns, early_end, points_of, steps_of

from anofpdm.evaluation.method_output import Cost
from anofpdm.store.model_search import find_model


def test_points_are_the_presets_with_other_steps() -> None:
    asked = steps_of("5,8m,600")
    assert asked == [(5, False), (8, True), (600, False)]
    points = points_of(find_model("brain-flair"), asked, "float32")
    assert [(p.steps, p.mirrored, p.precision) for p in points] == [(*entry, "float32") for entry in asked]
    assert (points[2].first, points[2].last) == (1, 600), "the paper's own range"
    assert points[0].last == points[1].last < 600


def test_an_early_end_is_judged_by_the_curves_of_divergence() -> None:
    """One slice rises to its end, one falls after two of four steps, one falls and rises again."""
    curves = np.array([[1, 2, 3, 4], [1, 4, 3, 2], [2, 1, 1, 3]], dtype=np.float32)[:, :, None]
    evidence: Any = SimpleNamespace(divergence=lambda w: w * curves)
    found = early_end(evidence, 2.0)
    assert found["mean_end_step"] == pytest.approx((4 + 2 + 4) / 3)
    assert found["steps_saved"] == pytest.approx(1 - (4 + 3 + 2) / 12)
    assert found["other_end_step"] == pytest.approx(1 / 3)


def test_few_slices_are_answered_from_many() -> None:
    calls: list[list[int]] = []

    class Evidence:
        def __init__(self, rows: np.ndarray) -> None:
            self.rows = rows

        def subset(self, chosen: np.ndarray) -> Evidence:
            return Evidence(self.rows[chosen])

    class Runs:
        config, weights_sha256 = None, ""

        def evidence(self, slices: Any, point: Any, what: str) -> tuple[Evidence, Cost]:
            calls.append(slices.row.tolist())
            return Evidence(slices.row), Cost(1.0, 3)

    class Slices:
        def __init__(self, *rows: int) -> None:
            self.row = np.array(rows)

        def __len__(self) -> int:
            return len(self.row)

    runs = KeptRuns(Runs())  # type: ignore[arg-type]
    point: Any = "a point"
    _, cost = runs.evidence(Slices(2, 5, 8, 11), point, "")  # type: ignore[arg-type]
    again, same = runs.evidence(Slices(5, 11), point, "")  # type: ignore[arg-type]
    assert again.rows.tolist() == [5, 11] and same == cost and cost.seconds != 1.0  # type: ignore[union-attr]
    runs.evidence(Slices(5, 12), point, "")  # type: ignore[arg-type]
    assert calls == [[2, 5, 8, 11], [5, 12]]
