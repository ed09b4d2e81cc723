"""In which order findings are read, and what their places are called where they have no words of their own."""

from __future__ import annotations

from typing import Any

import pytest

from anofpdm.app.findings_tables import place_of_component, review_order


def findings(*pairs: tuple[float | None, float]) -> list[dict[str, Any]]:
    """Confidence and volume of each."""
    return [{"confidence": confidence, "volume_ml": volume} for confidence, volume in pairs]


@pytest.mark.parametrize(
    ("pairs", "order"),
    [
        ([], []),
        ([(None, 1.0), (None, 3.0), (None, 2.0)], [1, 2, 0]),
        ([(0.2, 9.0), (0.97, 1.0), (0.5, 4.0)], [1, 2, 0]),
        ([(0.5, 1.0), (None, 9.0), (0.5, 2.0), (0.0, 1.0)], [2, 0, 3, 1]),
    ],
)
def test_the_most_confident_first(pairs: list[tuple[float | None, float]], order: list[int]) -> None:
    assert review_order(findings(*pairs)) == order


@pytest.mark.parametrize(
    ("place", "side", "words"),
    [
        ("left, upper third", "left", "left, upper third"),
        (None, "left", "left, S +21 mm"),
        (None, None, "S +21 mm"),
    ],
)
def test_a_place_is_always_named(place: str | None, side: str | None, words: str) -> None:
    assert place_of_component({"place": place, "side": side}, 20.6) == words
