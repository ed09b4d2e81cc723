"""A process dies before each step of writing a result, and of putting right what the death left.

    python Testing/benchmarks/crash_runs.py

Steps are all that changes a disk: files opened for writing, half-written, made, renamed and removed. After each death
the next command's first look puts the folder right. Prints a table; the exit status is 1 if a folder then holds neither
the older nor the newer result whole, or if a whole result that could be seen vanished.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import torch

sys.path.append(str(Path(__file__).resolve().parents[1] / "engine"))
sys.path.append(str(Path(__file__).resolve().parents[1] / "fuzz"))
from crash_points import crashes, visible, write_new
from output_samples import contents, write_older_result
from seeds import small_volume
from tiny_model import write_tiny_model

from anofpdm import Detector, SelectionSettings
from anofpdm.core.output_set import check_output_directory
from anofpdm.results.detection import build_detection

Work = Callable[[Path], object]
COLUMNS = ("points", "older result", "newer result", "neither", "vanished")


def tried(folder: Path, older: Path | None, work: Work) -> Counter[str]:
    """Die at every step of `work` on a copy of `older` (None: nothing is there yet); what is there afterwards."""
    folder.mkdir()
    before = {} if older is None else contents(older)
    newer = folder / "newer"
    if older is not None:
        shutil.copytree(older, newer)
    work(newer)
    after, counts = contents(newer), Counter[str]()
    for _, place in crashes(folder / "crashes", older, work):
        seen = visible(place) if place.exists() else {}
        check_output_directory(place)
        left = contents(place) if place.exists() else {}
        counts["points"] += 1
        counts["older result" if left == before else "newer result" if left == after else "neither"] += 1
        counts["vanished"] += seen == after and left != after
    return counts


def tried_again(folder: Path, older: Path) -> Counter[str]:
    """Die at every step of putting right, too, after each death that leaves something else to put right."""
    folder.mkdir()
    before, counts, known = contents(older), Counter[str](), []
    for step, place in crashes(folder / "first", older, write_new):
        # The work folder has another name each time.
        left = {name.partition("/")[2] if "-work-" in name else name: data for name, data in contents(place).items()}
        if left in known:
            continue
        known.append(left)
        check = shutil.copytree(place, folder / "check" / str(step))
        check_output_directory(check)
        outcome = contents(check)
        for _, second in crashes(folder / f"second {step}", place, check_output_directory):
            check_output_directory(second)
            counts["points"] += 1
            same = contents(second) == outcome
            counts["neither" if not same else "older result" if outcome == before else "newer result"] += 1
    return counts


def detection_writers(folder: Path) -> tuple[Path, Work]:
    """An older detection, and what writes another one over it."""
    case = Detector.from_model(write_tiny_model(folder / "tiny").path, device="cpu").examine(small_volume())
    older = folder / "older detection"
    build_detection(case).write(older, overlay=False)
    other = build_detection(case, SelectionSettings(guidance=1.0, ungated=True))
    return older, lambda place: other.write(place, overlay=False)


def run_command() -> int:
    """Run the command and return its exit status."""
    torch.set_num_threads(1)  # a fork has no other
    os.fsync = lambda descriptor: None  # no step of its own as long as the machine lives
    with tempfile.TemporaryDirectory(prefix="anofpdm-crashes-") as name:
        folder = Path(name)
        older = write_older_result(folder / "older")
        detection, write = detection_writers(folder)
        rows = {
            "three files where nothing was": tried(folder / "a", None, write_new),
            "three files over an older result": tried(folder / "b", older, write_new),
            "a detection over an older one": tried(folder / "c", detection, write),
            "putting right what a death left": tried_again(folder / "d", older),
        }
    print("| writing | " + " | ".join(COLUMNS) + " |\n" + "|---" * (len(COLUMNS) + 1) + "|")
    for name, counts in rows.items():
        print(f"| {name} | " + " | ".join(str(counts[column]) for column in COLUMNS) + " |")
    return 1 if any(counts["neither"] or counts["vanished"] for counts in rows.values()) else 0


if __name__ == "__main__":
    sys.exit(run_command())
