"""Masks that nobody drew."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from anofpdm.methods.student.pseudo_masks import Trust, border_at_half, targets_of, trust_of
from anofpdm.methods.student.real_volumes import HEALTHY, UNHEALTHY, UNKNOWN, RealVolume

SHAPE = (6, 32, 32)


def _volume(labels) -> RealVolume:
    slices = np.ones((len(labels), *SHAPE[1:]), np.float16)
    return RealVolume("s", "source", Path("s.nii.gz"), slices, np.array(labels, np.int8), 5.0, None)  # type: ignore[arg-type]


def _map(marked, value=0.9):
    """A map that shows a lesion in the slices `marked`."""
    found = np.zeros(SHAPE, np.float32)
    for index in marked:
        found[index, 8:16, 8:16] = value
    return found


LABELS = [HEALTHY, HEALTHY, UNHEALTHY, UNHEALTHY, HEALTHY, UNHEALTHY]


def test_a_witness_that_tells_the_labels_is_believed_and_one_that_guesses_is_not():
    trust = trust_of([_volume(LABELS)], {"sees": [_map([2, 3, 5])], "guesses": [_map([0, 2, 4])]})
    assert trust.auroc["sees"] == 1
    assert trust.weight["sees"] == 1
    assert trust.weight["guesses"] < 0.02
    assert trust.healthy_means_it


def test_where_nobody_tells_the_labels_healthy_does_not_mean_it():
    trust = trust_of([_volume(LABELS)], {"blind": [_map([])]})
    assert not trust.healthy_means_it
    target = targets_of(_volume(LABELS), {"blind": _map([0])}, trust)
    assert target.mask[0].any()


def test_labels_of_one_kind_settle_nothing():
    trust = trust_of([_volume([UNHEALTHY] * 6)], {"a": [_map([1])], "b": [_map([2])]})
    assert trust.weight == {"a": 1.0, "b": 1.0}
    assert not trust.healthy_means_it


def test_targets_keep_to_the_labels():
    trust = Trust({"w": 1.0}, {"w": 1.0}, healthy_means_it=True)
    target = targets_of(
        _volume([HEALTHY, UNHEALTHY, UNHEALTHY, UNKNOWN, HEALTHY, HEALTHY]), {"w": _map([0, 1, 3])}, trust
    )
    assert not target.mask[0].any(), "a healthy slice has no lesion, whatever a witness says"
    assert (target.weight[0] == 255).all()
    assert (target.mask[1, 8:16, 8:16] == 255).all()
    assert target.weight[1, 10, 10] == 255
    assert not target.weight[2].any(), "an unhealthy slice without a finding teaches nothing"
    assert target.mask[3].any()


def test_something_faint_in_an_unhealthy_slice_is_taken_as_surely_as_the_witness_tells_slices_apart():
    trust = Trust({"w": 0.8}, {"w": 0.36}, healthy_means_it=False)
    target = targets_of(_volume([UNHEALTHY, UNKNOWN, UNHEALTHY] * 2), {"w": _map([0, 1], value=0.3)}, trust)
    assert (target.mask[0, 8:16, 8:16] == 255).all() and target.mask[0].sum() == 64 * 255
    assert target.weight[0, 10, 10] == int(0.36 * 255)
    assert target.weight[0, 0, 0] == 255, "elsewhere there is nothing"
    assert not target.mask[1].any(), "no label says that something is there"
    assert not target.weight[2].any(), "nothing at all is suspicious"


def test_what_is_unsure_counts_little():
    trust = Trust({"w": 1.0}, {"w": 1.0}, healthy_means_it=False)
    target = targets_of(_volume([UNHEALTHY] * 6), {"w": _map([1], value=0.55)}, trust)
    assert not target.weight[1, 8:16, 8:16].any()
    assert target.weight[1, 0, 0] == 255


def test_two_witnesses_are_weighed():
    trust = Trust({}, {"a": 3.0, "b": 1.0}, healthy_means_it=False)
    target = targets_of(_volume([UNKNOWN] * 6), {"a": _map([1]), "b": _map([2])}, trust)
    assert target.mask[1].any()
    assert not target.mask[2].any()


@pytest.mark.parametrize(("score", "expected"), [(0.0, 0.0), (1.0, 0.5), (2.0, 1.0), (7.0, 1.0)])
def test_a_heatmaps_border_becomes_one_half(score, expected):
    assert border_at_half(np.array([score]))[0] == expected
