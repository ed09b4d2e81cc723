"""Every step at which a process that writes a result can die."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from dying import dies_before
from output_samples import NEW, contents

from anofpdm.core.output_set import check_output_directory, write_output_set

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


def repairs_that_die(older: Path, folder: Path) -> tuple[int, int]:
    """Writing dies at every step and, for each thing that this can leave, so does the repair: how many of each.

    Raises AssertionError where a repair that died changed the outcome.
    """
    # It is slow, and no step of its own as long as the machine lives.
    os.fsync = lambda descriptor: None  # type: ignore[assignment]
    write_new(Path(shutil.copytree(older, folder / "newer")))
    wholes, repairs = (contents(older), contents(folder / "newer")), 0
    known: list[dict[str, bytes]] = []
    for step, place in crashes(folder / "first", older, write_new):
        # The work folder's name is another each time.
        left = {name.partition("/")[2] if "-work-" in name else name: text for name, text in contents(place).items()}
        if left in known:
            continue
        known.append(left)
        check = Path(shutil.copytree(place, folder / "check" / f"{step}"))
        check_output_directory(check)
        outcome = contents(check)
        assert outcome in wholes, f"step {step}"
        for again, second in crashes(folder / f"second-{step}", place, check_output_directory):
            check_output_directory(second)
            assert contents(second) == outcome, f"steps {step} and {again}"
            repairs += 1
    return len(known), repairs
