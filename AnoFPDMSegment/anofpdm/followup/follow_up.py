"""Two detections of one patient compared: registration, both dates' findings on the baseline's voxels, what changed."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import SimpleITK as sitk

from ..core.errors import InputError
from ..core.progress import CancelToken, StageCallback
from ..results.detection import Detection
from .change_regions import RESIDUAL_MM, change_limit, change_regions
from .changes import Change, classify
from .likeness import check_same_head, likeness
from .matching import Labels, join_regions, match_findings
from .measuring import measure, step_mm
from .placing import head_image, labels_of, labels_on, other_date
from .registered_images import registered_images
from .registration import register
from .shown import Shown

FEWEST_SLICES = 5
"""A thinner stack has too little to be registered by."""

Aligner = Callable[[Detection, Detection, CancelToken], sitk.Euler3DTransform]


@dataclass(frozen=True)
class FollowUp:
    """What changed between two dates; everything on the baseline's voxels and in its space.

    `transform` takes points of the baseline (LPS mm) to those of the later image; `likeness` tells how far the images
    agree (`likeness.likeness`); `reach_mm`: see `matching`. `baseline_labels`, `later_labels`: both dates' findings by
    number, [k, j, i]. `baseline_places`, `later_places`: where each change lies at either date, by its place among the
    changes, from 1: its findings, or what the images outline of it.
    """

    baseline: Detection
    later: Detection
    transform: sitk.Euler3DTransform
    likeness: float
    reach_mm: float
    changes: tuple[Change, ...]
    baseline_labels: Labels
    later_labels: Labels
    baseline_places: Labels
    later_places: Labels


def aligned(baseline: Detection, later: Detection, cancel: CancelToken) -> sitk.Euler3DTransform:
    """The registration of the two dates' pictures. Raises InputError or Cancelled."""
    for name, detection in (("baseline", baseline), ("later image", later)):
        if len(detection.case.examined) < FEWEST_SLICES:
            raise InputError(
                f"The {name} has {len(detection.case.examined)} slices, and {FEWEST_SLICES} are needed to lay one date "
                "over the other; give volumes of more slices."
            )
    return register(head_image(baseline.case), head_image(later.case), cancel)


def follow_up(
    baseline: Detection,
    later: Detection,
    *,
    on_stage: StageCallback | None = None,
    cancel: CancelToken | None = None,
    align: Aligner = aligned,
) -> FollowUp:
    """Compare two detections of one patient, of any method.

    Raises InputError if the gate withholds what was found at a date, if the images cannot be laid over each other or do
    not show the same head, or Cancelled.
    """
    cancel = cancel or CancelToken()
    for name, detection in (("baseline", baseline), ("later image", later)):
        if detection.case.withheld:
            raise InputError(
                f"The gate is red for the {name}, whose findings are withheld; detect with forced=True to compare them "
                "all the same."
            )
    if on_stage is not None:
        on_stage("registering")
    transform = align(baseline, later, cancel)
    alike = likeness(head_image(baseline.case), head_image(later.case), transform)
    check_same_head(alike)
    cancel.raise_if_cancelled()
    back = sitk.Euler3DTransform(transform.GetInverse())
    grid = baseline.case.geometry
    before, after = labels_of(baseline), labels_of(later)
    later_labels = labels_on(later, after, transform, grid)
    # Half a voxel either way is what resampling moves a border by.
    reach = RESIDUAL_MM + math.sqrt(sum(step**2 for step in grid.spacing)) / 2
    groups = match_findings(
        before,
        later_labels,
        grid.direction_matrix * np.asarray(grid.spacing),
        reach,
        numbers=(range(1, int(before.max()) + 1), range(1, int(after.max()) + 1)),
    )
    measured = []
    for own, other, labels, there in ((baseline, later, before, transform), (later, baseline, after, back)):
        cancel.raise_if_cancelled()
        score, examined = other_date(other.case, other.answer, there, own.case.geometry)
        steps = step_mm(own.case.geometry, own.case.grid)
        measured.append(measure(labels, own.case.geometry, steps, other_score=score, examined=examined))
    if on_stage is not None:
        on_stage("comparing")
    images = registered_images(baseline, later, transform)
    cancel.raise_if_cancelled()
    limit = change_limit(images)
    cancel.raise_if_cancelled()
    regions = change_regions(images, limit)
    cancel.raise_if_cancelled()
    findings = before, later_labels
    shown = Shown(images, limit, findings, regions, grid)
    changes = classify(join_regions(groups, findings, regions), measured[0], measured[1], shown)
    places = _places(changes, findings, shown)
    return FollowUp(baseline, later, transform, alike, reach, tuple(changes), *findings, *places)


def _places(changes: Sequence[Change], findings: tuple[Labels, Labels], shown: Shown) -> tuple[Labels, Labels]:
    """Where each change lies at the baseline and later, by its place among the changes, from 1: [k, j, i].

    What the images tell is drawn over what the method marks, so that none of it is hidden.
    """
    places = tuple(np.zeros_like(each) for each in findings)
    numbered = list(enumerate(changes, start=1))
    for number, change in numbered:
        if change.seen_by == "method":
            for place, labels, own in zip(places, findings, (change.group.baseline, change.group.later), strict=True):
                place[np.isin(labels, own)] = number
    for number, change in numbered:
        if change.seen_by == "images":
            found = shown.outlines(change.group)
            for place, parts in zip(places, found.parts, strict=True):
                place[found.box][parts > 0] = number
    return places[0], places[1]
