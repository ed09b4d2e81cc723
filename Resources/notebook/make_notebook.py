"""Runs the example notebook's cells and writes it with what they showed; its pictures are made smaller.

    python Resources/notebook/make_notebook.py   (or: make notebook)

needs the package with the extra `pictures` and the checkout, whose synthetic sample it reads.
"""

from __future__ import annotations

import ast
import base64
import contextlib
import io
import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).resolve().parent
NOTEBOOK = FOLDER / "example.ipynb"
WIDEST_PX = 900
_TIME = re.compile(r"^\d+ s on .*\n", re.MULTILINE)
"""Of the machine that it was run on: says nothing of another."""
_PICTURE = re.compile(r"data:image/png;base64,([A-Za-z0-9+/=]+)")

CELLS: tuple[tuple[str, str], ...] = (
    (
        "markdown",
        """# Find anomalies in a brain MRI with Python

Research use only, not for clinical diagnosis. The image is a synthetic head with a painted lesion that comes with the
project; `student` is the quickest of its models. Without a name `Detector.from_model()` takes the default one, which is
more accurate and slower.""",
    ),
    (
        "code",
        """from pathlib import Path

import SimpleITK as sitk

from anofpdm import Detector

SAMPLES = Path("../../AnoFPDMSegment/Resources/SampleData")
detector = Detector.from_model("student", device="cpu")
detection = detector.detect(SAMPLES / "synthetic_flair_lesion.nii.gz")
detection""",
    ),
    (
        "markdown",
        """Findings are plain data, the ones of `findings.json`. `confidence` says how often a healthy head shows no
region as strong.""",
    ),
    (
        "code",
        """for finding in detection.findings["components"]:
    print(f"{finding['volume_ml']:.1f} mL, {finding['side']}, confidence {finding['confidence']:.2f}")""",
    ),
    (
        "markdown",
        """Masks and scores are NumPy arrays `[slice, row, column]` on the voxels of the image, and
`detection.write("folder")` writes all files. How good is this one? The lesion is painted, so the truth is known.""",
    ),
    (
        "code",
        """truth = sitk.GetArrayFromImage(sitk.ReadImage(str(SAMPLES / "synthetic_flair_lesion_mask.nii.gz"))) > 0
dice = 2 * (detection.mask & truth).sum() / (detection.mask.sum() + truth.sum())
print(f"Dice {dice:.2f}; score from {detection.score.min():.1f} to {detection.score.max():.1f}, 1 at the outline")""",
    ),
    (
        "markdown",
        """Another threshold needs no second run of the network.""",
    ),
    (
        "code",
        """from dataclasses import replace

from anofpdm import build_detection

for threshold in (0.1, 0.5, 0.9):
    other = build_detection(detection.case, replace(detection.case.settings, threshold=threshold))
    print(f"from a probability of {threshold} on: {other.findings['totals']['volume_ml']:.2f} mL")""",
    ),
    (
        "markdown",
        """An image unlike those that the model was calibrated on is the most dangerous input: something may be
outlined, and mean nothing. Here another head is handed over upside down, as an array. What is found is withheld until
`DetectorOptions(forced=True)` asks for it.""",
    ),
    (
        "code",
        """image = sitk.ReadImage(str(SAMPLES / "synthetic_flair_baseline.nii.gz"))
array = sitk.GetArrayFromImage(image)[::-1]
wrong = detector.detect(array, spacing=image.GetSpacing(), direction=image.GetDirection())
print(wrong.case.gate.state, *wrong.case.gate.sentences, sep="\\n")
wrong""",
    ),
)
"""Kind and text."""


def main() -> None:
    """Run the cells and write the notebook."""
    with working_in(FOLDER):
        outputs = run_cells([text for kind, text in CELLS if kind == "code"])
    NOTEBOOK.write_text(json.dumps(as_notebook(outputs), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    print(f"{NOTEBOOK}: {NOTEBOOK.stat().st_size / 1000:.0f} kB")


@contextlib.contextmanager
def working_in(folder: Path) -> Iterator[None]:
    """As a notebook's program works in its folder."""
    before = Path.cwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)


def run_cells(sources: list[str]) -> list[list[dict[str, Any]]]:
    """What each cell prints and shows, as nbformat 4 keeps it; what fails is raised."""
    names: dict[str, Any] = {"__name__": "__main__"}
    return [_run(source, number, names) for number, source in enumerate(sources, start=1)]


def _run(source: str, number: int, names: dict[str, Any]) -> list[dict[str, Any]]:
    tree = ast.parse(source)
    last = ast.Expression(tree.body.pop().value) if tree.body and isinstance(tree.body[-1], ast.Expr) else None
    printed, shown = io.StringIO(), None
    with contextlib.redirect_stdout(printed):
        exec(compile(tree, f"cell {number}", "exec"), names)
        if last is not None:
            shown = eval(compile(last, f"cell {number}", "eval"), names)
    outputs: list[dict[str, Any]] = []
    if printed.getvalue():
        outputs.append({"output_type": "stream", "name": "stdout", "text": _lines(printed.getvalue())})
    if shown is not None:
        data = {"text/plain": _lines(repr(shown))}
        if hasattr(shown, "_repr_html_"):
            page = _TIME.sub("", _PICTURE.sub(_smaller, shown._repr_html_()))
            data["text/html"] = _lines(page)
        outputs.append({"output_type": "execute_result", "execution_count": number, "metadata": {}, "data": data})
    return outputs


def _smaller(found: re.Match[str]) -> str:
    from PIL import Image

    with Image.open(io.BytesIO(base64.b64decode(found[1]))) as picture:
        share = min(1.0, WIDEST_PX / picture.width)
        small = picture.convert("RGB").resize((round(picture.width * share), round(picture.height * share)))
    stream = io.BytesIO()
    small.save(stream, format="JPEG", quality=80)
    return f"data:image/jpeg;base64,{base64.b64encode(stream.getvalue()).decode('ascii')}"


def as_notebook(outputs: list[list[dict[str, Any]]]) -> dict[str, Any]:
    """nbformat 4.5."""
    shown = iter(enumerate(outputs, start=1))
    cells: list[dict[str, Any]] = []
    for place, (kind, text) in enumerate(CELLS):
        cell = {"cell_type": kind, "id": f"cell-{place}", "metadata": {}, "source": _lines(text)}
        if kind == "code":
            count, found = next(shown)
            cell |= {"execution_count": count, "outputs": found}
        cells.append(cell)
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    return {
        "cells": cells,
        "metadata": {"kernelspec": kernel, "language_info": {"name": "python"}},
        "nbformat": 4,
        "nbformat_minor": 5,
    }


def _lines(text: str) -> list[str]:
    return text.splitlines(keepends=True)


if __name__ == "__main__":
    main()
