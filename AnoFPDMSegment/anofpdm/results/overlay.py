"""A picture of the slices that hold a region: heatmap over the image, beside the healthy prediction.

Pillow is needed for this alone, and is imported only when a picture is made.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..core.errors import OutputError
from .heat_colors import heat_rgb, scale_ticks, top_of_scale
from .slice_picture import evenly, gray_picture, heat_picture, prediction_picture, slices_to_show

if TYPE_CHECKING:
    from PIL import Image, ImageDraw, ImageFont

_PANEL = 288
_GAP = 6
_PAIR_GAP = 22
_MARGIN = 18
_LINE = 22
_BAR = 16
_BAR_SPACE = 78
_UNMARKED_SLICES = 8

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
    footer: str,
    maximum_slices: int = 12,
    examined: Sequence[bool] | NDArray[np.bool_] | None = None,
) -> bytes:
    """A PNG with one pair of panels for each slice that holds a region.

    Left panel: the slice, colored where the score is at least 1, the border outlined. Right panel:
    the healthy prediction at the end step. Radiological orientation (patient right on the left).

    display: uint8 [S, h, w]. score: float32 [S, H, W] on the model grid, same field of view.
    healthy_prediction: float32 [S, H, W] in [-1, 1], NaN where there is none; None for a method without: then there
    are no right panels. marked: indices into S of the slices that hold a region. labels: one short text for each of
    the S slices. prediction: what the right panels show, in words. With more than `maximum_slices` marked slices
    an even choice is drawn, and the picture says so. Without any, a few of the examined slices are
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
        pairs = [
            _pair(display[s], score[s], None if healthy_prediction is None else healthy_prediction[s], labels[s], top)
            for s in shown
        ]
        count = len(marked)
        notes = [f"{count} slice{' holds' if count == 1 else 's hold'} a region."]
        if len(shown) < count:
            notes = [f"{count} slices hold a region, {len(shown)} of them shown, the strongest among them."]
        drawn = "image with heatmap, outlined where the score reaches 1."
        notes.append(
            f"Shown: {drawn}" if healthy_prediction is None else f"Left: {drawn} Right: {prediction}, same outline."
        )
    else:
        seen = display.reshape(len(display), -1).any(axis=1) if examined is None else np.asarray(examined, dtype=bool)
        shown = evenly(np.flatnonzero(seen).tolist(), min(maximum_slices, _UNMARKED_SLICES))
        top = None
        pairs = [_Pair(labels[s], gray_picture(display[s], _PANEL), None, None) for s in shown]
        notes = [f"No slice holds a region. {len(shown)} of {int(seen.sum())} examined slices shown."]
        if not shown:
            notes = ["No slice was examined."]
    image = _Canvas(pairs, title, notes, footer, top).draw()
    stream = io.BytesIO()
    image.save(stream, "PNG")
    return stream.getvalue()


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
class _Pair:
    label: str
    left: NDArray[np.uint8]
    right: NDArray[np.uint8] | None
    right_note: str | None
    """None: there is no right panel at all. An empty text: the right panel has a picture."""


def _pair(
    display: NDArray[np.uint8],
    score: NDArray[np.float32],
    prediction: NDArray[np.float32] | None,
    label: str,
    top: float,
) -> _Pair:
    left = heat_picture(display, score, top, _PANEL)
    if prediction is None:
        return _Pair(label, left, None, None)
    if not np.isfinite(prediction).all():
        return _Pair(label, left, None, "no prediction")
    return _Pair(label, left, prediction_picture(prediction, score, _PANEL), "")


class _Canvas:
    """Lays the pairs out in rows and draws them with their texts."""

    def __init__(
        self, pairs: Sequence[_Pair], title: str, notes: Sequence[str], footer: str, top: float | None
    ) -> None:
        from PIL import ImageFont

        self._pairs = pairs
        self._top = top
        self._large = ImageFont.load_default(20)
        self._normal = ImageFont.load_default(15)
        self._letters = ImageFont.load_default(14)
        self._paired = any(pair.right_note is not None for pair in pairs)
        count = len(pairs)
        widest = 3 if self._paired else 4
        # Two rows of two read better than three beside one.
        self._columns = 2 if count == 4 and self._paired else max(1, min(widest, count))
        self._rows = -(-count // self._columns)
        self._pair_width = 2 * _PANEL + _GAP if self._paired else _PANEL
        panels = self._columns * self._pair_width + (self._columns - 1) * _PAIR_GAP
        self._width = max(2 * _MARGIN + panels + (_BAR_SPACE if top is not None else 0), 2 * _MARGIN + 640)
        room = self._width - 2 * _MARGIN
        self._title = _wrapped(title, self._large, room)
        self._notes = [line for note in notes for line in _wrapped(note, self._normal, room)]
        self._footer = _wrapped(footer, self._normal, room)
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
        for position, pair in enumerate(self._pairs):
            row, column = divmod(position, self._columns)
            x = _MARGIN + column * (self._pair_width + _PAIR_GAP)
            self._draw_pair(image, pen, pair, x, self._head + row * self._row_height)
        if self._top is not None:
            self._draw_bar(image, pen, self._top)
        y = self._head + self._rows * self._row_height
        for line in self._footer:
            pen.text((_MARGIN, y), line, font=self._normal, fill=_FAINT)
            y += _LINE
        return image

    def _draw_pair(self, image: Image.Image, pen: ImageDraw.ImageDraw, pair: _Pair, x: int, y: int) -> None:
        from PIL import Image

        label = _wrapped(pair.label, self._normal, _PANEL if self._paired else self._pair_width)[0]
        pen.text((x, y), label, font=self._normal, fill=_TEXT)
        y += _LINE
        image.paste(Image.fromarray(pair.left), (x, y))
        self._draw_letters(pen, x, y)
        if pair.right_note is None:
            return
        x += _PANEL + _GAP
        pen.text((x, y - _LINE), "healthy prediction", font=self._normal, fill=_FAINT)
        if pair.right is not None:
            image.paste(Image.fromarray(pair.right), (x, y))
        else:
            pen.rectangle((x, y, x + _PANEL - 1, y + _PANEL - 1), outline=_FAINT)
            middle = (x + _PANEL // 2, y + _PANEL // 2)
            pen.text(middle, pair.right_note, font=self._normal, fill=_FAINT, anchor="mm")

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

        x = _MARGIN + self._columns * self._pair_width + (self._columns - 1) * _PAIR_GAP + 14
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


def _wrapped(text: str, font: ImageFont.ImageFont | ImageFont.FreeTypeFont, width: int) -> list[str]:
    """Lines of at most `width` pixels, broken at spaces and, where a word is too long, inside it."""
    lines: list[str] = []
    line = ""
    for word in text.split():
        trial = f"{line} {word}".strip()
        if font.getlength(trial) <= width:
            line = trial
            continue
        if line:
            lines.append(line)
        while font.getlength(word) > width:
            cut = next(n for n in range(len(word), 0, -1) if n == 1 or font.getlength(word[:n]) <= width)
            lines.append(word[:cut])
            word = word[cut:]
        line = word
    return [*lines, line] if line or not lines else lines
