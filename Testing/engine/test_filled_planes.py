"""Filling many small slices by one call gives what filling each by itself gives."""

from __future__ import annotations

import numpy as np
import pytest
import SimpleITK as sitk

from anofpdm.volumes import filled_planes
from anofpdm.volumes.filled_planes import filled_in_plane


@pytest.mark.parametrize("together", [1, 40, 1 << 17])
@pytest.mark.parametrize("shape", [(1, 1, 1), (7, 5, 9), (6, 12, 4), (3, 1, 8), (0, 4, 4)])
def test_as_slice_by_slice(shape: tuple[int, ...], together: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(filled_planes, "MOST_PIXELS", together)
    rng, changed = np.random.default_rng(3), False
    for density in (0.3, 0.5, 0.6, 0.7, 0.8, 0.95):
        mask = rng.random(shape) < density
        expected = np.zeros_like(mask)
        for index, one in enumerate(mask):
            expected[index] = sitk.GetArrayFromImage(sitk.BinaryFillhole(sitk.GetImageFromArray(one.astype(np.uint8))))
        np.testing.assert_array_equal(filled_in_plane(mask), expected)
        changed |= bool((expected & ~mask).any())
    assert changed == (min(shape) > 2), "some had holes"
