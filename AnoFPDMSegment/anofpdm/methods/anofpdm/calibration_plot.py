"""The plot beside a calibration's table: accuracy over the guidance strength, and the ranges that were compared."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ...results.line_chart import BLUE, RED, Chart, Curve, charts_as_png
from .calibration import PEAK_SHARE, Calibration, short_point


def calibration_plot(presets: Sequence[Calibration], ranges: Sequence[Calibration] = ()) -> bytes:
    """A PNG: for each preset the image-level accuracy of both decisions over w, its w marked, which is not where the
    accuracy peaks but the largest near that (paper, section 4); the ranges' AUROC last.

    Raises ImportError without Pillow.
    """
    charts = [_accuracy_chart(calibration) for calibration in presets]
    return charts_as_png([*charts, _range_chart(ranges)] if ranges else charts)


def _accuracy_chart(calibration: Calibration) -> Chart:
    # Strengths grow like 0, 1, 2, 4, 8: spread evenly enough by the logarithm of 1 + w.
    position = np.log1p(calibration.guidance).tolist()
    tables: dict[str, Sequence[float]] = {}
    if calibration.other_accuracy:
        tables["similarity" if calibration.decision == "map" else "map"] = calibration.other_accuracy
    tables[calibration.decision] = calibration.accuracy  # the default decision's lies on top
    colors = {"map": RED, "similarity": BLUE}
    shown = {"map": "averaged map" if calibration.consistency == "volume" else "map"}
    values = [value for table in tables.values() for value in table]
    low, high = _round_ends(values)
    return Chart(
        curves=[
            Curve(position, table, colors[name], shown.get(name, name), points=True) for name, table in tables.items()
        ],
        title=f"{calibration.name}, {short_point(calibration.operating_point)}: accuracy",
        low=low,
        high=high,
        below=f"w (chosen: {calibration.default_guidance:g}, the largest at {PEAK_SHARE:.0%} of the peak: dotted)",
        x_ticks=_spaced([(x, f"{w:g}") for x, w in zip(position, calibration.guidance, strict=True)]),
        y_ticks=_ticks(low, high),
        marked=float(np.log1p(calibration.default_guidance)),
        level=PEAK_SHARE * max(calibration.accuracy),
    )


def _range_chart(ranges: Sequence[Calibration]) -> Chart:
    aurocs = [calibration.default_auroc for calibration in ranges]
    low, high = _round_ends(aurocs)
    names = [f"{c.operating_point.first}..{c.operating_point.last}" for c in ranges]
    places = list(range(len(ranges)))
    return Chart(
        curves=[Curve(places, aurocs, RED, points=True)],
        title="AUROC by range of the forward process",
        low=low,
        high=high,
        x_ticks=list(zip(places, names, strict=True)),
        y_ticks=_ticks(low, high),
        marked=float(int(np.argmax(aurocs))),
    )


def _round_ends(values: Sequence[float]) -> tuple[float, float]:
    """Tenths around the values."""
    low, high = np.floor(min(values) * 10) / 10, np.ceil(max(values) * 10) / 10
    return float(low), float(high if high > low else low + 0.1)


def _ticks(low: float, high: float) -> list[tuple[float, str]]:
    step = 0.1 if high - low > 0.35 else 0.05
    return [(float(value), f"{value:.2f}") for value in np.arange(low, high + step / 2, step)]


def _spaced(ticks: Sequence[tuple[float, str]]) -> list[tuple[float, str]]:
    """The ticks without those that would run into the one before."""
    span = max(ticks[-1][0] - ticks[0][0], 1e-12)
    kept = [ticks[0]]
    for tick in ticks[1:]:
        if (tick[0] - kept[-1][0]) / span >= 0.07:
            kept.append(tick)
    return kept
