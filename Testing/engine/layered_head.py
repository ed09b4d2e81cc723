"""A head of nested ellipsoids as a label map: enough to render from in a moment."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import SimpleITK as sitk

from anofpdm.synthetic.head_map import HeadMap, head_map
from anofpdm.synthetic.structures import Structure, structure_of

NAMES = {
    0: "background",
    2: "left cerebral white matter",
    3: "left cerebral cortex",
    4: "left lateral ventricle",
    24: "cerebrospinal fluid outside the ventricles",
    41: "right cerebral white matter",
    42: "right cerebral cortex",
    43: "right lateral ventricle",
    502: "outside the brain: scalp",
    515: "outside the brain: bone",
}


def structures() -> tuple[Structure, ...]:
    """Rows of a table of labels."""
    found = [structure_of(label, name) for label, name in NAMES.items()]
    return tuple(one for one in found if one is not None)


def layered_labels(scale: float = 1.0) -> np.ndarray:
    """[z, y, x] at 1 mm (+S, +P, +L): scalp, bone, fluid, cortex, white matter and two ventricles."""
    z, y, x = np.meshgrid(*(np.arange(-h, h + 1, dtype=np.float32) for h in (70, 80, 65)), indexing="ij")

    def inside(a: float, b: float, c: float, at: float = 0.0) -> np.ndarray:
        return ((z / (a * scale)) ** 2 + (y / (b * scale)) ** 2 + ((x - at) / (c * scale)) ** 2) < 1

    left = x > 0
    labels = np.zeros(z.shape, np.int16)
    for label, shape in ((502, (66, 76, 62)), (515, (61, 71, 57)), (24, (56, 66, 52))):
        labels[inside(*shape)] = label
    for (on_left, on_right), shape in (((3, 42), (53, 63, 49)), ((2, 41), (48, 58, 44))):
        labels[inside(*shape) & left] = on_left
        labels[inside(*shape) & ~left] = on_right
    labels[inside(14, 26, 5, at=8) & left] = 4
    labels[inside(14, 26, 5, at=-8) & ~left] = 43
    return labels


def layered_head(name: str = "layered", scale: float = 1.0) -> HeadMap:
    """The same, prepared."""
    return head_map(name, layered_labels(scale), structures())


def write_layered_maps(folder: Path) -> Path:
    """Two such heads as label maps, and their table, labels.csv, whose path is returned."""
    for number, scale in ((1, 1.0), (2, 0.95)):
        sitk.WriteImage(sitk.GetImageFromArray(layered_labels(scale)), str(folder / f"head_{number}.nii.gz"))
    rows = "".join(f'{label},"{name}"\n' for label, name in NAMES.items())
    (folder / "labels.csv").write_text(f"label,structure\n{rows}", encoding="utf-8")
    return folder / "labels.csv"
