"""The cache of prepared slices: every volume of a manifest on the model's grid, once, memory-mapped.

A folder with `images.npy` (float16 [N, C, H, W]), `regions.npy` (uint8 [N, H, W], one bit per region),
and `table.json`. Intensities are I / p (see volumes.preprocessing), clipped to [0, 2] rather than
[0, 1], so that augmentation can scale them before the network's range cuts them off. Torch-free.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ..core.arrays import BoolArray, FloatArray, IntArray
from ..core.errors import InputError
from ..core.json_text import read_json
from ..core.records import record_from_dict
from ..volumes.input_config import GridConfig, PreprocessingConfig
from ..volumes.stack_grid import StackGrid
from .manifest import Split

CACHE_SCHEMA = 1
CACHE_FORMAT = "anofpdm-slice-cache"
TABLE_FILE, IMAGES_FILE, REGIONS_FILE = "table.json", "images.npy", "regions.npy"
LARGEST_TABLE_BYTES = 1 << 28
HIGHEST_VALUE = 2.0
"""Cached intensities are clipped here."""
HEAD_BIT, INTERIOR_BIT, BRAIN_BIT = 1, 2, 4

Indices = IntArray | BoolArray | Sequence[int] | slice | int


@dataclass(frozen=True)
class CachedVolume:
    """Where a run of cached slices comes from."""

    subject: str
    source: str
    split: Split
    images: tuple[str, ...]
    """Absolute paths, one per modality."""
    masks: tuple[str, ...]
    """Absolute paths of lesion masks named in the manifest (usually one or none), for evaluation only."""
    grid: StackGrid
    """The stack that `slice_index` counts."""
    skull_stripped: bool
    warnings: tuple[str, ...]
    not_examined: int
    """Slices of the manifest that show too little head and are not in the cache."""


@dataclass(frozen=True)
class SliceCache:
    """N examined slices of all splits; index the table's arrays [N] to choose some."""

    directory: Path
    key: str
    """Hash of everything that the cache depends on."""
    modalities: tuple[str, ...]
    grid: GridConfig
    preprocessing: PreprocessingConfig
    brains: bool
    """Whether it was built with `brain`."""
    images: npt.NDArray[np.float16]
    """[N, C, H, W], memory-mapped: I / p in [0, 2]."""
    regions: npt.NDArray[np.uint8]
    """[N, H, W], memory-mapped: bits for head, interior and brain; see `head`, `interior`, `brain`."""
    volumes: tuple[CachedVolume, ...]
    volume: IntArray
    """[N]: position in `volumes`."""
    subject: npt.NDArray[np.str_]
    split: npt.NDArray[np.str_]
    source: npt.NDArray[np.str_]
    slice_index: IntArray
    """[N]: number of the slice in its volume's stack, 0 = lowest."""
    unhealthy: BoolArray
    """[N]."""
    level: FloatArray
    """[N] float32: 0 to 1 from the lowest to the highest slice of the head; NaN where unknown."""
    skull_stripped: BoolArray
    """[N]."""

    def __len__(self) -> int:
        return len(self.unhealthy)

    def indices(self, *splits: Split) -> IntArray:
        """The slices of these splits, rising."""
        return np.flatnonzero(np.isin(self.split, splits))

    def head(self, index: Indices) -> BoolArray:
        """Head of these slices, [..., H, W]."""
        return self._region(index, HEAD_BIT)

    def interior(self, index: Indices) -> BoolArray:
        """Head eroded in plane, where anomalies are accepted, [..., H, W]."""
        return self._region(index, INTERIOR_BIT)

    def brain(self, index: Indices) -> BoolArray:
        """Approximate brain (all of the head where the skull is gone already), [..., H, W]. Raises ValueError if the
        cache was built without."""
        if not self.brains:
            raise ValueError(f"the slice cache {self.directory} was built without brains")
        return self._region(index, BRAIN_BIT)

    def x0(self, index: Indices) -> npt.NDArray[np.float32]:
        """The slices [..., C, H, W] float32 as the network sees them without augmentation, in [-1, 1]."""
        return to_network_range(np.asarray(self.images[index], dtype=np.float32), self.preprocessing)

    def _region(self, index: Indices, bit: int) -> BoolArray:
        return np.asarray((self.regions[index] & bit) != 0)


def to_network_range(values: npt.NDArray[np.float32], config: PreprocessingConfig) -> npt.NDArray[np.float32]:
    """Intensities I / p [..., H, W] as `volumes.preprocessing.normalise` leaves them: clipped if the
    model clips, stretched per slice and modality if the model does that, then 2x - 1."""
    if config.clip:
        values = np.clip(values, 0, 1)
    if config.per_slice_min_max:
        low = values.min(axis=(-2, -1), keepdims=True)
        span = values.max(axis=(-2, -1), keepdims=True) - low
        values = (values - low) / np.where(span > 0, span, np.float32(1))
    return np.asarray(2 * values - 1, dtype=np.float32)


def open_slice_cache(directory: str | Path) -> SliceCache:
    """Open a cache that `build_slice_cache` wrote. Raises InputError if it is missing or damaged."""
    directory = Path(directory)
    table = read_table(directory)
    try:
        images = np.load(directory / IMAGES_FILE, mmap_mode="r", allow_pickle=False)
        regions = np.load(directory / REGIONS_FILE, mmap_mode="r", allow_pickle=False)
        cache = _cache(directory, table, images, regions)
    except Exception as error:  # what a damaged table says may be wrong in any place
        raise InputError(f"The slice cache {directory} is damaged; delete the folder and build it again.") from error
    return cache


def read_table(directory: Path) -> dict[str, Any]:
    """The cache's `table.json`. Raises InputError."""
    try:
        table = read_json(directory / TABLE_FILE, LARGEST_TABLE_BYTES)
    except FileNotFoundError as error:
        raise InputError(f"There is no slice cache in {directory}; build one from a manifest.") from error
    except (OSError, ValueError) as error:
        raise InputError(f"The slice cache {directory} is damaged; delete the folder and build it again.") from error
    if not isinstance(table, dict) or table.get("format") != CACHE_FORMAT:
        raise InputError(f"{directory} holds something else than a slice cache; choose another folder.")
    if table.get("schema") != CACHE_SCHEMA:
        raise InputError(f"The slice cache {directory} is of another version; delete the folder and build it again.")
    return table


def has_brains(table: dict[str, Any]) -> bool:
    """Whether a cache of this table has `SliceCache.brain`."""
    return bool(table.get("brains", True))  # caches of 0.1 always had them


def table_fits(table: dict[str, Any], key: str, *, brains: bool) -> bool:
    """Whether a cache of this table is the one of `key`, and has what is asked of it."""
    return table.get("key") == key and (has_brains(table) or not brains)


def _cache(directory: Path, table: dict[str, Any], images: npt.NDArray[Any], regions: npt.NDArray[Any]) -> SliceCache:
    grid = record_from_dict(GridConfig, table["grid"], "grid")
    modalities = tuple(str(name) for name in table["modalities"])
    volumes = tuple(_volume(record) for record in table["volumes"])
    volume = np.asarray(table["slices"]["volume"], dtype=np.int64)
    count, frame = len(volume), (grid.matrix, grid.matrix)
    if images.shape != (count, len(modalities), *frame) or images.dtype != np.float16:
        raise ValueError("images that do not fit the table")
    if regions.shape != (count, *frame) or regions.dtype != np.uint8:
        raise ValueError("regions that do not fit the table")
    columns = {
        "slice_index": np.asarray(table["slices"]["slice_index"], dtype=np.int64),
        "unhealthy": np.asarray(table["slices"]["unhealthy"], dtype=bool),
        # JSON has no NaN: an unknown level is null.
        "level": np.array([np.nan if v is None else v for v in table["slices"]["level"]], dtype=np.float32),
    }
    if any(len(column) != count for column in columns.values()):
        raise ValueError("columns of different length")
    return SliceCache(
        directory=directory,
        key=str(table["key"]),
        modalities=modalities,
        grid=grid,
        preprocessing=record_from_dict(PreprocessingConfig, table["preprocessing"], "preprocessing"),
        brains=has_brains(table),
        images=images,
        regions=regions,
        volumes=volumes,
        volume=volume,
        subject=np.array([v.subject for v in volumes], dtype=np.str_)[volume],
        split=np.array([v.split for v in volumes], dtype=np.str_)[volume],
        source=np.array([v.source for v in volumes], dtype=np.str_)[volume],
        skull_stripped=np.array([v.skull_stripped for v in volumes], dtype=bool)[volume],
        **columns,
    )


def _volume(record: dict[str, Any]) -> CachedVolume:
    return CachedVolume(
        subject=str(record["subject"]),
        source=str(record["source"]),
        split=record["split"],
        images=tuple(record["images"]),
        masks=tuple(record["masks"]),
        grid=StackGrid.from_dict(record["grid"]),
        skull_stripped=bool(record["skull_stripped"]),
        warnings=tuple(record["warnings"]),
        not_examined=int(record["not_examined"]),
    )
