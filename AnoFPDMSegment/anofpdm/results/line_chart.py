"""Plain line charts side by side, drawn with Pillow, which is imported only when one is drawn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ..core.arrays import ByteArray
from .png_bytes import png_bytes

if TYPE_CHECKING:
    from PIL import ImageDraw

WIDTH, HEIGHT, MARGIN = 480, 320, 30
BLUE, RED, GRAY, BLACK = (40, 90, 200), (210, 50, 40), (150, 150, 150), (0, 0, 0)
Color = tuple[int, int, int]


@dataclass(frozen=True)
class Curve:
    """Points joined by straight lines."""

    x: Sequence[float]
    y: Sequence[float]
    color: Color = BLUE
    name: str = ""
    """Written in its color above the chart; nothing if empty."""
    points: bool = False
    """Whether its points are marked."""


@dataclass(frozen=True)
class Chart:
    """Axes from the smallest to the largest x of the curves, and from `low` to `high` upwards."""

    curves: Sequence[Curve]
    title: str
    low: float
    high: float
    below: str = ""
    """What is written below the axis."""
    x_ticks: Sequence[tuple[float, str]] = ()
    y_ticks: Sequence[tuple[float, str]] = ()
    marked: float | None = None
    """An x with a vertical line."""
    level: float | None = None
    """A y with a dotted line."""


def draw_charts(charts: Sequence[Chart]) -> ByteArray:
    """Pixels [HEIGHT, n WIDTH, 3] of the charts side by side. Raises ImportError without Pillow."""
    from PIL import Image, ImageDraw

    image = Image.new("RGB", (WIDTH * len(charts), HEIGHT), "white")
    pen = ImageDraw.Draw(image)
    for number, chart in enumerate(charts):
        _draw(pen, chart, number * WIDTH)
    return np.asarray(image)


def charts_as_png(charts: Sequence[Chart]) -> bytes:
    """The charts as a PNG file. Raises ImportError without Pillow."""
    from PIL import Image

    return png_bytes(Image.fromarray(draw_charts(charts)))


def _draw(pen: ImageDraw.ImageDraw, chart: Chart, left: int) -> None:
    everything = np.concatenate([np.asarray(curve.x, dtype=float) for curve in chart.curves])
    first, span = float(everything.min()), max(float(np.ptp(everything)), 1e-12)
    start, width = left + MARGIN + (MARGIN if chart.y_ticks else 0), WIDTH - 2 * MARGIN
    width -= MARGIN if chart.y_ticks else 0
    bottom, height = HEIGHT - MARGIN, HEIGHT - 2 * MARGIN

    def across(x: float) -> float:
        return start + (x - first) / span * width

    def up(y: float) -> float:
        return bottom - (y - chart.low) / max(chart.high - chart.low, 1e-12) * height

    pen.line([(start, MARGIN), (start, bottom), (start + width, bottom)], fill=BLACK)
    pen.text((start, 8), chart.title, fill=BLACK)
    pen.text((start + width, HEIGHT - 2), chart.below, fill=BLACK, anchor="rd")
    for x, text in chart.x_ticks:
        pen.line([(across(x), bottom), (across(x), bottom + 3)], fill=BLACK)
        pen.text((across(x), bottom + 4), text, fill=BLACK, anchor="ma")
    for y, text in chart.y_ticks:
        pen.line([(start - 3, up(y)), (start, up(y))], fill=BLACK)
        pen.text((start - 5, up(y)), text, fill=BLACK, anchor="rm")
    if chart.marked is not None:
        pen.line([(across(chart.marked), MARGIN), (across(chart.marked), bottom)], fill=GRAY)
    if chart.level is not None:
        for dot in range(int(start), int(start + width), 6):
            pen.line([(dot, up(chart.level)), (dot + 2, up(chart.level))], fill=GRAY)
    place = start + width
    for curve in reversed(chart.curves):
        if curve.name:
            pen.text((place, 8), curve.name, fill=curve.color, anchor="ra")
            place -= int(pen.textlength(curve.name)) + 12
    for curve in chart.curves:
        line = [(across(float(x)), up(float(y))) for x, y in zip(curve.x, curve.y, strict=True)]
        pen.line(line, fill=curve.color)
        for x, y in line if curve.points else ():
            pen.ellipse((x - 3, y - 3, x + 3, y + 3), fill=curve.color)
