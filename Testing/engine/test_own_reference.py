"""A volume's own map as the reference of its threshold."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from anofpdm.core.errors import SettingsError
from anofpdm.thresholds.own_reference import own_threshold
from anofpdm.thresholds.settings import Threshold

INSIDE = np.zeros((3, 8, 8), dtype=bool)
INSIDE[:, 2:7, 1:7] = True


def drawn(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).gamma(2.0, size=INSIDE.shape)


@given(seed=st.integers(0, 999), gain=st.floats(1e-3, 1e3), offset=st.floats(-100, 100), spreads=st.floats(0.1, 20))
def test_a_linear_change_changes_nothing_that_is_marked(seed: int, gain: float, offset: float, spreads: float) -> None:
    values = drawn(seed)
    before, after = own_threshold(values, INSIDE, spreads), own_threshold(gain * values + offset, INSIDE, spreads)
    assert after == pytest.approx(gain * before + offset, rel=1e-6, abs=1e-6 * gain)


def test_it_is_a_normal_distributions_deviations() -> None:
    values = np.random.default_rng(0).normal(5, 2, (20, 64, 64))
    assert own_threshold(values, np.ones(values.shape, dtype=bool), 3) == pytest.approx(11, abs=0.1)


def test_a_lesion_hardly_moves_it_and_the_outside_not_at_all() -> None:
    values = np.random.default_rng(0).normal(5, 2, (20, 64, 64))
    inside = np.ones(values.shape, dtype=bool)
    inside[:, :8] = False
    before = own_threshold(values, inside, 3)
    values[:, :8] = 1000
    assert own_threshold(values, inside, 3) == before
    values[:, 20:25, 20:40] += 500  # 2.8 % of what is inside
    assert own_threshold(values, inside, 3) == pytest.approx(before, rel=0.05)


@pytest.mark.parametrize("values", [np.zeros(INSIDE.shape), np.full(INSIDE.shape, 7.0)])
def test_nothing_is_marked_where_nothing_varies(values: np.ndarray) -> None:
    assert own_threshold(values, INSIDE, 3) == float("inf")
    assert own_threshold(drawn(0), np.zeros_like(INSIDE), 3) == float("inf")


@pytest.mark.parametrize("text", ["own", "own=", "own=0", "own=-1", "own=nan", "own=inf", "own=x"])
def test_its_number_is_checked(text: str) -> None:
    with pytest.raises(SettingsError):
        Threshold.parse(text)
    assert str(Threshold.parse("own=4.5")) == "own=4.5"
