"""Plots of an evaluation, and a contact sheet of cases. Needs matplotlib (the extra `evaluate`).

The contact sheet shows the data itself and must not be shared beyond what the data's licence allows.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..core.arrays import BoolArray, FloatArray
from ..core.errors import SettingsError
from .measure import Measured
from .slices import MeasuredSlices

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

CURVES_FILE, SIZES_FILE, CASES_FILE = "precision_recall.png", "dice_by_lesion_size.png", "cases.png"
DOTS_PER_INCH = 110
LESION_COLOR, FOUND_COLOR = "#ff4d4d", "#00ccee"
SIZE_BINS = 5
FEW_ROWS = 3
MARKERS = "osD^v<>Pp*X"


def check_matplotlib() -> None:
    """Raises SettingsError if matplotlib is missing."""
    if importlib.util.find_spec("matplotlib") is None:
        raise SettingsError(
            "Matplotlib is not installed; run: pip install 'anofpdm[evaluate]', or evaluate with --no-pictures."
        )


def new_figure(
    columns: int, rows: int = 1, *, panel: tuple[float, float] = (5.2, 4.2), legend_lines: int = 0
) -> tuple[Figure, Any]:
    """A figure and its axes [rows, columns]; `legend_lines`: room below them for `_legend_below`."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(panel[0] * columns, panel[1] * rows + 0.2 * legend_lines), layout="constrained")
    FigureCanvasAgg(figure)
    return figure, figure.subplots(rows, columns, squeeze=False)


def save(figure: Figure, path: Path) -> None:
    """Write a PNG; the same figure gives the same bytes."""
    figure.savefig(path, format="png", dpi=DOTS_PER_INCH, metadata={"Software": None})


def _style(number: int) -> dict[str, Any]:
    """Of the row's line: ten colours, then the same dashed."""
    return {"color": f"C{number % 10}", "linestyle": ("-", "--", ":")[number // 10 % 3]}


def _legend_below(figure: Figure, axis: Axes) -> None:
    """One line a row of the table: their names are long."""
    if axis.lines:
        figure.legend(*axis.get_legend_handles_labels(), loc="outside lower left", fontsize=9, frameon=False)


def headline_rows(measured: Sequence[Measured]) -> list[Measured]:
    """The first variant of each family that gives masks or maps."""
    first: dict[str, Measured] = {}
    for row in measured:
        if row.output.masks is not None or row.output.maps is not None:
            first.setdefault(row.output.family, row)
    return list(first.values())


def draw_curves(path: Path, measured: Sequence[Measured]) -> None:
    """Precision against recall of the pixels inside the eroded head, over all slices and over unhealthy ones."""
    rows = [row for row in headline_rows(measured) if row.curves]
    figure, axes = new_figure(2, legend_lines=len(rows))
    for axis, (kind, title) in zip(axes[0], (("all", "all slices"), ("unhealthy", "unhealthy slices")), strict=True):
        for number, row in enumerate(rows):
            _, precision, recall = row.curves[kind]
            areas = " / ".join(f"{row.figures[f'auprc_{part}_slices'].value:.3f}" for part in row.curves)
            axis.plot(recall, precision, label=f"{row.output.name} (AUPRC {areas})", linewidth=1.2, **_style(number))
        axis.set(xlabel="recall", ylabel="precision", title=title, xlim=(0, 1), ylim=(0, 1))
    _legend_below(figure, axes[0, 0])
    save(figure, path)


def draw_sizes(path: Path, measured: Sequence[Measured], data: MeasuredSlices) -> None:
    """Dice of unhealthy slices against the lesion's area: means of equally many slices each, joined by lines.

    The slices themselves are drawn as points where there are few rows.
    """
    rows = [row for row in headline_rows(measured) if "dice_ungated" in row.slices]
    outlined = data.outlined
    area = data.lesion.sum(axis=(1, 2))[outlined] * data.slices.pixel_mm**2
    order = np.argsort(area, kind="stable")
    parts = np.array_split(order, min(SIZE_BINS, len(order))) if len(order) else []
    centers = [float(np.exp(np.log(area[part]).mean())) for part in parts]
    lines, points = [], []
    for row in rows if parts else []:
        values = np.asarray(row.slices["dice_ungated"], dtype=np.float64)[outlined]
        lines.append((row.output.family, row.output.name, [float(values[part].mean()) for part in parts]))
        points.append(values)
    draw_size_lines(path, centers, lines, area, points if len(rows) <= FEW_ROWS else ())


def draw_size_lines(
    path: Path,
    centers: Sequence[float],
    lines: Sequence[tuple[str, str, Sequence[float]]],
    area: FloatArray,
    points: Sequence[FloatArray] = (),
) -> None:
    """`lines`: short name, written at the line's end, whole name, and a value for each of `centers` (mm2). `points`: of
    each line a value for each of `area`."""
    figure, axes = new_figure(1, panel=(9.6, 5.6), legend_lines=len(lines))
    axis: Axes = axes[0, 0]
    for number, (_, name, values) in enumerate(lines):
        marker = MARKERS[number % len(MARKERS)]
        axis.plot(centers, values, label=name, marker=marker, markersize=6, linewidth=1.8, **_style(number))
    for number, dots in enumerate(points):
        axis.scatter(area, dots, s=9, alpha=0.35, linewidths=0, color=_style(number)["color"])
    axis.set(xscale="log", xlabel="lesion in the slice, mm²", ylabel="Dice", ylim=(-0.02, 1))
    axis.grid(alpha=0.25)
    ends = [values[-1] for *_, values in lines]
    for number, height in enumerate(spread(ends, 0.045)):
        axis.annotate(
            lines[number][0],
            (1.01, height),
            xycoords=("axes fraction", "data"),
            va="center",
            fontsize=10,
            color=_style(number)["color"],
            annotation_clip=False,
        )
    _legend_below(figure, axis)
    save(figure, path)


def spread(heights: Sequence[float], least: float, top: float = 1.0) -> list[float]:
    """The heights, moved so that any two are `least` apart and none lies above `top`, in their order."""
    order = sorted(range(len(heights)), key=lambda index: heights[index])
    moved = list(heights)
    for before, after in pairwise(order):
        moved[after] = max(moved[after], moved[before] + least)
    limit = top
    for index in reversed(order):
        moved[index] = min(moved[index], limit)
        limit = moved[index] - least
    return moved


def draw_cases(path: Path, measured: Sequence[Measured], data: MeasuredSlices) -> None:
    """Best, median and worst slice of the first method, and the healthy slice with its largest false alarm."""
    figure, axes = new_figure(3, 4, panel=(2.6, 2.7))
    for axis in axes.flat:
        axis.axis("off")
    rows = [row for row in headline_rows(measured) if row.output.masks is not None]
    if rows:
        figure.suptitle(rows[0].output.name, fontsize=8)
        for panels, (what, index) in zip(axes, cases(rows[0], data), strict=False):
            _draw_case(panels, what, index, rows[0], data)
    save(figure, path)


def cases(row: Measured, data: MeasuredSlices) -> list[tuple[str, int]]:
    """(what it is, index of the slice) of the slices worth looking at."""
    masks = row.output.masks
    assert masks is not None
    dice = np.asarray(row.slices["dice_ungated"], dtype=np.float64)
    sick = np.flatnonzero(data.outlined)
    order = sick[np.argsort(-dice[sick], kind="stable")]
    chosen = [("best", order[0]), ("median", order[len(order) // 2]), ("worst", order[-1])] if len(order) else []
    healthy = np.flatnonzero(~data.slices.unhealthy)
    if len(healthy):
        alarm = healthy[np.argmax(masks[healthy].sum(axis=(1, 2)))]
        if masks[alarm].any():
            chosen.append(("largest false alarm", alarm))
    return [(what, int(index)) for what, index in chosen]


def _draw_case(panels: Sequence[Axes], what: str, index: int, row: Measured, data: MeasuredSlices) -> None:
    slices, output = data.slices, row.output
    assert output.masks is not None
    image = np.clip((slices.x0[index, 0] + 1) / 2, 0, 1)
    dice = float(np.asarray(row.slices["dice_ungated"])[index])
    subject = slices.subject_names[slices.subject[index]]
    panels[0].imshow(image, cmap="gray", vmin=0, vmax=1)
    panels[0].set_title(f"{what}: {subject}\nslice {slices.slice_index[index]}, Dice {dice:.2f}", fontsize=6)
    if output.maps is not None:
        _show_map(panels[1], output.maps[index], slices.interior[index])
    panels[1].set_title("map inside the eroded head", fontsize=6)
    panels[2].imshow(image, cmap="gray", vmin=0, vmax=1)
    for mask, color in ((data.lesion[index], LESION_COLOR), (output.masks[index], FOUND_COLOR)):
        if mask.any():
            panels[2].contour(mask, levels=[0.5], colors=color, linewidths=0.8)
    panels[2].set_title("red: lesion, blue: found", fontsize=6)


def _show_map(axis: Axes, values: FloatArray, interior: BoolArray) -> None:
    inside = values[interior]
    axis.imshow(np.where(interior, values, 0), cmap="inferno", vmin=0, vmax=float(inside.max()) if inside.size else 1.0)
