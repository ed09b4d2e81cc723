"""Draws the icon of the extension and of its module: an axial slice of a head, a lesion in heat colors, its outline.

`make icons` (needs Pillow and numpy) writes both files anew.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

REPOSITORY = Path(__file__).resolve().parents[2]
ICONS = (
    REPOSITORY / "Resources" / "Icons" / "AnoFPDMSegment.png",
    REPOSITORY / "AnoFPDMSegment" / "Resources" / "Icons" / "AnoFPDMSegment.png",
)
SIDE_PX = 128
_FINER = 8
"""Drawn this many times larger, then reduced: smooth edges."""
_BACKGROUND, _SCALP, _GAP = (19, 24, 40), (216, 220, 228), (34, 40, 58)
_BRAIN, _SULCUS, _VENTRICLE = (134, 142, 158), (92, 99, 116), (46, 52, 70)
_OUTLINE = (0, 208, 235)
_LESION = (82.0, 78.0)
"""Middle, in pixels of the icon."""
_LESION_RADII = (15.0, 12.0)
_SULCI = (
    ((40, 34), (47, 41), (44, 49)), ((30, 54), (40, 56), (44, 64)), ((31, 80), (40, 76), (46, 82)),
    ((42, 100), (49, 94), (52, 98)), ((88, 34), (81, 41), (84, 49)), ((98, 54), (90, 53), (84, 58)),
    ((86, 100), (79, 95), (76, 99)), ((54, 26), (57, 33)), ((74, 26), (71, 33)),
)  # fmt: skip


def icon() -> Image.Image:
    """The icon, RGBA, with corners that are transparent."""
    large = Image.new("RGBA", (SIDE_PX * _FINER,) * 2, (0, 0, 0, 0))
    draw = ImageDraw.Draw(large)
    draw.rounded_rectangle(_box(2, 2, 126, 126), radius=22 * _FINER, fill=_BACKGROUND)
    for inset, color in ((0, _SCALP), (5, _GAP), (8, _BRAIN)):
        draw.ellipse(_box(20 + inset, 10 + inset, 108 - inset, 118 - inset), fill=color)
    for sulcus in _SULCI:
        _line(draw, sulcus, _SULCUS, 2.4)
    _line(draw, ((64, 20), (64, 46)), _SULCUS, 2.0)
    _line(draw, ((64, 84), (64, 108)), _SULCUS, 2.0)
    for side in (-1, 1):
        _line(draw, [(64 + side * x, y) for x, y in ((5, 46), (6, 56), (4, 66), (8, 76))], _VENTRICLE, 6.0)
    large.alpha_composite(_heat())
    return large.resize((SIDE_PX, SIDE_PX), Image.Resampling.LANCZOS)


def _heat() -> Image.Image:
    """The lesion: red at its border, bright in the middle, surrounded by the segmentation's outline."""
    side = SIDE_PX * _FINER
    y, x = (np.mgrid[0:side, 0:side] + 0.5) / _FINER
    across, down = (x - _LESION[0]) / _LESION_RADII[0], (y - _LESION[1]) / _LESION_RADII[1]
    # Wavy, so that it looks grown rather than drawn.
    reach = np.hypot(across, down) * (1 + 0.08 * np.sin(3 * np.arctan2(down, across) + 0.6))
    height = np.clip(1.15 - reach, 0, 1)
    red = np.interp(height, (0, 0.3, 1), (140, 226, 255))
    green = np.interp(height, (0, 0.3, 0.6, 1), (20, 60, 160, 250))
    blue = np.interp(height, (0, 0.6, 1), (40, 30, 190))
    inside = np.where(reach <= 1, 255, 0)
    heat = Image.fromarray(np.stack([red, green, blue, inside], axis=-1).astype(np.uint8), "RGBA")
    ring = Image.fromarray((np.abs(reach - 1) * np.mean(_LESION_RADII) < 1.3).astype(np.uint8) * 255)
    outline = Image.new("RGBA", heat.size, (*_OUTLINE, 0))
    outline.putalpha(ring.filter(ImageFilter.GaussianBlur(_FINER / 8)))
    heat.alpha_composite(outline)
    return heat


def _box(left: float, top: float, right: float, bottom: float) -> tuple[float, ...]:
    return tuple(_FINER * value for value in (left, top, right, bottom))


def _line(draw: ImageDraw.ImageDraw, points: Sequence[tuple[float, float]], color: object, width: float) -> None:
    """With round ends and joints."""
    finer = [(_FINER * x, _FINER * y) for x, y in points]
    draw.line(finer, fill=color, width=round(width * _FINER), joint="curve")  # type: ignore[arg-type]
    radius = width * _FINER / 2
    for x, y in (finer[0], finer[-1]):
        draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=color)  # type: ignore[arg-type]


def main() -> int:
    """Of the command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else "")
    parser.add_argument("files", nargs="*", type=Path, default=list(ICONS), help="default: those of the repository")
    for path in parser.parse_args().files:
        icon().save(path, optimize=True)
        print(f"Drawn: {path}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
