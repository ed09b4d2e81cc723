"""The report's pictures: each slice plain, with heatmap and outlines, and as healthy prediction, side by side."""

from __future__ import annotations

import base64
import html
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..results.case import CaseEvidence
from ..results.detection import Detection
from ..results.heat_colors import heat_rgb, outline, top_of_scale
from ..results.slice_picture import Picture, evenly, gray_picture, heat_picture, prediction_picture, slices_to_show
from .findings_tables import slice_number

Png = Callable[[Picture], bytes]
"""The file of a picture [h, w, 3], row 0 on top."""
MOST_PICTURES = 12
_SIDE = 256
_BAR = (12, 160)
_STRUCTURE_COLORS = ((90, 200, 90), (200, 120, 255), (110, 150, 255), (255, 150, 190), (190, 200, 60), (80, 200, 190))
"""None of them near the heat's or the findings' outline."""


class ReportPictures:
    """Those of one detection; `mask` [k, j, i]: the segmentation as it is now."""

    def __init__(self, detection: Detection, mask: NDArray[np.bool_], png: Png) -> None:
        case = detection.case
        self._detection = detection
        self._png = png
        self._mask = on_stack(case, mask)
        # Of what is withheld the pictures show nothing, either.
        self._score = np.zeros_like(case.display, np.float32) if case.withheld else on_stack(case, detection.score)
        structures = detection.structures
        self._labels = None if structures is None else on_stack(case, structures.labels)
        predicted = detection.healthy_picture
        self._prediction = None if predicted is None else detection.stack_of(predicted.values)
        self._caption = "" if predicted is None else predicted.caption

    def figures(self) -> list[str]:
        """The slices with a part of the segmentation or decided unhealthy, as HTML; if there are none, a few others."""
        case, findings = self._detection.case, self._detection.findings
        unhealthy = np.array([entry["decision"] == "unhealthy" for entry in findings["slices"]])
        flagged = np.flatnonzero(self._mask.any(axis=(1, 2)) | (self._score >= 1).any(axis=(1, 2)) | unhealthy)
        if flagged.size:
            shown = slices_to_show(flagged.tolist(), self._score, MOST_PICTURES)
            note = f"{len(shown)} of {flagged.size} slices that hold a finding or look unhealthy."
        else:
            shown = evenly(np.flatnonzero(case.examined).tolist(), MOST_PICTURES)
            note = f"No slice was flagged; {len(shown)} of {int(case.examined.sum())} examined slices."
        top = top_of_scale(self._score[shown])
        said = [
            note,
            "Left: the image. Beside it: the same with the score in colors and the segmentation outlined.",
            f"Right: {self._caption}, same outline." if self._caption else "",
            "Patient right is on the left.",
        ]
        return [
            f"<p>{html.escape(' '.join(filter(None, said)))}</p>",
            self._scale(top),
            *(self._figure(index, top) for index in sorted(shown)),
        ]

    def structure_color(self, number: int) -> str:
        """Of the outline of structure `number`, from 1, as CSS."""
        return "rgb({}, {}, {})".format(*_STRUCTURE_COLORS[(number - 1) % len(_STRUCTURE_COLORS)])

    def _figure(self, index: int, top: float) -> str:
        case = self._detection.case
        label = f"Slice {slice_number(index)}, S {case.grid.ras_s[index]:+.1f} mm"
        pictures = [
            ("image", gray_picture(case.display[index], _SIDE)),
            ("score and outlines", self._overlay(index, top)),
        ]
        if self._prediction is not None and np.isfinite(self._prediction[index]).all():
            # A mask as a score: 1 at its border.
            border = 2 * self._mask[index].astype(np.float32)
            pictures.append(("healthy prediction", prediction_picture(self._prediction[index], border, _SIDE)))
        images = "".join(self._image(f"{label}: {what}", picture) for what, picture in pictures)
        there = "; ".join(self._findings_in(index))
        below = f"<span>{html.escape(there)}</span>" if there else ""
        return f"<figure>{images}<figcaption>{label}{below}</figcaption></figure>"

    def _overlay(self, index: int, top: float) -> Picture:
        case = self._detection.case
        picture = heat_picture(case.display[index], self._score[index], top, _SIDE, self._mask[index])
        if self._labels is not None:
            for number in np.unique(self._labels[index][self._labels[index] > 0]).tolist():
                inside = gray_picture(255 * (self._labels[index] == number), _SIDE)[..., 0] >= 128
                picture[outline(inside, width=1)] = _STRUCTURE_COLORS[(number - 1) % len(_STRUCTURE_COLORS)]
        return picture

    def _findings_in(self, index: int) -> list[str]:
        """Which findings reach into the slice, and where they lie."""
        entries: Sequence[Mapping[str, Any]] = self._detection.findings["components"]
        reach = {component.number: component.slice_range for component in self._detection.components}
        found = []
        for entry in entries:
            low, high = reach[entry["number"]]
            if low <= index <= high:
                place = f" ({entry['place']})" if entry["place"] else ""
                found.append(f"finding {entry['number']}{place}")
        return found

    def _scale(self, top: float) -> str:
        height, width = _BAR
        row = heat_rgb(np.linspace(1, top, width, dtype=np.float32), top)
        bar = self._image("color scale of the score", np.ascontiguousarray(np.repeat(row[None], height, axis=0)))
        return f'<p class="scale">score 1 {bar} {top:g} and more</p>'

    def _image(self, words: str, picture: Picture) -> str:
        data = base64.b64encode(self._png(picture)).decode("ascii")
        height, width, _ = picture.shape
        return f'<img src="data:image/png;base64,{data}" alt="{words}" width="{width}" height="{height}">'


def on_stack(case: CaseEvidence, volume: NDArray[Any]) -> NDArray[Any]:
    """A volume [k, j, i] at the pixels of the pictures [S, h, w]: the nearest voxel; 0 beyond."""
    count, height, width = case.display.shape
    grid = case.grid.with_pixels(width, height)
    j, i = np.indices((height, width))
    values = np.zeros(case.display.shape, dtype=volume.dtype)
    for index in range(count):
        pixels = np.stack([i, j, np.full_like(i, index)], axis=-1)
        voxels = np.rint(case.geometry.to_index(grid.to_physical(pixels))).astype(int)[..., ::-1]
        inside = ((voxels >= 0) & (voxels < volume.shape)).all(axis=-1)
        values[index][inside] = volume[tuple(voxels[inside].T)]
    return values
