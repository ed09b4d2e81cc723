"""A small plot of curves over the noise level, as pixels."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..arrays import ByteArray, FloatArray, IntArray

WIDTH, HEIGHT, MARGIN = 480, 320, 30
HEALTHY, UNHEALTHY, AXIS = (40, 90, 200), (210, 50, 40), (0, 0, 0)


def draw_curves(levels: IntArray, curves: Sequence[tuple[bool, FloatArray]]) -> ByteArray:
    """Pixels [H, W, 3]: one line per curve [S] over `levels` [S], blue for healthy, red for unhealthy slices.

    The vertical axis goes from 0 to the largest value, which is written above it. Needs Pillow.
    """
    from PIL import Image, ImageDraw

    largest = max(float(curve.max()) for _, curve in curves)
    image = Image.new("RGB", (WIDTH, HEIGHT), "white")
    pen = ImageDraw.Draw(image)
    pen.line([(MARGIN, MARGIN), (MARGIN, HEIGHT - MARGIN), (WIDTH - MARGIN, HEIGHT - MARGIN)], fill=AXIS)
    pen.text((MARGIN, 8), f"M_t, largest {largest:.3g}", fill=AXIS)
    pen.text((MARGIN, HEIGHT - 20), f"t = {levels[0] + 1} ... {levels[-1] + 1}", fill=AXIS)
    x = MARGIN + (levels - levels[0]) / (levels[-1] - levels[0]) * (WIDTH - 2 * MARGIN)
    for unhealthy, curve in curves:
        y = HEIGHT - MARGIN - curve / max(largest, 1e-12) * (HEIGHT - 2 * MARGIN)
        pen.line(list(zip(x.tolist(), y.tolist(), strict=True)), fill=UNHEALTHY if unhealthy else HEALTHY)
    return np.asarray(image)
