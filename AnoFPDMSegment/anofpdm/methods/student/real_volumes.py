"""Real volumes with image-level labels, as the student sees them. Masks are never looked at. Torch-free."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ...core.arrays import FloatArray
from ...core.errors import InputError
from ...core.progress import CancelToken
from ...datasets.manifest import Manifest, Split
from ...datasets.manifest import Volume as ManifestVolume
from ...volumes.stack_grid import StackGrid
from .config import StudentConfig
from .volume_cache import prepared_slices

HEALTHY, UNHEALTHY, UNKNOWN = 0, 1, -1


@dataclass(frozen=True)
class RealVolume:
    """`slices` [S, H, W] float16, standardised; `labels` [S]: HEALTHY, UNHEALTHY or UNKNOWN. `spacing_mm` is 0 where
    the volume is a single slice."""

    subject: str
    source: str
    image: Path
    slices: npt.NDArray[np.float16]
    labels: npt.NDArray[np.int8]
    spacing_mm: float
    grid: StackGrid

    @property
    def name(self) -> str:
        """For messages: who it shows, and where from."""
        return f"{self.source}/{self.subject}" if self.source else self.subject


def real_volumes(
    manifest: Manifest,
    splits: Sequence[Split],
    config: StudentConfig,
    *,
    cache: Path | None = None,
    cancel: CancelToken | None = None,
    message: Callable[[str], None] = lambda _: None,
) -> list[RealVolume]:
    """Read the volumes of these splits. The first modality is used.

    `cache`: a folder that prepared volumes are kept in. Raises InputError for an unreadable image, and where a label
    names a slice that the image does not have.
    """
    chosen = [volume for volume in manifest.volumes() if volume.rows[0].split in splits]
    found = []
    for number, volume in enumerate(chosen):
        if cancel is not None:
            cancel.raise_if_cancelled()
        if number % 100 == 0:
            message(f"Reading volume {number + 1} of {len(chosen)}.")
        found.append(_read(volume, config, cache))
    return found


def _read(volume: ManifestVolume, config: StudentConfig, cache: Path | None) -> RealVolume:
    first = volume.rows[0]
    slices, grid = prepared_slices(volume.images[0], config, cache)
    count = len(slices)
    labels = np.full(count, UNKNOWN, np.int8)
    for row in volume.rows:
        if row.slice is None:
            labels[:] = UNHEALTHY if row.unhealthy else HEALTHY
            continue
        if row.slice >= count or (row.slices is not None and row.slices != count):
            raise InputError(
                f"The manifest labels slice {row.slice} of {volume.images[0]}, which has {count} slices on the "
                "student's stack; make the manifest for axial slices as acquired."
            )
        labels[row.slice] = UNHEALTHY if row.unhealthy else HEALTHY
    return RealVolume(
        subject=first.subject,
        source=first.source,
        image=volume.images[0],
        slices=slices,
        labels=labels,
        spacing_mm=grid.slice_spacing_mm if count > 1 else 0.0,
        grid=grid,
    )


def largest_values(maps: FloatArray, share: float = 0.002) -> FloatArray:
    """[S]: how much each slice of a map [S, H, W] stands out: the mean of its highest `share` of pixels."""
    flat = maps.reshape(len(maps), -1)
    count = max(1, round(share * flat.shape[1]))
    return np.asarray(np.partition(flat, -count, axis=1)[:, -count:].mean(1), dtype=np.float32)
