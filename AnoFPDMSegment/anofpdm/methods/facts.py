"""What a method alone knows of a slice or a volume: records of its own, which findings and tables take as they are."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

_COLUMN = "column"


@dataclass(frozen=True)
class FactColumn:
    """How a number of every slice is shown in tables: its title, what it means, its format, and the title of a narrow
    column."""

    name: str
    title: str
    meaning: str
    form: str
    short: str


@dataclass(frozen=True)
class NoFacts:
    """Of a method that knows nothing of its own."""


@dataclass(frozen=True)
class DecisionRule:
    """What decides whether a slice is unhealthy: a number of its facts, by its title in the middle of a sentence, which
    is at least the threshold, or at most."""

    by: str
    threshold: float
    at_least: bool


def number_in_tables(title: str, meaning: str, form: str = "{:.4g}", short: str = "") -> Any:
    """A field (`float | None`) of a record of facts that is a column of the tables of slices, too."""
    return dataclasses.field(metadata={_COLUMN: (title, meaning, form, short or title)})


def fact_columns(kind: type[Any]) -> list[FactColumn]:
    """The columns that a record of facts has in tables."""
    fields = [field for field in dataclasses.fields(kind) if _COLUMN in field.metadata]
    return [FactColumn(field.name, *field.metadata[_COLUMN]) for field in fields]
