"""What `anofpdm detect` makes of a folder of failing inputs, beside the undamaged one in the same run.

    python Testing/benchmarks/failing_inputs.py FOLDER [--base f00_base.nii.gz] [--model NAME]

FOLDER holds images and `.tar.gz` archives of a folder each. Prints a table: volume, place and side of the findings with
the preset `fast`, or the sentence of the refusal.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import sys
import tarfile
import tempfile
from pathlib import Path
from typing import Any

from anofpdm.cli.main import main


def inputs(folder: Path, place: Path) -> dict[str, Path]:
    """What is given to the command, by name; archives are unpacked into `place`."""
    found = {}
    for path in sorted(folder.iterdir()):
        if path.name.endswith(".tar.gz"):
            inner = place / path.name.removesuffix(".tar.gz")
            with tarfile.open(path) as archive:
                archive.extractall(inner, filter="data")
            (found[inner.name],) = inner.iterdir()
        elif path.suffix != ".md":
            found[path.name.partition(".")[0]] = path
    return found


def row(findings: dict[str, Any], base: dict[str, Any]) -> str:
    """Volume beside the base's, place and side of the largest region, and warnings."""
    volume, of_base = (float(each["totals"]["volume_ml"]) for each in (findings, base))
    largest = max(findings["components"], key=lambda each: each["volume_ml"], default=None)
    place = "" if largest is None else " ".join(f"{x:.1f}" for x in largest["centroid_ras_mm"])
    side = "" if largest is None else largest["side"] or "open"
    return f"{volume:.1f} mL ({volume / of_base - 1:+.1%}) | {place} | {side} | {len(findings['warnings'])}"


def run_command() -> int:
    """Run the command and return its exit status: 1 if a case ended in neither findings nor a sentence."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--base", default="f00_base.nii.gz", help="the undamaged input (default: f00_base.nii.gz)")
    parser.add_argument("--model", help="a model's name or folder (default: the bundled one)")
    options = parser.parse_args()
    unclear = 0
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        cases = inputs(options.folder, place / "unpacked")
        table = place / "cases.csv"
        table.write_text("case,flair\n" + "".join(f"{case},{path}\n" for case, path in cases.items()))
        call = ["detect", "--cases", str(table), "--output", str(place / "out"), "--preset", "fast", "--no-overlay"]
        said = io.StringIO()
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(said):
            main([*call, "--progress", "none", *(["--model", options.model] if options.model else [])])
        base = json.loads((place / "out" / options.base.partition(".")[0] / "findings.json").read_text())
        print("| case | volume (beside the base) | R, A, S in mm | side | warnings |\n|---|---|---|---|---|")
        for case, path in cases.items():
            found = place / "out" / case / "findings.json"
            if found.is_file():
                print(f"| {case} | {row(json.loads(found.read_text()), base)} |")
                continue
            sentence = next((line for line in said.getvalue().splitlines() if f"{case}: Case " in line), "")
            reason = sentence.partition(str(path))[2].strip()
            unclear += not reason.endswith((".", "?"))
            print(f"| {case} | refused: {reason} | | | |")
    return 1 if unclear else 0


if __name__ == "__main__":
    sys.exit(run_command())
