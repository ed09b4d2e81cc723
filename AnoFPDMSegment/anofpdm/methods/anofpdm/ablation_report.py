"""Ablations as JSON, CSV and a picture."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ...evaluation.pictures import new_figure, save
from ...evaluation.report import rounded, write_csv
from .ablations import Ablated, Ablations
from .calibration import describe_point

CURVES = ("guidance strength", "end step", "threshold", "interval of the steps")
"""The studies whose settings are numbers."""
SETTINGS = {
    "guidance strength": "guidance strength w",
    "end step": "end step, share of the visited steps",
    "threshold": "quantile of the slice's map",
    "interval of the steps": "every so many steps",
}
DRAWN = {
    "dice_unhealthy_healthy": ("Dice unhealthy, healthy threshold", "C0", "-"),
    "dice_unhealthy_dynamic": ("Dice unhealthy, Algorithm 1", "C0", "--"),
    "dice_mixed_healthy": ("Dice mixed, healthy threshold", "C1", "-"),
    "dice_mixed_dynamic": ("Dice mixed, Algorithm 1", "C1", "--"),
    "dice_unhealthy": ("Dice unhealthy, fixed quantile", "C0", "-."),
    "dice_mixed": ("Dice mixed, fixed quantile", "C1", "-."),
}
"""Label, color and line of each figure."""
TEXT = 10
"""Size of the letters, points."""
SAME_HEIGHT = 0.04
LEGIBLE = {"facecolor": "white", "alpha": 0.8, "edgecolor": "none", "pad": 1}


def ablations_json(found: Ablations) -> dict[str, Any]:
    """The object `ablations` of results.json."""
    return {
        "operating_point": describe_point(found.point),
        "guidance": found.guidance,
        "settings": [
            {
                "study": entry.study,
                "setting": entry.setting,
                "figures": {name: rounded(value) for name, value in entry.figures.items()},
            }
            for entry in found.settings
        ],
        "size_correlation": {name: rounded(value) for name, value in found.size_correlation.items()},
        "signal_ratio": [
            {"level": entry.level, "single": rounded(entry.single), "aggregated": rounded(entry.aggregated)}
            for entry in found.signal_ratio
        ],
    }


def write_ablations_csv(path: Path, found: Ablations) -> None:
    """A row for each figure of each setting; correlation and signal ratio follow as studies of their own."""
    rows: list[tuple[str, float | str, str, float]] = [
        (entry.study, entry.setting, name, value) for entry in found.settings for name, value in entry.figures.items()
    ]
    rows += [("lesion size and max M_t", "", name, value) for name, value in found.size_correlation.items()]
    for entry in found.signal_ratio:
        rows += [
            ("signal ratio", entry.level, "single", entry.single),
            ("signal ratio", entry.level, "aggregated", entry.aggregated),
        ]
    write_csv(path, ["study", "setting", "figure", "value"], ([*row[:3], rounded(row[3])] for row in rows))


def draw_ablations(path: Path, found: Ablations) -> None:
    """Dice over each numeric setting (dotted: a rule that chooses for itself), and the signal ratio over the levels."""
    figure, axes = new_figure(3, 2)
    legend: dict[str, Any] = {}
    for axis, study in zip(axes.flat, CURVES, strict=False):
        legend |= _draw_study(axis, [entry for entry in found.settings if entry.study == study], study)
    axis = axes.flat[4]
    levels = [entry.level for entry in found.signal_ratio]
    axis.plot(levels, [entry.single for entry in found.signal_ratio], color="C2", label="SAM of the step")
    means = [entry.aggregated for entry in found.signal_ratio]
    axis.plot(levels, means, color="C3", label="mean of SAM up to the step")
    axis.set(title="anomalous-to-healthy signal ratio", xlabel="noise level", ylabel="lesion / rest of the head")
    axis.legend(fontsize=TEXT)
    axes.flat[5].axis("off")
    text = [f"{name}: {value:.2f}" for name, value in found.size_correlation.items()]
    maps = [
        f"{entry.setting}: {entry.figures['dice_unhealthy_healthy']:.3f}"
        for entry in found.settings
        if entry.study == "sub-anomaly map"
    ]
    text = ["lesion size and max M_t:", *text, "", "Dice unhealthy by sub-anomaly map:", *maps]
    axes.flat[5].text(0.02, 0.95, "\n".join(text), va="top", fontsize=TEXT + 1)
    figure.legend(list(legend.values()), list(legend), loc="outside lower left", ncols=4, fontsize=TEXT, frameon=False)
    save(figure, path)


def _draw_study(axis: Any, entries: list[Ablated], study: str) -> dict[str, Any]:
    """Draw the curves; returns their lines by label."""
    drawn: dict[str, Any] = {}
    rules: dict[float, set[str]] = {}
    for name, (label, color, style) in DRAWN.items():
        points = [
            (entry.setting, entry.figures[name])
            for entry in entries
            if name in entry.figures and not isinstance(entry.setting, str)
        ]
        if not points:
            continue
        (line,) = axis.plot(*zip(*points, strict=True), marker="o", markersize=3, color=color, linestyle=style)
        drawn[label] = line
        for entry in entries:
            if isinstance(entry.setting, str) and name in entry.figures:
                axis.axhline(entry.figures[name], color=color, linestyle=":", linewidth=1.1)
                # Rules that come to nearly the same are named in one place.
                height = next((h for h in rules if abs(h - entry.figures[name]) < SAME_HEIGHT), entry.figures[name])
                rules.setdefault(height, set()).add(entry.setting)
    for height, names in rules.items():
        text = f"{', '.join(sorted(names))} (dotted)"
        place = ((0.02, height), (0, 4), ("axes fraction", "data"), "offset points")
        axis.annotate(text, *place, fontsize=TEXT - 1, bbox=LEGIBLE, zorder=1)  # no curve is hidden
    axis.set(title=study, xlabel=SETTINGS[study], ylabel="Dice", ylim=(0, 1))
    return drawn
