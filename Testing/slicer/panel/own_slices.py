"""A table of labelled slices of the drawn heads, as a user would calibrate on."""

from __future__ import annotations

import csv
from pathlib import Path

import SimpleITK as sitk
from scene_makers import LESION, SAMPLE, SAMPLES

STEP = 6
"""A few slices are enough here."""


def write_slab(path: Path, first: int = 16, slices: int = 5) -> Path:
    """Some slices of the sample as a volume of its own, which is examined quickly."""
    sitk.WriteImage(sitk.ReadImage(str(SAMPLE))[:, :, first : first + slices], str(path))
    return path


def write_manifest(folder: Path) -> Path:
    """Slices of the head with the lesion and of its twin without; only whether a slice shows it is written down."""
    folder.mkdir(parents=True)
    lesion = sitk.GetArrayFromImage(sitk.ReadImage(str(LESION))).any(axis=(1, 2))
    path = folder / "my slices.csv"
    with path.open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["subject", "split", "flair", "slice", "label"])
        for subject, volume, marked in (
            ("one", SAMPLE, lesion),
            ("two", SAMPLES / "phantom_no_lesion.nii.gz", lesion & False),
        ):
            for index in range(6, len(lesion) - 4, STEP):
                table.writerow([subject, "val", volume, index, int(marked[index])])
        for index in [index for index in range(len(lesion)) if lesion[index] and (index - 6) % STEP][:3]:
            table.writerow(["one", "val", SAMPLE, index, 1])
    return path
