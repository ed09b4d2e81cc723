"""Which way up a head lies is told by the brain alone, also where a method takes more for brain."""

from __future__ import annotations

import numpy as np

from anofpdm.core.arrays import BoolArray
from anofpdm.gate.orientation import largest_piece, upright_measures
from anofpdm.gate.seen_volume import SeenVolume

SLICES, SIZE, PIXEL_MM, SLICE_MM = 32, 64, 3.75, 5.0


def ball(top: float) -> BoolArray:
    """A brain of 70 mm radius, whose highest point lies at slice `top`."""
    k, j, i = np.indices((SLICES, SIZE, SIZE))
    r_mm = np.sqrt(((k - top + 14) * SLICE_MM) ** 2 + ((j - 32) * PIXEL_MM) ** 2 + ((i - 32) * PIXEL_MM) ** 2)
    return np.asarray(r_mm < 70)


def seen(tissue: BoolArray) -> SeenVolume:
    values = np.where(tissue, 1.0, 0.0).astype(np.float32)
    return SeenVolume(values, tissue, tissue, PIXEL_MM, SLICE_MM, (3.75, 3.75, 5.0), False)


def test_neck_that_touches_the_brain_is_no_part_of_it() -> None:
    brain = ball(top=30)
    neck = np.zeros_like(brain)
    neck[:2, 18:46, 18:46] = True
    neck[2, 30:33, 30:33] = True
    assert not np.any(brain & neck)
    kept = largest_piece(seen(brain | neck))
    assert (kept & neck).sum() < 0.03 * neck.sum()
    assert kept.sum() > 0.97 * brain.sum()
    with_neck, without = (upright_measures(seen(tissue)) for tissue in (brain | neck, brain))
    for name in ("area_end", "width_end", "area_outer"):
        assert abs(with_neck[name] - without[name]) < 0.05, name


def test_a_brain_that_the_volume_cuts_is_kept_to_the_cut() -> None:
    brain = ball(top=38)
    assert brain[-1].any()
    kept = largest_piece(seen(brain))
    assert kept[-1].sum() > 0.95 * brain[-1].sum()


def test_where_nothing_is_thick_enough_all_is_kept() -> None:
    thin = np.zeros((SLICES, SIZE, SIZE), dtype=bool)
    thin[:, 30:32, 30:32] = True
    assert np.array_equal(largest_piece(seen(thin)), thin)
