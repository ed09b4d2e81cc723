"""Intensities and neighbours as the network gets them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anofpdm.core.errors import InputError
from anofpdm.methods.student.slice_input import NEAREST_MM, neighbour_step, stack_inputs
from anofpdm.volumes.standardise import HIGHEST, standardise, tissue_level


def _stack(seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    stack = np.zeros((6, 16, 16), np.float32)
    stack[:, 4:12, 4:12] = rng.uniform(60, 140, (6, 8, 8))
    return stack


@given(gain=st.floats(1e-3, 1e4))
@settings(max_examples=30, deadline=None)
def test_the_scanners_units_do_not_matter(gain):
    stack = _stack()
    np.testing.assert_allclose(standardise(stack * np.float32(gain)), standardise(stack), rtol=1e-4)


def test_typical_tissue_is_one_and_the_rest_is_bounded():
    stack = _stack()
    stack[0, 5, 5] = 1e6
    standard = standardise(stack)
    assert np.median(standard[standard > 0.3]) == pytest.approx(1, abs=0.01)
    assert standard.max() == HIGHEST
    assert standard.min() == 0


def test_a_dark_image_is_refused():
    with pytest.raises(InputError, match="dark everywhere"):
        tissue_level(np.zeros((3, 4, 4), np.float32))


@given(spacing=st.floats(0.3, 12), count=st.integers(1, 9))
@settings(max_examples=60, deadline=None)
def test_neighbours_lie_at_the_distance_that_is_told(spacing, count):
    # Each slice holds its own height, so that differences are distances.
    volume = np.broadcast_to(np.arange(count, dtype=np.float32)[:, None, None] * np.float32(spacing), (count, 2, 2))
    inputs = stack_inputs(volume, spacing)
    step = neighbour_step(spacing)
    assert step * spacing >= NEAREST_MM / 2 or step == 1
    told = inputs[:, 3, 0, 0] * 8.0
    np.testing.assert_allclose(told, step * spacing, rtol=1e-5)
    for index in range(count):
        below, above = inputs[index, 1, 0, 0], inputs[index, 2, 0, 0]
        assert below == pytest.approx((max(index - step, 0) - index) * spacing, rel=1e-4, abs=1e-5)
        assert above == pytest.approx((min(index + step, count - 1) - index) * spacing, rel=1e-4, abs=1e-5)


def test_slices_that_are_no_neighbours_are_told_nothing_of_each_other():
    inputs = stack_inputs(_stack(), 0.0)
    assert not inputs[:, 1:].any()
