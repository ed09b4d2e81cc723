"""Two detections of one patient compared: registration, both dates' findings on the baseline's voxels, what changed."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import SimpleITK as sitk

from ..core.arrays import BoolArray
from ..core.errors import InputError
from ..core.progress import CancelToken, StageCallback
from ..results.detection import Detection
from ..volumes.resampling import stack_to_volume
from .changes import Change, classify
from .images import matching_blur, persistence
from .likeness import check_same_head, likeness
from .matching import Group, Labels, match_findings
from .measuring import measure, step_mm
from .placing import head_image, labels_of, labels_on, moved, other_date, picture_grid
from .registration import register

RESIDUAL_MM = 2.0
"""What a registration of two scans of one head is off by, as a rule (Resources/benchmarks/follow-up.md)."""
FEWEST_SLICES = 5
"""A thinner stack has too little to be registered by."""

Aligner = Callable[[Detection, Detection, CancelToken], sitk.Euler3DTransform]


@dataclass(frozen=True)
class FollowUp:
    """What changed between two dates; everything on the baseline's voxels and in its space.

    `transform` takes points of the baseline (LPS mm) to those of the later image; `likeness` tells how far the images
    agree (`likeness.likeness`); `reach_mm`: see `matching`. `baseline_labels`, `later_labels`: both dates' findings by
    number, [k, j, i].
    """

    baseline: Detection
    later: Detection
    transform: sitk.Euler3DTransform
    likeness: float
    reach_mm: float
    changes: tuple[Change, ...]
    baseline_labels: Labels
    later_labels: Labels


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
    shown = _Shown(baseline, later, transform, before, later_labels)
    changes = classify(groups, measured[0], measured[1], shown)
    return FollowUp(baseline, later, transform, alike, reach, tuple(changes), before, later_labels)


class _Shown:
    """What the two images show on the baseline's voxels."""

    def __init__(
        self, baseline: Detection, later: Detection, transform: sitk.Euler3DTransform, before: Labels, after: Labels
    ) -> None:
        grid = baseline.case.geometry
        self._spacing_mm = grid.spacing
        self._labels = before, after
        self._findings = (before > 0) | (after > 0)
        identity = sitk.Euler3DTransform()
        places, self._images, heads = [], [], []
        for case, there in ((baseline.case, identity), (later.case, transform)):
            places.append(moved(picture_grid(case), there))
            self._images.append(stack_to_volume(case.display, places[-1], grid))
            heads.append(stack_to_volume(case.head, moved(case.grid, there), grid) >= 0.5)
        self._head = heads[0] & heads[1]
        self._blur = matching_blur(places[0], places[1], grid)

    def persistence(self, group: Group) -> float:
        """See `changes.ShownImages`."""
        marked, date = self._marked(group)
        return self._left(marked[date] & ~marked[1 - date], date)

    def basis(self, group: Group) -> float:
        """See `changes.ShownImages`."""
        marked, date = self._marked(group)
        return self._left(marked[1 - date], date)

    def _marked(self, group: Group) -> tuple[list[BoolArray], int]:
        """What either date marks, and the date that marks more."""
        marked = [
            np.isin(labels, numbers)
            for labels, numbers in zip(self._labels, (group.baseline, group.later), strict=True)
        ]
        return marked, int(marked[1].sum() > marked[0].sum())

    def _left(self, place: BoolArray, date: int) -> float:
        """Of how a place stands out at a date, how much it does at the other."""
        return persistence(
            place,
            self._findings,
            self._head,
            self._images[date],
            self._images[1 - date],
            self._spacing_mm,
            (self._blur[date], self._blur[1 - date]),
        )
