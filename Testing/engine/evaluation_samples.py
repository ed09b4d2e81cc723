"""Slices with planted lesions, as arrays and as a data set on disk, to measure methods on."""

from __future__ import annotations

from pathlib import Path

import dataset_makers as make
import numpy as np

from anofpdm.datasets.manifest import Manifest, ManifestRow, write_manifest
from anofpdm.evaluation.method_output import MethodInput
from anofpdm.evaluation.slices import LabelledSlices, MeasuredSlices
from anofpdm.methods.yardsticks.evaluation import MapYardstick
from anofpdm.methods.yardsticks.method import MAPS

SIZE = 32
LESION = make.ball((20, 10, 12), 26)


def planted(n: int = 48, subjects: int = 6, seed: int = 0, brightness: float = 0.5) -> MeasuredSlices:
    """Discs of noise; half of the slices have a brighter square, of another size and place each."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:SIZE, :SIZE] - (SIZE - 1) / 2
    head = np.broadcast_to(np.hypot(x, y) < 14, (n, SIZE, SIZE)).copy()
    interior = np.broadcast_to(np.hypot(x, y) < 11, (n, SIZE, SIZE)).copy()
    unhealthy = (np.arange(n) + np.arange(n) // 8) % 2 == 0
    lesion = np.zeros_like(head)
    for k in np.flatnonzero(unhealthy):
        side, row, column = rng.integers(3, 8), *rng.integers(9, 16, 2)
        lesion[k, row : row + side, column : column + side] = True
    image = np.where(head, 0.35 + 0.03 * rng.normal(size=head.shape), 0) + brightness * lesion
    subject = np.arange(n) * subjects // n
    intensity = image[:, None].astype(np.float32)
    slices = LabelledSlices(
        row=np.arange(n),
        x0=np.clip(2 * intensity - 1, -1, 1),
        intensity=intensity,
        head=head,
        interior=interior,
        level=((np.arange(n) % 8) / 7).astype(np.float32),
        unhealthy=unhealthy,
        volume=subject,
        subject=subject,
        subject_names=tuple(f"s{k}" for k in range(subjects)),
        slice_index=np.arange(n) % (n // subjects),
        pixel_mm=7.5,
    )
    return MeasuredSlices(slices, lesion)


def yardstick(name: str, title: str, modality: str) -> MapYardstick:
    """Of the engine, on the first channel."""
    return MapYardstick(title, MAPS[name][1], modality, 0)


def method_input(measured: MeasuredSlices) -> MethodInput:
    """Measured and tuned on the same slices."""
    return MethodInput(measured.slices, measured.slices, top_pixels=5, minimum_size_px=2, masked=measured)


def write_masked_data(folder: Path, subjects: int = 3, split: str = "val") -> Path:
    """Small heads with a lesion, their masks and a manifest; returns the manifest's path."""
    rows = []
    slices = make.SIZE[2]
    for number in range(subjects):
        lesion = LESION if number % 2 == 0 else make.ball((-25, -10, -10), 22)
        image = make.write(folder / f"p{number}" / "flair.nii.gz", make.head_values(number, lesion))
        mask = make.write(folder / f"p{number}" / "lesion.nii.gz", lesion.astype(np.uint8))
        sick = lesion.any(axis=(1, 2))
        rows += [
            ManifestRow(f"p{number}", split, (image,), k, bool(sick[k]), slices, mask)  # type: ignore[arg-type]
            for k in range(slices)
        ]
    write_manifest(folder / "manifest.csv", Manifest(("flair",), tuple(rows)))
    return folder / "manifest.csv"
