"""3-D Dice a patient: an answer on the image's own voxels against the mask, the whole volume, mean over patients.

    python Testing/benchmarks/volume_dice.py MANIFEST [--split val] [--maps DIR] [--results DIR]
        [--image STUDENT [--modality flair] [--dark]]

--maps: score maps SUBJECT.nii.gz (or SOURCE/SUBJECT.nii.gz) that are 1 at their border; --results: results of
`anofpdm detect --cases`, whose segmentation is taken; --image: thresholding of the image itself, at the one threshold
that is best for the set with the masks in sight, inside the brain that the student sees, from the threshold up or, with
--dark, down. Masks are read from the
manifest's column `mask`.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import SimpleITK as sitk
from mark_volume import mark_volume

from anofpdm.core.arrays import BoolArray
from anofpdm.datasets.manifest import SPLITS, Volume, read_manifest
from anofpdm.methods.student.student_folder import StudentFolder, open_student
from anofpdm.volumes.reading import read_volume

THRESHOLDS = (0.3, 0.5, 0.75, 1.0, 1.25, 1.5)
"""Of score maps, relative to their border."""
BRIGHT_THRESHOLDS = np.arange(1.05, 3.01, 0.05)
DARK_THRESHOLDS = np.arange(0.95, 0.09, -0.05)
"""Relative to the brain's median."""

Row = npt.NDArray[np.float64]


def dice_of(found: BoolArray, mask: BoolArray) -> float:
    """1 where both are empty."""
    total = int(found.sum() + mask.sum())
    return 2 * int((found & mask).sum()) / total if total else 1.0


def mask_of(volume: Volume) -> BoolArray:
    """All masks of the volume's rows together, on the image's grid."""
    paths = sorted({row.mask for row in volume.rows if row.mask is not None})
    masks = [sitk.GetArrayFromImage(sitk.ReadImage(str(path))) > 0 for path in paths]
    return np.logical_or.reduce(masks)


def place(folder: Path, volume: Volume, name: str) -> Path:
    """A subject's file, with or without its source's name before it."""
    row = volume.rows[0]
    places = [folder / row.source / f"{row.subject}{name}", folder / f"{row.source}_{row.subject}{name}"]
    found = [path for path in (*places, folder / f"{row.subject}{name}") if path.is_file()]
    if not found:
        raise SystemExit(f"There is nothing of {row.subject} in {folder}.")
    return found[0]


def dice_of_maps(folder: Path) -> Callable[[Volume, BoolArray], Row]:
    """At each of THRESHOLDS."""

    def measure(volume: Volume, mask: BoolArray) -> Row:
        score = sitk.GetArrayFromImage(sitk.ReadImage(str(place(folder, volume, ".nii.gz"))))
        return np.array([dice_of(score >= threshold, mask) for threshold in THRESHOLDS])

    return measure


def dice_of_results(folder: Path) -> Callable[[Volume, BoolArray], Row]:
    """Of the segmentation alone."""

    def measure(volume: Volume, mask: BoolArray) -> Row:
        found = sitk.GetArrayFromImage(sitk.ReadImage(str(place(folder, volume, "/segmentation.seg.nrrd")))) > 0
        return np.array([dice_of(found, mask)])

    return measure


def dice_of_image(student: StudentFolder, modality: str, thresholds: Row) -> Callable[[Volume, BoolArray], Row]:
    """At each of the thresholds, upwards where they rise, inside the brain that the student sees."""
    sign = 1 if thresholds[-1] > thresholds[0] else -1
    predictor, config = student.predictor(), student.config.network

    def measure(volume: Volume, mask: BoolArray) -> Row:
        image = read_volume(volume.images[0], modality)
        brain = mark_volume(image, predictor, config).brain >= 0.5
        values = sitk.GetArrayFromImage(sitk.Cast(image, sitk.sitkFloat32))
        level = float(np.median(values[brain]))
        return np.array([dice_of(brain & (sign * values / level >= sign * limit), mask) for limit in thresholds])

    return measure


def table(volumes: Sequence[Volume], measure: Callable[[Volume, BoolArray], Row]) -> Row:
    """Rows a patient."""
    return np.array([measure(volume, mask_of(volume)) for volume in volumes])


def main() -> None:
    """Print the means, and each patient's."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("manifest", type=Path)
    parser.add_argument("--split", choices=[*SPLITS, "all"], default="val")
    parser.add_argument("--maps", type=Path)
    parser.add_argument("--results", type=Path)
    parser.add_argument("--image", metavar="STUDENT")
    parser.add_argument("--modality", default="flair")
    parser.add_argument("--dark", action="store_true")
    options = parser.parse_args()
    splits = SPLITS if options.split == "all" else (options.split,)
    manifest = read_manifest(options.manifest, (options.modality,), both_labels_in=())
    volumes = [volume for volume in manifest.volumes() if volume.rows[0].split in splits]
    wanted: list[tuple[str, Sequence[float], Callable[[Volume, BoolArray], Row]]] = []
    if options.maps:
        wanted.append(("maps", THRESHOLDS, dice_of_maps(options.maps)))
    if options.results:
        wanted.append(("segmentations", (1.0,), dice_of_results(options.results)))
    if options.image:
        limits = DARK_THRESHOLDS if options.dark else BRIGHT_THRESHOLDS
        measure = dice_of_image(open_student(options.image), options.modality, limits)
        wanted.append((options.modality, tuple(limits), measure))
    for name, thresholds, measure in wanted:
        rows = table(volumes, measure)
        means = rows.mean(axis=0)
        best = int(np.argmax(means))
        shown = list(thresholds).index(1.0) if 1.0 in thresholds else best
        for volume, row in zip(volumes, rows, strict=True):
            print(f"{name} {volume.rows[0].subject}: {row[shown]:.3f}")
        print(f"{name}, {len(volumes)} patients: 3-D Dice {means[shown]:.3f} at {thresholds[shown]:g}; ", end="")
        print(f"best possible {means[best]:.3f} at {thresholds[best]:g}")


if __name__ == "__main__":
    main()
