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

from anofpdm.core.errors import InputError
from anofpdm.core.progress import CancelToken
from anofpdm.followup.follow_up import FollowUp, aligned
from anofpdm.followup.likeness import likeness
from anofpdm.followup.placing import head_image, labels_of
from anofpdm.synthetic.head_map import read_head_map
from anofpdm.synthetic.head_pair import Course, HeadPose, ScannedHead, render_pair, scan
from anofpdm.synthetic.lesion_kinds import Plan
from anofpdm.synthetic.slab import Slab
from anofpdm.synthetic.structures import read_structures
from anofpdm.volumes.reading import read_finite_volume, read_volume

SAMPLE = Path(__file__).resolve().parents[2] / "AnoFPDMSegment" / "Resources" / "SampleData"
MOST_DEGREES, MOST_MM = 10.0, 15.0
MAPS = ("head_13", "head_14", "head_15", "head_16")
SLABS = (
    Slab(matrix=160, pixel_mm=1.5, slices=32, spacing_mm=5.0, thickness_mm=5.0, planes=1, center_z_mm=-8.0),
    Slab(matrix=192, pixel_mm=1.25, slices=52, spacing_mm=3.0, thickness_mm=3.0, planes=1, center_z_mm=-8.0),
)
EXCESS = 0.7
COUNTED_ML = 0.5
REAL = ("patient01", "patient03")
CORNERS_MM = tuple(itertools.product((-60.0, 60.0), (-70.0, 70.0), (-50.0, 50.0)))


@dataclass(frozen=True)
class Row:
    """A change of one pair, with what is known of it."""

    pair: str
    painted: str
    kind: str
    trend: str | None
    reason: str
    baseline_ml: float
    later_ml: float
    tolerance_ml: float
    other_score: float


def courses(rng: np.random.Generator) -> list[Course]:
    """One lesion of each fate, and one more that stays."""

    def plan(volume: float, kind: str) -> Plan:
        return Plan(kind, volume, EXCESS)  # type: ignore[arg-type]

    first, second, third, fourth, fifth, sixth = (float(np.exp(rng.uniform(np.log(1.5), np.log(6)))) for _ in range(6))
    return [
        Course(plan(first, "ovoid"), plan(first, "ovoid")),
        Course(None, plan(second, "ovoid")),
        Course(plan(third, "juxtacortical"), None),
        Course(plan(fourth, "ovoid"), plan(4 * fourth, "ovoid")),
        Course(plan(4 * fifth, "juxtacortical"), plan(fifth, "juxtacortical")),
        Course(plan(2 * sixth, "infratentorial"), plan(2 * sixth, "infratentorial")),
    ]


def fate(course: Course) -> str:
    """What was painted, in the words of a follow-up."""
    if course.baseline is None or course.later is None:
        return "new" if course.baseline is None else "gone"
    if course.baseline == course.later:
        return "unchanged"
    return "grown" if course.later.volume_ml > course.baseline.volume_ml else "shrunk"


def draw_pose(rng: np.random.Generator) -> HeadPose:
    """A random rigid motion."""
    turn, shift = rng.uniform(-MOST_DEGREES, MOST_DEGREES, 3), rng.uniform(-MOST_MM, MOST_MM, 3)
    return HeadPose(tuple(turn.tolist()), tuple(shift.tolist()))


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


def rows_of(pair: str, found: FollowUp, painted: dict[Any, str] | None = None) -> list[Row]:
    """Every change as a row. `painted`: what was painted, by change."""
    return [
        Row(
            pair=pair,
            painted="" if painted is None else painted.get(number, ""),
            kind=change.kind,
            trend=change.trend,
            reason=change.reason,
            baseline_ml=change.baseline_ml,
            later_ml=change.later_ml,
            tolerance_ml=change.tolerance_ml,
            other_score=change.other_score,
        )
        for number, change in enumerate(found.changes)
    ]


def identity(detector: Examiner, data: Path) -> dict[str, Any]:
    """Volumes beside themselves under a rigid motion."""
    rows, errors, alike = [], {}, {}
    for number, (name, image) in enumerate(identity_volumes(data)):
        pose = draw_pose(np.random.default_rng([7, number]))
        other, there = moved_volume(image, pose)
        found = detector.follow(image, other)
        errors[name] = error_mm(found.transform, there, there.GetCenter())
        alike[name] = found.likeness
        here = rows_of(name, found)
        rows += here
        tell(f"{name}: off by {errors[name]:.2f} mm, alike {found.likeness:.2f}", here)
    return {"rows": [asdict(row) for row in rows], "error_mm": errors, "likeness": alike}


def pairs(detector: Examiner, data: Path, each: int) -> dict[str, Any]:
    """Rendered heads at two dates."""
    structures = read_structures(data / "labelmaps" / "labels.csv")
    rows, errors, alike = [], {}, {}
    for name in MAPS:
        head = read_head_map(data / "labelmaps" / f"{name}.nii.gz", structures)
        for number in range(each):
            seed = [int(name[-2:]), number]
            rng = np.random.default_rng([11, *seed])
            pair = render_pair(head, courses(rng), int(rng.integers(2**31)))
            slab = SLABS[number % len(SLABS)]
            pose = draw_pose(rng)
            scans = [
                scan(pair, date, at, slab, int(rng.integers(2**31)), units)
                for date, (at, units) in enumerate(((HeadPose(), 400.0), (pose, 520.0)))
            ]
            called = f"{name}, {number}"
            found = detector.follow(*(each.image for each in scans))
            alike[called] = found.likeness
            errors[called] = error_mm(found.transform, pose.transform, (0.0, 0.0, 0.0))
            painted = fates(pair.courses, scans, found)
            here = rows_of(called, found, painted)
            rows += here
            tell(f"{called}: alike {found.likeness:.2f}", here)
    return {"rows": [asdict(row) for row in rows], "error_mm": errors, "likeness": alike}


def fates(painted: tuple[Course, ...], scans: list[ScannedHead], found: FollowUp) -> dict[int, str]:
    """What was painted where, by the number of the change that its findings, at either date, belong to."""
    fate_of: dict[int, set[str]] = {}
    for date, (detection, scanned) in enumerate(zip((found.baseline, found.later), scans, strict=True)):
        labels = labels_of(detection)
        for course, lesion in zip(painted, scanned.lesions, strict=True):
            for finding in np.unique(labels[lesion & (labels > 0)]).tolist():
                for number, change in enumerate(found.changes):
                    if finding in (change.group.baseline, change.group.later)[date]:
                        fate_of.setdefault(number, set()).add(fate(course))
    return {number: " + ".join(sorted(names)) for number, names in fate_of.items()}


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
        figures[patient] = {
            "error_mm": error_mm(found.transform, true, found.baseline.case.geometry.center),
            "likeness": found.likeness,
            "change_ml": float(change.sum() * voxel_ml),
            "change_lesions": count,
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
    called = np.zeros(found.baseline_labels.shape, dtype=bool)
    for change in found.changes:
        before = np.isin(found.baseline_labels, change.group.baseline) & (found.baseline_labels > 0)
        after = np.isin(found.later_labels, change.group.later) & (found.later_labels > 0)
        if change.kind in ("new", "gone") or change.trend in ("grown", "shrunk"):
            called |= before ^ after
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
        note = f" [{row.reason}]" if row.reason else ""
        print(
            f"   {row.kind}{note} {row.baseline_ml:.2f} -> {row.later_ml:.2f} mL (tolerance {row.tolerance_ml:.2f}), "
            f"other date {row.other_score:.2f}; painted: {row.painted or '-'}",
            file=sys.stderr,
            flush=True,
        )


def page(figures: dict[str, Any]) -> str:
    """The figures as markdown."""
    lines = []
    if "identity" in figures:
        part = figures["identity"]
        kinds = [row["kind"] for row in part["rows"]]
        trends = [row["trend"] for row in part["rows"]]
        wrong = sum(kind in ("new", "gone") for kind in kinds) + sum(trend in ("grown", "shrunk") for trend in trends)
        listed = ", ".join(f"{kinds.count(kind)} {kind}" for kind in dict.fromkeys(kinds))
        errors = list(part["error_mm"].values())
        lines += [
            f"Same volume twice, {len(errors)} volumes: {wrong} of {len(kinds)} findings called new, grown, shrunk or "
            f"gone ({listed}). Registration off by {np.mean(errors):.2f} mm on average, {max(errors):.2f} mm at most; "
            f"likeness {min(part['likeness'].values()):.2f} at least.",
            "",
        ]
    if "pairs" in figures:
        rows = figures["pairs"]["rows"]
        lines += ["| painted | findings | right | called |", "|---|---|---|---|"]
        for fate_name in ("new", "gone", "grown", "shrunk", "unchanged"):
            mine = [row for row in rows if row["painted"] == fate_name]
            counted = [row for row in mine if max(row["baseline_ml"], row["later_ml"]) >= COUNTED_ML]
            right = sum(fate_name in (row["kind"], row["trend"]) for row in counted)
            called = [row["kind"] for row in counted]
            listed = ", ".join(f"{called.count(kind)} {kind}" for kind in dict.fromkeys(called))
            lines.append(f"| {fate_name} | {len(counted)} | {right} | {listed} |")
        lines.append("")
    if "real" in figures:
        lines += [
            "| patient | registration off by | lesions of the change mask | called changed | marked at either date | "
            "recall, voxels | false change |",
            "|---|---|---|---|---|---|---|",
        ]
        for name, part in figures["real"].items():
            lines.append(
                f"| {name} | {part['error_mm']:.2f} mm | {part['change_lesions']} ({part['change_ml']:.2f} mL) | "
                f"{part['lesions_called']} | {part['lesions_marked']} | {part['recall']:.3f} | "
                f"{part['false_change_ml']:.2f} mL |"
            )
        lines.append("")
    if "strangers" in figures:
        found = figures["strangers"].values()
        lines.append(f"Two patients, {len(found)} pairs: likeness {max(found):.2f} at most.")
    return "\n".join(lines)


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    given = os.environ.get("ANOFPDM_TEST_DATA")
    default = Path(given) if given else None
    parser.add_argument("--data", type=Path, default=default, required=default is None, help="folder of data sets")
    parser.add_argument("--model", help="model by name or folder (default: the default model)")
    parser.add_argument("--parts", default="identity,pairs,real,strangers", help="what to run (default: %(default)s)")
    parser.add_argument("--cache", type=Path, help="existing folder to keep what is detected, for another run")
    parser.add_argument("--each", type=int, default=2, help="pairs of each label map (default: %(default)s)")
    parser.add_argument("--json", type=Path, help="file for the figures and every single change")
    options = parser.parse_args()
    torch.set_num_threads(1)
    detector = Examiner(options.model, options.cache)
    runs = {
        "identity": lambda: identity(detector, options.data),
        "pairs": lambda: pairs(detector, options.data, options.each),
        "real": lambda: real(detector, options.data),
        "strangers": lambda: strangers(detector, options.data),
    }
    figures = {part: runs[part]() for part in options.parts.split(",")}
    print(page(figures))
    if options.json is not None:
        options.json.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
