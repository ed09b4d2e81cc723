"""The manifest: one CSV file that lists the slices or volumes of a data set with their image-level labels.

Columns (any order, names in any case):

| column | content |
|---|---|
| `subject` | who the image shows; a subject belongs to one split |
| `split` | `train`, `val` or `test` |
| one per modality, named as it (`flair`, `t1`, ...) | path of the volume, relative to the CSV file |
| `slice` | number of the slice in the model's stack, 0 = lowest; empty: the label holds for every slice |
| `label` | `0` or `healthy`, `1` or `unhealthy`: what is visible in the slice |
| `slices` (optional) | slices in the stack that `slice` counts, so that another stack is noticed |
| `mask` (optional) | path of a lesion mask, for evaluation only; neither opened nor looked for here |
| `source` (optional) | name of the data set the subject comes from |

Torch-free.
"""

from __future__ import annotations

import csv
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from ..core.errors import InputError, OutputError
from ..core.replaced_file import replaced_file
from .csv_table import read_table

Split = Literal["train", "val", "test"]
SPLITS: tuple[Split, ...] = ("train", "val", "test")
LABELS = {"0": False, "healthy": False, "1": True, "unhealthy": True}
NOT_MODALITIES = ("subject", "split", "slice", "slices", "label", "mask", "source")
MISTAKES_SHOWN = 20
LONGEST_SHOWN = 40
"""Characters of a wrong value that a message shows."""
LONGEST_SUBJECT = 200
MOST_DIGITS = 9
"""Of a slice's number; what is longer is no number of slices."""


@dataclass(frozen=True)
class ManifestRow:
    """One slice, or one whole volume (`slice` None), with its image-level label."""

    subject: str
    split: Split
    images: tuple[Path, ...]
    """One volume per modality, in the manifest's order of modalities."""
    slice: int | None
    unhealthy: bool
    slices: int | None = None
    mask: Path | None = None
    """For evaluation only."""
    source: str = ""
    line: int = 0
    """Line of the CSV file; 0 if the row comes from elsewhere."""

    @property
    def person(self) -> tuple[str, str]:
        """Source and subject: names may repeat between data sets."""
        return (self.source, self.subject)


@dataclass(frozen=True)
class Volume:
    """The rows of a manifest that share their image files."""

    rows: tuple[ManifestRow, ...]

    @property
    def images(self) -> tuple[Path, ...]:
        """One file per modality."""
        return self.rows[0].images


@dataclass(frozen=True)
class Manifest:
    """A checked manifest."""

    modalities: tuple[str, ...]
    rows: tuple[ManifestRow, ...]
    path: Path | None = None
    """The CSV file it was read from."""

    def of_split(self, *splits: Split) -> Manifest:
        """The part that belongs to these splits."""
        return replace(self, rows=tuple(row for row in self.rows if row.split in splits))

    def volumes(self) -> list[Volume]:
        """Rows grouped by their image files, in order of first appearance."""
        groups: dict[tuple[Path, ...], list[ManifestRow]] = {}
        for row in self.rows:
            groups.setdefault(row.images, []).append(row)
        return [Volume(tuple(rows)) for rows in groups.values()]

    def subjects(self) -> list[tuple[str, str]]:
        """Source and subject of everyone listed, in order of first appearance."""
        return list(dict.fromkeys(row.person for row in self.rows))


class Mistakes:
    """Collects what is wrong with a manifest or a data folder, to report all of it at once."""

    def __init__(self, path: Path | None, kind: str = "manifest"):
        self._path = path
        self._kind = kind
        self._found: list[tuple[int, str]] = []

    def add(self, line: int, what: str) -> None:
        """`what` is wrong in `line` (0: the file as a whole)."""
        self._found.append((line, what))

    def raise_if_any(self) -> None:
        """Raises InputError that lists the first mistakes with file and line, and counts the rest."""
        if not self._found:
            return
        name = self._path or self._kind
        shown = sorted(self._found, key=lambda mistake: mistake[0])[:MISTAKES_SHOWN]
        lines = [f"{name}:{line}: {what}" if line else f"{name}: {what}" for line, what in shown]
        left = len(self._found) - len(shown)
        if left:
            lines.append(f"... and {left} more")
        count = len(self._found)
        head = "Correct this mistake" if count == 1 else f"Correct these {count} mistakes"
        raise InputError(f"{head} in the {self._kind}:\n" + "\n".join(lines))


def read_manifest(
    path: str | Path, modalities: Sequence[str], *, both_labels_in: Sequence[Split] = ("train",)
) -> Manifest:
    """Read and check a manifest for a model of these modalities; columns of other modalities are ignored.

    `both_labels_in`: splits that must hold healthy and unhealthy rows. Masks are not touched. Raises
    InputError that lists every mistake with file and line.
    """
    path = Path(path)
    header, records = _read_csv(path)
    mistakes = Mistakes(path)
    columns = {name.strip().lower(): index for index, name in enumerate(header)}
    missing = [c for c in ("subject", "split", *modalities, "slice", "label") if c not in columns]
    if missing:
        mistakes.add(1, f"there is no column {' and no column '.join(map(repr, missing))}")
    if len(columns) < len(header):
        mistakes.add(1, "a column name occurs twice")
    mistakes.raise_if_any()
    reader = _RowReader(path.parent, columns, tuple(modalities), mistakes)
    rows = [row for line, fields in records if (row := reader.read(line, fields)) is not None]
    _check_subjects(rows, mistakes)
    _check_duplicates(rows, mistakes)
    if not records:
        mistakes.add(0, "it lists nothing")
    elif reader.complete:
        # With rows left out, a label that seems to be missing may not be.
        check_both_labels(rows, both_labels_in, mistakes)
    mistakes.raise_if_any()
    return Manifest(tuple(modalities), tuple(rows), path)


def write_manifest(path: str | Path, manifest: Manifest) -> None:
    """Write the CSV, whole or not at all; paths become relative to it where possible. Raises OutputError."""
    path = Path(path).absolute()
    columns = ["subject", "split", *manifest.modalities, "slice", "slices", "label", "mask", "source"]
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with replaced_file(path) as partial, partial.open("w", newline="", encoding="utf-8") as stream:
            writer = csv.writer(stream, lineterminator="\n")
            writer.writerow(columns)
            for row in manifest.rows:
                writer.writerow(
                    [
                        row.subject,
                        row.split,
                        *(_relative(image, path.parent) for image in row.images),
                        "" if row.slice is None else row.slice,
                        "" if row.slices is None else row.slices,
                        int(row.unhealthy),
                        _relative(row.mask, path.parent) if row.mask else "",
                        row.source,
                    ]
                )
    except OSError as error:
        raise OutputError(f"The manifest {path} cannot be written; check the folder and the disk.") from error


def check_both_labels(rows: Iterable[ManifestRow], splits: Sequence[Split], mistakes: Mistakes) -> None:
    """Note every split of `splits` that lacks healthy or unhealthy rows."""
    present = {(row.split, row.unhealthy) for row in rows}
    for split in splits:
        for unhealthy, name in ((False, "healthy"), (True, "unhealthy")):
            if (split, unhealthy) not in present:
                mistakes.add(0, f"the split '{split}' has no {name} image")


def is_whole_number(text: str) -> bool:
    """Whether it is a number of a slice, or of slices."""
    return text.isascii() and text.isdigit() and len(text) <= MOST_DIGITS


def _read_csv(path: Path) -> tuple[list[str], list[tuple[int, list[str]]]]:
    """The header, and the other rows that are not blank, each with its line."""
    try:
        return read_table(path)
    except FileNotFoundError as error:
        raise InputError(f"The manifest {path} does not exist; check the path.") from error
    except OSError as error:
        raise InputError(f"The manifest {path} cannot be read ({error.strerror}); check the path.") from error
    except ValueError as error:
        raise InputError(f"The manifest {path} cannot be read: {error}.") from error


class _RowReader:
    """Reads rows one by one; notes every mistake of a row, not only its first."""

    def __init__(self, folder: Path, columns: Mapping[str, int], modalities: tuple[str, ...], mistakes: Mistakes):
        self._folder = folder
        self._columns = columns
        self._modalities = modalities
        self._mistakes = mistakes
        self._exists: dict[Path, bool] = {}
        self.complete = True
        """No row had to be left out."""

    def read(self, line: int, fields: list[str]) -> ManifestRow | None:
        row = self._read(line, fields)
        self.complete = self.complete and row is not None
        return row

    def _read(self, line: int, fields: list[str]) -> ManifestRow | None:
        if len(fields) < len(self._columns) or any(field.strip() for field in fields[len(self._columns) :]):
            self._mistakes.add(line, f"{len(fields)} values for {len(self._columns)} columns")
            return None
        values = {name: fields[index].strip() for name, index in self._columns.items()}
        subject, split, label = values["subject"], values["split"].lower(), values["label"].lower()
        if not subject:
            self._mistakes.add(line, "the subject is missing")
        if len(subject) > LONGEST_SUBJECT:
            self._mistakes.add(line, f"the subject's name is longer than {LONGEST_SUBJECT} characters")
            subject = ""
        known: Split | None = next((s for s in SPLITS if s == split), None)
        if known is None:
            self._mistakes.add(line, f"the split must be train, val or test, not '{values['split'][:LONGEST_SHOWN]}'")
        if label not in LABELS:
            self._mistakes.add(
                line, f"the label must be 0, 1, healthy or unhealthy, not '{values['label'][:LONGEST_SHOWN]}'"
            )
        slices = self._count(line, "slices", values.get("slices", ""))
        number = self._count(line, "slice", values["slice"])
        images = [self._image(line, modality, values[modality]) for modality in self._modalities]
        found = tuple(image for image in images if image is not None)
        sound = slices != -1 and number != -1 and len(found) == len(images)
        if sound and number is not None and slices is not None and number >= slices:
            self._mistakes.add(line, f"slice {number} is not among the {slices} slices 0 to {slices - 1}")
            sound = False
        if not (sound and subject and known and label in LABELS):
            return None
        mask = values.get("mask", "")
        return ManifestRow(
            subject=subject,
            split=known,
            images=found,
            slice=number,
            unhealthy=LABELS[label],
            slices=slices,
            mask=_absolute(mask, self._folder) if mask else None,
            source=values.get("source", ""),
            line=line,
        )

    def _count(self, line: int, column: str, text: str) -> int | None:
        """The whole number, None if empty, -1 if wrong."""
        if not text:
            return None
        if not is_whole_number(text):
            self._mistakes.add(line, f"'{column}' must be empty or a whole number from 0, not '{text[:LONGEST_SHOWN]}'")
            return -1
        return int(text)

    def _image(self, line: int, modality: str, text: str) -> Path | None:
        if not text:
            self._mistakes.add(line, f"the {modality} image is missing")
            return None
        path = _absolute(text, self._folder)
        if path not in self._exists:
            # Path.exists raises for names that no disk can hold and in folders that may not be entered.
            self._exists[path] = os.path.exists(path)  # noqa: PTH110
        if not self._exists[path]:
            self._mistakes.add(line, f"the {modality} image {text[-200:]} does not exist")
            return None
        return path


def _check_subjects(rows: Iterable[ManifestRow], mistakes: Mistakes) -> None:
    first: dict[tuple[str, str], ManifestRow] = {}
    named = set()
    for row in rows:
        seen = first.setdefault(row.person, row)
        if seen.split != row.split and (row.person, row.split) not in named:
            named.add((row.person, row.split))
            mistakes.add(
                row.line,
                f"subject {row.subject} is in the split '{row.split}', but in '{seen.split}' in line {seen.line}",
            )


def _check_duplicates(rows: Iterable[ManifestRow], mistakes: Mistakes) -> None:
    first: dict[tuple[object, ...], int] = {}
    kinds: dict[tuple[Path, ...], ManifestRow] = {}
    for row in rows:
        name = f"subject {row.subject}" + ("" if row.slice is None else f", slice {row.slice},")
        earlier = first.setdefault((row.person, row.images, row.slice), row.line)
        kind = kinds.setdefault(row.images, row)
        if earlier != row.line:
            mistakes.add(row.line, f"{name} is listed in line {earlier} already")
        elif (kind.slice is None) != (row.slice is None):
            mistakes.add(row.line, f"{name} is listed as a whole and by slices (line {kind.line})")
        elif kind.person != row.person:
            mistakes.add(row.line, f"{name} has the same images as subject {kind.subject} in line {kind.line}")


def _absolute(text: str, folder: Path) -> Path:
    return Path(os.path.normpath((folder / text).absolute()))


def _relative(path: Path, folder: Path) -> str:
    try:
        return Path(os.path.relpath(path, folder)).as_posix()
    except ValueError:  # on another drive
        return str(path)
