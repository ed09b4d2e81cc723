"""Rendered heads at two dates for the benchmark of follow-ups: what is painted, in which poses, and what became of it.

Of each head one lesion stays, one comes, one goes, one grows to four times its volume, one shrinks to a quarter, one
in cerebellum or brain stem stays, and one runs together out of two, or parts into two. Either date is scanned in
another pose with other noise. A rendered pair may be kept in a folder, since rendering takes longer than detecting.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import SimpleITK as sitk

from anofpdm.followup.changes import EXAMINED_SHARE
from anofpdm.synthetic.head_map import HeadMap
from anofpdm.synthetic.head_pair import Course, HeadPose, render_pair, scan
from anofpdm.synthetic.lesion_kinds import Kind, Plan
from anofpdm.synthetic.slab import Slab

MOST_DEGREES, MOST_MM = 10.0, 15.0
SLABS = (
    Slab(matrix=160, pixel_mm=1.5, slices=32, spacing_mm=5.0, thickness_mm=5.0, planes=1, center_z_mm=-8.0),
    Slab(matrix=192, pixel_mm=1.25, slices=52, spacing_mm=3.0, thickness_mm=3.0, planes=1, center_z_mm=-8.0),
)
EXCESS = 0.7
UNITS = (400.0, 520.0)
"""White matter in either date's file."""
COUNTED_ML = 0.5
"""Smaller changes, lesions and parts are not counted."""


@dataclass(frozen=True)
class Scans:
    """A rendered pair. `images`; of each lesion its `fates` and its voxels [k, j, i] at either date; `pose`: how the
    later head lies."""

    images: tuple[sitk.Image, sitk.Image]
    fates: tuple[str, ...]
    lesions: tuple[tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]], ...]
    pose: HeadPose


def courses(rng: np.random.Generator, *, parts_later: bool) -> list[Course]:
    """One lesion of each fate, and one more that stays. `parts_later`: one parts; else one runs together."""

    def plan(volume: float, kind: Kind) -> Plan:
        return Plan(kind, volume, EXCESS)

    first, second, third, fourth, fifth, sixth = (float(np.exp(rng.uniform(np.log(1.5), np.log(6)))) for _ in range(6))
    large = plan(float(rng.uniform(10, 18)), "ovoid")
    return [
        Course(large, large, parted=(1 if parts_later else 0,)),
        Course(plan(first, "ovoid"), plan(first, "ovoid")),
        Course(None, plan(second, "ovoid")),
        Course(plan(third, "juxtacortical"), None),
        Course(plan(fourth, "ovoid"), plan(4 * fourth, "ovoid")),
        Course(plan(4 * fifth, "juxtacortical"), plan(fifth, "juxtacortical")),
        Course(plan(2 * sixth, "infratentorial"), plan(2 * sixth, "infratentorial")),
    ]


def draw_pose(rng: np.random.Generator) -> HeadPose:
    """A random rigid motion."""
    turn, shift = rng.uniform(-MOST_DEGREES, MOST_DEGREES, 3), rng.uniform(-MOST_MM, MOST_MM, 3)
    return HeadPose(tuple(turn.tolist()), tuple(shift.tolist()))


def rendered(head: HeadMap, number: int, kept: Path | None = None) -> Scans:
    """Pair `number` of a head; from the folder `kept`, if it was rendered before."""
    place = None if kept is None else kept / f"{head.name}-{number}"
    if place is not None and place.with_suffix(".json").is_file():
        return _read(place)
    slab = SLABS[number % len(SLABS)]
    rng = np.random.default_rng([12, *head.name.encode(), number])
    pair = render_pair(head, courses(rng, parts_later=number // 2 % 2 == 1), int(rng.integers(2**31)))
    pose = draw_pose(rng)
    before, after = (
        scan(pair, date, at, slab, int(rng.integers(2**31)), UNITS[date]) for date, at in enumerate((HeadPose(), pose))
    )
    fates = tuple(fate(course) for course in pair.courses)
    scans = Scans((before.image, after.image), fates, tuple(zip(before.lesions, after.lesions, strict=True)), pose)
    if place is not None:
        _write(place, scans)
    return scans


def fate(course: Course) -> str:
    """What becomes of a lesion, in the words of a follow-up."""
    if course.baseline is None or course.later is None:
        return "new" if course.baseline is None else "gone"
    if course.parted:
        return "merged" if 0 in course.parted else "split"
    if course.baseline == course.later:
        return "unchanged"
    return "grown" if course.later.volume_ml > course.baseline.volume_ml else "shrunk"


def counted(name: str, before_ml: Sequence[float], after_ml: Sequence[float]) -> bool:
    """Whether a lesion's change is large enough, from the volumes of its parts at either date."""
    if name in ("merged", "split"):
        parts = tuple(sum(part >= COUNTED_ML for part in parts_ml) for parts_ml in (before_ml, after_ml))
        return parts == ((2, 1) if name == "merged" else (1, 2))
    if name == "unchanged":
        return sum(before_ml) >= COUNTED_ML
    return abs(sum(after_ml) - sum(before_ml)) >= COUNTED_ML


def in_view(masks: tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]], scans: Scans) -> bool:
    """Whether the image of the other date covers so much of a lesion as a follow-up asks for."""
    there = sitk.Euler3DTransform(scans.pose.transform)
    for date, to in enumerate((there, there.GetInverse())):
        if masks[date].any():
            other = scans.images[1 - date]
            whole = sitk.Image(other.GetSize(), sitk.sitkFloat32) + 1
            whole.CopyInformation(other)
            covered = sitk.GetArrayFromImage(sitk.Resample(whole, scans.images[date], to, sitk.sitkLinear, 0.0))
            if covered[masks[date]].mean() < EXAMINED_SHARE:
                return False
    return True


def _write(place: Path, scans: Scans) -> None:
    for date, image in enumerate(scans.images):
        sitk.WriteImage(image, str(place.with_suffix(f".{date}.nrrd")), True)
    masks = {f"{n}_{date}": mask for n, both in enumerate(scans.lesions) for date, mask in enumerate(both)}
    np.savez_compressed(place.with_suffix(".npz"), **masks)
    known = {"turn": scans.pose.turn_degrees, "shift": scans.pose.shift_mm, "fates": scans.fates}
    place.with_suffix(".json").write_text(json.dumps(known), encoding="utf-8")


def _read(place: Path) -> Scans:
    known = json.loads(place.with_suffix(".json").read_text(encoding="utf-8"))
    before, after = (sitk.ReadImage(str(place.with_suffix(f".{date}.nrrd"))) for date in (0, 1))
    with np.load(place.with_suffix(".npz")) as masks:
        lesions = tuple((masks[f"{n}_0"], masks[f"{n}_1"]) for n in range(len(known["fates"])))
    return Scans((before, after), tuple(known["fates"]), lesions, HeadPose(tuple(known["turn"]), tuple(known["shift"])))
