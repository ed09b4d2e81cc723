"""What the images show beside what a method marks: the map of change, outlines at both dates, their names."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import SimpleITK as sitk
from exact_masks import GRID, Ball

from anofpdm import build_detection
from anofpdm.followup.change_regions import brightest_near, change_limit, change_regions
from anofpdm.followup.changes import LEAST_ALONE_ML, Change, ImageParts, MeasuredFinding, classify
from anofpdm.followup.document import follow_up_document, format_follow_up, table_text
from anofpdm.followup.follow_up import _places, follow_up
from anofpdm.followup.image_outlines import outlines
from anofpdm.followup.locating import locate
from anofpdm.followup.matching import Group, Labels, join_regions, match_findings
from anofpdm.followup.measuring import measure
from anofpdm.followup.picture import follow_up_png
from anofpdm.followup.placing import picture_grid
from anofpdm.followup.registered_images import RegisteredImages
from anofpdm.followup.shown import Shown as ShownInImages
from anofpdm.results.case_storage import load_evidence
from anofpdm.volumes.geometry import VolumeGeometry
from anofpdm.volumes.resampling import stack_to_volume
from anofpdm.volumes.stack_grid import StackGrid

HEAD = Ball((0.0, 0.0, 0.0), 55).on(GRID)
THICK = VolumeGeometry((60, 56, 12), (1.0, 1.0, 5.0), (-30.0, -28.0, -27.5), (1.0, 0, 0, 0, 1.0, 0, 0, 0, 1.0))
"""Slices of 5 mm."""
HERE, THERE = (-8.0, 0.0, 0.0), (8.0, 0.0, 0.0)


def ball(center: tuple[float, float, float], volume_ml: float) -> np.ndarray:
    return Ball(center, volume_ml).on(GRID)


def images(before: np.ndarray, after: np.ndarray, grid: VolumeGeometry = GRID) -> RegisteredImages:
    """Two dates of one head, in units of tissue, with little noise."""
    generator = np.random.default_rng(3)
    first, second = ((each + generator.normal(0, 0.01, each.shape)).astype(np.float32) for each in (before, after))
    head = Ball((0.0, 0.0, 0.0), 55).on(grid)
    level = np.ones(head.shape, dtype=np.float32)
    blur, pictures = ((0.0, 0.0, 0.0),) * 2, (100 * first, 100 * second)
    return RegisteredImages(pictures, blur, (first, second), level, head, head, head, grid.spacing, grid.spacing)


def regions(before: np.ndarray, after: np.ndarray, grid: VolumeGeometry = GRID) -> list[int]:
    """How many faded and how many brightened."""
    shown = images(before, after, grid)
    return [int(each.max()) for each in change_regions(shown, change_limit(shown))]


def compared(
    before: np.ndarray, after: np.ndarray, marks: tuple[Labels, Labels]
) -> tuple[list[Change], tuple[Labels, Labels]]:
    """What became of what is marked in these images, and where each change lies."""
    shown = images(before, after)
    limit = change_limit(shown)
    found = change_regions(shown, limit)
    numbers = [range(1, int(each.max()) + 1) for each in marks]
    groups = match_findings(*marks, np.diag(GRID.spacing), 2.9, numbers=(numbers[0], numbers[1]))
    own = ShownInImages(shown, limit, marks, found, GRID)
    told = classify(join_regions(groups, marks, found), *(measure(each, GRID) for each in marks), own)
    return told, _places(told, marks, own)


def test_what_comes_and_goes_is_a_region_and_what_moves_a_little_is_none() -> None:
    plain = np.where(HEAD, 1.0, 0.0)
    lesion = plain + 0.6 * ball(HERE, 1.5)
    assert regions(plain, lesion) == [0, 1] and regions(lesion, plain) == [1, 0]
    assert regions(lesion, lesion) == regions(lesion, np.roll(lesion, 2, axis=2)) == [0, 0]
    assert regions(lesion, np.roll(lesion, 2, axis=0)) == [0, 0]
    assert regions(plain, plain + 0.6 * ball(HERE, 0.1)) == [0, 0], "too small for the images alone"
    assert regions(plain - 0.6 * ball(HERE, 1.5), plain) == [0, 0], "fluid that becomes tissue is no lesion"
    assert regions(lesion, plain + 0.4 * ball(HERE, 1.5)) == [0, 0], "most of it is still there"


def test_what_all_around_it_changed_too_is_no_region() -> None:
    """Scalp that fades as a whole, of which only the middle lies deep enough to be looked at."""
    plain, scalp, middle = np.where(HEAD, 1.0, 0.0), ball(HERE, 40.0), ball(HERE, 3.0)
    shown = images(plain + 0.6 * scalp, plain + 0.3 * scalp)
    shown = replace(shown, inside=middle, level=np.where(scalp, 1.2, 1.0).astype(np.float32))
    assert [int(each.max()) for each in change_regions(shown, change_limit(shown))] == [0, 0]
    alone = replace(shown, alike=(shown.alike[0], (plain + 0.6 * scalp - 0.3 * middle).astype(np.float32)))
    assert [int(each.max()) for each in change_regions(alone, change_limit(alone))] == [1, 0]


def test_a_fraction_of_a_step_is_interpolated() -> None:
    point = np.zeros((5, 5, 5), dtype=np.float32)
    point[2, 2, 2] = 1
    near = brightest_near(point, (0.0, 1.0, 2.0), (2.0, 2.0, 4.0))
    assert near[2, 2, 2] == 1 and near[2, 1, 2] == near[1, 2, 2] == 0.5 and near[2, 2, 1] == near[0, 2, 2] == 0


@pytest.mark.parametrize("marked", ["later", "neither"])
def test_a_lesion_is_outlined_at_both_dates_by_one_threshold(marked: str) -> None:
    small, large = ball(HERE, 1.0), ball(HERE, 4.0)
    shown = images(1 + 0.6 * small, 1 + 0.6 * large)
    limit = change_limit(shown)
    (_, brightened) = change_regions(shown, limit)
    place = large if marked == "later" else brightened > 0
    found = outlines(shown, limit, place, np.zeros_like(place))
    volumes = [float((each > 0).sum()) / 1000 for each in found.parts]
    assert volumes == pytest.approx([1.0, 4.0], rel=0.1)


def test_two_that_ran_into_one_are_two_before_though_no_date_marks_them() -> None:
    two, gap = ball(HERE, 0.8) | ball(THERE, 0.8), ball((0.0, 0.0, 0.0), 0.8)
    shown = images(1 + 0.6 * two, 1 + 0.6 * (two | gap))
    limit = change_limit(shown)
    place = change_regions(shown, limit)[1] > 0
    found = outlines(shown, limit, place, np.zeros_like(place))
    assert [int(each.max()) for each in found.parts] == [2, 1]


def test_slices_of_five_millimeters() -> None:
    plain, wide = np.where(Ball((0.0, 0.0, 0.0), 55).on(THICK), 1.0, 0.0), Ball(HERE, 4.0).on(THICK)
    lesion = plain + 0.6 * wide
    assert regions(plain, lesion, THICK) == [0, 1]
    alone = wide & (np.arange(len(wide)) == 5)[:, None, None]
    assert regions(plain, plain + 0.6 * alone, THICK) == [0, 0], "a single slice"
    assert regions(lesion, np.roll(lesion, 2, axis=1), THICK) == [0, 0]
    shown = images(plain, lesion, THICK)
    found = outlines(shown, change_limit(shown), wide, np.zeros_like(wide))
    assert (found.parts[1] > 0).sum() == pytest.approx(wide.sum(), abs=3) and not found.parts[0].any()


def test_an_outline_does_not_run_into_the_rim() -> None:
    rim = HEAD & ~ball((0.0, 0.0, 0.0), 30)
    lesion = ball((-15.0, 0.0, 0.0), 1.0) & ~rim
    shown = replace(images(1 + 0.6 * rim, 1 + 0.6 * (lesion | rim)), inside=ball((0.0, 0.0, 0.0), 36))
    found = outlines(shown, change_limit(shown), lesion, np.zeros_like(lesion))
    assert (found.parts[1] > 0).sum() == pytest.approx(lesion.sum(), rel=0.05)


def test_no_voxel_is_told_twice() -> None:
    """Two that came in one band that is bright at both dates, into which both outlines go on."""
    k, j, i = np.indices(GRID.array_shape)
    band = (abs(k - 26) <= 2) & (abs(j - 28) <= 2) & (abs(i - 30) <= 18)
    two = ball((-7.5, 0.0, 0.0), 0.9) | ball((7.5, 0.0, 0.0), 0.9)
    nothing = np.zeros(GRID.array_shape, dtype=np.int32)
    told, places = compared(1 + 0.4 * band, np.maximum(1 + 0.4 * band, 1 + 0.6 * two), (nothing, nothing))
    assert [change.seen_by for change in told] == ["images", "images"]
    for number, change in enumerate(told, start=1):
        drawn = [float((place == number).sum()) / 1000 for place in places]
        assert drawn == pytest.approx([change.baseline_ml, change.later_ml])


def test_what_the_images_tell_is_not_hidden_by_what_is_marked() -> None:
    """A later finding without contrast laps over an unchanged bright lesion, of which another finding is a part."""
    lesion, (k, j, i) = ball(HERE, 2.0), np.indices(GRID.array_shape)
    end = int(i[lesion].max())
    pale = (abs(k - 26) <= 6) & (abs(j - 28) <= 5) & HEAD & (i <= end + 14)
    pale &= i >= end - 2 + (abs(j - 28) > 4) + (abs(k - 26) > 4)
    first, second = np.zeros((2, *GRID.array_shape), dtype=np.int32)
    first[pale & (i > end + 6) & (i < end + 11) & (abs(k - 26) <= 4) & (abs(j - 28) <= 4)] = 2
    first[lesion] = 1
    second[pale] = 2
    second[ball((-9.5, 0.0, 0.0), 0.7) & ~pale] = 1
    told, places = compared(1 + 0.6 * lesion, 1 + 0.6 * lesion, (first, second))
    assert {change.group.later for change in told} == {(1,), (2,)} and "images" in {change.seen_by for change in told}
    for number, change in enumerate(told, start=1):
        assert change.seen_by == "method" or all((place == number).any() for place in places)


def test_what_the_images_tell_is_found_in_both_images() -> None:
    spot = ball((-8.0, 4.0, 6.0), 1.0)
    moved = sitk.Euler3DTransform()
    moved.SetTranslation((2.0, -3.0, 5.0))
    nothing = np.zeros(GRID.array_shape, dtype=np.int32)
    grid = StackGrid(GRID.size, GRID.spacing, GRID.origin, GRID.direction)
    case = SimpleNamespace(geometry=GRID, grid=grid, head=HEAD, side_known=False)
    date, later = SimpleNamespace(case=case), spot.astype(np.int32)
    found = SimpleNamespace(baseline=date, baseline_places=nothing, later_places=later, transform=moved)
    location = locate(1, Change(ALONE, "new", None, "", 0.0, 1.0, 0.2, 0.0, "images"), found)  # type: ignore[arg-type]
    assert location.center_ras_mm == pytest.approx((8.0, -4.0, 6.0), abs=0.3)
    assert location.center_later_ras_mm == pytest.approx((6.0, -1.0, 11.0), abs=0.3)


def test_a_region_joins_what_it_touches() -> None:
    first, second = np.zeros((2, 6, 6, 6), dtype=np.int32)
    first[2, 2, 0], first[2, 2, 4], first[5, 5, 5] = 1, 2, 3
    faded, brightened = np.zeros((2, 6, 6, 6), dtype=np.int32)
    brightened[2, 2, 1:4] = 1
    faded[0, 5, 0] = 1
    groups = [Group((n,), ()) for n in (1, 2, 3)]
    joined = join_regions(groups, (first, second), (faded, brightened))
    assert joined == [Group((1, 2), (), (), (1,)), Group((3,), ()), Group((), (), (1,), ())]
    assert [group.changed for group in joined] == [True, False, True]


SMALL, LARGE = (MeasuredFinding(1, volume_ml=volume, uncertainty_ml=0.05) for volume in (1.0, 3.0))
CHANGED, SAME, ALONE = Group((1,), (1,), (), (1,)), Group((1,), (1,)), Group((), (), (), (1,))


class Shown:
    """The images show these parts of every group, and that what a method marks did not change."""

    def __init__(self, before: list[MeasuredFinding], after: list[MeasuredFinding], *, changed: bool = True) -> None:
        self._parts = ImageParts(before, after, changed)

    def persistence(self, group: Group) -> float:
        return 1.0

    def basis(self, group: Group) -> float:
        return 1.0

    def parts(self, group: Group) -> ImageParts:
        return self._parts


def told(group: Group, shown: Shown, before: MeasuredFinding = SMALL, after: MeasuredFinding = SMALL) -> list[Change]:
    return classify([group], {1: before} if group.baseline else {}, {1: after} if group.later else {}, shown)


@pytest.mark.parametrize(
    ("before", "after", "kind", "trend"),
    [
        ([], [LARGE], "new", None),
        ([LARGE], [], "gone", None),
        ([SMALL], [LARGE], "grown", "grown"),
        ([LARGE], [SMALL], "shrunk", "shrunk"),
        ([SMALL, SMALL], [LARGE], "merged", "grown"),
        ([LARGE], [SMALL, SMALL], "split", "shrunk"),
    ],
)
def test_the_images_tell_what_no_date_marks(before: list, after: list, kind: str, trend: str | None) -> None:
    (found,) = told(ALONE, Shown(before, after))
    assert (found.kind, found.trend, found.seen_by) == (kind, trend, "images")
    (found,) = told(CHANGED, Shown(before, after))
    assert (found.kind, found.trend, found.seen_by) == (kind, trend, "images"), "nor what the maps call unchanged"


def test_kind_trend_and_tolerance_agree_whatever_the_images_show() -> None:
    rng = np.random.default_rng(2)

    def some(most: int) -> list[MeasuredFinding]:
        volumes = np.exp(rng.uniform(np.log(0.02), np.log(8), rng.integers(0, most)))
        return [
            MeasuredFinding(n, volume_ml=float(v), uncertainty_ml=float(v * rng.uniform(0.1, 0.9)))
            for n, v in enumerate(volumes, 1)
        ]

    seen = set()
    for _ in range(4000):
        group = (ALONE, CHANGED, SAME)[rng.integers(3)]
        marks = [
            MeasuredFinding(1, volume_ml=float(rng.uniform(0.05, 4)), uncertainty_ml=float(rng.uniform(0.01, 1)))
            for _ in range(2)
        ]
        for change in told(group, Shown(some(4), some(4), changed=bool(rng.random() < 0.7)), *marks):
            if change.seen_by == "method":
                continue
            seen.add(change.kind)
            beyond = abs(change.change_ml) > change.tolerance_ml
            if change.kind in ("new", "gone"):
                assert beyond and (change.change_ml > 0) == (change.kind == "new") and change.trend is None
                assert max(change.baseline_ml, change.later_ml) >= LEAST_ALONE_ML
            else:
                assert beyond == (change.trend != "unchanged")
    assert seen == {"new", "gone", "grown", "shrunk", "merged", "split", "unchanged"}


def test_what_the_images_alone_show_must_be_large_enough() -> None:
    speck = replace(SMALL, volume_ml=0.2)
    assert told(ALONE, Shown([], [speck])) == told(ALONE, Shown([SMALL], [SMALL])) == told(ALONE, Shown([], [])) == []


def test_the_images_decide_where_the_maps_differ_and_both_dates_mark_something() -> None:
    def grown(shown: Shown) -> tuple[str, str]:
        (found,) = told(SAME, shown, SMALL, LARGE)
        return found.kind, found.seen_by

    assert grown(Shown([SMALL], [SMALL], changed=False)) == ("unchanged", "images")
    assert grown(Shown([SMALL], [LARGE], changed=False)) == ("uncertain", "method")
    assert grown(Shown([SMALL], [LARGE])) == ("grown", "images")


def test_a_follow_up_tells_a_lesion_that_the_method_marks_at_neither_date(finished: Path) -> None:
    """The same examination twice, with a bright spot painted into the later picture alone."""
    case = load_evidence(finished / "evidence.npz")
    grid = picture_grid(case)
    k, j, i = np.indices(grid.array_shape)
    points = grid.to_physical(np.stack([i, j, k], axis=-1))
    spot = np.linalg.norm(points - points[stack_to_volume(case.interior, case.grid, grid) >= 0.5].mean(axis=0), axis=-1)
    painted = np.where(spot < 15, 230, case.display).astype(np.uint8)
    found = follow_up(
        build_detection(case),
        build_detection(replace(case, display=painted)),
        align=lambda *_: sitk.Euler3DTransform(),
    )
    document = follow_up_document(found)
    (new,) = (change for change in document["changes"] if change["kind"] == "new")
    assert (new["seen_by"], new["baseline_findings"], new["later_findings"]) == ("images", [], [])
    assert new["later_ml"] == pytest.approx(14.1, rel=0.3) and new["place"]
    assert {change["kind"] for change in document["changes"]} <= {"new", "unchanged"}
    assert "By the images, not by the method: 1 (0.00 and" in document["summary"]
    assert "new, by the images" in format_follow_up(document) and ",images," in table_text(document)
    assert follow_up_png(found, document).startswith(b"\x89PNG")
