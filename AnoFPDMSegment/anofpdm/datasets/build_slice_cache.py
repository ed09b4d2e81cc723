"""Builds the cache of prepared slices (see slice_cache) from a manifest. Torch-free."""

from __future__ import annotations

import contextlib
import glob
import hashlib
import json
import multiprocessing
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import SimpleITK as sitk

from ..core.arrays import BoolArray, FloatArray
from ..core.directory_lock import LOCK_FILE, DirectoryLock
from ..core.errors import InputError, OutputError, SettingsError
from ..core.progress import CancelToken, Progress, ProgressCallback, ProgressClock
from ..core.records import record_to_dict
from ..volumes.input_config import InputConfig
from ..volumes.preparation import PreparedCase, prepare_case
from ..volumes.reading import read_volume
from .brain_extraction import brain_on_grid
from .manifest import SPLITS, Manifest, Mistakes, Volume, check_both_labels
from .npy_stream import NpyStream
from .slice_cache import (
    BRAIN_BIT,
    CACHE_FORMAT,
    CACHE_SCHEMA,
    HEAD_BIT,
    HIGHEST_VALUE,
    IMAGES_FILE,
    INTERIOR_BIT,
    REGIONS_FILE,
    TABLE_FILE,
    SliceCache,
    open_slice_cache,
    read_table,
    table_fits,
)


def build_slice_cache(
    manifest: Manifest,
    config: InputConfig,
    directory: str | Path,
    *,
    progress: ProgressCallback | None = None,
    cancel: CancelToken | None = None,
    workers: int = 1,
    brains: bool = True,
) -> SliceCache:
    """Prepare every volume of the manifest once and open the result; a cache that fits is reused.

    It fits if manifest, grid, preprocessing and the image files' sizes and times are the same. The folder
    appears whole or not at all and replaces an outdated cache. `progress` counts volumes. `brains`: with
    `SliceCache.brain`, which takes most of the time and which training alone needs.
    With `workers` > 1 as many processes are started, which needs the caller's `__main__` to be importable.

    Raises InputError that lists every volume that cannot be prepared and every slice outside its
    stack, SettingsError if the model's modalities are others, OutputError if the folder cannot be written.
    """
    if manifest.modalities != config.modalities:
        raise SettingsError(
            f"The manifest was read for {', '.join(manifest.modalities)} but the model needs "
            f"{', '.join(config.modalities)}; read it for the model's modalities."
        )
    directory = Path(directory).absolute()
    key = cache_key(manifest, config)
    if directory.exists() and any(directory.iterdir()) and table_fits(read_table(directory), key, brains=brains):
        return open_slice_cache(directory)
    try:
        with _whole_or_nothing(directory) as folder:
            _write(manifest, config, folder, key, progress, cancel or CancelToken(), workers, brains)
    except OSError as error:
        raise OutputError(f"The slice cache {directory} cannot be written; check the folder and the disk.") from error
    return open_slice_cache(directory)


def cache_key(manifest: Manifest, config: InputConfig) -> str:
    """Hash of what the slices depend on: rows, image files' sizes and times, grid, preprocessing."""
    record = {
        "schema": CACHE_SCHEMA,
        "modalities": manifest.modalities,
        "grid": record_to_dict(config.grid),
        "preprocessing": record_to_dict(config.preprocessing),
        "rows": [
            (r.subject, r.source, r.split, [str(i) for i in r.images], r.slice, r.slices, r.unhealthy, str(r.mask))
            for r in manifest.rows
        ],
        "files": [_stamps(image) for volume in manifest.volumes() for image in volume.images],
    }
    # 240 and 240.0 are the same field of view.
    alike = json.loads(json.dumps(record), parse_int=float)
    return hashlib.sha256(json.dumps(alike).encode()).hexdigest()


def _stamps(path: Path) -> list[tuple[int, int]]:
    """Size and time of a file, or of the files of a DICOM folder."""
    try:
        files = sorted(path.iterdir()) if path.is_dir() else [path]
        return [(stat.st_size, stat.st_mtime_ns) for stat in (file.stat() for file in files)]
    except OSError:
        return []  # reading it will say what is wrong


@contextlib.contextmanager
def _whole_or_nothing(directory: Path) -> Iterator[Path]:
    """A folder beside `directory` that takes its place if the block succeeds and vanishes if not."""
    directory.parent.mkdir(parents=True, exist_ok=True)
    prefix = f".{directory.name}-"
    _sweep(directory.parent, prefix)
    workshop = Path(tempfile.mkdtemp(prefix=prefix, dir=directory.parent))
    lock = DirectoryLock(workshop)
    with contextlib.suppress(OSError):  # a file system without locks is never swept
        lock.acquire()
    try:
        new = workshop / "new"
        new.mkdir()
        yield new
        if directory.exists():
            os.replace(directory, workshop / "old")
        os.replace(new, directory)
    finally:
        shutil.rmtree(workshop, ignore_errors=True)
        lock.release()
        shutil.rmtree(workshop, ignore_errors=True)  # on Windows, where a locked file stays


def _sweep(place: Path, prefix: str) -> None:
    """Remove what killed processes left of their slices."""
    for left in place.glob(f"{glob.escape(prefix)}*"):
        if not (left / LOCK_FILE).is_file():
            continue  # not of ours
        lock = DirectoryLock(left)
        # The system gives the lock back when its holder ends, however it ends.
        with contextlib.suppress(OutputError, OSError):
            lock.acquire()
            shutil.rmtree(left, ignore_errors=True)
            lock.release()
            shutil.rmtree(left, ignore_errors=True)


@dataclass(frozen=True)
class _Part:
    """What one volume adds to the cache, or what is wrong with it."""

    images: npt.NDArray[np.float16]
    regions: npt.NDArray[np.uint8]
    index: npt.NDArray[np.int64]
    unhealthy: BoolArray
    level: FloatArray
    record: dict[str, Any]


_Result: TypeAlias = _Part | list[tuple[int, str]]
"""A part, or mistakes: line of the manifest and what is wrong there."""


def _write(
    manifest: Manifest,
    config: InputConfig,
    folder: Path,
    key: str,
    progress: ProgressCallback | None,
    cancel: CancelToken,
    workers: int,
    brains: bool,
) -> None:
    mistakes = Mistakes(manifest.path)
    volumes = manifest.volumes()
    clock = ProgressClock(len(volumes), progress and partial(_of_volumes, progress))
    frame = (config.grid.matrix, config.grid.matrix)
    records: list[dict[str, Any]] = []
    columns: dict[str, list[Any]] = {"volume": [], "slice_index": [], "unhealthy": [], "level": []}
    kept = []
    with (
        NpyStream(folder / IMAGES_FILE, np.float16, (len(config.modalities), *frame)) as images,
        NpyStream(folder / REGIONS_FILE, np.uint8, frame) as regions,
        _map(partial(_prepare_volume, config=config, brains=brains), volumes, workers) as parts,
    ):
        clock.report(0)
        for done, (volume, part) in enumerate(zip(volumes, parts, strict=True), start=1):
            cancel.raise_if_cancelled()
            clock.report(done)
            if not isinstance(part, _Part):
                for line, what in part:
                    mistakes.add(line, what)
                continue
            images.append(part.images)
            regions.append(part.regions)
            columns["volume"] += [len(records)] * len(part.index)
            columns["slice_index"] += part.index.tolist()
            columns["unhealthy"] += part.unhealthy.tolist()
            columns["level"] += [None if np.isnan(value) else float(value) for value in part.level]
            records.append(part.record)
            kept += [replace(volume.rows[0], unhealthy=bool(u)) for u in np.unique(part.unhealthy)]
    mistakes.raise_if_any()
    if not columns["volume"]:
        mistakes.add(0, "none of its slices shows enough of a head")
    # What the manifest promises must still hold for the slices that can be examined.
    labelled = {(row.split, row.unhealthy) for row in manifest.rows}
    check_both_labels(kept, [s for s in SPLITS if {(s, True), (s, False)} <= labelled], mistakes)
    mistakes.raise_if_any()
    table = {
        "format": CACHE_FORMAT,
        "schema": CACHE_SCHEMA,
        "key": key,
        "brains": brains,
        "modalities": list(config.modalities),
        "grid": record_to_dict(config.grid),
        "preprocessing": record_to_dict(config.preprocessing),
        "volumes": records,
        "slices": columns,
    }
    (folder / TABLE_FILE).write_text(json.dumps(table, allow_nan=False), encoding="utf-8")


def _of_volumes(callback: ProgressCallback, progress: Progress) -> None:
    callback(replace(progress, what="preparing", unit="volumes"))


@contextlib.contextmanager
def _map(function: Callable[[Volume], _Result], volumes: list[Volume], workers: int) -> Iterator[Iterator[_Result]]:
    """The function's results in order, computed in this process or in `workers` others."""
    if workers <= 1:
        yield map(function, volumes)
        return
    # Spawned, since forking a process that has started threads may hang.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, mp_context=context, initializer=_one_thread) as executor:
        try:
            yield executor.map(function, volumes)
        finally:
            executor.shutdown(cancel_futures=True)


def _one_thread() -> None:
    sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(1)


def _prepare_volume(volume: Volume, config: InputConfig, brains: bool) -> _Result:
    """One volume's part of the cache, or the lines of the manifest that are wrong about it."""
    try:
        files = {name: read_volume(p, name) for name, p in zip(config.modalities, volume.images, strict=True)}
        case = prepare_unclipped(files, config)
        brain = brain_on_grid(files[config.modalities[0]], case) if brains else np.zeros_like(case.head)
    except InputError as error:
        return [(volume.rows[0].line, str(error))]
    wrong = _wrong_slices(volume, len(case.examined))
    if wrong:
        return wrong
    whole = volume.rows[0].slice is None
    listed = {row.slice or 0: row.unhealthy for row in volume.rows}
    numbers = range(len(case.examined)) if whole else sorted(listed)
    chosen = [k for k in numbers if case.examined[k]]
    index = np.array(chosen, dtype=np.int64)
    # Slices of the stack to positions among the examined ones.
    position = np.cumsum(case.examined)[index] - 1
    return _Part(
        images=np.clip((case.x0[position] + 1) / 2, 0, HIGHEST_VALUE).astype(np.float16),
        regions=_region_bits(case, brain, index),
        index=index,
        unhealthy=np.array([volume.rows[0].unhealthy if whole else listed[k] for k in chosen], dtype=np.bool_),
        level=case.level[index],
        record=_volume_record(volume, case, len(numbers) - len(chosen)),
    )


def _wrong_slices(volume: Volume, slices: int) -> list[tuple[int, str]]:
    wrong = []
    for row in volume.rows:
        if row.slice is not None and row.slice >= slices:
            wrong.append((row.line, f"slice {row.slice} is not among the image's {slices} slices 0 to {slices - 1}"))
        elif row.slices is not None and row.slices != slices:
            what = f"the slice numbers are of a stack of {row.slices}, but the model's has {slices} slices"
            wrong.append((row.line, what))
    return wrong


def prepare_unclipped(images: dict[str, sitk.Image], config: InputConfig) -> PreparedCase:
    """`prepare_case` with x0 = 2 I/p - 1 before clipping and before any stretching per slice."""
    open_ended = replace(config.preprocessing, clip=False, per_slice_min_max=False)
    return prepare_case(images, replace(config, preprocessing=open_ended))


def _region_bits(case: PreparedCase, brain: BoolArray, index: npt.NDArray[np.int64]) -> npt.NDArray[np.uint8]:
    bits = case.head[index] * HEAD_BIT + case.interior[index] * INTERIOR_BIT + brain[index] * BRAIN_BIT
    return np.asarray(bits, dtype=np.uint8)


def _volume_record(volume: Volume, case: PreparedCase, not_examined: int) -> dict[str, Any]:
    row = volume.rows[0]
    return {
        "subject": row.subject,
        "source": row.source,
        "split": row.split,
        "images": [str(image) for image in volume.images],
        "masks": sorted({str(r.mask) for r in volume.rows if r.mask is not None}),
        "grid": case.grid.to_dict(),
        "skull_stripped": case.skull_stripped,
        "warnings": list(case.warnings),
        "not_examined": not_examined,
    }
