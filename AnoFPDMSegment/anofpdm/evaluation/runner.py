"""One evaluation: slices and lesions, methods one by one, figures, files. Given again, it resumes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from .. import __version__
from ..results.output_set import OutputSet, Writer
from .measure import Measured, Measuring
from .method_output import Method, MethodInput
from .report import (
    markdown_report,
    results_json,
    write_json,
    write_methods_csv,
    write_slices_csv,
    write_volumes_csv,
)
from .slices import MeasuredSlices

RESULTS_FILE, TABLE_FILE = "results.json", "table.md"
METHODS_FILE, SLICES_FILE, VOLUMES_FILE = "methods.csv", "slices.csv", "volumes.csv"


@dataclass(frozen=True)
class EvaluationSettings:
    """How figures are made, whatever the method."""

    resamplings: int = 1000
    seed: int = 0


def evaluate(
    methods: Sequence[Method],
    given: MethodInput,
    masked: MeasuredSlices,
    settings: EvaluationSettings,
    tell: Callable[[Measured], None],
) -> list[Measured]:
    """Run and measure the methods in turn; `tell` is given each row as soon as it is there."""
    measuring = Measuring(masked, resamplings=settings.resamplings, seed=settings.seed)
    found = []
    for method in methods:
        for output in method.outputs(given):
            row = measuring.measure(output)
            tell(row)
            found.append(row)
    return found


def describe_data(masked: MeasuredSlices, *, manifest: str, split: str, tuning_split: str) -> dict[str, Any]:
    """What was measured."""
    slices, lesion = masked.slices, masked.lesion
    return {
        "manifest": manifest,
        "split": split,
        "tuning_split": tuning_split,
        "subjects": slices.subjects,
        "volumes": len(set(slices.volume.tolist())),
        "slices": len(slices),
        "unhealthy_slices": int(slices.unhealthy.sum()),
        "vanished_slices": int((slices.unhealthy & ~lesion.any(axis=(1, 2))).sum()),
        "pixel_mm": slices.pixel_mm,
        "matrix": int(lesion.shape[-1]),
        "lesion_outside_interior": float((lesion & ~slices.interior).sum() / max(1, lesion.sum())),
        "masks_on": "the model's grid",
    }


def write_results(
    output: OutputSet, about: Mapping[str, Any], masked: MeasuredSlices, measured: Sequence[Measured]
) -> list[Path]:
    """Write all files of the evaluation, or none. Raises OutputError."""
    document = results_json({"version": __version__, **about}, measured)
    writers: dict[str, Writer] = {
        RESULTS_FILE: partial(write_json, document=document),
        TABLE_FILE: lambda path: path.write_text(markdown_report(document, measured), encoding="utf-8"),
        METHODS_FILE: partial(write_methods_csv, measured=measured),
        SLICES_FILE: partial(write_slices_csv, data=masked, measured=measured),
        VOLUMES_FILE: partial(write_volumes_csv, measured=measured),
    }
    return output.write(writers)
