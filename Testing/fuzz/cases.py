"""One damaged input: made from its number, tried, and judged."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random

import numpy as np
from mutations import Files
from tally import NOISE, NOT_MADE, READ, REFUSED, UNCLEAR
from targets import TARGETS, Act, Target

LONGEST_SENTENCE = 1500
"""Of a refusal, file names included."""
NETWORK_EVERY = 100


class Cases:
    """Inputs by number; the same number and seed give the same input."""

    def __init__(self, seeds: dict[str, Files], seed: int, folder: Path) -> None:
        """`folder`: an empty one, for the files of a case, what is written, and temporary files."""
        self._seeds = seeds
        self._seed = seed
        self._folder = folder
        self._temporary = folder / "temporary"
        self._output = folder / "output"
        for place in (self._temporary, self._output):
            place.mkdir(exist_ok=True)

    def target(self, number: int) -> Target:
        """The formats take turns."""
        return TARGETS[number % len(TARGETS)]

    def runs_network(self, number: int) -> bool:
        """One in a hundred does, of the formats that a network is run on."""
        share = len(TARGETS) / sum(target.with_network is not None for target in TARGETS) / NETWORK_EVERY
        return self.target(number).with_network is not None and self._random(number).random() < share

    def _random(self, number: int) -> Random:
        return Random(f"{self._seed} {number}")

    def write(self, number: int, place: Path) -> str:
        """Make the files of a case; what failed in making them, empty where nothing did."""
        target = self.target(number)
        random = self._random(number)
        random.random()  # decides about the network
        try:
            # Warnings about what is computed here say nothing about the project.
            with np.errstate(all="ignore"), warnings.catch_warnings():
                warnings.simplefilter("ignore")
                files = target.mutate(self._seeds[target.name], random)
        except Exception as error:  # noqa: BLE001 - one input less; the others are tried all the same
            return f"{type(error).__name__}: {error}"
        for name, content in files.items():
            path = place / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        return ""

    def check_seeds(self) -> None:
        """Undamaged files are read: a refused seed would hide everything. Raises what the project raises."""
        for target in TARGETS:
            place = self._folder / "input"
            for name, content in self._seeds[target.name].items():
                path = place / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(content)
            outcome = judged(target.act, place, self._output)
            self.clear()
            if outcome != READ:
                raise AssertionError(f"the seed of {target.name} is not read: {outcome}")

    def try_out(self, number: int) -> str:
        """Do what the project does with such files, and judge how it ended."""
        target = self.target(number)
        act = target.with_network if self.runs_network(number) and target.with_network else target.act
        tempfile.tempdir = str(self._temporary)
        place = self._folder / "input"
        place.mkdir()
        try:
            failed = self.write(number, place)
            said = self._folder / "said"
            with _standard_error(said):
                outcome = f"{NOT_MADE}: {failed}" if failed else judged(act, place, self._output)
            if outcome in (READ, REFUSED) and said.stat().st_size:
                outcome = f"{NOISE}: {said.read_text(errors='replace')[:300]}"
        finally:
            left = self.clear()
        return f"leftover: {left}" if left else outcome

    def clear(self) -> str:
        """Remove what a case, or a child that ended in it, left behind; its names."""
        shutil.rmtree(self._folder / "input", ignore_errors=True)
        names = []
        for place in (self._temporary, self._output):
            for entry in list(place.iterdir()):
                # A place for models that was made is no leftover.
                if entry != self._output / "models" or any(entry.iterdir()):
                    names.append(entry.name)
                if entry.is_dir():
                    shutil.rmtree(entry)
                else:
                    entry.unlink()
        return ", ".join(names[:5])


@contextmanager
def _standard_error(path: Path) -> Iterator[None]:
    """What is printed there, by libraries as well, goes into a file."""
    sys.stderr.flush()
    kept = os.dup(2)
    with path.open("wb") as stream:
        os.dup2(stream.fileno(), 2)
    try:
        yield
        sys.stderr.flush()
    finally:
        os.dup2(kept, 2)
        os.close(kept)


def judged(act: Act, place: Path, output: Path) -> str:
    """Read, refused in one clear sentence, or without the memory; everything else is raised."""
    from anofpdm.core.errors import AnoFPDMError
    from anofpdm.core.out_of_memory import is_out_of_memory

    try:
        act(place, output)
    except AnoFPDMError as error:
        text = str(error)
        if "memory" in text:
            return f"blow-up: {text}"
        head = text.splitlines()[0] if text else ""
        # Mistakes in a table are a heading and a list.
        is_sentence = text.endswith((".", "?")) or ":\n" in text
        if not is_sentence or len(head) > LONGEST_SENTENCE:
            return f"{UNCLEAR}: {text[:200]}"
        return REFUSED
    except Exception as error:
        if is_out_of_memory(error):
            return f"blow-up: {type(error).__name__}: {error}"
        raise
    return READ
