"""What became of findings that belong together: new, grown, unchanged, shrunk, gone, merged, split, or not to be told.

Each kind is decided by numbers alone, the same from the later date back: swapping the dates swaps new and gone, grown
and shrunk, merged and split.

- *new*, *gone*: a finding at one date that has no partner at the other, larger than its tolerance, where the other date
  was examined, its map stays below `SEEN_SCORE` on average, and the images show that something changed. So is one whose
  partners are no larger than their own tolerance and do not stand out in their own image.
- *merged*, *split*: more, or fewer, findings at the baseline than later, and some at either date; those that are no
  larger than their own tolerance do not count; and the images show that something changed.
- *grown*, *shrunk*: as many at both dates (as a rule one), and their common volume differs by more than its tolerance,
  and the images show that something changed where one date alone marks something.
- *unchanged*: it differs by no more.
- *uncertain*: the other date did not examine the place (not examined); there is no partner, but the finding is no
  larger than its tolerance (small), or the other date's map nearly reaches the border there (borderline); or the maps
  show a change, but what stands out in one image stands out in the other as well (image unchanged: see `images`).

Where the images' change map (`change_regions`) shows a change that the maps do not tell, or do not tell apart from what
merged or split, the kind is that of what the images outline at either date (`image_outlines`), by the same rules, and
`Change.seen_by` says so: also where no date marks anything.

The trend, grown, unchanged or shrunk by the same rule, is told of merged and split findings, too.

The tolerance is what a border that may lie anywhere within a voxel makes of a volume: see `border_uncertainty_ml`. A
rigid motion leaves volumes as they are, so that each is measured on its own date's voxels, and what the registration
leaves plays no part in it.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from .images import PERSISTING_ALONE, PERSISTING_BORDER
from .matching import Group

Kind = Literal["new", "grown", "unchanged", "shrunk", "gone", "merged", "split", "uncertain"]
KINDS: tuple[Kind, ...] = ("new", "grown", "unchanged", "shrunk", "gone", "merged", "split", "uncertain")
Trend = Literal["grown", "unchanged", "shrunk"]
_TOLD: frozenset[Kind] = frozenset(("new", "gone", "grown", "shrunk", "merged", "split"))
MIRRORED: dict[Kind, Kind] = {
    "new": "gone", "gone": "new", "grown": "shrunk", "shrunk": "grown", "merged": "split", "split": "merged",
    "unchanged": "unchanged", "uncertain": "uncertain",
}  # fmt: skip
"""What each is with the dates swapped."""
SEEN_SCORE = 0.5
"""A map that reaches this on average, where 1 is the border of a finding, may have missed it by little."""
EXAMINED_SHARE = 0.75
"""Of a finding's volume that the other date must have examined."""
COVERAGE = 1.96
"""Standard deviations of the difference of two volumes that make the tolerance: 95 % of what chance alone makes."""
UNIFORM = 12.0
"""A place anywhere within a length has this length squared, divided by so much, for its variance."""
Reason = Literal["", "not examined", "small", "borderline", "image unchanged"]
SeenBy = Literal["method", "images"]
"""What tells a change and its volumes: what the method marks, or the comparison of the images."""
LEAST_ALONE_ML = 0.3
"""At one date: less of what no date marks, or of what came or went, the images do not tell."""


class ShownImages(Protocol):
    """What the two images show of a group (`images.persistence`)."""

    def persistence(self, group: Group) -> float:
        """Of what one date alone marks: how much of it stands out at the other date."""

    def basis(self, group: Group) -> float:
        """Of what the date marks that marks less: how much of it stands out at that date, measured by the other."""

    def parts(self, group: Group) -> ImageParts:
        """What the images outline of it."""


@dataclass(frozen=True)
class MeasuredFinding:
    """A finding on its own date's voxels, and what the other date says of its place."""

    number: int
    volume_ml: float
    uncertainty_ml: float
    """Standard deviation of the volume (`border_uncertainty_ml`)."""
    examined_share: float = 1.0
    """Of the volume, what the other date examined."""
    other_score: float = 0.0
    """The other date's map inside the finding, mean; 1 is the border of its findings."""

    @property
    def stands(self) -> bool:
        """Whether it is larger than its tolerance: else it may come and go with the border's place."""
        return self.volume_ml > COVERAGE * self.uncertainty_ml


@dataclass(frozen=True)
class ImageParts:
    """The parts of a lesion in the images at the baseline and later, and whether what they differ by has `changed`."""

    baseline: Sequence[MeasuredFinding]
    later: Sequence[MeasuredFinding]
    changed: bool


@dataclass(frozen=True)
class Change:
    """What became of a group. Volumes in mL, of each date as a whole; `tolerance_ml` of their difference."""

    group: Group
    kind: Kind
    trend: Trend | None
    """None where there is nothing to compare with."""
    reason: Reason
    """Why it is uncertain; empty otherwise."""
    baseline_ml: float
    later_ml: float
    tolerance_ml: float
    other_score: float
    """The other date's map inside the findings, the highest of their means; 1 is the border of a finding."""
    seen_by: SeenBy = "method"

    @property
    def change_ml(self) -> float:
        """Later minus baseline."""
        return self.later_ml - self.baseline_ml

    @property
    def change_percent(self) -> float | None:
        """Of the baseline's volume; None of what is new, and where the baseline has none."""
        return 100 * self.change_ml / self.baseline_ml if self.baseline_ml > 0 and self.kind != "new" else None


def classify(
    groups: Sequence[Group],
    baseline: Mapping[int, MeasuredFinding],
    later: Mapping[int, MeasuredFinding],
    shown: ShownImages | None = None,
) -> list[Change]:
    """One change a group, in their order; none of groups of which no date marks anything and the images tell no change.

    `baseline`, `later`: the findings by number. `shown` is asked of what the images show; without it the maps are
    believed.
    """
    found = []
    for group in groups:
        before, after = [baseline[n] for n in group.baseline], [later[n] for n in group.later]
        change = _by_maps(group, before, after, shown) if before or after else None
        if shown is not None and (change is None or change.reason != "not examined"):
            change = _by_images(group, change, shown)
        if change is not None:
            found.append(change)
    return found


def _by_maps(
    group: Group, before: Sequence[MeasuredFinding], after: Sequence[MeasuredFinding], shown: ShownImages | None
) -> Change:
    volumes, tolerance = _volumes(before, after)
    trend = _trend(volumes[1] - volumes[0], tolerance) if before and after else None
    kind, reason = _kind(before, after, trend, tolerance)
    if shown is not None and (kind in ("new", "gone") or (not reason and trend in ("grown", "shrunk"))):
        left = shown.persistence(group)
        if trend is not None and left < PERSISTING_ALONE and _without_basis(group, before, after, shown):
            kind, trend = "new" if trend == "grown" else "gone", None
        if left >= (PERSISTING_ALONE if trend is None else PERSISTING_BORDER) and not (
            group.changed and kind in ("merged", "split")
        ):
            kind, reason = "uncertain", "image unchanged"
    if shown is not None and not group.changed and trend is not None and not reason:
        # Only the maps tell how many parts there are.
        kind = trend
    other = max(each.other_score for each in (*before, *after))
    return Change(group, kind, None if reason else trend, reason, volumes[0], volumes[1], tolerance, other)


def _by_images(group: Group, by_maps: Change | None, shown: ShownImages) -> Change | None:
    """What the maps tell, unless the images tell what these do not: see above."""
    in_question = by_maps is not None and by_maps.reason == "image unchanged" and group.baseline and group.later
    if not group.changed and not in_question:
        return by_maps
    parts = shown.parts(group)
    volumes, tolerance = _volumes(parts.baseline, parts.later)
    trend = _trend(volumes[1] - volumes[0], tolerance)
    first, second = (sum(each.stands for each in date) for date in (parts.baseline, parts.later))
    kind: Kind = trend
    if first and second and first != second:
        kind = "merged" if first > second else "split"
    elif bool(first) != bool(second):
        kind = "new" if second else "gone"
        if trend != ("grown" if second else "shrunk") or max(volumes) < LEAST_ALONE_ML:
            return by_maps
    seen = Change(
        group, kind, None if kind in ("new", "gone") else trend, "", volumes[0], volumes[1], tolerance,
        0.0 if by_maps is None else by_maps.other_score, "images",
    )  # fmt: skip
    if in_question and first and second and trend == "unchanged":
        return dataclasses.replace(seen, kind=trend)
    if not (first or second) or trend == "unchanged" == kind or not parts.changed:
        return by_maps
    if by_maps is None:
        return None if trend == "unchanged" or max(volumes) < LEAST_ALONE_ML else seen
    if by_maps.kind in _TOLD and not (kind in ("merged", "split") and by_maps.kind in ("grown", "shrunk")):
        return by_maps
    return seen


def _volumes(before: Sequence[MeasuredFinding], after: Sequence[MeasuredFinding]) -> tuple[tuple[float, float], float]:
    """Of either date as a whole, and the tolerance of their difference; all in mL."""
    # Borders of one group's findings lie apart, so that their errors do not add up but in squares.
    tolerance = COVERAGE * math.sqrt(math.fsum(each.uncertainty_ml**2 for each in (*before, *after)))
    first, second = (math.fsum(each.volume_ml for each in found) for found in (before, after))
    return (first, second), tolerance


def _without_basis(
    group: Group, before: Sequence[MeasuredFinding], after: Sequence[MeasuredFinding], shown: ShownImages
) -> bool:
    """Whether what the date marks that marks less is nothing: too small to stand, and not to be seen in its image."""
    standing = [any(each.stands for each in found) for found in (before, after)]
    return standing[0] != standing[1] and shown.basis(group) < PERSISTING_ALONE


def _kind(
    before: Sequence[MeasuredFinding], after: Sequence[MeasuredFinding], trend: Trend | None, tolerance_ml: float
) -> tuple[Kind, Reason]:
    """By the maps alone."""
    found = [*before, *after]
    whole = math.fsum(each.volume_ml for each in found)
    examined = math.fsum(each.volume_ml * each.examined_share for each in found)
    if examined < EXAMINED_SHARE * whole:
        return "uncertain", "not examined"
    if trend is None and whole <= tolerance_ml:
        return "uncertain", "small"
    if trend is None:
        seen = any(each.other_score >= SEEN_SCORE for each in found)
        return ("uncertain", "borderline") if seen else ("new" if after else "gone", "")
    first, second = (max(1, sum(each.stands for each in date)) for date in (before, after))
    if first != second:
        return ("merged" if first > second else "split"), ""
    return trend, ""


def _trend(difference_ml: float, tolerance_ml: float) -> Trend:
    if abs(difference_ml) <= tolerance_ml:
        return "unchanged"
    return "grown" if difference_ml > 0 else "shrunk"


def border_uncertainty_ml(mask: NDArray[np.bool_], spacing_mm: Sequence[float], step_mm: Sequence[float]) -> float:
    """Standard deviation of a finding's volume, whose border may lie anywhere within a step.

    The two opposite sides along an axis are each displaced as a whole, by anything up to half a step either way: the
    end slices of a lesion are taken or left, and partial volume moves a side together. Sides and axes are independent.

    Args:
        mask: [k, j, i]; the finding.
        spacing_mm: of the voxels along i, j and k.
        step_mm: how far along i, j and k the places lie apart at which the map is known: the voxels' spacing, or that
            of the method's own slices and pixels where these are coarser.
    """
    variance = 0.0
    for axis in range(3):
        first, second = (float(s) for n, s in enumerate(spacing_mm) if n != axis)
        padded = np.pad(mask, [(1, 1) if 2 - axis == n else (0, 0) for n in range(3)])
        faces = int(np.count_nonzero(np.diff(padded.astype(np.int8), axis=2 - axis)))
        side_mm2 = faces / 2 * first * second
        variance += 2 * side_mm2**2 * float(step_mm[axis]) ** 2 / UNIFORM
    return math.sqrt(variance) / 1000
