"""What findings add to the measurements of a component: its place in words, and the mean probability inside it."""

from __future__ import annotations

import numpy as np
import pytest

from anofpdm.results.component_means import means_in_components
from anofpdm.results.components import find_components, label_components
from anofpdm.results.place import place_in_words
from anofpdm.volumes.geometry import VolumeGeometry
from anofpdm.volumes.resampling import stack_to_volume
from anofpdm.volumes.stack_grid import StackGrid

AXIAL = (1.0, 0, 0, 0, 1.0, 0, 0, 0, 1.0)
GRID = StackGrid((20, 20, 12), (10.0, 10.0, 10.0), (-95.0, -95.0, -55.0), AXIAL)
VOLUME = VolumeGeometry((50, 40, 30), (4.0, 5.0, 4.0), (-98.0, -97.0, -58.0), AXIAL)


def score_with(*boxes: tuple[slice, slice, slice]) -> np.ndarray:
    score = np.zeros(VOLUME.array_shape, np.float32)
    for box in boxes:
        score[box] = 1.5
    return score


def test_the_mean_is_that_of_the_probability_file() -> None:
    score = score_with(
        (slice(3, 9), slice(5, 20), slice(4, 17)), (slice(15, 25), slice(22, 30), slice(20, 44)), np.s_[28:29, 2:3, 2:3]
    )
    stack = np.random.default_rng(0).uniform(0, 1, GRID.array_shape).astype(np.float32)
    volume, labels = stack_to_volume(stack, GRID, VOLUME), label_components(score)
    expected = [volume[labels == number].mean() for number in (1, 2, 3)]
    assert means_in_components(stack, GRID, score, VOLUME) == pytest.approx(expected, abs=1e-5)
    assert means_in_components(stack, GRID, score_with(), VOLUME) == []


@pytest.mark.parametrize(
    ("k", "i", "midline", "head", "words"),
    [
        (slice(2, 5), slice(2, 8), 0.0, slice(0, 12), "right, lower third"),
        (slice(14, 16), slice(40, 45), 0.0, slice(0, 12), "left, middle third"),
        (slice(26, 29), slice(20, 30), 0.0, slice(0, 12), "midline, upper third"),
        (slice(26, 29), slice(20, 30), None, slice(0, 12), "upper third"),
        # As far as the image shows the head: from its own lowest slice on.
        (slice(14, 16), slice(40, 45), 0.0, slice(5, 12), "left, lower third"),
        (slice(14, 16), slice(40, 45), 0.0, slice(4, 8), "left"),
        (slice(14, 16), slice(40, 45), None, slice(4, 8), None),
        # Beyond the head, where the frame counts.
        (slice(0, 2), slice(40, 45), 0.0, slice(4, 12), "left, lower third"),
    ],
)
def test_the_place_in_words(k: slice, i: slice, midline: float | None, head: slice, words: str | None) -> None:
    inside = np.zeros(GRID.array_shape, dtype=bool)
    inside[head, 4:16, 4:16] = True
    (found,) = find_components(score_with((k, slice(10, 20), i)), VOLUME, GRID, midline)
    assert place_in_words(found, inside, GRID) == words
