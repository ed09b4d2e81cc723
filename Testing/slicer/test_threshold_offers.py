"""What a result offers of its threshold, also where it was chosen as the panel would not."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from evidence_makers import SETTINGS, axial_geometry, make_case
from made_results import LARGE

from anofpdm.methods.registry import find_method
from anofpdm.results.detection import build_detection
from anofpdm.thresholds.settings import Threshold


def offered(text: str) -> Any:
    """Of a made-up result with this threshold."""
    case = replace(make_case(axial_geometry(), [LARGE]), settings=replace(SETTINGS, threshold=Threshold.parse(text)))
    answer = build_detection(case).answer
    return find_method(case.method).offers(case, answer, case.settings)["threshold"]


@pytest.mark.parametrize("text", ["value=0.5", "quantile=0.98", "own=4.5"])
def test_the_kind_in_use_can_be_named_and_chosen_again(text: str) -> None:
    offer = offered(text)
    kind = text.partition("=")[0]
    assert offer.kind == kind and kind in offer.kinds
    assert kind in offer.starts, "it takes a number"


def test_a_number_of_another_kind_does_not_stretch_the_slider() -> None:
    assert offered("own=4.5").scales["value"].high < 1 < offered("value=4.5").scales["value"].high
