"""A picture of the slices that hold a region: the image, the heatmap over it, and the healthy prediction side by side.

Pillow is needed for this alone, and is imported only when a picture is made.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..core.errors import OutputError
from .heat_colors import heat_rgb, scale_ticks, top_of_scale
from .png_bytes import png_bytes
from .slice_picture import evenly, gray_picture, heat_picture, prediction_picture, slices_to_show
from .wrapped_text import wrapped

if TYPE_CHECKING:
    from PIL import Image, ImageDraw

_PANEL = 288
_GAP = 6
_ROW_GAP = 22
_MARGIN = 18
_LINE = 22
_BAR = 16
_BAR_SPACE = 78
_UNMARKED_SLICES = 8
_MOST_PANELS = 6
"""Side by side."""

_BACKGROUND = (16, 16, 18)
_TEXT = (236, 236, 236)
_FAINT = (160, 160, 165)


def render_overlay(path: Path, **drawn: Any) -> None:
    """Write the PNG of `overlay_png`, which says what is drawn. Raises as it does, and OSError if the file cannot be
    written."""
    # In one piece from memory: Pillow loses the reason when a disk is full.
    path.write_bytes(overlay_png(**drawn))


def overlay_png(
    *,
    display: NDArray[np.uint8],
    score: NDArray[np.float32],
    healthy_prediction: NDArray[np.float32] | None,
    marked: Sequence[int],
    labels: Sequence[str],
    title: str,
    prediction: str,
    case: str = "",
    footer: str,
    maximum_slices: int = 12,
    examined: Sequence[bool] | NDArray[np.bool_] | None = None,
) -> bytes:
    """A PNG with two or three panels for each slice that holds a region.

    First panel: the slice as it is. Second: colored where the score is at least 1, the border outlined. Third: the
    healthy prediction at the end step. Radiological orientation (patient right on the left).

    display: uint8 [S, h, w]. score: float32 [S, H, W] on the model grid, same field of view.
    healthy_prediction: float32 [S, H, W] in [-1, 1], NaN where there is none; None for a method without: then there
    are no third panels. marked: indices into S of the slices that hold a region. labels: one short text for each of
    the S slices. prediction: what the third panels show, in words. case: what was examined, written first; nothing if
    empty. With more than `maximum_slices` marked slices an even choice is drawn, and the picture says so. Without any,
    a few of the examined slices are
    drawn (all slices with content if `examined` is None), and the picture says that none holds a
    region. Raises OutputError if Pillow is missing.
    """
    predicted = healthy_prediction if healthy_prediction is not None else display
    if not len(display) == len(score) == len(predicted) == len(labels):
        raise ValueError("display, score, healthy_prediction and labels must have one entry for each slice")
    if maximum_slices < 1:
        raise ValueError("maximum_slices must be at least 1")
    marked = sorted(marked)
    require_pillow()
    if marked:
        shown = slices_to_show(marked, score, maximum_slices)
        top = top_of_scale(score[shown])
        rows = [
            _row(display[s], score[s], None if healthy_prediction is None else healthy_prediction[s], labels[s], top)
            for s in shown
        ]
        count = len(marked)
        notes = [f"{count} slice{' holds' if count == 1 else 's hold'} a region."]
        if len(shown) < count:
            notes = [f"{count} slices hold a region, {len(shown)} of them shown, the strongest among them."]
        notes.append("Left: the image. Beside it: the image with heatmap, outlined where the score reaches 1.")
        if healthy_prediction is not None:
            notes.append(f"Right: {prediction}, same outline.")
    else:
        seen = display.reshape(len(display), -1).any(axis=1) if examined is None else np.asarray(examined, dtype=bool)
        shown = evenly(np.flatnonzero(seen).tolist(), min(maximum_slices, _UNMARKED_SLICES))
        top = None
        rows = [_Row(labels[s], (_Panel("", gray_picture(display[s], _PANEL)),)) for s in shown]
        notes = [f"No slice holds a region. {len(shown)} of {int(seen.sum())} examined slices shown."]
        if not shown:
            notes = ["No slice was examined."]
    image = _Canvas(rows, case, title, notes, footer, top).draw()
    return png_bytes(image)


def require_pillow() -> None:
    """Raise OutputError unless pictures can be made; for use before a long run."""
    try:
        import PIL.Image
        import PIL.ImageDraw
        import PIL.ImageFont  # noqa: F401
    except ImportError as error:
        raise OutputError(
            "The overlay picture needs Pillow; install it with 'pip install Pillow', or leave it out with --no-overlay."
        ) from error


@dataclass(frozen=True)
class _Panel:
    caption: str
    picture: NDArray[np.uint8] | None
    """None: the caption's thing is not there."""


@dataclass(frozen=True)
class _Row:
    """One slice."""

    label: str
    panels: tuple[_Panel, ...]


def _row(
    display: NDArray[np.uint8],
    score: NDArray[np.float32],
    prediction: NDArray[np.float32] | None,
    label: str,
    top: float,
) -> _Row:
    panels = [_Panel("", gray_picture(display, _PANEL)), _Panel("heatmap", heat_picture(display, score, top, _PANEL))]
    if prediction is not None:
        there = bool(np.isfinite(prediction).all())
        panels.append(_Panel("healthy prediction", prediction_picture(prediction, score, _PANEL) if there else None))
    return _Row(label, tuple(panels))


class _Canvas:
    """Lays the slices out in rows and columns and draws them with their texts."""

    def __init__(
        self, rows: Sequence[_Row], case: str, title: str, notes: Sequence[str], footer: str, top: float | None
    ) -> None:
        from PIL import ImageFont

        self._slices = rows
        self._top = top
        self._large = ImageFont.load_default(20)
        self._normal = ImageFont.load_default(15)
        self._letters = ImageFont.load_default(14)
        panels = max((len(row.panels) for row in rows), default=1)
        self._columns = max(1, min(_MOST_PANELS // panels, len(rows)))
        self._rows = -(-len(rows) // self._columns)
        self._slice_width = panels * _PANEL + (panels - 1) * _GAP
        self._across = self._columns * self._slice_width + (self._columns - 1) * _ROW_GAP
        self._width = max(2 * _MARGIN + self._across + (_BAR_SPACE if top is not None else 0), 2 * _MARGIN + 640)
        room = self._width - 2 * _MARGIN
        self._title = [*(wrapped(case, self._large, room) if case else []), *wrapped(title, self._large, room)]
        self._notes = [line for note in notes for line in wrapped(note, self._normal, room)]
        self._footer = wrapped(footer, self._normal, room)
        self._head = _MARGIN + len(self._title) * (_LINE + 4) + len(self._notes) * _LINE + 8
        self._row_height = _LINE + _PANEL + 12
        self._height = self._head + self._rows * self._row_height + len(self._footer) * _LINE + _MARGIN

    def draw(self) -> Image.Image:
        from PIL import Image, ImageDraw

        image = Image.new("RGB", (self._width, self._height), _BACKGROUND)
        pen = ImageDraw.Draw(image)
        y = _MARGIN
        for line in self._title:
            pen.text((_MARGIN, y), line, font=self._large, fill=_TEXT)
            y += _LINE + 4
        for line in self._notes:
            pen.text((_MARGIN, y), line, font=self._normal, fill=_TEXT)
            y += _LINE
        for position, each in enumerate(self._slices):
            row, column = divmod(position, self._columns)
            x = _MARGIN + column * (self._slice_width + _ROW_GAP)
            self._draw_slice(image, pen, each, x, self._head + row * self._row_height)
        if self._top is not None:
            self._draw_bar(image, pen, self._top)
        y = self._head + self._rows * self._row_height
        for line in self._footer:
            pen.text((_MARGIN, y), line, font=self._normal, fill=_FAINT)
            y += _LINE
        return image

    def _draw_slice(self, image: Image.Image, pen: ImageDraw.ImageDraw, row: _Row, x: int, y: int) -> None:
        from PIL import Image

        label = wrapped(row.label, self._normal, _PANEL)[0]
        pen.text((x, y), label, font=self._normal, fill=_TEXT)
        y += _LINE
        for panel in row.panels:
            if panel.caption:
                pen.text((x, y - _LINE), panel.caption, font=self._normal, fill=_FAINT)
            if panel.picture is not None:
                image.paste(Image.fromarray(panel.picture), (x, y))
            else:
                pen.rectangle((x, y, x + _PANEL - 1, y + _PANEL - 1), outline=_FAINT)
                middle = (x + _PANEL // 2, y + _PANEL // 2)
                pen.text(middle, f"no {panel.caption}", font=self._normal, fill=_FAINT, anchor="mm")
            self._draw_letters(pen, x, y)
            x += _PANEL + _GAP

    def _draw_letters(self, pen: ImageDraw.ImageDraw, x: int, y: int) -> None:
        middle, far = _PANEL // 2, _PANEL - 4
        for letter, at, anchor in (
            ("R", (4, middle), "lm"),
            ("L", (far, middle), "rm"),
            ("A", (middle, 3), "ma"),
            ("P", (middle, far), "md"),
        ):
            place = (x + at[0], y + at[1])
            pen.text(
                place, letter, font=self._letters, fill=_TEXT, anchor=anchor, stroke_width=2, stroke_fill=(0, 0, 0)
            )

    def _draw_bar(self, image: Image.Image, pen: ImageDraw.ImageDraw, top: float) -> None:
        from PIL import Image

        x = _MARGIN + self._across + 14
        y = self._head + _LINE
        values = np.linspace(top, 1.0, _PANEL, dtype=np.float32)
        bar = np.repeat(heat_rgb(values, top)[:, None, :], _BAR, axis=1)
        image.paste(Image.fromarray(bar), (x, y))
        pen.rectangle((x - 1, y - 1, x + _BAR, y + _PANEL), outline=_FAINT)
        for value in scale_ticks(top):
            height = y + (top - value) / (top - 1) * (_PANEL - 1)
            pen.line((x + _BAR, height, x + _BAR + 3, height), fill=_FAINT)
            pen.text(
                (x + _BAR + 6, height),
                f"{value:g}{'+' if value == top else ''}",
                font=self._letters,
                fill=_TEXT,
                anchor="lm",
            )
        pen.text((x, y - 6), "score", font=self._letters, fill=_TEXT, anchor="ld")
