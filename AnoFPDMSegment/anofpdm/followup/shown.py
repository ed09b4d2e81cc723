"""What the two images show of findings that belong together (`changes.ShownImages`)."""

from __future__ import annotations

import numpy as np

from ..core.arrays import BoolArray, FloatArray
from ..volumes.geometry import VolumeGeometry
from .changes import ImageParts
from .image_outlines import Outlines, outlines
from .images import persistence
from .matching import Group, Labels
from .measuring import measure
from .registered_images import RegisteredImages

MARKED_SHARE = 0.75
"""Of the limit of a change: what a method marks at both dates is one place of few."""


class Shown:
    """Two registered images, on the voxels of `grid`, and what is marked and changed there."""

    def __init__(
        self,
        images: RegisteredImages,
        limit: FloatArray,
        findings: tuple[Labels, Labels],
        regions: tuple[Labels, Labels],
        grid: VolumeGeometry,
    ) -> None:
        """All [k, j, i]. limit: `change_regions.change_limit`."""
        self._images, self._limit, self._grid = images, limit, grid
        self._findings, self._regions = findings, regions
        self._marked_anywhere = (findings[0] > 0) | (findings[1] > 0)
        self._taken = self._marked_anywhere | (regions[0] > 0) | (regions[1] > 0)
        self._outlined = np.zeros(images.shape, dtype=bool)
        self._kept: dict[Group, Outlines] = {}

    def persistence(self, group: Group) -> float:
        """See `changes.ShownImages`."""
        marked, date = self._marked(group)
        return self._left(marked[date] & ~marked[1 - date], date)

    def basis(self, group: Group) -> float:
        """See `changes.ShownImages`."""
        marked, date = self._marked(group)
        return self._left(marked[1 - date], date)

    def parts(self, group: Group) -> ImageParts:
        """See `changes.ShownImages`."""
        found = self.outlines(group)
        # In both images, blurred to one resolution, a border is known as well as in the coarser one.
        before, after = (list(measure(each, self._grid, self._images.steps_mm).values()) for each in found.parts)
        return ImageParts(before, after, group.changed or self._differs(found))

    def outlines(self, group: Group) -> Outlines:
        """What the images show of a group: no voxel of it belongs to what was outlined of another one before."""
        if group not in self._kept:
            marked, _ = self._marked(group)
            place = marked[0] | marked[1]
            for regions, numbers in zip(self._regions, (group.faded, group.brightened), strict=True):
                place = place | np.isin(regions, numbers)
            others = (self._taken & ~place) | self._outlined
            found = self._kept[group] = outlines(self._images, self._limit, place & ~self._outlined, others)
            self._outlined[found.box] |= (found.parts[0] > 0) | (found.parts[1] > 0)
        return self._kept[group]

    def _differs(self, found: Outlines) -> bool:
        """Whether the images differ, on average, where their outlines do."""
        before, after = (each > 0 for each in found.parts)
        lost, gained = before & ~after, after & ~before
        changed, sign = (gained, 1) if gained.sum() > lost.sum() else (lost, -1)
        if not changed.any():
            return False
        first, second = (each[found.box][changed] for each in self._images.alike)
        return bool(
            sign * float((second - first).mean()) >= MARKED_SHARE * float(self._limit[found.box][changed].mean())
        )

    def _marked(self, group: Group) -> tuple[list[BoolArray], int]:
        """What either date marks, and the date that marks more."""
        marked = [
            np.isin(labels, numbers)
            for labels, numbers in zip(self._findings, (group.baseline, group.later), strict=True)
        ]
        return marked, int(marked[1].sum() > marked[0].sum())

    def _left(self, place: BoolArray, date: int) -> float:
        """Of how a place stands out at a date, how much it does at the other."""
        images = self._images
        return persistence(
            place,
            self._marked_anywhere,
            images.head,
            images.pictures[date],
            images.pictures[1 - date],
            images.spacing_mm,
            (images.blur_mm2[date], images.blur_mm2[1 - date]),
        )
