"""The slices that methods are compared on, with the lesions that only the measuring looks at. Torch-free."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from ..core.arrays import BoolArray, FloatArray, IntArray
from ..core.errors import InputError
from ..datasets.evaluation_masks import load_masks
from ..datasets.manifest import Split
from ..datasets.slice_cache import SliceCache
from ..thresholds.neighbours import Runs, runs_of_slices
from ..volumes.preprocessing import erode_in_plane

SMALL_SHARE = 0.2


@dataclass(frozen=True)
class LabelledSlices:
    """N examined slices on the model's grid with image-level labels: all that a method may see."""

    row: IntArray
    """[N]: position in the slice cache, which with the seed gives a slice's noise."""
    x0: npt.NDArray[np.float32]
    """[N, C, H, W] in [-1, 1]."""
    intensity: npt.NDArray[np.float32]
    """[N, C, H, W]: the same before clipping, in units of the volume's percentile."""
    head: BoolArray
    """[N, H, W]."""
    interior: BoolArray
    """[N, H, W]: the eroded head."""
    level: FloatArray
    """[N]: 0 to 1 from the lowest to the highest slice of the head; NaN where unknown."""
    unhealthy: BoolArray
    """[N]."""
    volume: IntArray
    """[N]: which volume a slice is of."""
    subject: IntArray
    """[N]: which subject, 0..subjects-1."""
    subject_names: tuple[str, ...]
    slice_index: IntArray
    """[N]: number of the slice in its volume's stack, 0 = lowest."""
    pixel_mm: float

    def __len__(self) -> int:
        return len(self.row)

    def subset(self, chosen: IntArray) -> LabelledSlices:
        """Some of the slices, by their positions."""
        arrays = {f.name: getattr(self, f.name) for f in fields(self)}
        kept: dict[str, Any] = {n: array[chosen] for n, array in arrays.items() if isinstance(array, np.ndarray)}
        return replace(self, **kept)

    @property
    def runs(self) -> Runs:
        """Which slices are neighbours."""
        return runs_of_slices(self.volume, self.slice_index)

    @property
    def subjects(self) -> int:
        """How many subjects there are."""
        return len(self.subject_names)


@dataclass(frozen=True)
class MeasuredSlices:
    """The slices of the measured split and their lesions."""

    slices: LabelledSlices
    lesion: BoolArray
    """[N, H, W] on the model's grid."""

    @property
    def outlined(self) -> BoolArray:
        """[N]: labelled unhealthy, and the lesion survives on the model's grid."""
        return np.asarray(self.slices.unhealthy & self.lesion.any(axis=(1, 2)))

    @property
    def small(self) -> BoolArray:
        """[N]: the fifth of the outlined slices with the smallest lesions."""
        area = self.lesion.sum(axis=(1, 2))
        chosen = self.outlined
        return np.asarray(chosen & (area <= np.quantile(area[chosen], SMALL_SHARE))) if chosen.any() else chosen


def labelled_slices(cache: SliceCache, splits: Sequence[Split], erosion_mm: float | None = None) -> LabelledSlices:
    """The slices of these splits; `erosion_mm` replaces the model's own margin of the eroded head.

    Raises InputError if they do not hold both labels.
    """
    row = cache.indices(*splits)
    unhealthy = np.asarray(cache.unhealthy[row], dtype=bool)
    if not unhealthy.any() or unhealthy.all():
        raise InputError(
            f"The split {' and '.join(splits)} needs healthy and unhealthy slices that show enough of a head; choose "
            "another split or complete the manifest."
        )
    names = [
        f"{s}:{n}" if s else n for s, n in zip(cache.source[row].tolist(), cache.subject[row].tolist(), strict=True)
    ]
    subject_names = tuple(dict.fromkeys(names))
    number = {name: position for position, name in enumerate(subject_names)}
    head = cache.head(row)
    return LabelledSlices(
        row=row,
        x0=cache.x0(row),
        intensity=np.asarray(cache.images[row], dtype=np.float32),
        head=head,
        interior=cache.interior(row) if erosion_mm is None else erode_in_plane(head, erosion_mm, cache.grid.pixel_mm),
        level=cache.level[row],
        unhealthy=unhealthy,
        volume=np.asarray(cache.volume[row]),
        subject=np.array([number[name] for name in names], dtype=np.int64),
        subject_names=subject_names,
        slice_index=np.asarray(cache.slice_index[row]),
        pixel_mm=cache.grid.pixel_mm,
    )


def measured_slices(cache: SliceCache, slices: LabelledSlices) -> MeasuredSlices:
    """The slices with their lesions. Raises InputError if a mask is missing or unusable."""
    return MeasuredSlices(slices, load_masks(cache, slices.row))
