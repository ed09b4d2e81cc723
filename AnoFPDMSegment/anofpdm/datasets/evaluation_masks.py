"""Lesion masks of cached slices. For measuring only: training and calibration never call this. Torch-free."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import SimpleITK as sitk

from ..core.arrays import BoolArray
from ..core.errors import InputError
from ..volumes.reading import read_volume
from ..volumes.resampling import sample_stack
from .masked_volumes import MASK_THRESHOLD, read_mask, same_grid
from .slice_cache import SliceCache


def load_masks(cache: SliceCache, index: npt.ArrayLike) -> BoolArray:
    """Lesion [n, H, W] of the cached slices `index` [n], on the model's grid: masks resampled, then > 0.5.

    Slices of volumes without a mask are empty if all the volume's slices are labelled healthy. Raises
    InputError if another volume has no mask, or a mask cannot be read or does not lie on its image's grid.
    """
    chosen = np.asarray(index)
    masks = np.zeros((len(chosen), *cache.regions.shape[1:]), dtype=bool)
    for number in np.unique(cache.volume[chosen]):
        volume = cache.volumes[int(number)]
        here = np.flatnonzero(cache.volume[chosen] == number)
        if not volume.masks:
            if cache.unhealthy[cache.volume == number].any():
                raise InputError(f"Subject {volume.subject} has no mask in the manifest; add it to measure with it.")
            continue
        image = read_volume(volume.images[0], cache.modalities[0])
        for path in volume.masks:
            mask = read_mask(Path(path))
            if not same_grid(image, mask):
                raise InputError(
                    f"The mask {path} and the image {volume.images[0]} differ in size or position; bring the "
                    "mask to the image's grid."
                )
            stack = sample_stack(sitk.Cast(mask, sitk.sitkFloat32), volume.grid, slab_average=cache.grid.slab_average)
            masks[here] |= stack[cache.slice_index[chosen[here]]] > MASK_THRESHOLD
    return masks
