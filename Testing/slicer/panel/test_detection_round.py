"""What is said of several volumes that are examined in turn."""

from __future__ import annotations

from typing import Any

import pytest


@pytest.fixture
def a_round(application: Any) -> Any:
    """The class; the panel's modules can be imported once the stand-ins of Slicer's are there."""
    from AnoFPDMSegmentLib.panel.detection_round import DetectionRound

    return DetectionRound


class Node:
    """A volume's name."""

    def __init__(self, name: str) -> None:
        self._name = name

    def GetName(self) -> str:  # noqa: N802 - VTK's name
        return self._name


def sets(*names: str) -> list[dict[str, Any]]:
    return [{"flair": Node(name)} for name in names]


def test_a_single_set_is_not_counted(a_round: Any) -> None:
    alone = a_round(sets("head"))
    assert alone.alone and alone.next() and alone.name == "" and not alone.next()


def test_each_outcome_is_told(a_round: Any) -> None:
    three = a_round(sets("a", "b", "c"), ["d is a T1."])
    while three.next():
        if three.name == "Volume 2 of 3, b":
            three.failed("It is empty.")
        else:
            three.succeeded()
    assert three.summary().splitlines() == [
        "Done: 2 of 3 volumes were examined. Choose a result to see it.",
        "d is a T1.",
        "Volume 2 of 3, b: It is empty.",
    ]


def test_one_set_beside_what_was_left_out_is_counted(a_round: Any) -> None:
    one = a_round(sets("a"), ["d is a T1."])
    assert not one.alone and one.next() and one.name == "Volume 1 of 1, a"


def test_cancelled_before_and_after_a_result(a_round: Any) -> None:
    two = a_round(sets("a", "b"))
    two.next()
    assert two.cancelled() == "Cancelled; the scene is as it was."
    two.succeeded()
    two.next()
    assert two.cancelled() == "Cancelled; 1 of 2 volumes were examined, their results stay."
