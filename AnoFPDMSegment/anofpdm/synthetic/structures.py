"""What the numbers of a label map stand for. Torch-free."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Literal

from ..datasets.csv_table import read_table
from ..errors import InputError

Side = Literal["left", "right", ""]
LONGEST_NAME = 200
MOST_STRUCTURES = 255
"""Label maps are kept as one byte a voxel."""


class Tissue(Enum):
    """Kinds of tissue that differ in intensity or in what may happen to them."""

    BACKGROUND = "background"
    WHITE_MATTER = "cerebral white matter"
    CORTEX = "cerebral cortex"
    VENTRICLE = "ventricle"
    CHOROID_PLEXUS = "choroid plexus"
    CEREBELLAR_WHITE_MATTER = "cerebellum white matter"
    CEREBELLAR_CORTEX = "cerebellum cortex"
    THALAMUS = "thalamus"
    CAUDATE = "caudate"
    PUTAMEN = "putamen"
    PALLIDUM = "pallidum"
    BRAIN_STEM = "brain stem"
    HIPPOCAMPUS = "hippocampus"
    AMYGDALA = "amygdala"
    ACCUMBENS = "accumbens"
    VENTRAL_DIENCEPHALON = "ventral diencephalon"
    OPTIC_CHIASM = "optic chiasm"
    VESSEL = "vessel"
    FLUID = "cerebrospinal fluid"
    OUTSIDE = "outside the brain"


# Looked for in a structure's name in this order: the first that it holds is its tissue. A healthy head has no
# lesions, so that a white-matter lesion counts as the white matter that it lies in.
_WORDS: tuple[tuple[str, Tissue], ...] = (
    ("outside the brain", Tissue.OUTSIDE),
    ("choroid plexus", Tissue.CHOROID_PLEXUS),
    ("white-matter lesion", Tissue.WHITE_MATTER),
    ("cerebellum white matter", Tissue.CEREBELLAR_WHITE_MATTER),
    ("cerebellum cortex", Tissue.CEREBELLAR_CORTEX),
    ("cerebral white matter", Tissue.WHITE_MATTER),
    ("cerebral cortex", Tissue.CORTEX),
    ("outside the ventricles", Tissue.FLUID),
    ("part of the left inferior lateral ventricle", Tissue.CHOROID_PLEXUS),
    ("part of the right inferior lateral ventricle", Tissue.CHOROID_PLEXUS),
    ("ventricle", Tissue.VENTRICLE),
    ("cerebrospinal fluid", Tissue.FLUID),
    ("background", Tissue.BACKGROUND),
    ("skull", Tissue.OUTSIDE),
    ("scalp", Tissue.OUTSIDE),
    *((tissue.value, tissue) for tissue in Tissue),
)

VENTRICLES = frozenset({Tissue.VENTRICLE, Tissue.CHOROID_PLEXUS})
INFRATENTORIAL = frozenset({Tissue.CEREBELLAR_WHITE_MATTER, Tissue.CEREBELLAR_CORTEX, Tissue.BRAIN_STEM})
NOT_BRAIN = frozenset({Tissue.BACKGROUND, Tissue.OUTSIDE, Tissue.FLUID, Tissue.VESSEL})


@dataclass(frozen=True)
class Structure:
    """One row of a table of labels."""

    label: int
    name: str
    tissue: Tissue
    side: Side = ""


def structure_of(label: int, name: str) -> Structure | None:
    """The structure that `name` describes in words, e.g. "left cerebral cortex"; None if no tissue is in it."""
    words = name.lower()
    tissue = next((tissue for word, tissue in _WORDS if word in words), None)
    if tissue is None:
        return None
    side: Side = "left" if "left" in words else "right" if "right" in words else ""
    return Structure(label, name, tissue, side)


def read_structures(path: Path) -> tuple[Structure, ...]:
    """Read a table of labels: a CSV file with the columns `label` (a number) and `structure` (words).

    Raises InputError if the file cannot be read, a label is no number or stands twice, a structure is unknown,
    or no white matter or no background is among them.
    """
    try:
        header, records = read_table(path)
    except OSError as error:
        raise InputError(f"The table of labels {path} cannot be read ({error.strerror}); give a CSV file.") from error
    except ValueError as error:
        raise InputError(f"The table of labels {path} cannot be read: {error}.") from error
    if not records or not {"label", "structure"} <= set(header):
        raise InputError(f"The table of labels {path} needs the columns label and structure.")
    structures: dict[int, Structure] = {}
    for number, fields in records:
        row = dict(zip(header, fields, strict=False))
        text, name = (row.get(column, "").strip()[:LONGEST_NAME] for column in ("label", "structure"))
        if not text.isdecimal() or len(text) > 9:
            raise InputError(f"{path}, line {number}: '{text}' is no label; write a whole number.")
        found = structure_of(int(text), name)
        if found is None:
            known = ", ".join(tissue.value for tissue in Tissue)
            raise InputError(f"{path}, line {number}: the structure '{name}' is not known; known are {known}.")
        if found.label in structures:
            raise InputError(f"{path}, line {number}: the label {found.label} stands twice.")
        structures[found.label] = found
    _check(path, list(structures.values()))
    return tuple(structures.values())


def _check(path: Path, structures: Sequence[Structure]) -> None:
    if len(structures) > MOST_STRUCTURES:
        raise InputError(f"{path} lists {len(structures)} labels; {MOST_STRUCTURES} are the most.")
    for tissue in (Tissue.BACKGROUND, Tissue.WHITE_MATTER, Tissue.CORTEX, Tissue.VENTRICLE):
        if not any(structure.tissue is tissue for structure in structures):
            raise InputError(f"{path} has no row for {tissue.value}; a head cannot be rendered without it.")
