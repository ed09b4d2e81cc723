"""Where a change lies: in words, and as a point of either image."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import SimpleITK as sitk

from ..results.components import Component, Point, find_components
from ..results.detection import midline_ras_r_mm
from ..results.place import place_in_words
from .changes import Change
from .follow_up import FollowUp

_SIGNS = np.array([-1.0, -1.0, 1.0])


@dataclass(frozen=True)
class Location:
    """Of the largest finding or part, at the later date if it is there. `place`: see `place_in_words`; both centers
    (right, anterior, superior) in mm, in the baseline and in the later image."""

    place: str | None
    center_ras_mm: Point
    center_later_ras_mm: Point


def locate(number: int, change: Change, found: FollowUp) -> Location:
    """Where change `number`, from 1, lies."""
    back = found.transform.GetInverse()
    if change.seen_by == "images":
        part = _outlined(number, found)
        case = found.baseline.case
        place, here = place_in_words(part, case.head, case.grid), part.centroid_ras_mm
        return Location(place, here, _taken(found.transform, here))
    if change.group.later:
        later = found.later.components[change.group.later[0] - 1]
        there = later.centroid_ras_mm
        return Location(_place(found.later.findings, later), _taken(back, there), there)
    before = found.baseline.components[change.group.baseline[0] - 1]
    here = before.centroid_ras_mm
    return Location(_place(found.baseline.findings, before), here, _taken(found.transform, here))


def _outlined(number: int, found: FollowUp) -> Component:
    """The largest part of what the images outline, on the baseline's voxels."""
    case = found.baseline.case
    midline = midline_ras_r_mm(case) if case.side_known else None
    later = found.later_places == number
    mask = later if later.any() else found.baseline_places == number
    return find_components(mask.astype(np.float32), case.geometry, case.grid, midline)[0]


def _place(findings: dict[str, object], component: Component) -> str | None:
    listed: Sequence[dict[str, object]] = findings["components"]  # type: ignore[assignment]
    return str(listed[component.number - 1]["place"] or "") or None


def _taken(transform: sitk.Transform, ras: Point) -> Point:
    r, a, s = (np.asarray(transform.TransformPoint((np.asarray(ras) * _SIGNS).tolist())) * _SIGNS + 0.0).tolist()
    return r, a, s
