"""A small plot of divergences over the noise level, as pixels."""

from __future__ import annotations

from collections.abc import Sequence

from ...core.arrays import ByteArray, FloatArray, IntArray
from ...results.line_chart import BLUE, RED, Chart, Curve, draw_charts

HEALTHY, UNHEALTHY = BLUE, RED


def draw_curves(levels: IntArray, curves: Sequence[tuple[bool, FloatArray]]) -> ByteArray:
    """Pixels [H, W, 3]: one line per curve [S] over `levels` [S], blue for healthy, red for unhealthy slices.

    The vertical axis goes from 0 to the largest value, which is written above it. Needs Pillow.
    """
    largest = max(float(curve.max()) for _, curve in curves)
    chart = Chart(
        curves=[Curve(levels.tolist(), curve.tolist(), UNHEALTHY if sick else HEALTHY) for sick, curve in curves],
        title=f"M_t, largest {largest:.3g}",
        low=0.0,
        high=max(largest, 1e-12),
        below=f"t = {levels[0] + 1} ... {levels[-1] + 1}",
    )
    return draw_charts([chart])
