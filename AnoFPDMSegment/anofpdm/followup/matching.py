"""Which findings of two dates belong together. Plain arrays: nothing here knows how the findings were made.

Both dates' findings lie on one grid. Two findings belong together if they share at least `OVERLAP_SHARE` of the smaller
one's voxels. A finding that shares nothing with any of the other date may have been moved off its partner by resampling
and by what the registration leaves: it belongs to those of the other date that are alone as well and less than
`reach_mm` away. A finding that already has its partner draws no further one near: what appears beside it is new, unless
a region of the images' change map touches both (`join_regions`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from ..core.arrays import BoolArray, FloatArray
from ..volumes.bounding_box import bounding_box, grown

OVERLAP_SHARE = 0.1
"""Of the smaller finding. Less is what two neighbors' borders share when they are resampled."""
BLOCK = 512
"""Voxels compared with all others at a time."""

Labels = NDArray[np.int32]


@dataclass(frozen=True)
class Group:
    """Findings that belong together: the numbers of either date, rising; one of the two may be empty.

    `faded`, `brightened`: the regions of the images' change map that lie at them (`join_regions`); where these are all,
    no method marks anything at either date.
    """

    baseline: tuple[int, ...]
    later: tuple[int, ...]
    faded: tuple[int, ...] = ()
    brightened: tuple[int, ...] = ()

    @property
    def changed(self) -> bool:
        """Whether the change map shows anything at them."""
        return bool(self.faded or self.brightened)


def match_findings(
    baseline: Labels,
    later: Labels,
    axes_mm: FloatArray,
    reach_mm: float,
    *,
    numbers: tuple[Sequence[int], Sequence[int]] | None = None,
) -> list[Group]:
    """Put the findings of both dates into groups, in the order of the baseline's numbers, then of the later ones.

    Args:
        baseline: [k, j, i], 0 where there is no finding, else its number.
        later: the same of the later date, on the same grid.
        axes_mm: [3, 3]; columns are the steps of i, j and k in mm.
        reach_mm: see above; measured between the centers of the nearest voxels.
        numbers: of the findings of both dates, with those that have no voxel on this grid; by default those that have.
    """
    first, second = numbers or (_numbers(baseline), _numbers(later))
    links = _overlapping(baseline, later)
    linked_a, linked_b = {a for a, _ in links}, {b for _, b in links}
    alone_a = {n: _points(baseline, n, axes_mm) for n in first if n not in linked_a}
    alone_b = {n: _points(later, n, axes_mm) for n in second if n not in linked_b}
    links |= {(a, b) for a, of_a in alone_a.items() for b, of_b in alone_b.items() if _within(of_a, of_b, reach_mm)}
    return _groups(first, second, links)


def join_regions(
    groups: Sequence[Group], findings: tuple[Labels, Labels], regions: tuple[Labels, Labels]
) -> list[Group]:
    """The groups with the regions of the images' change map; groups that one region touches are one.

    Args, all [k, j, i] on one grid:
        findings: those of the baseline and the later date, by number.
        regions: what faded and what brightened, by number.

    A region that touches nothing is a group of its own, after all others.
    """
    members: list[tuple[set[int], ...]] = [(set(g.baseline), set(g.later), set(), set()) for g in groups]
    volumes = (*findings, *regions)
    for kind in (2, 3):
        for number in _numbers(volumes[kind]):
            box = grown(bounding_box(volumes[kind] == number), 1, volumes[kind].shape)
            near = _dilated(volumes[kind][box] == number)
            touched = [set(np.unique(each[box][near]).tolist()) for each in volumes]
            touched[kind].add(number)
            hit = [each for each in members if any(mine & of for mine, of in zip(each, touched, strict=True))]
            own: tuple[set[int], ...] = (set(), set(), set(), set())
            own[kind].add(number)
            whole = hit[0] if hit else own
            for other in (*hit[1:], own):
                for mine, of in zip(whole, other, strict=True):
                    mine |= of
            members = [each for each in members if each is whole or all(each is not other for other in hit)]
            members += [] if hit else [own]
    return [Group(*(tuple(sorted(of)) for of in each)) for each in members]


def _dilated(mask: BoolArray) -> BoolArray:
    image = sitk.BinaryDilate(sitk.GetImageFromArray(mask.astype(np.uint8)), [1, 1, 1], sitk.sitkBox)
    return np.asarray(sitk.GetArrayFromImage(image) > 0)


def _numbers(labels: Labels) -> list[int]:
    return [int(number) for number in np.unique(labels) if number > 0]


def _overlapping(baseline: Labels, later: Labels) -> set[tuple[int, int]]:
    both = (baseline > 0) & (later > 0)
    pairs, shared = np.unique(np.stack([baseline[both], later[both]]), axis=1, return_counts=True)
    sizes_a, sizes_b = np.bincount(baseline.ravel()), np.bincount(later.ravel())
    return {
        (int(a), int(b))
        for (a, b), count in zip(pairs.T, shared, strict=True)
        if count >= OVERLAP_SHARE * min(sizes_a[a], sizes_b[b])
    }


def _points(labels: Labels, number: int, axes_mm: FloatArray) -> FloatArray:
    """[n, 3], in mm from the first voxel."""
    kji = np.argwhere(labels == number)
    return np.asarray(kji[:, ::-1] @ np.asarray(axes_mm, dtype=np.float64).T)


def _within(a: FloatArray, b: FloatArray, reach_mm: float) -> bool:
    """Whether the nearest points of two sets are less than this apart."""
    if not len(a) or not len(b):
        return False
    # Boxes first: most pairs lie far apart.
    apart = np.maximum(a.min(axis=0) - b.max(axis=0), b.min(axis=0) - a.max(axis=0)).clip(min=0)
    if float(np.linalg.norm(apart)) >= reach_mm:
        return False
    for start in range(0, len(a), BLOCK):
        squares = ((a[start : start + BLOCK, None] - b[None]) ** 2).sum(axis=2)
        if float(squares.min()) < reach_mm**2:
            return True
    return False


def _groups(first: Sequence[int], second: Sequence[int], links: set[tuple[int, int]]) -> list[Group]:
    """The connected parts of the graph of links."""
    of_a: dict[int, set[int]] = {a: set() for a in first}
    of_b: dict[int, set[int]] = {b: set() for b in second}
    for a, b in links:
        of_a[a].add(b)
        of_b[b].add(a)
    groups, seen_a, seen_b = [], set[int](), set[int]()
    for start in sorted(of_a):
        if start in seen_a:
            continue
        mine, theirs, open_a = {start}, set[int](), [start]
        while open_a:
            found = of_a[open_a.pop()] - theirs
            theirs |= found
            reached = {a for b in found for a in of_b[b]} - mine
            mine |= reached
            open_a += reached
        seen_a |= mine
        seen_b |= theirs
        groups.append(Group(tuple(sorted(mine)), tuple(sorted(theirs))))
    return groups + [Group((), (b,)) for b in sorted(of_b) if b not in seen_b]
