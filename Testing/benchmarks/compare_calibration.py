"""Whether the README's commands on the real data give the calibration that ships, from the weights that ship.

    python Testing/benchmarks/compare_calibration.py DATA [--preset fast] [--precision float32]

DATA is the folder that holds `lgg`. One preset takes minutes. Prints each field that differs by more than 0.1 %; the
exit status is 1 if any does. The tests do the same with two of the ten patients.
"""

from __future__ import annotations

import argparse
import dataclasses
import shutil
import sys
import tempfile
from collections.abc import Collection
from pathlib import Path

import numpy as np

from anofpdm.cli.main import main as anofpdm
from anofpdm.methods.anofpdm.calibration import Calibration, load_calibrations
from anofpdm.store.model_search import find_model, model_of_method

ROWS = (
    "accuracy",
    "auroc",
    "similarity_threshold",
    "map_threshold",
    "healthy_threshold",
    "scaling",
    "other_accuracy",
    "unguided_error",
)
TOLERANCE = 1e-3
"""Releases of torch differ in the last digits, and thresholds lie between values."""


def shipped(preset: str, precision: str) -> Calibration:
    """That of the bundled model."""
    calibrations = load_calibrations(find_model(model_of_method("anofpdm")).calibration)
    (found,) = (c for c in calibrations if (c.name, c.operating_point.precision) == (preset, precision))
    return found


def calibrate(data: Path, like: Calibration, folder: Path, subjects: Collection[str] = ()) -> Calibration:
    """The bundled model calibrated anew at the preset and range of `like`; with some of the subjects alone if named."""
    bundled = find_model(model_of_method("anofpdm"))
    model = Path(shutil.copytree(bundled.path, folder / bundled.config.name))
    manifest = folder / "lgg.csv"
    _call("manifest", "lgg", data / "lgg", "--output", manifest)
    if subjects:
        header, *lines = manifest.read_text(encoding="utf-8").splitlines(keepends=True)
        manifest.write_text("".join([header, *(each for each in lines if each.split(",")[0] in subjects)]))
    point = like.operating_point
    asked = ("--presets", like.name, "--ranges", f"{point.first}..{point.last}", "--precision", point.precision)
    _call("calibrate", model, manifest, *asked, "--progress", "none")
    (made,) = load_calibrations(model / "calibration.json")
    return made


def differences(made: Calibration, expected: Calibration) -> list[str]:
    """Names of the fields that differ, those of numbers by more than TOLERANCE."""
    found = []
    for field in dataclasses.fields(made):
        ours, theirs = getattr(made, field.name), getattr(expected, field.name)
        if field.type in ("float", "float | None") or field.name in ROWS:
            same = np.shape(ours) == np.shape(theirs) and np.allclose(ours, theirs, rtol=TOLERANCE, atol=0)
        else:
            # Maps that are not the ones in use: their thresholds are not kept to the digit.
            same = field.name == "other_consistency" or ours == theirs
        if not same:
            found.append(f"{field.name}: {ours} and not {theirs}")
    return found


def _call(*arguments: object) -> None:
    if anofpdm([str(each) for each in arguments]) != 0:
        raise SystemExit(f"anofpdm {arguments[0]} did not succeed.")


def main() -> int:
    """Of the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--preset", default="fast")
    parser.add_argument("--precision", default="float32")
    options = parser.parse_args()
    expected = shipped(options.preset, options.precision)
    with tempfile.TemporaryDirectory() as folder:
        found = differences(calibrate(options.data, expected, Path(folder)), expected)
    print("\n".join(found) or "The calibration that ships comes back.")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
