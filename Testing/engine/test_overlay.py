"""The picture: its colors at known places, its words by what they depend on."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.lib.stride_tricks import sliding_window_view

from anofpdm.core.errors import OutputError
from anofpdm.results import overlay
from anofpdm.results.heat_colors import OUTLINE_RGB, blend_heat, heat_rgb, outline, scale_ticks, top_of_scale
from anofpdm.results.overlay import render_overlay

Image = pytest.importorskip("PIL.Image", reason="Pillow is not installed")

SLICES, FINE, COARSE = 10, 64, 32


def case(**changes: Any) -> dict[str, Any]:
    display = np.full((SLICES, FINE, FINE), 100, np.uint8)
    score = np.zeros((SLICES, COARSE, COARSE), np.float32)
    score[3:8, 8:16, 4:12] = 2.0
    values: dict[str, Any] = {
        "display": display,
        "score": score,
        "healthy_prediction": np.zeros((SLICES, COARSE, COARSE), np.float32),
        "marked": [5],
        "labels": [f"S {n} mm" for n in range(SLICES)],
        "title": "AnoFPDM",
        "prediction": "the prediction of the test",
        "footer": "Research use only.",
    }
    return values | changes


def picture(tmp_path: Path, **changes: Any) -> np.ndarray:
    render_overlay(tmp_path / "o.png", **case(**changes))
    with Image.open(tmp_path / "o.png") as image:
        assert image.format == "PNG"
        return np.asarray(image.convert("RGB"))


def panels(pixels: np.ndarray, gray: int) -> list[tuple[int, int]]:
    """Left upper corners (y, x) of all panels of a uniform gray."""
    match = (pixels == gray).all(axis=2)
    far, edge = overlay._PANEL - 1, 60
    height, width = (length - far for length in match.shape)
    # The letters and the heat lie away from the corners.
    starts = match[far:, far:].copy()
    for axis in (0, 1):
        starts &= sliding_window_view(match, edge, axis=axis).all(axis=-1)[:height, :width]
    corners = []
    for y, x in np.argwhere(starts).tolist():
        if not match[y - 1, x : x + edge].any() and not match[y : y + edge, x - 1].any():
            corners.append((y, x))
    return corners


def test_heat_lies_where_the_score_is_and_nowhere_else(tmp_path: Path) -> None:
    pixels = picture(tmp_path)
    (y, _), (heat_y, x) = panels(pixels, 100)
    assert y == heat_y
    scale = overlay._PANEL / COARSE
    inside = pixels[y + int(12 * scale), x + int(8 * scale)].astype(int)
    assert inside[0] > inside[1] > inside[2]  # a warm color
    # The border of 1 lies half a coarse pixel outside the block of 2, where the linear score reads 1.
    rows = np.flatnonzero((pixels[y : y + overlay._PANEL, x + int(8 * scale)] == OUTLINE_RGB).all(axis=1))
    assert rows.min() == pytest.approx(8 * scale - 2, abs=1.5)
    assert rows.max() == pytest.approx(16 * scale + 1, abs=1.5)
    columns = np.flatnonzero((pixels[y + int(12 * scale), x : x + overlay._PANEL] == OUTLINE_RGB).all(axis=1))
    assert columns.min() == pytest.approx(4 * scale - 2, abs=1.5)
    assert columns.max() == pytest.approx(12 * scale + 1, abs=1.5)
    outside = pixels[y + 200 : y + 260, x + 200 : x + 260]
    assert (outside == 100).all()


def test_the_plain_image_stands_before_it(tmp_path: Path) -> None:
    pixels = picture(tmp_path)
    (y, plain), (_, heat) = panels(pixels, 100)
    panel = pixels[y : y + overlay._PANEL, plain : plain + overlay._PANEL]
    assert heat - plain == overlay._PANEL + overlay._GAP
    colored = np.ptp(panel.astype(int), axis=2) > 0
    assert not colored.any(), "neither heat nor outline"


def test_the_healthy_prediction_stands_beside_it(tmp_path: Path) -> None:
    prediction = np.full((SLICES, COARSE, COARSE), 0.5, np.float32)
    pixels = picture(tmp_path, healthy_prediction=prediction)
    _, (y, x) = panels(pixels, 100)
    ((right_y, right_x),) = panels(pixels, round(1.5 * 127.5))
    assert right_y == y
    assert x + overlay._PANEL < right_x < x + overlay._PANEL + 30
    prediction[5, 0, 0] = np.nan
    assert panels(picture(tmp_path, healthy_prediction=prediction), round(1.5 * 127.5)) == []


@pytest.mark.parametrize(("count", "shown"), [(1, 1), (2, 2), (4, 4), (5, 5), (8, 6)])
def test_one_row_of_panels_for_each_marked_slice_up_to_the_maximum(tmp_path: Path, count: int, shown: int) -> None:
    pixels = picture(tmp_path, marked=list(range(count)), maximum_slices=6)
    assert len(panels(pixels, 100)) == 2 * shown


def test_what_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from PIL import ImageDraw

    said: list[str] = []
    draw = ImageDraw.ImageDraw.text

    def listen(self: Any, place: Any, text: str, *rest: Any, **options: Any) -> None:
        said.append(text)
        draw(self, place, text, *rest, **options)

    monkeypatch.setattr(ImageDraw.ImageDraw, "text", listen)
    picture(tmp_path, marked=[7, 5, 1], maximum_slices=2)
    assert "3 slices hold a region, 2 of them shown, the strongest among them." in said
    assert any("Right: the prediction of the test, same outline." in text for text in said)
    assert [text for text in said if text.startswith("S ")] == ["S 1 mm", "S 5 mm"]
    assert {
        "R",
        "L",
        "A",
        "P",
        "AnoFPDM",
        "Research use only.",
        "healthy prediction",
        "heatmap",
        "1",
        "2+",
        "score",
    } <= set(said)
    said.clear()
    picture(tmp_path, marked=[], examined=[n in (2, 4) for n in range(SLICES)])
    assert "No slice holds a region. 2 of 2 examined slices shown." in said
    assert [text for text in said if text.startswith("S ")] == ["S 2 mm", "S 4 mm"]
    said.clear()
    picture(tmp_path, marked=[], examined=[False] * SLICES)
    assert "No slice was examined." in said
    said.clear()
    picture(tmp_path, healthy_prediction=np.full((SLICES, COARSE, COARSE), np.nan, np.float32))
    assert "no healthy prediction" in said
    said.clear()
    picture(tmp_path, case="patient 7.nii.gz")
    assert said[0] == "patient 7.nii.gz"


def test_nothing_marked_shows_plain_slices(tmp_path: Path) -> None:
    pixels = picture(tmp_path, marked=[])
    assert len(panels(pixels, 100)) == 8
    assert not (pixels == OUTLINE_RGB).all(axis=2).any()
    colored = np.ptp(pixels.astype(int), axis=2) > 40
    assert not colored.any()


def test_texts_stay_inside_the_picture(tmp_path: Path) -> None:
    plain = picture(tmp_path)
    for long in ("word " * 80, "w" * 400):
        pixels = picture(tmp_path, title=long, footer=long, labels=[long] * SLICES)
        assert pixels.shape[1] == plain.shape[1]
        assert pixels.shape[0] > plain.shape[0]
        background = pixels[0, 0]
        for edge in (pixels[:, :3], pixels[:, -3:], pixels[:3], pixels[-3:]):
            assert (edge == background).all()


def test_equal_input_gives_equal_bytes(tmp_path: Path) -> None:
    picture(tmp_path)
    first = (tmp_path / "o.png").read_bytes()
    picture(tmp_path)
    assert (tmp_path / "o.png").read_bytes() == first


def test_wrong_arguments(tmp_path: Path) -> None:
    for changes in ({"labels": ["one"]}, {"maximum_slices": 0}):
        with pytest.raises(ValueError, match="must"):
            picture(tmp_path, **changes)


def test_without_pillow_a_sentence_tells_what_to_do(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "PIL", None)
    with pytest.raises(OutputError, match="needs Pillow"):
        render_overlay(tmp_path / "o.png", **case())
    assert not (tmp_path / "o.png").exists()


def test_color_table_rises_in_lightness() -> None:
    rgb = heat_rgb(np.linspace(1, 3, 200, dtype=np.float32), 3.0).astype(float)
    lightness = rgb @ [0.2126, 0.7152, 0.0722]
    assert (np.diff(lightness) >= -0.5).all()
    assert lightness[-1] - lightness[0] > 150
    assert (heat_rgb(np.array([9.0], np.float32), 3.0) == heat_rgb(np.array([3.0], np.float32), 3.0)).all()
    nearest = np.abs(rgb - np.array(OUTLINE_RGB)).sum(axis=1).min()
    assert nearest > 200  # the outline stands out from every color


def test_below_the_border_nothing_is_colored() -> None:
    gray = np.full((1, 3, 3), 77, np.uint8)
    score = np.array([[0.0, np.nextafter(np.float32(1), np.float32(0)), 1.0]], np.float32)
    blended = blend_heat(gray, score, 2.0)
    assert (blended[0, :2] == 77).all()
    assert (blended[0, 2] != 77).any()


def test_outline_lies_outside_the_mask() -> None:
    mask = np.zeros((9, 9), bool)
    mask[3:6, 3:6] = True
    ring = outline(mask, 1)
    assert not (ring & mask).any()
    assert int(ring.sum()) == 12
    assert not outline(np.ones((3, 3), bool), 2).any()


@pytest.mark.parametrize(
    ("values", "top"), [([0.5], 1.5), ([], 1.5), ([1.0, 1.2], 1.5), ([2.2], 2.5), ([1.0] * 200 + [50.0], 1.5)]
)
def test_top_of_scale(values: list[float], top: float) -> None:
    assert top_of_scale(np.array(values, np.float32)) == top


@pytest.mark.parametrize("top", [1.5, 2.0, 2.5, 4.0, 11.5, 1e4, 1e9])
def test_ticks_are_few_and_have_both_ends(top: float) -> None:
    ticks = scale_ticks(top)
    assert (ticks[0], ticks[-1]) == (1.0, top)
    assert 2 <= len(ticks) <= 6
    assert (np.diff(ticks) > 0).all()
