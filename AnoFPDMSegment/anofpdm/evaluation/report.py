"""The files of an evaluation: results.json (described in Resources/evaluation-schema.md), CSV and Markdown tables."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..core.plain_text import markdown_cell, table_cell
from .measure import Figure, Measured
from .slices import MeasuredSlices

RESULTS_FORMAT = "anofpdm-evaluation"
RESULTS_SCHEMA = 2
COLUMNS = (
    ("Dice mixed", "dice_mixed"),
    ("Dice unhealthy", "dice_unhealthy"),
    ("IoU unhealthy", "iou_unhealthy"),
    ("AUPRC all", "auprc_all_slices"),
    ("AUPRC unhealthy", "auprc_unhealthy_slices"),
    ("Dice volume", "dice_volume"),
    ("accuracy", "image_accuracy"),
    ("AUROC", "image_auroc"),
    ("AUROC same level", "image_auroc_same_level"),
    ("precision", "image_precision"),
    ("recall", "image_recall"),
)


def results_json(
    about: Mapping[str, Any], measured: Sequence[Measured], *, warnings: Sequence[str] = ()
) -> dict[str, Any]:
    """The document. `about`: what was measured, with which settings."""
    return {
        "format": RESULTS_FORMAT,
        "schema": RESULTS_SCHEMA,
        **about,
        "warnings": list(warnings),
        "methods": [_method(entry) for entry in measured],
    }


def _method(entry: Measured) -> dict[str, Any]:
    output = entry.output
    return {
        "name": output.name,
        "family": output.family,
        "tuned_with": output.tuned_with,
        "parameters": dict(output.parameters),
        "figures": {name: _figure(figure) for name, figure in entry.figures.items()},
        "best_threshold_with_masks": {name: rounded(value) for name, value in entry.with_masks.items()},
        "reference_figures": {name: rounded(value) for name, value in entry.reference.items()} or None,
        "seconds_a_slice": rounded(output.cost.seconds),
        "network_evaluations_a_slice": output.cost.network_evaluations,
    }


def _figure(figure: Figure) -> dict[str, Any]:
    interval = figure.interval
    return {"value": rounded(figure.value), "interval": None if interval is None else [rounded(v) for v in interval]}


def rounded(value: float | None) -> float | None:
    """Six significant digits; None for what is no finite number, since JSON has none."""
    return None if value is None or not math.isfinite(value) else float(f"{value:.6g}")


def write_json(path: Path, document: Mapping[str, Any]) -> None:
    """Write `results.json`."""
    path.write_text(json.dumps(document, indent=2, allow_nan=False) + "\n", encoding="utf-8")


def write_methods_csv(path: Path, measured: Sequence[Measured]) -> None:
    """A row for each method: figures, their intervals, the bound with masks, the cost."""
    names = list(dict.fromkeys(name for entry in measured for name in entry.figures))
    bounds = list(dict.fromkeys(name for entry in measured for name in entry.with_masks))
    header = ["method", "family", "tuned_with"]
    header += [part for name in names for part in (name, f"{name}_low", f"{name}_high")]
    header += [f"with_masks_{name}" for name in bounds] + ["seconds_a_slice", "network_evaluations_a_slice"]

    def row(entry: Measured) -> list[Any]:
        cells: list[Any] = [entry.output.name, entry.output.family, entry.output.tuned_with]
        for name in names:
            figure = entry.figures.get(name, Figure(math.nan))
            cells += [rounded(v) for v in (figure.value, *(figure.interval or (None, None)))]
        cells += [rounded(entry.with_masks.get(name)) for name in bounds]
        return [*cells, rounded(entry.output.cost.seconds), entry.output.cost.network_evaluations]

    write_csv(path, header, (row(entry) for entry in measured))


def write_slices_csv(path: Path, data: MeasuredSlices, measured: Sequence[Measured]) -> None:
    """A row for each method and slice."""
    names = list(dict.fromkeys(name for entry in measured for name in entry.slices))
    slices = data.slices

    def rows() -> Iterable[list[Any]]:
        for entry in measured:
            for n in range(len(slices)):
                yield [
                    entry.output.name,
                    slices.subject_names[slices.subject[n]],
                    slices.slice_index[n],
                    rounded(float(slices.level[n])),
                    int(slices.unhealthy[n]),
                    *(_cell(entry.slices[name][n]) if name in entry.slices else None for name in names),
                ]

    write_csv(path, ["method", "subject", "slice", "level", "unhealthy", *names], rows())


def write_volumes_csv(path: Path, measured: Sequence[Measured]) -> None:
    """A row for each method and volume."""
    names = list(dict.fromkeys(name for entry in measured for name in entry.volumes))
    rows = (
        [entry.output.name, *(_cell(entry.volumes[name][n]) for name in names)]
        for entry in measured
        if entry.volumes
        for n in range(len(entry.volumes[names[0]]))
    )
    write_csv(path, ["method", *names], rows)


def _cell(value: Any) -> Any:
    if isinstance(value, bool | np.bool_):
        return int(value)
    return rounded(float(value)) if isinstance(value, float | np.floating) else value


def write_csv(path: Path, header: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Header and rows; names of subjects and methods may come from anywhere."""
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        for row in (header, *rows):
            writer.writerow([table_cell(cell) if isinstance(cell, str) else cell for cell in row])


def markdown_table(measured: Sequence[Measured]) -> str:
    """The table for people: one row a method, intervals in brackets."""
    head = ["method", "tuned with", *(title for title, _ in COLUMNS)]
    head += ["best possible Dice unhealthy (pixel masks)", "s / slice", "evaluations / slice"]
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    for entry in measured:
        cells = [markdown_cell(entry.output.name), markdown_cell(entry.output.tuned_with)]
        cells += [_shown(entry.figures.get(name)) for _, name in COLUMNS]
        bound, seconds = entry.with_masks.get("dice_unhealthy"), entry.output.cost.seconds
        cells.append("–" if bound is None else f"{bound:.3f}")
        cells.append("–" if seconds is None else f"{seconds:.2f}")
        cells.append(str(entry.output.cost.network_evaluations or "–"))
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def _shown(figure: Figure | None) -> str:
    if figure is None or not math.isfinite(figure.value):
        return "–"
    if figure.interval is None:
        return f"{figure.value:.3f}"
    low, high = figure.interval
    return f"{figure.value:.3f} [{low:.3f}, {high:.3f}]"


def markdown_report(document: Mapping[str, Any], measured: Sequence[Measured]) -> str:
    """`table.md`: what was measured, the table, and how to read it."""
    data = document["data"]
    lines = [
        f"# {markdown_cell(document['model']['title'])}: split {data['split']} of {markdown_cell(data['manifest'])}",
        "",
        f"{data['slices']} slices of {_counted(data['subjects'], 'subject')} ({data['not_examined_slices']} more show "
        f"too little of a head and are left out), {data['unhealthy_slices']} labelled unhealthy, on "
        f"the model's grid of {data['pixel_mm']:.2f} mm. Lesions are resampled to that grid; {data['vanished_slices']} "
        "slices labelled unhealthy whose lesion vanishes there count in the image-level figures only. "
        f"{data['lesion_outside_interior']:.1%} of the lesion's pixels lie outside the eroded head, where no map is "
        "looked at.",
        "",
        *(f"**{markdown_cell(warning)}**\n" for warning in document["warnings"]),
        markdown_table(measured),
        "Brackets: middle 95 % over resampled subjects. Mixed: all slices, masks emptied where a slice is decided "
        "healthy; empty and empty counts 1. Unhealthy: slices with a lesion, masks not emptied. AUPRC: pixels inside "
        "the eroded head. Volume: 3-D Dice a patient of the emptied masks. Same level: pairs of slices of the same "
        "tenth of the head "
        f"({_counted(data['same_level_pairs'], 'pair')}). Precision and recall are the image level's. What was tuned "
        "with pixel masks says so; *best possible threshold*: for the Dice of unhealthy slices. s / slice: wall time "
        "when it was computed, whatever else the machine did; compare the evaluations.",
        "",
        *_reference_table(measured),
    ]
    return "\n".join(lines)


def _counted(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def _reference_table(measured: Sequence[Measured]) -> list[str]:
    names = list(dict.fromkeys(name for entry in measured for name in entry.reference))
    if not names:
        return []
    lines = [
        "## As the paper's public code defines them",
        "",
        "Precision and recall change places; AUPRC pools the pixels above -0.95, batch by batch. For comparison with "
        "published figures only.",
        "",
        "| " + " | ".join(["method", *names]) + " |",
        "|" + "---|" * (len(names) + 1),
    ]
    for entry in measured:
        cells = [_shown(Figure(entry.reference[name])) if name in entry.reference else "–" for name in names]
        lines.append("| " + " | ".join([markdown_cell(entry.output.name), *cells]) + " |")
    return [*lines, ""]
