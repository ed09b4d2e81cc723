"""Any method's answers on labelled slices: their volumes are examined whole, as `detect` does."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import SimpleITK as sitk

from ..core.arrays import FloatArray, IntArray
from ..core.errors import SettingsError
from ..core.progress import CancelToken
from ..datasets.slice_cache import CachedVolume, SliceCache
from ..detect.detector import Detector, DetectorOptions
from ..results.case import CaseEvidence
from ..volumes.stack_grid import StackGrid
from .slices import LabelledSlices

SAME_MM = 1e-3


@dataclass(frozen=True)
class ExaminedVolume:
    """One volume's evidence, and which of the labelled slices lie in it."""

    case: CaseEvidence
    positions: IntArray
    """[n]: positions among the labelled slices."""
    index: IntArray
    """[n]: number of each in the stack."""
    size: tuple[int, int]
    """(h, w) of the labelled slices."""

    def on_slices(self, values: FloatArray) -> FloatArray:
        """Of maps [N, H, W] of the examined slices those of the labelled ones, [n, h, w]; 0 where one was not
        examined."""
        stack = np.zeros((len(self.case.examined), *values.shape[1:]), dtype=np.float32)
        stack[self.case.examined] = values
        return resized(stack[self.index], *self.size)


class ExaminedVolumes:
    """Applies a detector to the volumes of a slice cache, one at a time."""

    def __init__(
        self,
        detector: Detector,
        cache: SliceCache,
        *,
        seed: int = 0,
        batch_size: int | None = None,
        report: Callable[[float, int], None] | None = None,
        cancel: CancelToken | None = None,
    ) -> None:
        """`report(slices done, slices)`. Raises SettingsError for a model of modalities that the slices lack."""
        self._detector, self._cache = detector, cache
        self._options = DetectorOptions(seed=seed, batch_size=batch_size)
        self._report = report or (lambda *_: None)
        self._cancel = cancel or CancelToken()
        lacking = [name for name in detector.config.modalities if name not in cache.modalities]
        if lacking:
            raise SettingsError(
                f"The model {detector.config.name} needs the modality {lacking[0]}, which the slices do not have; "
                "choose another method."
            )

    def examine(self, slices: LabelledSlices) -> Iterator[ExaminedVolume]:
        """Every volume in turn. Raises what `Detector.examine` does, and SettingsError for a model that looks at other
        slices."""
        done = 0
        for number in np.unique(slices.volume):
            volume = self._cache.volumes[int(number)]
            positions = np.flatnonzero(slices.volume == number)
            images = dict(zip(self._cache.modalities, volume.images, strict=True))
            wanted = {name: images[name] for name in self._detector.config.modalities}
            case = self._detector.examine(wanted, self._options, cancel=self._cancel)
            self._check_slices(case, volume)
            size = (slices.interior.shape[1], slices.interior.shape[2])
            yield ExaminedVolume(case, positions, np.asarray(slices.slice_index[positions]), size)
            done += len(positions)
            self._report(float(done), len(slices))

    def _check_slices(self, case: CaseEvidence, volume: CachedVolume) -> None:
        if not same_field(case.grid, volume.grid):
            raise SettingsError(
                f"The model {self._detector.config.name} looks at other slices of {volume.subject} than those that are "
                "measured; evaluate it by itself."
            )


def same_field(one: StackGrid, other: StackGrid) -> bool:
    """Whether both stacks cover the same slices and field of view, with pixels of any size."""
    width, height, _ = other.size
    placed = one.with_pixels(width, height)
    return placed.size == other.size and bool(
        np.allclose(
            [*placed.spacing, *placed.origin, *placed.direction],
            [*other.spacing, *other.origin, *other.direction],
            atol=SAME_MM,
        )
    )


def resized(maps: FloatArray, height: int, width: int) -> FloatArray:
    """Maps [n, H, W] of the same field of view at [n, height, width]: means of whole pixels where they fit, else linear
    between the pixels' centres; float32."""
    rows, columns = maps.shape[1:]
    maps = np.asarray(maps, dtype=np.float32)
    if (rows, columns) == (height, width) or not len(maps):
        return maps.reshape(len(maps), height, width)
    if rows % height == 0 and columns % width == 0:
        parts = maps.reshape(len(maps), height, rows // height, width, columns // width)
        return np.asarray(parts.mean(axis=(2, 4)), dtype=np.float32)
    image = sitk.GetImageFromArray(maps)
    across, down = columns / width, rows / height
    origin = ((across - 1) / 2, (down - 1) / 2, 0.0)
    size, spacing = (width, height, len(maps)), (across, down, 1.0)
    placed = sitk.Resample(image, size, sitk.Transform(), sitk.sitkLinear, origin, spacing)
    return np.asarray(sitk.GetArrayFromImage(placed))
