"""Resources/slicer-facts.md: the names that the stand-ins offer, and what is known of the real ones.

The page is the only list of the names: what it does not have is not there.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PAGE = Path(__file__).resolve().parents[3] / "Resources" / "slicer-facts.md"
ALONE = "Of the stand-in alone"
"""How the description of a function begins that the tests use and the real class does not have."""
_CODE = re.compile(r"`([^`]+)`")


@dataclass(frozen=True)
class Name:
    """What stands behind a name: its own properties, signals and functions, and the upstream file."""

    members: frozenset[str]
    source: str


@dataclass(frozen=True)
class Behavior:
    """A fact, the files of the stand-ins that imitate it, and where it was read or seen."""

    fact: str
    files: tuple[str, ...]
    source: str


def names(place: str) -> dict[str, Name]:
    """Those that one module of Python offers: `qt`, `ctk`, `slicer`, `slicer.i18n` and so on."""
    found: dict[str, Name] = {}
    for cells in _rows("Names").get(f"`{place}`", []):
        for name in _CODE.findall(cells[0]):
            found[name] = Name(frozenset(_CODE.findall(cells[1]) if len(cells) > 2 else ()), cells[-1])
    return found


def places() -> list[str]:
    """The modules of Python that have a table."""
    return [_CODE.findall(title)[0] for title in _rows("Names")]


def behaviors() -> list[Behavior]:
    """All of them."""
    rows = [cells for table in _rows("Behavior").values() for cells in table]
    return [Behavior(cells[0], tuple(_CODE.findall(cells[1])), cells[-1]) for cells in rows]


def offered(cls: type) -> set[str]:
    """The names that a class of the stand-ins offers beyond what Qt gives it."""
    from PySide6.QtCore import QMetaMethod, QObject

    if not issubclass(cls, QObject):
        own = {**vars(cls), **dict.fromkeys(vars(cls).get("__annotations__", ()))}
        return {name for name, value in own.items() if not name.startswith("_") and not _alone(value)}
    meta = cls.staticMetaObject
    properties = {meta.property(n).name() for n in range(meta.propertyOffset(), meta.propertyCount())}
    methods = [meta.method(n) for n in range(meta.methodOffset(), meta.methodCount())]
    signals = {m.name().data().decode() for m in methods if m.methodType() == QMetaMethod.MethodType.Signal}
    return properties | signals | set(vars(cls).get("_standin_methods", ()))


def _alone(value: Any) -> bool:
    return (getattr(value, "__doc__", None) or "").startswith(ALONE)


def _rows(part: str) -> dict[str, list[list[str]]]:
    """The rows of the tables of a part of the page, by the title above each."""
    text = PAGE.read_text(encoding="utf-8")
    inside = re.search(rf"^## {part}\n(.*?)(?=^## |\Z)", text, re.DOTALL | re.MULTILINE)
    assert inside is not None, f"{PAGE.name} has no part '{part}'."
    found = {}
    for section in re.split(r"^### ", inside.group(1), flags=re.MULTILINE)[1:]:
        title, _, body = section.partition("\n")
        lines = [line for line in body.splitlines() if line.startswith("|")]
        found[title.strip()] = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]
    return found
