"""Maps of one direction: what is brighter, or darker, than the healthy prediction, and nothing else."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np
import pytest
from tiny_model import POINT, tiny_calibration

from anofpdm.core.errors import ModelError
from anofpdm.core.records import record_from_dict, record_to_dict
from anofpdm.methods.anofpdm.calibration import calibration_for
from anofpdm.methods.anofpdm.evidence import BankEvidence, Evidence, QuadraticEvidence
from anofpdm.methods.anofpdm.operating_point import OperatingPoint

STEPS, W = 3, 4.0
SHAPE = (2, 1, 8, 8)


def quadratic() -> QuadraticEvidence:
    rng = np.random.default_rng(0)

    def maps() -> np.ndarray:
        return rng.normal(size=SHAPE).astype(np.float32)

    r, d = maps(), 0.3 * maps()
    curves = np.ones((2, STEPS, 1), dtype=np.float32)
    end = np.full((2, 1), STEPS - 1)
    point = OperatingPoint(steps=STEPS, last=300)
    return QuadraticEvidence(point, maps(), r * r, r * d, d * d, r, d, curves, curves, curves, end)


def bank() -> BankEvidence:
    rng = np.random.default_rng(1)
    point = OperatingPoint(steps=STEPS, last=300, clamp=True, guidance_bank=(1.0, W))
    curves = np.ones((2, 2, STEPS, 1), dtype=np.float32)
    return BankEvidence(
        point,
        rng.normal(size=SHAPE).astype(np.float32),
        rng.random((2, 2, *SHAPE[1:])).astype(np.float32),
        rng.normal(size=(2, 2, *SHAPE[1:])).astype(np.float32),
        curves,
        curves,
        curves[:, 0],
        np.full((2, 2, 1), STEPS - 1),
    )


@pytest.mark.parametrize("make", [quadratic, bank])
@pytest.mark.parametrize("maps", ["aam", "last_sam"])
def test_brighter_and_darker_share_the_map_between_them(make: Callable[[], Evidence], maps: str) -> None:
    both = make()

    def of(direction: str) -> np.ndarray:
        point = dataclasses.replace(both.point, direction=direction)
        return np.asarray(getattr(dataclasses.replace(both, point=point), maps)(W))

    whole = getattr(both, maps)(W)
    brighter = both.x0 > both.healthy_prediction(W)
    assert 0.2 < brighter.mean() < 0.8
    np.testing.assert_array_equal(of("brighter"), np.where(brighter, whole, 0))
    np.testing.assert_array_equal(of("darker"), np.where(brighter, 0, whole))
    np.testing.assert_array_equal(of("both"), whole)


def test_the_side_follows_the_guidance_strength() -> None:
    """Guidance carries the healthy prediction from above the slice to below it: the slice becomes the brighter one."""
    some = quadratic()
    r, d = np.full(SHAPE, 0.5, dtype=np.float32), np.full(SHAPE, -0.2, dtype=np.float32)
    point = dataclasses.replace(some.point, direction="brighter")
    evidence = dataclasses.replace(some, point=point, residual_end=r, difference_end=d, mean_dd=np.ones_like(r))
    assert not evidence.aam(1.0).any()
    assert (evidence.aam(2.0) != 0).all()


def test_another_direction_borrows_the_thresholds_and_says_so() -> None:
    calibration = tiny_calibration("x", point=dataclasses.replace(POINT, direction="brighter"))
    asked = dataclasses.replace(POINT, direction="both")
    found, warning = calibration_for([calibration], asked, "x")
    assert found is calibration and "borrowed" in warning and "brighter only" in warning
    assert calibration_for([calibration], calibration.operating_point, "x") == (calibration, "")


def test_an_unknown_direction_is_refused() -> None:
    record = {**record_to_dict(OperatingPoint()), "direction": "sideways"}
    with pytest.raises(ModelError, match="direction"):
        record_from_dict(OperatingPoint, record, "operating_point")
