"""The phantom as a map of structures, numbered as SynthSeg's training maps are, at any resolution."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from phantom import PhantomAnatomy, centered_axis, draw_head, ellipsoid, random_streams

from anofpdm.core.arrays import BoolArray

NAMES = {
    0: "background",
    2: "left cerebral white matter",
    3: "left cerebral cortex",
    4: "left lateral ventricle",
    7: "left cerebellum white matter",
    8: "left cerebellum cortex",
    10: "left thalamus",
    11: "left caudate",
    12: "left putamen",
    13: "left pallidum",
    14: "3rd ventricle",
    15: "4th ventricle",
    16: "brain stem",
    17: "left hippocampus",
    18: "left amygdala",
    24: "cerebrospinal fluid outside the ventricles",
    25: "left white-matter lesion (counts as white matter in a healthy head)",
    41: "right cerebral white matter",
    42: "right cerebral cortex",
    43: "right lateral ventricle",
    46: "right cerebellum white matter",
    47: "right cerebellum cortex",
    49: "right thalamus",
    50: "right caudate",
    51: "right putamen",
    52: "right pallidum",
    53: "right hippocampus",
    54: "right amygdala",
    57: "right white-matter lesion (counts as white matter in a healthy head)",
    136: "part of the left lateral ventricle (choroid plexus)",
    163: "part of the right lateral ventricle (choroid plexus)",
    502: "outside the brain: scalp",
    506: "outside the brain: skull",
    507: "outside the brain: muscle and fat",
    509: "outside the brain: eyes",
}
OF_THE_RIGHT = {2: 41, 3: 42, 4: 43, 7: 46, 8: 47, 10: 49, 11: 50, 12: 51, 13: 52, 17: 53, 18: 54, 25: 57, 136: 163}
CORTEX_MM = 3.2
SULCUS_MM = 1.0
SIZE, SPACING_MM = (96, 112, 96), (2.0, 2.0, 2.0)
# Distance from the midline, y and z of the middle; half axes: millimetres. What comes later lies on top.
_DEEP: tuple[tuple[int, Sequence[float], Sequence[float]], ...] = (
    (25, (30, 22, 26), (4, 6, 4)),
    (12, (26, -4, 2), (6, 15, 9)),
    (13, (19, -1, 1), (4, 10, 6)),
    (10, (10, 12, 3), (8, 12, 8)),
    (11, (15, -20, 12), (5, 11, 8)),
    (17, (26, 12, -17), (6, 15, 6)),
    (18, (24, -8, -17), (7, 7, 6)),
)


def phantom_labels(
    seed: int, size: tuple[int, int, int] = SIZE, spacing_mm: tuple[float, float, float] = SPACING_MM
) -> npt.NDArray[np.int16]:
    """Labels [k, j, i] of the head number `seed`, axes +S, +P, +L as those of `phantom_volume`, which shows it."""
    head = draw_head(random_streams(seed)[0])
    x, y, z = (centered_axis(n, mm) for n, mm in zip(size, spacing_mm, strict=True))
    anatomy = PhantomAnatomy(head, x, y, z)
    labels = np.zeros(anatomy.depth.shape, np.int16)
    _put_outside(labels, anatomy)
    _put_brain(labels, anatomy)
    right = anatomy.x < 0
    for left, other in OF_THE_RIGHT.items():
        labels[(labels == left) & right] = other
    return labels


def write_label_table(path: Path) -> None:
    """The table that says what the numbers are."""
    rows = [f'{label},"{name}"' for label, name in NAMES.items()]
    path.write_text("\n".join(["label,structure", *rows]) + "\n", encoding="utf-8")


def _put_outside(labels: npt.NDArray[np.int16], anatomy: PhantomAnatomy) -> None:
    head, depth = anatomy.head, anatomy.depth
    labels[depth > 0] = 502
    labels[depth > head.scalp_mm] = 506
    face = (depth > head.scalp_mm + 1) & (anatomy.z < -12) & (anatomy.brain < -4)
    labels[face & (anatomy.y < 20)] = 507
    eyes = ellipsoid(np.abs(anatomy.x), anatomy.y, anatomy.z, (32, -74, -30), (12, 12, 12))
    labels[(eyes > 0) & (depth > 3) & (anatomy.brain < -1)] = 509
    labels[(depth > head.scalp_mm + head.skull_mm) & (anatomy.brain > -4)] = 24


def _put_brain(labels: npt.NDArray[np.int16], anatomy: PhantomAnatomy) -> None:
    beside, y, z = np.abs(anatomy.x), anatomy.y, anatomy.z
    brain = anatomy.brain > 0
    shallow: BoolArray = np.exp(-((np.clip(anatomy.inner, 0, None) / 17) ** 2)) > 0.3
    to_sulcus = np.abs(anatomy.field(anatomy.head.folding)) * (3.0 / 0.9)
    labels[brain] = 2
    labels[brain & ((anatomy.inner < CORTEX_MM) | (shallow & (to_sulcus < SULCUS_MM + CORTEX_MM)))] = 3
    labels[brain & shallow & (to_sulcus < SULCUS_MM)] = 24
    for label, middle, half_axes in _DEEP:
        labels[brain & (ellipsoid(beside, y, z, middle, half_axes) > 0)] = label
    cerebellum = ellipsoid(anatomy.x, y, z, (0, 38, -40), (52, 38, 36))
    labels[brain & (cerebellum > 0) & (z < -14)] = 8
    labels[brain & (cerebellum > 8) & (z < -20)] = 7
    labels[brain & (ellipsoid(anatomy.x, y, z, (0, 8, -45), (15, 14, 60)) > 0) & (z < -12)] = 16
    lateral, third, fourth = anatomy.ventricles
    labels[brain & (lateral > 0)] = 4
    labels[brain & (lateral > 0.5) & (y > 4) & (np.abs(y - 12) < 7)] = 136
    labels[brain & (third > 0)] = 14
    labels[brain & (fourth > 0)] = 15
