"""An archive that is examined by runs that are killed again and again, beside an undisturbed one.

    python Testing/benchmarks/kill_runs.py [--kills 100] [--seed 0]

A tiny untrained network, small heads as NIfTI, DICOM and compressed DICOM. Each run is `anofpdm detect --cases` in a
process of its own that is ended by SIGKILL at a random moment and begun again, until every case is finished; then the
next archive begins. Prints a table; the exit status is 1 if a result differs, was lost or computed again, or if
anything was left behind.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import SimpleITK as sitk
import torch

sys.path.append(str(Path(__file__).resolve().parents[1] / "engine"))
sys.path.append(str(Path(__file__).resolve().parents[1] / "fuzz"))
from dicom_makers import compress, planes, write_classic, write_enhanced
from seeds import small_volume
from tiny_model import write_tiny_model

from anofpdm.cli.main import main
from anofpdm.core.checksums import CHECKSUMS_FILE, Checksums
from anofpdm.results.detection import result_files

FILES = sorted(set(result_files(overlay=True)) - {CHECKSUMS_FILE})
OF_THE_RUN = ("created", "run_time_s", "run")
"""Entries that differ from run to run: the day and how long it took."""
WORK = "*/.anofpdm-work-*"
LIVES = 4
"""About so many runs an archive takes: the longest life is half of what that leaves to each."""
FAULTS = ("lost or computed again", "results that differ", "leftovers")
COUNTED = (
    "runs", "kills", "while files were written or exchanged", "a volume's copy in the temporary folder", "archives",
    "results compared", *FAULTS,
)  # fmt: skip


class Archive:
    """Cases, and runs on them."""

    def __init__(self, folder: Path) -> None:
        self.temporary = folder / "temporary"
        self.temporary.mkdir()
        os.environ["TMPDIR"] = tempfile.tempdir = str(self.temporary)
        self._model = write_tiny_model(folder / "tiny").path
        image = small_volume()
        for name in ("a.nii.gz", "b.nrrd"):
            sitk.WriteImage(image, str(folder / name))
        write_classic(folder / "series", planes(image))
        compress(write_enhanced(folder / "frames.dcm", planes(image)), "JPEG2000")
        inputs = {"a": "a.nii.gz", "b": "b.nrrd", "series": "series", "frames": "frames.dcm"}
        self.cases = list(inputs)
        self._table = folder / "cases.csv"
        self._table.write_text("".join(f"{case},{file}\n" for case, file in {"case": "flair", **inputs}.items()))

    def begin(self, output: Path) -> int:
        """Start a run, forked so that what it needs is loaded; its process id."""
        sys.stdout.flush()
        child = os.fork()
        if child:
            return child
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, 1)
        os.dup2(nowhere, 2)
        call = ["detect", "--cases", str(self._table), "--model", str(self._model), "--output", str(output)]
        try:
            os._exit(main([*call, "--progress", "none"]))
        finally:
            os._exit(70)

    def whole(self, output: Path) -> dict[str, int]:
        """When the whole results that can be seen were written, by case."""
        return {
            case: (output / case / "findings.json").stat().st_mtime_ns
            for case in self.cases
            if Checksums.of(output / case).confirm(FILES)
        }

    def leftovers(self, output: Path) -> list[str]:
        """What lies beside the results, and in the temporary folder."""
        wanted = {*self.cases, *(f"{case}/{name}" for case in self.cases for name in (*FILES, CHECKSUMS_FILE))}
        found = {path.relative_to(output).as_posix() for path in output.rglob("*")}
        return [*sorted(found - wanted), *(path.name for path in self.temporary.rglob("*"))]

    def content(self, output: Path, case: str) -> dict[str, Any]:
        """Of all its files, without what differs from run to run."""
        files: dict[str, Any] = {name: (output / case / name).read_bytes() for name in FILES}
        files["findings.json"] = _lasting(files["findings.json"])
        with np.load(output / case / "evidence.npz") as evidence:
            arrays = {name: evidence[name].tobytes() for name in evidence.files}
        files["evidence.npz"] = {
            name: _lasting(data) if data.startswith(b"{") else data for name, data in arrays.items()
        }
        return files


def _lasting(text: bytes) -> dict[str, Any]:
    return {name: value for name, value in json.loads(text).items() if name not in OF_THE_RUN}


class Round:
    """Runs on one archive, killed until one is spared."""

    def __init__(self, archive: Archive, output: Path, counts: Counter[str]) -> None:
        self._archive, self._output, self._counts = archive, output, counts
        self._known: dict[str, int] = {}

    def run(self, moments: Iterator[float]) -> None:
        """Run until all cases are finished; `moments`: seconds after which each run is killed."""
        while not self._ended(next(moments)):
            self._counts["kills"] += 1
            self._counts["while files were written or exchanged"] += any(self._output.glob(WORK))
            self._counts["a volume's copy in the temporary folder"] += any(self._archive.temporary.rglob("*.dcm"))
            self._look()
        self._look()
        self._counts["archives"] += 1

    def _ended(self, moment: float) -> bool:
        """Whether the next run ended by itself."""
        child = self._archive.begin(self._output)
        self._counts["runs"] += 1
        end = time.monotonic() + moment
        while time.monotonic() < end:
            ended, status = os.waitpid(child, os.WNOHANG)
            if ended:
                return _succeeded(status)
            time.sleep(0.001)
        os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
        return not os.WIFSIGNALED(status) and _succeeded(status)

    def _look(self) -> None:
        """What was whole once stays as it is."""
        whole = self._archive.whole(self._output)
        self._counts["lost or computed again"] += sum(whole.get(case) != at for case, at in self._known.items())
        self._known = whole


def _succeeded(status: int) -> bool:
    if os.waitstatus_to_exitcode(status) != 0:
        raise SystemExit(f"a run ended with status {os.waitstatus_to_exitcode(status)}")
    return True


def killed_runs(archive: Archive, folder: Path, kills: int, seed: int) -> Counter[str]:
    """Archives examined, one after the other, until so many runs were killed."""
    began = time.monotonic()
    undisturbed = folder / "undisturbed"
    _succeeded(os.waitpid(archive.begin(undisturbed), 0)[1])
    longest = (time.monotonic() - began) * 2 / LIVES
    expected = [archive.content(undisturbed, case) for case in archive.cases]
    random = Random(seed)
    moments = (random.uniform(0, longest) for _ in itertools.count())
    counts = Counter[str]()
    while counts["kills"] < kills:
        output = folder / f"archive {counts['archives']}"
        Round(archive, output, counts).run(moments)
        found = [archive.content(output, case) for case in archive.cases]
        counts["results compared"] += len(found)
        counts["results that differ"] += sum(one != other for one, other in zip(found, expected, strict=True))
        left = archive.leftovers(output)
        counts["leftovers"] += len(left)
        print(*(f"left behind: {name}\n" for name in left), sep="", end="")
        shutil.rmtree(output)
    return counts


def run_command() -> int:
    """Run the command and return its exit status."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--kills", type=int, default=100, help="how many runs are killed at least (default: 100)")
    parser.add_argument("--seed", type=int, default=0, help="another one gives other moments (default: 0)")
    options = parser.parse_args()
    torch.set_num_threads(1)  # a fork has no other
    with tempfile.TemporaryDirectory(prefix="anofpdm-kills-") as folder:
        counts = killed_runs(Archive(Path(folder)), Path(folder), options.kills, options.seed)
    print("| what | number |\n|---|---|")
    for name in COUNTED:
        print(f"| {name} | {counts[name]} |")
    return 1 if any(counts[name] for name in FAULTS) else 0


if __name__ == "__main__":
    sys.exit(run_command())
