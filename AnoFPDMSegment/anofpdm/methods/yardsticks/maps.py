"""The yardsticks' maps. Torch-free."""

from __future__ import annotations

import numpy as np

from ...core.arrays import BoolArray, FloatArray
from ...thresholds.postprocessing import median_filter
from ...volumes.input_config import InputConfig

BRIGHT_LESIONS = ("flair", "t2")


def looked_at(config: InputConfig) -> str:
    """The modality of the maps: FLAIR if it is used, else the first that is."""
    return "flair" if "flair" in config.used else config.used[0]


def intensity_map(image: FloatArray, head: BoolArray, modality: str) -> FloatArray:
    """The image [N, H, W] itself, filtered as maps are: bright is anomalous. It should not be clipped: a clip would
    hide the brightest."""
    return median_filter(image)


def left_right_map(image: FloatArray, head: BoolArray, modality: str) -> FloatArray:
    """[N, H, W]: by how much medians are brighter than the same place on the other side of the head's middle, 0 or
    more; darker counts as well where lesions of the modality need not be bright."""
    smooth = median_filter(image)
    difference = smooth - mirrored(smooth, head)
    return np.maximum(difference, 0) if modality in BRIGHT_LESIONS else np.abs(difference)


def mirrored(maps: FloatArray, heads: BoolArray) -> FloatArray:
    """Each map [N, H, W] mirrored left to right at the middle column of its slice's head; beyond the frame itself."""
    out = maps.copy()
    width = maps.shape[-1]
    for here, image, head in zip(out, maps, heads, strict=True):
        columns = np.flatnonzero(head.any(axis=0))
        if len(columns) == 0:
            continue
        source = columns[0] + columns[-1] - np.arange(width)
        valid = (source >= 0) & (source < width)
        here[:, valid] = image[:, source[valid]]
    return out
