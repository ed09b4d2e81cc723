"""Several results of one volume side by side: a row for each slice, a column for each result.

Pillow is needed for this alone, and is imported only when a picture is made.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ..core.errors import EvidenceError
from ..core.output_set import write_files
from .case_storage import EVIDENCE_FILE, load_evidence
from .detection import Detection, build_detection
from .heat_colors import top_of_scale
from .overlay import require_pillow
from .png_bytes import png_bytes
from .slice_picture import evenly, gray_picture, heat_picture

PANEL = 224
GAP, MARGIN, LINE = 6, 16, 20
MOST_SLICES = 6
BACKGROUND, TEXT, FAINT = (16, 16, 18), (236, 236, 236), (160, 160, 165)
SAME_MM = 0.01


def compare_pictures(directories: Sequence[Path], picture: Path) -> None:
    """Draw the results in these folders and write the PNG, whole or not at all.

    The image alone is the first column. Slices where any of the results marks something are drawn, most of all where
    they differ. Raises EvidenceError if a result is not readable or they are not of one volume, OutputError if Pillow
    is missing or the file cannot be written.
    """
    require_pillow()
    found = [build_detection(load_evidence(directory / EVIDENCE_FILE)) for directory in directories]
    for directory, other in zip(directories[1:], found[1:], strict=True):
        _check_same_slices(directories[0], found[0], directory, other)
    write_files(picture.parent, {picture.name: png_bytes(_draw(found))})


def slices_that_differ(scores: Sequence[np.ndarray], most: int = MOST_SLICES) -> list[int]:
    """Indices into S, rising, of at most `most` slices: half of them where the results' masks differ most, the others
    evenly from those that any of them marks. `scores`: of each result [S, H, W], of one field of view."""
    shares = np.array([(score >= 1).mean(axis=(1, 2)) for score in scores])
    marked = np.flatnonzero(shares.max(axis=0) > 0).tolist()
    if len(marked) <= most:
        return marked
    apart = np.ptp(shares, axis=0)
    differing = sorted(marked, key=lambda index: -apart[index])[: most // 2]
    rest = [index for index in marked if index not in differing]
    return sorted([*differing, *evenly(rest, most - len(differing))])


def _check_same_slices(first: Path, a: Detection, second: Path, b: Detection) -> None:
    same = a.case.geometry.size == b.case.geometry.size and len(a.case.examined) == len(b.case.examined)
    if not same or not np.allclose(a.case.grid.ras_s, b.case.grid.ras_s, atol=SAME_MM):
        raise EvidenceError(f"{second} is not of the same volume's slices as {first}; compare results of one volume.")


def _draw(found: Sequence[Detection]):  # type: ignore[no-untyped-def]  # Pillow is imported when it is needed
    from PIL import Image, ImageDraw, ImageFont

    # Of what is withheld nothing is drawn.
    scores = [np.zeros_like(each.slice_score) if each.case.withheld else each.slice_score for each in found]
    shown = slices_that_differ(scores)
    notes = "" if shown else "None of the results marks anything."
    shown = shown or evenly(np.flatnonzero(found[0].case.examined).tolist(), 3)
    columns = len(found) + 1
    width = 2 * MARGIN + columns * PANEL + (columns - 1) * GAP
    head = MARGIN + 3 * LINE
    height = head + len(shown) * (PANEL + LINE + GAP) + LINE + MARGIN
    image = Image.new("RGB", (width, height), BACKGROUND)
    pen, font = ImageDraw.Draw(image), ImageFont.load_default(14)
    titles = ["image", *(each.case.model.name for each in found)]
    amounts = ["", *(f"{each.findings['totals']['volume_ml']:.2f} mL marked" for each in found)]
    for column, (title, amount) in enumerate(zip(titles, amounts, strict=True)):
        x = MARGIN + column * (PANEL + GAP)
        pen.text((x, MARGIN), _cut(title, font, PANEL), font=font, fill=TEXT)
        pen.text((x, MARGIN + LINE), amount, font=font, fill=FAINT)
    pen.text((MARGIN, MARGIN + 2 * LINE), notes, font=font, fill=TEXT)
    for row, index in enumerate(shown):
        y = head + row * (PANEL + LINE + GAP)
        level = float(found[0].case.grid.ras_s[index])
        pen.text((MARGIN, y), f"S {level:+.1f} mm", font=font, fill=FAINT)
        panels = [gray_picture(found[0].case.display[index], PANEL)]
        panels += [
            heat_picture(each.case.display[index], score[index], top_of_scale(score[shown]), PANEL)
            for each, score in zip(found, scores, strict=True)
        ]
        for column, panel in enumerate(panels):
            image.paste(Image.fromarray(panel), (MARGIN + column * (PANEL + GAP), y + LINE))
    pen.text((MARGIN, height - MARGIN - LINE), found[0].findings["statement"], font=font, fill=FAINT)
    return image


def _cut(text: str, font, width: int) -> str:  # type: ignore[no-untyped-def]
    """As much of the text as fits."""
    if font.getlength(text) <= width:
        return text
    while text and font.getlength(text + "...") > width:
        text = text[:-1]
    return text + "..."
