"""What becomes of findings of known extent: every kind, and what must hold for all."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import SimpleITK as sitk
from exact_masks import GRID, Ball, changes, kinds, labels
from hypothesis import given, settings
from hypothesis import strategies as st

from anofpdm.followup.changes import COVERAGE, MIRRORED, ImageParts, MeasuredFinding, classify
from anofpdm.followup.images import INTERPOLATED, SLAB, matching_blur, persistence
from anofpdm.followup.matching import Group, match_findings
from anofpdm.followup.measuring import measure, step_mm
from anofpdm.synthetic.rendered_volume import rotation
from anofpdm.volumes.geometry import VolumeGeometry

HERE, THERE, ELSEWHERE = (-14.0, -12.0, -8.0), (13.0, 10.0, 9.0), (-12.0, 14.0, 10.0)


def ball(center: tuple[float, float, float], volume_ml: float) -> np.ndarray:
    return Ball(center, volume_ml).on(GRID)


@pytest.mark.parametrize(("before", "after", "kind"), [(0.5, 1.2, "grown"), (1.2, 0.5, "shrunk"), (2, 4, "grown")])
def test_a_finding_of_another_size_has_grown_or_shrunk(before: float, after: float, kind: str) -> None:
    (found,) = changes(labels(ball(HERE, before)), labels(ball(HERE, after)))
    assert (found.kind, found.trend) == (kind, kind)
    assert found.change_ml == pytest.approx(after - before, rel=0.1)
    assert found.change_percent == pytest.approx(100 * (after - before) / before, rel=0.1)


def test_new_and_gone_are_what_has_no_partner() -> None:
    found = changes(labels(ball(HERE, 0.5), ball(THERE, 2)), labels(ball(THERE, 2), ball(ELSEWHERE, 0.6)))
    assert kinds(found) == ["gone", "new", "unchanged"]
    (new,) = (change for change in found if change.kind == "new")
    assert new.group == Group((), (2,)) and new.baseline_ml == 0 and new.change_percent is None and new.trend is None


def test_two_that_run_into_one_are_merged_and_back_split() -> None:
    left, right = ball((-8.0, 0.0, 0.0), 0.8), ball((8.0, 0.0, 0.0), 0.8)
    both = ball((0.0, 0.0, 0.0), 7)
    (merged,) = changes(labels(left, right), labels(both))
    (split,) = changes(labels(both), labels(left, right))
    assert (merged.kind, merged.trend, merged.group) == ("merged", "grown", Group((1, 2), (1,)))
    assert (split.kind, split.trend, split.group) == ("split", "shrunk", Group((1,), (1, 2)))


def test_what_appears_beside_a_finding_that_stayed_is_new() -> None:
    stayed, beside = ball((0.0, 0.0, 0.0), 1), ball((15.5, 0.0, 0.0), 1)
    touching = [np.roll(beside, -3, axis=2)]
    for near in (beside, *touching):
        assert not (near & stayed).any()
        assert kinds(changes(labels(stayed), labels(stayed, near))) == ["new", "unchanged"]


def test_a_small_finding_that_was_moved_off_itself_is_still_the_same() -> None:
    small = np.zeros(GRID.array_shape, dtype=bool)
    small[20, 20, 20] = True
    assert kinds(changes(labels(small), labels(np.roll(small, 2, axis=2)))) == ["unchanged"]
    assert kinds(changes(labels(small), labels(np.roll(small, 3, axis=2)))) == ["uncertain", "uncertain"]


def test_nothing_at_either_date() -> None:
    assert changes(labels(), labels()) == []


def test_a_finding_without_a_voxel_on_the_common_grid_keeps_its_group() -> None:
    groups = match_findings(labels(), labels(ball(HERE, 1)), np.eye(3), 2.0, numbers=([], [1, 2]))
    assert groups == [Group((), (1,)), Group((), (2,))]


FINDING = MeasuredFinding(1, volume_ml=1.0, uncertainty_ml=0.05)
ALONE = [Group((), (1,))]


def test_what_the_other_date_nearly_marks_or_did_not_examine_is_uncertain() -> None:
    def alone(**known: float) -> tuple[str, str]:
        (found,) = classify(ALONE, {}, {1: dataclasses.replace(FINDING, **known)})
        return found.kind, found.reason

    assert alone() == alone(other_score=0.49) == alone(examined_share=0.75) == ("new", "")
    assert alone(other_score=0.5) == ("uncertain", "borderline")
    assert alone(examined_share=0.74) == ("uncertain", "not examined")
    (found,) = classify([Group((1,), (1,))], {1: FINDING}, {1: dataclasses.replace(FINDING, examined_share=0.0)})
    assert (found.kind, found.reason, found.trend) == ("uncertain", "not examined", None)


def test_what_is_no_larger_than_its_tolerance_is_not_called_new() -> None:
    small = dataclasses.replace(FINDING, volume_ml=COVERAGE * FINDING.uncertainty_ml)
    (found,) = classify(ALONE, {}, {1: small})
    assert (found.kind, found.reason) == ("uncertain", "small")


class Shown:
    """What the images show, the same of every group, and which groups they were asked of."""

    def __init__(self, left: float, basis: float = 1.0) -> None:
        self._left, self._basis = left, basis
        self.asked: list[Group] = []

    def persistence(self, group: Group) -> float:
        self.asked.append(group)
        return self._left

    def basis(self, group: Group) -> float:
        assert group in self.asked
        return self._basis

    def parts(self, group: Group) -> ImageParts:
        return ImageParts([], [], False)


PAIR = [Group((1,), (1,))]


def test_what_the_images_show_at_both_dates_is_no_change() -> None:
    larger = dataclasses.replace(FINDING, volume_ml=3.0)
    shown = Shown(0.9)
    assert [found.reason for found in classify(ALONE, {}, {1: FINDING}, shown)] == ["image unchanged"]
    assert [found.kind for found in classify(PAIR, {1: FINDING}, {1: larger}, shown)] == ["uncertain"]
    assert [found.kind for found in classify(PAIR, {1: FINDING}, {1: FINDING}, shown)] == ["unchanged"]
    assert shown.asked == [*ALONE, *PAIR], "what the maps do not show is not asked after"


@pytest.mark.parametrize(
    ("volume", "left", "basis", "kinds"),
    [
        (0.09, 0.1, 0.1, ["new", "gone"]),
        (0.11, 0.1, 0.1, ["grown", "shrunk"]),  # larger than its tolerance
        (0.09, 0.1, 0.4, ["grown", "shrunk"]),  # small, but its image shows it
        (0.09, 0.4, 0.1, ["grown", "shrunk"]),  # what has come stood out before, in part
    ],
)
def test_what_grew_out_of_nothing_is_new(volume: float, left: float, basis: float, kinds: list[str]) -> None:
    speck = MeasuredFinding(1, volume_ml=volume, uncertainty_ml=0.1 / COVERAGE)
    (there,) = classify(PAIR, {1: speck}, {1: FINDING}, Shown(left, basis))
    (back,) = classify(PAIR, {1: FINDING}, {1: speck}, Shown(left, basis))
    assert [there.kind, back.kind] == kinds
    if kinds == ["new", "gone"]:
        assert there.baseline_ml == back.later_ml == volume and there.trend is there.change_percent is None


def test_parts_that_may_be_chance_do_not_split() -> None:
    speck = MeasuredFinding(2, volume_ml=0.05, uncertainty_ml=0.1)
    parts = {1: FINDING, 2: speck}
    (found,) = classify([Group((1,), (1, 2))], {1: FINDING}, parts)
    assert found.kind == "unchanged"
    (found,) = classify([Group((1,), (1, 2))], {1: FINDING}, {**parts, 2: dataclasses.replace(FINDING, number=2)})
    assert found.kind == "split"


def test_cortex_beside_fluid_is_no_lesion_that_persists() -> None:
    """Where a lesion of the cortex was is plain cortex, which stands out from the fluid around it."""
    lesion, head = ball(HERE, 1.5), ball((0.0, 0.0, 0.0), 60)
    columns = np.broadcast_to(np.arange(GRID.array_shape[2]), GRID.array_shape)
    middle = int(np.argwhere(lesion)[:, 2].mean())
    fluid = (np.abs(columns - middle) > 4) & ~lesion
    plain = np.where(fluid, 20.0, 100.0).astype(np.float32)
    shown = plain + 60 * lesion.astype(np.float32)
    assert persistence(lesion, lesion, head, shown, plain, GRID.spacing) < 0.1
    assert persistence(lesion, lesion, head, shown, shown, GRID.spacing) == pytest.approx(1)


def test_another_slice_thickness_is_no_change() -> None:
    """A small lesion on thin slices, and on thick ones that lie across them: it fades, and is still the same."""
    generator = np.random.default_rng(3)
    lesion, head = ball(HERE, 0.5), ball((0.0, 0.0, 0.0), 60)
    thin = (100 + 60 * lesion + generator.normal(0, 2, GRID.array_shape)).astype(np.float32)
    thick = (7.0, 1.0, 1.0)
    volume = sitk.DiscreteGaussian(sitk.GetImageFromArray(thin), [step**2 * (SLAB + INTERPOLATED) for step in thick])
    other = dataclasses.replace(GRID, spacing=thick)
    first, second = matching_blur(GRID, other, GRID)
    np.testing.assert_allclose(first, np.square(thick) * (SLAB + INTERPOLATED))
    np.testing.assert_allclose(second, np.ones(3) * SLAB)
    faded = sitk.GetArrayFromImage(volume)
    assert persistence(lesion, lesion, head, thin, faded, GRID.spacing) < 0.8
    assert persistence(lesion, lesion, head, thin, faded, GRID.spacing, (first, second)) == pytest.approx(1, abs=0.1)


def test_a_lesion_that_only_one_image_shows_does_not_persist() -> None:
    generator = np.random.default_rng(3)
    lesion, head = ball(HERE, 1.5), ball((0.0, 0.0, 0.0), 60)
    plain = (100 + generator.normal(0, 4, GRID.array_shape)).astype(np.float32)
    shown = plain + 60 * lesion.astype(np.float32)
    nothing = np.zeros(GRID.array_shape, dtype=bool)
    assert abs(persistence(lesion, lesion, head, shown, plain, GRID.spacing)) < 0.1
    assert persistence(lesion, lesion, head, shown, 2 * shown, GRID.spacing) == pytest.approx(1, abs=0.05)
    assert persistence(lesion, lesion, head, plain, plain, GRID.spacing) == 1, "nothing to see"
    assert persistence(nothing, lesion, head, shown, plain, GRID.spacing) == 1


BALLS = st.lists(
    st.tuples(st.tuples(*[st.integers(-20, 20)] * 3), st.floats(0.05, 6)), max_size=4
)  # fmt: skip


def drawn(balls: list[tuple[tuple[int, int, int], float]]) -> np.ndarray:
    return labels(*(ball(center, volume) for center, volume in balls))  # type: ignore[arg-type]


@settings(max_examples=6)
@given(BALLS, BALLS)
def test_the_dates_swapped_mirror_every_kind(before: list, after: list) -> None:
    first, second = drawn(before), drawn(after)
    there = {change.group: change for change in changes(first, second)}
    back = {Group(change.group.later, change.group.baseline): change for change in changes(second, first)}
    assert there.keys() == back.keys()
    for group, change in there.items():
        other = back[group]
        assert other.kind == MIRRORED[change.kind]
        assert other.trend == (None if change.trend is None else MIRRORED[change.trend])
        assert other.change_ml == pytest.approx(-change.change_ml) and other.tolerance_ml == change.tolerance_ml


@settings(max_examples=6)
@given(BALLS)
def test_a_date_beside_itself_is_unchanged(balls: list) -> None:
    found = drawn(balls)
    assert set(kinds(changes(found, found))) <= {"unchanged"}
    assert len(changes(found, found)) == len(np.unique(found[found > 0]))


@settings(max_examples=6)
@given(BALLS, BALLS, st.randoms(use_true_random=False))
def test_the_order_of_the_numbers_does_not_matter(before: list, after: list, random: object) -> None:
    first, second = drawn(before), drawn(after)
    order = [0, *(n + 1 for n in range(len(after)))]
    shuffled = order[1:]
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    renamed = np.array([0, *shuffled], dtype=np.int32)[second] if shuffled else second

    def told(found: list) -> list[tuple[str, float, float]]:
        return sorted((change.kind, round(change.baseline_ml, 6), round(change.later_ml, 6)) for change in found)

    assert told(changes(first, second)) == told(changes(first, renamed))


def tilted(angles: tuple[float, float, float], shift: tuple[float, float, float]) -> VolumeGeometry:
    """Clinical slices, lying anyhow."""
    direction = rotation(*angles)
    spacing = np.array([1.9, 1.9, 5.0])
    size = (28, 28, 12)
    origin = np.asarray(shift) - direction @ (spacing * (np.asarray(size) - 1) / 2)
    return VolumeGeometry(size, tuple(spacing), tuple(origin), tuple(direction.ravel()))  # type: ignore[arg-type]


POSE = st.tuples(st.tuples(*[st.floats(-10, 10)] * 3), st.tuples(*[st.floats(-2.5, 2.5)] * 3))


@settings(max_examples=25)
@given(st.floats(0.2, 20), POSE, POSE)
def test_the_tolerance_holds_what_another_pose_makes_of_a_volume(volume: float, first: tuple, second: tuple) -> None:
    """The same ball, sampled on voxels of clinical size that lie otherwise."""
    found = []
    for angles, shift in (first, second):
        geometry = tilted(angles, shift)
        mask = Ball((0.0, 0.0, 0.0), volume).on(geometry).astype(np.int32)
        found.append(measure(mask, geometry, step_mm(geometry, geometry)))
    if all(found):
        (change,) = classify([Group((1,), (1,))], *found)
        assert change.kind == "unchanged" and change.tolerance_ml < 1.1 * COVERAGE * volume


@settings(max_examples=6)
@given(st.floats(1, 6), POSE, POSE)
def test_a_ball_three_times_as_large_has_grown_in_any_pose(volume: float, first: tuple, second: tuple) -> None:
    found = []
    for factor, (angles, shift) in ((1, first), (3, second)):
        geometry = tilted(angles, shift)
        mask = Ball((0.0, 0.0, 0.0), factor * volume).on(geometry).astype(np.int32)
        found.append(measure(mask, geometry, step_mm(geometry, geometry)))
    (change,) = classify([Group((1,), (1,))], *found)
    assert change.kind == "grown"
