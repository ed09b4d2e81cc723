"""What `anofpdm follow` says of pairs whose truth is known.

    python Testing/benchmarks/follow_up.py [--data FOLDER] [--model NAME] [--json FILE] [--parts identity,pairs,real]

*identity*: volumes beside themselves under a random rigid motion (up to 10 degrees about each axis and 15 mm along it,
resampled on their own grid): nothing is new, grown, shrunk or gone. *pairs*: rendered heads of the label maps 13 to 16
scanned at two dates, in other poses and with other noise, with painted lesions that came, went, grew, shrank, stayed.
*real*: patients scanned twice whose changes experts have marked. *strangers*: how alike two patients' heads are, who
must not pass for one. Prints as markdown; also how far registrations are off.
"""

from __future__ import annotations

import argparse
import csv
import itertools
import json
import os
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import SimpleITK as sitk
import torch
from follow_up_examiner import Examiner
from follow_up_images import left_in_images
from follow_up_page import page
from follow_up_pairs import Scans, counted, draw_pose, in_view, rendered

from anofpdm.core.errors import InputError
from anofpdm.core.progress import CancelToken
from anofpdm.followup.follow_up import FollowUp, aligned
from anofpdm.followup.images import PERSISTING_BORDER
from anofpdm.followup.likeness import likeness
from anofpdm.followup.placing import head_image
from anofpdm.synthetic.head_map import read_head_map
from anofpdm.synthetic.head_pair import HeadPose
from anofpdm.synthetic.structures import read_structures
from anofpdm.volumes.reading import read_finite_volume, read_volume

SAMPLE = Path(__file__).resolve().parents[2] / "AnoFPDMSegment" / "Resources" / "SampleData"
MAPS = "head_13,head_14,head_15,head_16"
NOT_MARKED = "not marked"
SEEN_ML = 0.1
"""Lesions of the change mask that are so large are looked for in the images."""
REAL = ("patient01", "patient03")
CORNERS_MM = tuple(itertools.product((-60.0, 60.0), (-70.0, 70.0), (-50.0, 50.0)))


@dataclass(frozen=True)
class Row:
    """A change of one pair."""

    pair: str
    kind: str
    trend: str | None
    reason: str
    baseline_ml: float
    later_ml: float
    tolerance_ml: float
    other_score: float
    seen_by: str


@dataclass(frozen=True)
class PaintedRow:
    """A painted lesion, its volumes, and what the follow-up calls it."""

    pair: str
    painted: str
    counted: bool
    baseline_ml: float
    later_ml: float
    called: str
    trend: str | None
    reason: str
    seen_by: str

    @property
    def right(self) -> bool:
        """Whether it is told for what it is, if only by the trend of what was merged or split."""
        return self.painted in (self.called, self.trend)


def identity_volumes(data: Path) -> Iterator[tuple[str, sitk.Image]]:
    """Real and rendered, with and without lesions."""
    for name in ("lesion", "no_lesion"):
        yield f"sample, {name}", read_volume(SAMPLE / f"synthetic_flair_{name}.nii.gz", "flair")
    for folder, most in (("lgg", 4), ("ms3seg", 2)):
        with (data / folder / "slices.csv").open(encoding="utf-8") as table:
            rows = list(csv.DictReader(table))
        subject = next(name for name in rows[0] if name in ("subject", "patient", "case"))
        for patient in sorted({row[subject] for row in rows if row["split"] == "val"})[:most]:
            yield f"{folder} {patient}", read_volume(data / folder / patient / "flair.nii.gz", "flair")
    for patient in REAL:
        yield f"open_ms {patient}", read_volume(data / "open_ms" / f"{patient}_study2_FLAIR.nii.gz", "flair")


def moved_volume(image: sitk.Image, pose: HeadPose) -> tuple[sitk.Image, sitk.Euler3DTransform]:
    """The volume with the head moved about its middle, resampled on the same grid, and where points of it went."""
    middle = image.TransformContinuousIndexToPhysicalPoint([(n - 1) / 2 for n in image.GetSize()])
    there = sitk.Euler3DTransform(pose.transform)
    there.SetCenter(middle)
    back = there.GetInverse()
    return sitk.Resample(image, image, back, sitk.sitkLinear, float(sitk.GetArrayViewFromImage(image).min())), there


def error_mm(found: sitk.Transform, true: sitk.Transform, middle: npt.ArrayLike) -> float:
    """How far the registration is off, mean over the corners of the brain's box."""
    points = [tuple((np.asarray(middle) + corner).tolist()) for corner in CORNERS_MM]
    return float(
        np.mean([np.linalg.norm(np.subtract(found.TransformPoint(p), true.TransformPoint(p))) for p in points])
    )


def rows_of(pair: str, found: FollowUp) -> list[Row]:
    """Every change as a row."""
    return [
        Row(
            pair=pair,
            kind=change.kind,
            trend=change.trend,
            reason=change.reason,
            baseline_ml=change.baseline_ml,
            later_ml=change.later_ml,
            tolerance_ml=change.tolerance_ml,
            other_score=change.other_score,
            seen_by=change.seen_by,
        )
        for change in found.changes
    ]


def identity(detector: Examiner, data: Path) -> dict[str, Any]:
    """Volumes beside themselves under a rigid motion."""
    rows, errors, alike, red = [], {}, {}, []
    for number, (name, image) in enumerate(identity_volumes(data)):
        pose = draw_pose(np.random.default_rng([7, number]))
        other, there = moved_volume(image, pose)
        found = detector.follow(image, other)
        errors[name] = error_mm(found.transform, there, there.GetCenter())
        alike[name] = found.likeness
        here = rows_of(name, found)
        rows += here
        red += [name] if is_red(found) else []
        tell(f"{name}: off by {errors[name]:.2f} mm, alike {found.likeness:.2f}", here)
    return {"rows": [asdict(row) for row in rows], "error_mm": errors, "likeness": alike, "red": red}


def pairs(detector: Examiner, options: argparse.Namespace) -> dict[str, Any]:
    """Rendered heads at two dates."""
    maps = options.data / "labelmaps"
    structures = read_structures(maps / "labels.csv")
    painted, rows, errors, alike, red = [], [], {}, {}, []
    for name, number in itertools.product(options.maps.split(","), range(options.first, options.first + options.each)):
        scans = rendered(read_head_map(maps / f"{name}.nii.gz", structures), number, options.cache)
        called = f"{name}, {number}"
        found = detector.follow(*scans.images)
        alike[called] = found.likeness
        errors[called] = error_mm(found.transform, scans.pose.transform, (0.0, 0.0, 0.0))
        lesions, beside = compared(called, scans, found)
        red += [called] if is_red(found) else []
        painted += lesions
        rows += beside
        tell(f"{called}: alike {found.likeness:.2f}", beside)
        for row in lesions:
            told = f"{row.called} {row.trend or ''} {row.reason} {row.seen_by}"
            painted_as = row.painted if row.counted else f"{row.painted} (not counted)"
            print(
                f"   {painted_as}, {row.baseline_ml:.2f} -> {row.later_ml:.2f} mL: {told}",
                file=sys.stderr,
                flush=True,
            )
    return {
        "lesions": [{**asdict(row), "right": row.right} for row in painted],
        "beside": [asdict(row) for row in rows],
        "error_mm": errors,
        "likeness": alike,
        "red": red,
    }


def is_red(found: FollowUp) -> bool:
    """Whether the gate holds either date to be unlike what the model knows: only --force compares the two then."""
    gates = (date.case.gate for date in (found.baseline, found.later))
    return any(gate is not None and gate.state == "red" for gate in gates)


def compared(pair: str, scans: Scans, found: FollowUp) -> tuple[list[PaintedRow], list[Row]]:
    """What every painted lesion is called, by the change that marks the most of it; and the changes that mark none."""
    everything, touched = rows_of(pair, found), set[int]()
    dates = found.baseline_places, found.later_places
    painted = []
    for name, masks in zip(scans.fates, scans.lesions, strict=True):
        there = masks[0], on_baseline(masks[1], scans)
        marked = [
            sum(int((dates[date][there[date]] == number).sum()) for date in (0, 1))
            for number in range(1, len(everything) + 1)
        ]
        touched |= {number for number, voxels in enumerate(marked) if voxels}
        most = int(np.argmax(marked)) if any(marked) else None
        parts = [parts_ml(mask, image) for mask, image in zip(masks, scans.images, strict=True)]
        told = None if most is None else everything[most]
        painted.append(
            PaintedRow(
                pair=pair,
                painted=name,
                counted=counted(name, *parts) and in_view(masks, scans),
                baseline_ml=sum(parts[0]),
                later_ml=sum(parts[1]),
                called=NOT_MARKED if told is None else told.kind,
                trend=None if told is None else told.trend,
                reason="" if told is None else told.reason,
                seen_by="" if told is None else told.seen_by,
            )
        )
    return painted, [row for number, row in enumerate(everything) if number not in touched]


def on_baseline(mask: npt.NDArray[np.bool_], scans: Scans) -> npt.NDArray[np.bool_]:
    """The voxels [k, j, i] of the baseline that hold half of a lesion of the later date, by the true pose."""
    later = sitk.GetImageFromArray(mask.astype(np.float32))
    later.CopyInformation(scans.images[1])
    share = sitk.Resample(later, scans.images[0], scans.pose.transform, sitk.sitkLinear, 0.0)
    return np.asarray(sitk.GetArrayFromImage(share) >= 0.5)


def parts_ml(mask: npt.NDArray[np.bool_], image: sitk.Image) -> list[float]:
    """Volumes of the connected parts of a lesion on the voxels of an image."""
    labels, count = components(mask)
    return (np.bincount(labels.ravel(), minlength=count + 1)[1:] * np.prod(image.GetSpacing()) / 1000).tolist()


def real(detector: Examiner, data: Path) -> dict[str, Any]:
    """Patients scanned twice, with masks of change on a third grid."""
    figures = {}
    for patient in REAL:
        folder = data / "open_ms"
        images = [read_volume(folder / f"{patient}_study{study}_FLAIR.nii.gz", "flair") for study in (1, 2)]
        found = detector.follow(*images)
        first, second = (
            sitk.ReadTransform(str(folder / f"{patient}_study{study}_FLAIR_to_common_space.txt")) for study in (1, 2)
        )
        # The transforms take points of the common space to the images.
        to_common = first.GetInverse()
        true = sitk.CompositeTransform([second, to_common])
        mask = read_finite_volume(folder / f"{patient}_change.nii.gz", "mask")
        change = sitk.GetArrayFromImage(sitk.Resample(mask, images[0], to_common, sitk.sitkNearestNeighbor)) > 0
        called = changed_voxels(found)
        either = (found.baseline_labels > 0) | (found.later_labels > 0)
        voxel_ml = found.baseline.case.geometry.voxel_volume_mm3 / 1000
        here = rows_of(patient, found)
        lesions, count = components(change)
        sizes = np.bincount(lesions.ravel(), minlength=count + 1) * voxel_ml
        large = [lesions == n for n in range(1, count + 1) if sizes[n] >= SEEN_ML]
        left = left_in_images(found, (images[0], images[1]), large)
        figures[patient] = {
            "error_mm": error_mm(found.transform, true, found.baseline.case.geometry.center),
            "likeness": found.likeness,
            "change_ml": float(change.sum() * voxel_ml),
            "change_lesions": count,
            "large": len(large),
            "large_left": sorted(left),
            "large_seen": sum(each < PERSISTING_BORDER for each in left),
            "lesions_called": sum(bool(called[lesions == n].any()) for n in range(1, count + 1)),
            "lesions_marked": sum(bool(either[lesions == n].any()) for n in range(1, count + 1)),
            "recall": float(called[change].mean()) if change.any() else None,
            "marked_share": float(either[change].mean()) if change.any() else None,
            "false_change_ml": float((called & ~change).sum() * voxel_ml),
            "rows": [asdict(row) for row in here],
        }
        shown = {k: v for k, v in figures[patient].items() if k != "rows"}
        tell(f"{patient}: {shown}", here)
    return figures


def components(mask: npt.NDArray[np.bool_]) -> tuple[npt.NDArray[np.int32], int]:
    """The connected parts of a mask, numbered."""
    labels = sitk.GetArrayFromImage(sitk.ConnectedComponent(sitk.GetImageFromArray(mask.astype(np.uint8)), True))
    return labels, int(labels.max())


def changed_voxels(found: FollowUp) -> npt.NDArray[np.bool_]:
    """Voxels that the follow-up calls changed: new and gone findings, and what grown and shrunk ones gained or lost."""
    called = np.zeros(found.baseline_places.shape, dtype=bool)
    for number, change in enumerate(found.changes, start=1):
        if change.kind in ("new", "gone") or change.trend in ("grown", "shrunk"):
            called |= (found.baseline_places == number) ^ (found.later_places == number)
    return called


def strangers(detector: Examiner, data: Path) -> dict[str, float]:
    """How alike two patients' heads are at best: each volume of the first part and the next."""
    patients = ((name, image) for name, image in identity_volumes(data) if not name.startswith("sample"))
    found = [(name, detector.detect(image)) for name, image in patients]
    alike = {}
    for (first, a), (second, b) in itertools.pairwise(found):
        try:
            alike[f"{first} / {second}"] = likeness(
                head_image(a.case), head_image(b.case), aligned(a, b, CancelToken())
            )
        except InputError as error:
            alike[f"{first} / {second}"] = 0.0
            tell(str(error), [])
        tell(f"{first} / {second}: {alike[f'{first} / {second}']:.2f}", [])
    return alike


def tell(head: str, rows: list[Row]) -> None:
    """Progress, on standard error."""
    print(head, file=sys.stderr)
    for row in rows:
        note = (f" [{row.reason}]" if row.reason else "") + f" by {row.seen_by}"
        print(
            f"   {row.kind}{note} {row.baseline_ml:.2f} -> {row.later_ml:.2f} mL (tolerance {row.tolerance_ml:.2f}), "
            f"other date {row.other_score:.2f}",
            file=sys.stderr,
            flush=True,
        )


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    given = os.environ.get("ANOFPDM_TEST_DATA")
    default = Path(given) if given else None
    parser.add_argument("--data", type=Path, default=default, required=default is None, help="folder of data sets")
    parser.add_argument("--model", help="model by name or folder (default: the default model)")
    parser.add_argument("--parts", default="identity,pairs,real,strangers", help="what to run (default: %(default)s)")
    parser.add_argument("--cache", type=Path, help="folder to keep what is rendered and detected")
    parser.add_argument("--maps", default=MAPS, help="label maps of the rendered pairs (default: %(default)s)")
    parser.add_argument("--each", type=int, default=5, help="pairs of each label map (default: %(default)s)")
    parser.add_argument(
        "--first", type=int, default=0, help="number of the first pair of each map (default: %(default)s)"
    )
    parser.add_argument("--json", type=Path, help="file for the figures and every single change")
    options = parser.parse_args()
    torch.set_num_threads(1)
    if options.cache is not None:
        options.cache.mkdir(parents=True, exist_ok=True)
    detector = Examiner(options.model, options.cache)
    runs = {
        "identity": lambda: identity(detector, options.data),
        "pairs": lambda: pairs(detector, options),
        "real": lambda: real(detector, options.data),
        "strangers": lambda: strangers(detector, options.data),
    }
    figures = {part: runs[part]() for part in options.parts.split(",")}
    print(page(figures))
    if options.json is not None:
        options.json.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
