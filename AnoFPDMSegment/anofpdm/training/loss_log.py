"""The loss curve as a CSV file that a continued run carries on without gaps or repetitions."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from pathlib import Path

from ..core.errors import OutputError
from ..core.replaced_file import replaced_file

LOSSES_FILE = "losses.csv"
COLUMNS = ("step", "loss", "learning_rate", "gradient_norm")

Row = tuple[int, float, float, float]


class LossLog:
    """Appends rows to `losses.csv`; steps are counted from 1."""

    def __init__(self, folder: Path, finished_steps: int) -> None:
        """Keeps the rows of the first `finished_steps` steps. Raises OutputError."""
        self._path = folder / LOSSES_FILE
        kept = [row for row in read_losses(folder) if row[0] <= finished_steps]
        try:
            with replaced_file(self._path) as partial, partial.open("w", newline="", encoding="utf-8") as stream:
                csv.writer(stream, lineterminator="\n").writerows([COLUMNS, *map(_texts, kept)])
        except OSError as error:
            raise _unwritable(self._path, error) from error

    def add(self, rows: Iterable[Row]) -> None:
        """Append finished steps. Raises OutputError."""
        try:
            with self._path.open("a", newline="", encoding="utf-8") as stream:
                csv.writer(stream, lineterminator="\n").writerows(map(_texts, rows))
        except OSError as error:
            raise _unwritable(self._path, error) from error


def read_losses(folder: Path) -> list[Row]:
    """The rows of `losses.csv` that are whole; none if there is no file yet."""
    path = folder / LOSSES_FILE
    if not path.exists():
        return []
    rows: list[Row] = []
    with path.open(newline="", encoding="utf-8") as stream:
        for fields in list(csv.reader(stream))[1:]:
            if len(fields) != len(COLUMNS):
                break  # the row that a kill cut off
            rows.append((int(fields[0]), float(fields[1]), float(fields[2]), float(fields[3])))
    return rows


def _texts(row: Row) -> tuple[str, ...]:
    return (str(row[0]), *(f"{value:.9g}" for value in row[1:]))


def _unwritable(path: Path, error: OSError) -> OutputError:
    return OutputError(f"The loss curve {path} could not be written ({error.strerror}); check the disk.")
