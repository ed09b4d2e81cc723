"""Layouts that bring their image-level labels: a folder for each label, and the `lgg` folder."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from ..errors import InputError
from ..volumes.file_kinds import DICOM_ENDINGS, IMAGE_IO_BY_ENDING, has_dicom_mark
from .csv_table import read_table
from .manifest import LONGEST_SUBJECT, SPLITS, ManifestRow, Mistakes, is_whole_number

LGG_LAYOUT = (
    "this layout is one folder a patient with flair.nii.gz (and lesion.nii.gz), and beside them slices.csv with the "
    "columns patient, split, slice, unhealthy"
)


def folder_of_volumes(root: Path, modalities: Sequence[str]) -> list[ManifestRow]:
    """Rows for `healthy/` and `unhealthy/`: whole volumes, the label of the folder for every slice.

    With one modality any image file, and any folder of a DICOM series, is a volume; with several they are named
    `<subject>_<modality>.nii.gz` or, a folder, `<subject>_<modality>`. Other files are ignored. Raises InputError.
    """
    mistakes = Mistakes(root, "data folder")
    rows = []
    for folder, unhealthy in (("healthy", False), ("unhealthy", True)):
        if not (root / folder).is_dir():
            mistakes.add(0, f"there is no folder '{folder}'")
            continue
        found: dict[str, dict[str, Path]] = {}
        for path in sorted((root / folder).iterdir()):
            if path.is_dir() and not path.name.startswith(".") and not _holds_dicom(path):
                mistakes.add(
                    0, f"{folder}/{path.name} is a folder without DICOM files; each volume belongs in {folder}/"
                )
            name = _volume_name(path)
            if name is None:
                continue
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


def _volume_name(path: Path) -> str | None:
    """What a volume is called, without the ending of its file; None for what is none."""
    if path.name.startswith("."):
        return None
    if path.is_dir():
        return path.name if _holds_dicom(path) else None
    ending = next((e for e in (*IMAGE_IO_BY_ENDING, *DICOM_ENDINGS) if path.name.lower().endswith(e)), None)
    return path.name[: -len(ending)] if ending and path.is_file() else None


def _holds_dicom(folder: Path) -> bool:
    return any(
        path.is_file() and (path.name.lower().endswith(DICOM_ENDINGS) or has_dicom_mark(path))
        for path in folder.iterdir()
    )


def lgg_folder(root: Path) -> list[ManifestRow]:
    """Rows of `slices.csv` (columns patient, split, slice, unhealthy) with `<patient>/flair.nii.gz`.

    Raises InputError.
    """
    table = root / "slices.csv"
    mistakes = Mistakes(table, "list of slices")
    rows = []
    try:
        header, records = read_table(table)
    except FileNotFoundError as error:
        raise InputError(f"{root} has no slices.csv; {LGG_LAYOUT}.") from error
    except OSError as error:
        raise InputError(f"The list of slices {table} cannot be read ({error.strerror}); check the path.") from error
    except ValueError as error:
        raise InputError(f"The list of slices {table} cannot be read: {error}.") from error
    missing = {"patient", "split", "slice", "unhealthy"} - set(header)
    if missing:
        raise InputError(f"{table} has no column '{min(missing)}'; {LGG_LAYOUT}.")
    lines = [(number, dict(zip(header, [*fields, *[""] * len(header)], strict=False))) for number, fields in records]
    count: dict[str, int] = {}
    for _, line in lines:
        count[line["patient"]] = count.get(line["patient"], 0) + 1
    absent = set()
    for number, line in lines:
        patient, split = line["patient"] or "", next((s for s in SPLITS if s == line["split"]), None)
        if not patient:
            mistakes.add(number, "the patient is missing")
            continue
        if "\0" in patient or Path(patient).name != patient or len(patient) > LONGEST_SUBJECT:
            mistakes.add(number, f"the patient '{patient[:LONGEST_SUBJECT]}' is no folder's name")
            continue
        image, mask = root / patient / "flair.nii.gz", root / patient / "lesion.nii.gz"
        if not os.path.isfile(image) and patient not in absent:  # noqa: PTH113 - Path.is_file raises for long names
            absent.add(patient)
            mistakes.add(number, f"there is no image {patient[:LONGEST_SUBJECT]}/flair.nii.gz")
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
                mask=mask if os.path.isfile(mask) else None,  # noqa: PTH113
            )
        )
    mistakes.raise_if_any()
    return rows
