"""The page of figures against steps, from what preset_curve.py measured. Torch-free."""

from __future__ import annotations

from typing import Any

COLUMNS = {
    "image_auroc": "image AUROC",
    "image_auroc_same_level": "same level",
    "image_accuracy": "accuracy",
    "auprc_all_slices": "AUPRC all",
    "auprc_unhealthy_slices": "AUPRC unhealthy",
    "dice_unhealthy": "Dice unhealthy",
    "dice_mixed": "Dice mixed",
}
INTRODUCTION = """# Figures against the number of steps

`Testing/benchmarks/preset_curve.py MODEL MANIFEST` makes this page anew. The thresholds of each row are calibrated as
such by the image-level labels of the slices it is measured on, every slice for itself, without its neighbours; the
guidance strength w is the model's, found on the whole split, and in the rows marked * the one that these few slices
prefer. Lesion masks are looked at for measuring alone. In brackets the middle 95 % of resampled subjects. Seconds are
processor time.

![The curves](presets.png)
"""
EARLY_END = """## Would an early end save anything?

If a slice ended as soon as M_t is below 0.9 of its largest value so far: the steps that would be left out, and the
slices in which the true end step would be missed. A batch ends with its last slice, so that less would be saved.
"""


def preset_page(document: dict[str, Any]) -> str:
    """presets.md."""
    model = document["model"]
    parts = [
        INTRODUCTION,
        f"{model['name']} {model['version']} (weights {model['weights'][:12]}), {document['manifest']}, split "
        f"{document['split']} of {document['split_slices']} slices, {document['threads']} thread(s).\n",
    ]
    parts += [_figures(table) for table in document["tables"]]
    parts += [EARLY_END, _early_ends(document["tables"][0])]
    return "\n".join(parts)


def row_name(row: dict[str, Any]) -> str:
    """Its steps and range."""
    point = row["operating_point"]
    return f"{point['steps']} of {point['first']}..{point['last']}" + (", mirrored too" if point["mirrored"] else "")


def _figures(table: dict[str, Any]) -> str:
    lines = [
        f"## {table['slices']} slices\n",
        f"Evenly spread; {table['unhealthy_slices']} of them unhealthy, of {table['subjects']} subjects.\n",
        f"| steps | evaluations | s a slice | w | {' | '.join(COLUMNS.values())} |",
        f"|---|---|---|---|{'---|' * len(COLUMNS)}",
    ]
    for row in table["rows"]:
        cells = [row_name(row), str(row["evaluations"]), f"{row['processor_seconds_a_slice']:.3g}"]
        cells += [
            f"{row['guidance']:g}" + ("*" if row["guidance_by_labels"] else ""),
            *(_with_interval(row["figures"][name]) for name in COLUMNS),
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _with_interval(figure: dict[str, Any]) -> str:
    if figure["interval"] is None:
        return f"{figure['value']:.3f}"
    low, high = figure["interval"]
    return f"{figure['value']:.3f} ({low:.2f}–{high:.2f})"


def _early_ends(table: dict[str, Any]) -> str:
    lines = ["| steps | mean end step | steps saved | slices that would err |", "|---|---|---|---|"]
    for row in (row for row in table["rows"] if not row["guidance_by_labels"]):
        found = row["early_end"]
        lines.append(
            f"| {row_name(row)} | {found['mean_end_step']:.1f} | {found['steps_saved']:.1%} | "
            f"{found['other_end_step']:.1%} |"
        )
    return "\n".join(lines) + "\n"
