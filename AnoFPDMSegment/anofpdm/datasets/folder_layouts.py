"""Layouts that bring their image-level labels: a folder for each label, and the `lgg` folder."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

from ..core.errors import InputError
from ..volumes.file_kinds import IMAGE_IO_BY_ENDING
from .manifest import SPLITS, ManifestRow, Mistakes, is_whole_number


def folder_of_volumes(root: Path, modalities: Sequence[str]) -> list[ManifestRow]:
    """Rows for `healthy/` and `unhealthy/`: whole volumes, the label of the folder for every slice.

    With one modality any image file is a volume; with several they are named
    `<subject>_<modality>.nii.gz`. Other files are ignored. Raises InputError.
    """
    mistakes = Mistakes(root, "data folder")
    rows = []
    for folder, unhealthy in (("healthy", False), ("unhealthy", True)):
        if not (root / folder).is_dir():
            mistakes.add(0, f"there is no folder '{folder}'")
            continue
        found: dict[str, dict[str, Path]] = {}
        for path in sorted((root / folder).iterdir()):
            ending = next((e for e in IMAGE_IO_BY_ENDING if path.name.lower().endswith(e)), None)
            if ending is None or not path.is_file():
                continue
            name = path.name[: -len(ending)]
            modality = next((m for m in modalities if name.lower().endswith(f"_{m}")), None)
            if modality is not None:
                found.setdefault(name[: -len(modality) - 1], {})[modality] = path
            elif len(modalities) == 1:
                found.setdefault(name, {})[modalities[0]] = path
        if not found:
            mistakes.add(0, f"the folder '{folder}' holds no {' and '.join(modalities)} images")
        for subject, images in found.items():
            missing = [m for m in modalities if m not in images]
            if missing:
                mistakes.add(0, f"{folder}/{subject} has no {' and no '.join(missing)} image")
            else:
                files = tuple(images[m] for m in modalities)
                # The split is assigned to whole subjects later.
                rows.append(ManifestRow(subject, "train", files, None, unhealthy))
    mistakes.raise_if_any()
    return rows


def lgg_folder(root: Path) -> list[ManifestRow]:
    """Rows of `slices.csv` (columns patient, split, slice, unhealthy) with `<patient>/flair.nii.gz`.

    Raises InputError.
    """
    table = root / "slices.csv"
    mistakes = Mistakes(table, "list of slices")
    rows = []
    try:
        with table.open(newline="", encoding="utf-8") as stream:
            reader = csv.DictReader(stream)
            missing = {"patient", "split", "slice", "unhealthy"} - set(reader.fieldnames or ())
            if missing:
                raise InputError(f"{table} has no column '{min(missing)}'; check that it is the right file.")
            lines = [(reader.line_num, line) for line in reader]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"The list of slices {table} cannot be read; check the path.") from error
    count: dict[str, int] = {}
    for _, line in lines:
        count[line["patient"]] = count.get(line["patient"], 0) + 1
    absent = set()
    for number, line in lines:
        patient, split = line["patient"] or "", next((s for s in SPLITS if s == line["split"]), None)
        image, mask = root / patient / "flair.nii.gz", root / patient / "lesion.nii.gz"
        if not image.is_file() and patient not in absent:
            absent.add(patient)
            mistakes.add(number, f"there is no image {patient}/flair.nii.gz")
        if split is None or line["unhealthy"] not in ("0", "1") or not is_whole_number(line["slice"] or ""):
            mistakes.add(number, "the split, the slice number or the label is wrong")
            continue
        rows.append(
            ManifestRow(
                subject=patient,
                split=split,
                images=(image,),
                slice=int(line["slice"]),
                unhealthy=line["unhealthy"] == "1",
                slices=count[line["patient"]],
                mask=mask if mask.is_file() else None,
            )
        )
    mistakes.raise_if_any()
    return rows
