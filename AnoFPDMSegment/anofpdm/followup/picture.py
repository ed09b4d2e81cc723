"""Both dates side by side: a row for each slice, the findings outlined in the color of what became of them.

Pillow is needed for this alone, and is imported only when a picture is made.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..core.arrays import BoolArray, ByteArray
from ..results.heat_colors import outline
from ..results.overlay import require_pillow
from ..results.png_bytes import png_bytes
from ..results.slice_picture import gray_picture
from ..results.wrapped_text import wrapped
from ..volumes.resampling import labels_to_volume, stack_to_volume
from ..volumes.resized_maps import resized
from .change_map import COLORS, change_map, label_of, seen_by_images
from .changes import KINDS, Kind
from .follow_up import FollowUp
from .placing import moved, picture_grid

PANEL, GAP, MARGIN, LINE = 300, 6, 18, 22
DASH = 4
"""Pixels along the diagonal: dashes outline what the images tell, not the method."""
MOST_ROWS = 6
BACKGROUND, TEXT, FAINT = (16, 16, 18), (236, 236, 236), (160, 160, 165)
_TOLD_FIRST: tuple[Kind, ...] = ("new", "grown", "merged", "split", "gone", "shrunk", "uncertain", "unchanged")


def follow_up_png(found: FollowUp, document: Mapping[str, Any]) -> bytes:
    """A PNG of the slices that show the changes best, the baseline left, the later image laid over it right.

    The largest changes come first; radiological orientation (patient right on the left). Raises OutputError if Pillow
    is missing.
    """
    require_pillow()
    grid = picture_grid(found.baseline.case)
    later = stack_to_volume(
        found.later.case.display, moved(picture_grid(found.later.case), found.transform), grid
    ).clip(0, 255)
    geometry = found.baseline.case.geometry
    kinds = [labels_to_volume(each, geometry, grid) for each in change_map(found)]
    dashed = [labels_to_volume(each, geometry, grid) > 0 for each in seen_by_images(found)]
    shown = rows_to_show(kinds[0], kinds[1], found.baseline.case.examined)
    pictures = [
        (
            _panel(found.baseline.case.display[index], kinds[0][index], dashed[0][index]),
            _panel(later[index], kinds[1][index], dashed[1][index]),
            f"S {found.baseline.case.grid.ras_s[index]:+.1f} mm",
        )
        for index in shown
    ]
    return png_bytes(_draw(pictures, document))


def rows_to_show(before: ByteArray, after: ByteArray, examined: BoolArray, most: int = MOST_ROWS) -> list[int]:
    """Indices of at most `most` slices, rising: in turn, for each kind, that where the most of it is to be seen.

    before, after: [S, h, w], findings by the kind of their change. Without any finding the middle slice.
    """
    areas = {kind: ((before == label_of(kind)) | (after == label_of(kind))).sum(axis=(1, 2)) for kind in KINDS}
    chosen: list[int] = []
    while len(chosen) < most:
        left = {kind: np.where(np.isin(np.arange(len(area)), chosen), 0, area) for kind, area in areas.items()}
        found = [int(left[kind].argmax()) for kind in _TOLD_FIRST if left[kind].any()]
        if not found:
            break
        chosen += [index for index in dict.fromkeys(found) if index not in chosen][: most - len(chosen)]
    if chosen:
        return sorted(chosen)
    seen = np.flatnonzero(examined)
    return [int(seen[len(seen) // 2])]


def _panel(image: np.ndarray, kinds: ByteArray, dashed: BoolArray) -> ByteArray:
    picture = gray_picture(image, PANEL)
    gaps = np.add.outer(np.arange(PANEL), np.arange(PANEL)) // DASH % 2 > 0
    for kind in KINDS:
        for by_images in (False, True):
            mask = (kinds == label_of(kind)) & (dashed == by_images)
            if mask.any():
                fine = resized(mask.astype(np.float32)[None], PANEL, PANEL)[0] >= 0.5
                line = outline(np.asarray(fine), width=2) & ~(gaps & by_images)
                picture[line] = [round(255 * part) for part in COLORS[kind]]
    return picture


def _draw(pictures: Sequence[tuple[ByteArray, ByteArray, str]], document: Mapping[str, Any]):  # type: ignore[no-untyped-def]  # Pillow is imported when it is needed
    from PIL import Image, ImageDraw, ImageFont

    width = 2 * MARGIN + 2 * PANEL + GAP
    by_images = any(change["seen_by"] == "images" for change in document["changes"])
    font = ImageFont.load_default(14)
    summary = wrapped(document["summary"], font, width - 2 * MARGIN)
    legend = MARGIN + len(summary) * LINE
    titles = legend + (2 if by_images else 1) * LINE
    head = titles + LINE
    height = head + len(pictures) * (PANEL + LINE + GAP) + 2 * LINE + MARGIN
    image = Image.new("RGB", (width, height), BACKGROUND)
    pen = ImageDraw.Draw(image)
    for number, line in enumerate(summary):
        pen.text((MARGIN, MARGIN + number * LINE), line, font=font, fill=TEXT)
    x = MARGIN
    for kind in KINDS:
        if document["totals"][kind]["count"]:
            pen.text((x, legend), kind, font=font, fill=tuple(round(255 * part) for part in COLORS[kind]))
            x += round(font.getlength(kind)) + 16
    if by_images:
        pen.text((MARGIN, legend + LINE), "dashed: told by the images, not by the method", font=font, fill=FAINT)
    for title, x in (("baseline", MARGIN), ("later, laid over the baseline", MARGIN + PANEL + GAP)):
        pen.text((x, titles), title, font=font, fill=TEXT)
    for row, (left, right, label) in enumerate(pictures):
        y = head + row * (PANEL + LINE + GAP)
        pen.text((MARGIN, y), label, font=font, fill=FAINT)
        for panel, x in ((left, MARGIN), (right, MARGIN + PANEL + GAP)):
            image.paste(Image.fromarray(panel), (x, y + LINE))
            for letter, at, anchor in (("R", 4, "lm"), ("L", PANEL - 4, "rm")):
                pen.text((x + at, y + LINE + PANEL // 2), letter, font=font, fill=TEXT, anchor=anchor)
    pen.text((MARGIN, height - MARGIN - LINE), document["statement"], font=font, fill=FAINT)
    return image
