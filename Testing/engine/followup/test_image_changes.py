"""What the images show beside what a method marks: the map of change, outlines at both dates, their names."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from exact_masks import GRID, Ball

from anofpdm import build_detection
from anofpdm.followup.change_regions import brightest_near, change_limit, change_regions
from anofpdm.followup.changes import Change, ImageParts, MeasuredFinding, classify
from anofpdm.followup.document import follow_up_document, format_follow_up, table_text
from anofpdm.followup.follow_up import follow_up
from anofpdm.followup.image_outlines import outlines
from anofpdm.followup.matching import Group, join_regions
from anofpdm.followup.picture import follow_up_png
from anofpdm.followup.placing import picture_grid
from anofpdm.followup.registered_images import RegisteredImages
from anofpdm.results.case_storage import load_evidence
from anofpdm.volumes.resampling import stack_to_volume

HEAD = Ball((0.0, 0.0, 0.0), 55).on(GRID)
HERE, THERE = (-8.0, 0.0, 0.0), (8.0, 0.0, 0.0)


def ball(center: tuple[float, float, float], volume_ml: float) -> np.ndarray:
    return Ball(center, volume_ml).on(GRID)


def images(before: np.ndarray, after: np.ndarray) -> RegisteredImages:
    """Two dates of one head, in units of tissue, with little noise."""
    generator = np.random.default_rng(3)
    first, second = ((each + generator.normal(0, 0.01, each.shape)).astype(np.float32) for each in (before, after))
    level = np.ones(HEAD.shape, dtype=np.float32)
    blur = ((0.0, 0.0, 0.0),) * 2
    return RegisteredImages((first, second), blur, (first, second), level, HEAD, HEAD, HEAD, GRID.spacing, GRID.spacing)


def regions(before: np.ndarray, after: np.ndarray) -> list[int]:
    """How many faded and how many brightened."""
    shown = images(before, after)
    return [int(each.max()) for each in change_regions(shown, change_limit(shown))]


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
    assert "By the images, not by the method: 1." in document["summary"]
    assert "new, by the images" in format_follow_up(document) and ",images," in table_text(document)
    assert follow_up_png(found, document).startswith(b"\x89PNG")
