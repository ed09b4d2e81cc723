"""The fuzz command: its options, the children that try the inputs, and what is printed."""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import tempfile
import time
from pathlib import Path

from cases import Cases
from isolation import Child, Limits
from seeds import make_seeds
from tally import Tally
from targets import TARGETS

MEMORY_DISK = "/dev/shm"
WITHOUT_NETWORK = Limits(memory_bytes=1 << 30, processor_s=20)
WITH_NETWORK = Limits(memory_bytes=3 << 30, processor_s=120)


def run_command(text: str | None, arguments: list[str] | None = None) -> int:
    """Run the command that `text` describes and return its exit status."""
    parser = argparse.ArgumentParser(description=(text or "").partition("\n")[0])
    parser.add_argument("--inputs", type=int, required=True, metavar="N", help="how many damaged inputs are made")
    parser.add_argument("--seed", type=int, default=0, help="another one gives other inputs (default: 0)")
    parser.add_argument(
        "--first",
        type=int,
        default=0,
        metavar="N",
        help="number of the first input (default: 0)",
    )
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="where inputs that show a fault are kept")
    parser.add_argument("--without-network", action="store_true", help="no input is given to a network")
    options = parser.parse_args(arguments)
    if not hasattr(os, "fork"):
        parser.error("this system cannot fork processes; use Linux or macOS")
    for ending in (signal.SIGINT, signal.SIGTERM):
        # What was counted so far is printed, in the background as well.
        signal.signal(ending, signal.default_int_handler)
    begin = time.monotonic()
    # In memory where that is possible: each input is a handful of small files.
    place = MEMORY_DISK if os.access(MEMORY_DISK, os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix="anofpdm-fuzz-", dir=place) as folder:
        tally = run(options, Path(folder))
    print(tally.table())
    for number, name, outcome in tally.faults:
        print(f"{number} {name}: {' '.join(outcome.split())}")
    print(f"{tally.inputs} inputs, seed {options.seed}, {time.monotonic() - begin:.0f} s.")
    return 1 if tally.faults else 0


def run(options: argparse.Namespace, folder: Path) -> Tally:
    """Try the inputs one by one."""
    cases = Cases(make_seeds(), options.seed, folder)
    load_readers()
    cases.check_seeds()
    plain = Child(cases.try_out, WITHOUT_NETWORK)
    network = Child(cases.try_out, WITH_NETWORK, load_network)
    tally = Tally([target.name for target in TARGETS])
    try:
        for number in range(options.first, options.first + options.inputs):
            in_network = cases.runs_network(number)
            if in_network and options.without_network:
                continue
            child = network if in_network else plain
            outcome = child.run(number)
            if not child.lives:
                cases.clear()
            if tally.add(number, cases.target(number).name, outcome) and options.keep is not None:
                keep(cases, number, outcome, options.keep)
    except KeyboardInterrupt:
        print(f"Ended before input {number}.")
    finally:
        plain.end()
        network.end()
    return tally


def load_readers() -> None:
    """Before the first child is made, so that none has to; torch is none of them."""
    import pydicom
    import SimpleITK

    from anofpdm.results import detection
    from anofpdm.store import model_install
    from anofpdm.volumes import dicom, preparation, reading

    assert all((pydicom, SimpleITK, detection, model_install, dicom, preparation, reading))


def load_network() -> None:
    """In the child that runs it."""
    import torch

    from anofpdm.detect import detector

    assert detector
    torch.set_num_threads(1)


def keep(cases: Cases, number: int, outcome: str, folder: Path) -> None:
    """The input's files, and what became of it."""
    place = folder / str(number)
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir(parents=True)
    cases.write(number, place)
    (place / "outcome.txt").write_text(f"{cases.target(number).name}: {outcome}\n")
