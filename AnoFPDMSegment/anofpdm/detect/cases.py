"""The table of `detect --cases`: patients and their images."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..core.errors import InputError
from ..datasets.csv_table import read_table
from ..volumes.input_config import InputConfig

LONGEST_NAME = 200
"""Bytes; with what is put before it while a result is written, disks take 255."""
LONGEST_SHOWN = 100


@dataclass(frozen=True)
class Case:
    """A patient's images: one path, or a path for each modality."""

    name: str
    images: str | Mapping[str, str]


def read_cases(path: Path) -> list[Case]:
    """Read the table: column `case` and one column a modality (or `image`); paths relative to the table.

    Raises InputError that names file and line.
    """
    try:
        header, rows = read_table(path)
    except OSError as error:
        raise InputError(f"The table of cases {path} cannot be read ({error.strerror}); check the file.") from error
    except ValueError as error:
        raise InputError(f"The table of cases {path} cannot be read: {error}.") from error
    columns = [name.strip().lower() for name in header]
    modalities = [name for name in columns if name != "case"]
    if "case" not in columns or not modalities:
        raise InputError(
            f"{path} needs a header, separated by commas or semicolons, with the column 'case' and one column for each "
            "modality."
        )
    if not all(columns) or len(set(columns)) < len(columns):
        raise InputError(f"{path} has a column without a name or two of the same name; name each column once.")
    cases: dict[str, Case] = {}  # by the folder's name as disks compare it that do not tell A from a
    for line, fields in rows:
        row = dict(zip(columns, fields, strict=False))
        if len(fields) != len(columns) or not all(field.strip() for field in fields):
            raise InputError(f"{path}, line {line}: every column needs a value, as many as the header names.")
        name = row["case"].strip()
        plain = Path(name).name == name and not name.startswith(".") and name.isprintable()
        if not plain or len(name.encode("utf-8")) > LONGEST_NAME:
            shown = name[:LONGEST_SHOWN]
            raise InputError(
                f"{path}, line {line}: the case '{shown}' must be a plain folder name of at most {LONGEST_NAME} bytes."
            )
        folder = unicodedata.normalize("NFC", name).casefold()
        if folder in cases:
            twin = cases[folder].name
            what = "occurs twice" if name == twin else f"differs from '{twin}' in the case of its letters only"
            raise InputError(f"{path}, line {line}: the case '{name}' {what}; name each case otherwise.")
        images = {modality: str(path.parent / row[modality].strip()) for modality in modalities}
        if any("\0" in image for image in images.values()):
            raise InputError(f"{path}, line {line}: a path holds a zero byte; write the table again.")
        cases[folder] = Case(name, images["image"] if list(images) == ["image"] else images)
    if not cases:
        raise InputError(f"{path} lists no cases.")
    return list(cases.values())


def check_columns(table: str | Path, cases: Sequence[Case], config: InputConfig) -> None:
    """Raises InputError unless the table's columns are the model's modalities, of whatever case and in any order; a
    model with one takes `image`, too."""
    needed = config.modalities
    given = list(cases[0].images) if isinstance(cases[0].images, Mapping) else ["image"]
    if set(given) != set(needed) and not (given == ["image"] and len(needed) == 1):
        raise InputError(
            f"The columns of {table} besides 'case' are {', '.join(given)}, but the model needs {', '.join(needed)}; "
            "rename them, or choose another model."
        )
