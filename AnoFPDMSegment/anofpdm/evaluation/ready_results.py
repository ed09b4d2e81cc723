"""Masks and maps that other tools made, one file a subject on the grid of the subject's image. Torch-free."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import SimpleITK as sitk

from ..core.arrays import BoolArray, FloatArray
from ..core.errors import InputError
from ..datasets.manifest import Split
from ..datasets.masked_volumes import MASK_THRESHOLD, read_mask, same_grid
from ..datasets.slice_cache import CachedVolume, SliceCache
from ..results.segmentation import HEATMAP_FILE, SEGMENTATION_FILE
from ..volumes.file_kinds import IMAGE_IO_BY_ENDING
from ..volumes.reading import read_finite_volume, read_volume
from ..volumes.resampling import sample_stack
from .map_outputs import outputs_of_map
from .method_output import MethodInput, MethodOutput
from .slices import LabelledSlices


class ReadyResults:
    """Results that lie in folders: `SUBJECT.nii.gz` (or another image format), or a result of `detect` in `SUBJECT/`.

    Masks are taken as they are; a slice is called unhealthy if its mask is not empty. Maps without masks are
    thresholded like any other map.
    """

    def __init__(
        self, name: str, cache: SliceCache, splits: Sequence[Split], masks: Path | None, maps: Path | None
    ) -> None:
        """`splits`: whose subjects have results. Raises InputError if a folder is missing."""
        self.name = name
        self._cache = cache
        self._splits = splits
        self._masks = masks
        self._maps = maps
        for folder in (masks, maps):
            if folder is not None and not folder.is_dir():
                raise InputError(f"{folder} is not a folder; name the one that holds a file for each subject.")

    def check(self, given: MethodInput) -> None:
        """Every measured subject has usable files, before anything is computed. Raises InputError."""
        for folder, result, kind in (
            (self._masks, SEGMENTATION_FILE, "mask"),
            (self._maps, HEATMAP_FILE, "map"),
        ):
            for volume in self._cache.volumes:
                if folder is not None and volume.split in self._splits:
                    self._image(folder, volume, result, kind)

    def outputs(self, given: MethodInput) -> Iterator[MethodOutput]:
        """One output for masks, or those of a map. Raises InputError for a missing or unusable file."""
        maps = None if self._maps is None else self._stack(self._maps, given.measured, HEATMAP_FILE, "map")
        if self._masks is None:
            assert self._maps is not None and maps is not None
            tuning = maps
            if given.tuning is not given.measured:
                tuning = self._stack(self._maps, given.tuning, HEATMAP_FILE, "map")
            yield from outputs_of_map(self.name, self.name, maps, tuning, given)
            return
        share = self._stack(self._masks, given.measured, SEGMENTATION_FILE, "mask")
        masks: BoolArray = share > MASK_THRESHOLD
        area = masks.sum(axis=(1, 2)).astype(np.float64)
        yield MethodOutput(self.name, self.name, "unknown", {}, maps, masks, area, area > 0)

    def _stack(self, folder: Path, slices: LabelledSlices, result: str, kind: str) -> FloatArray:
        """Values [N, H, W] of the slices on the model's grid."""
        found = np.zeros(slices.interior.shape, dtype=np.float32)
        for number in np.unique(slices.volume):
            volume = self._cache.volumes[int(number)]
            here = slices.volume == number
            found[here] = self._volume(folder, volume, result, kind)[slices.slice_index[here]]
        return found

    def _image(self, folder: Path, volume: CachedVolume, result: str, kind: str) -> sitk.Image:
        """The subject's file, on the grid of its image. Raises InputError."""
        path = self._file(folder, volume, result, kind)
        image = read_mask(path) if kind == "mask" else read_finite_volume(path, kind)
        if not same_grid(read_volume(volume.images[0], self._cache.modalities[0]), image):
            raise InputError(
                f"The {kind} {path} and the image {volume.images[0]} differ in size or position; bring it to the "
                "image's grid."
            )
        return image

    def _volume(self, folder: Path, volume: CachedVolume, result: str, kind: str) -> npt.NDArray[np.float32]:
        image = sitk.Cast(self._image(folder, volume, result, kind), sitk.sitkFloat32)
        return sample_stack(image, volume.grid, slab_average=self._cache.grid.slab_average)

    def _file(self, folder: Path, volume: CachedVolume, result: str, kind: str) -> Path:
        """The one file of the subject. Raises InputError."""
        alike = [other for other in self._cache.volumes if (other.source, other.subject) == _person(volume)]
        if len(alike) > 1:
            raise InputError(
                f"Subject {volume.subject} has {len(alike)} images, so that its {kind} in {folder} is ambiguous; give "
                "each image a subject of its own in the manifest."
            )
        for base in (folder / volume.source, folder) if volume.source else (folder,):
            endings = [".seg.nrrd", *IMAGE_IO_BY_ENDING]
            candidates = [base / f"{volume.subject}{ending}" for ending in endings]
            candidates.append(base / volume.subject / result)
            present = [path for path in candidates if path.is_file()]
            if len(present) > 1:
                names = " and ".join(path.name for path in present[:2])
                raise InputError(f"Subject {volume.subject} has both {names} in {base}; keep one of them.")
            if present:
                return present[0]
        raise InputError(
            f"There is no {kind} of subject {volume.subject} in {folder}; expected {volume.subject}.nii.gz or "
            f"{volume.subject}/{result}."
        )


def _person(volume: CachedVolume) -> tuple[str, str]:
    return (volume.source, volume.subject)
