"""Every step at which a process that writes a result can die."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from dying import dies_before
from output_samples import NEW, contents

from anofpdm.core.output_set import write_output_set

MOST_STEPS = 500


def half_writer(text: str) -> Callable[[Path], object]:
    """Writes in two pieces, between which the process may die, too."""

    def write(path: Path) -> None:
        with path.open("w") as stream:
            stream.write(text[: len(text) // 2])
            stream.flush()
            sys.audit("half-written")
            stream.write(text[len(text) // 2 :])

    return write


WRITERS = {name: half_writer(f"new {name[0]}") for name in NEW}


def crashes(folder: Path, older: Path | None, work: Callable[[Path], object]) -> Iterator[tuple[int, Path]]:
    """A copy of the older result for every step at which `work` on it can die, left as it died."""
    for step in range(MOST_STEPS):
        place = folder / f"{step}" / "out"
        place.parent.mkdir(parents=True)
        if older is not None:
            shutil.copytree(older, place)
        if not dies_before(step, lambda place=place: work(place)):
            return
        yield step, place
        shutil.rmtree(place.parent)
    raise AssertionError("it never ends")


def write_new(place: Path) -> None:
    write_output_set(place, WRITERS, without=["picture.png"])


def visible(place: Path) -> dict[str, bytes]:
    return {name: content for name, content in contents(place).items() if not name.startswith(".anofpdm")}
