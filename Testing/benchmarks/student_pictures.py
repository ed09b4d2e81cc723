"""Right and wrong answers of a student on heads of the fixed examination, as one picture.

    python Testing/benchmarks/student_pictures.py WEIGHTS EXAMINATION.json --output FILE.png [--maps FOLDER]

EXAMINATION.json: what rendered_examination.py --json wrote for these weights. Two rows of slices: the best answers on
heads with lesions, then the largest lesions that were missed and the most that was marked in heads without any. Painted
lesions are outlined in green, what the student marks in red. All heads are rendered: no patient is shown.
"""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK as sitk
import torch
from examination_heads import ExaminedVolume, needed_maps, read_list, render_volume
from PIL import Image
from student_marker import StudentMarker, load_predictor

EACH = 4
SIDE = 220
GREEN, RED = (60, 220, 60), (255, 60, 60)


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    given = os.environ.get("ANOFPDM_TEST_DATA")
    default = Path(given) / "labelmaps" if given else None
    parser.add_argument("weights", metavar="WEIGHTS")
    parser.add_argument("examination", type=Path, metavar="EXAMINATION.json")
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--maps", type=Path, default=default, required=default is None)
    options = parser.parse_args()
    torch.set_num_threads(1)
    marker = load_predictor(options.weights)
    figures = json.loads(options.examination.read_text(encoding="utf-8"))
    rows = [right(figures), wrong(figures)]
    heads = {head.name: head for head in read_list()}
    maps = needed_maps([heads[name] for row in rows for name, _, _ in row], options.maps)
    picture = [
        np.concatenate([tile(marker, render_volume(heads[name], prior, maps), kind) for name, prior, kind in row], 1)
        for row in rows
    ]
    Image.fromarray(np.concatenate(picture)).save(options.output, optimize=True)
    for row in rows:
        print("; ".join(f"{name} ({prior}, {kind or 'all'})" for name, prior, kind in row))


def right(figures: dict[str, Any]) -> list[tuple[str, Any, str | None]]:
    """(head, prior, None) of the best Dice."""
    best = sorted((one for one in figures["heads"] if one["dice"] is not None), key=lambda one: -one["dice"])
    return [(one["head"], one["prior"], None) for one in best[:EACH]]


def wrong(figures: dict[str, Any]) -> list[tuple[str, Any, str | None]]:
    """(head, prior, kind) of the largest missed lesions, then heads without lesions in which most is marked."""
    missed = sorted((one for one in figures["lesions"] if one["marked_share"] < 0.1), key=lambda one: -one["volume_ml"])
    false = sorted((one for one in figures["heads"] if one["dice"] is None), key=lambda one: -one["marked_ml"])
    half = EACH // 2
    return [
        *((one["head"], one["prior"], one["kind"]) for one in missed[:half]),
        *((one["head"], one["prior"], None) for one in false[:half]),
    ]


def tile(marker: StudentMarker, volume: ExaminedVolume, kind: str | None) -> np.ndarray:
    """The slice with most of what it is about: of the missed lesion, else of what is marked and painted."""
    marked = marker.probability(volume.image) >= marker.threshold
    kinds = [lesion.kind for lesion in volume.head.lesions]
    about = volume.own[kinds.index(kind)] if kind in kinds else marked | volume.lesion
    index = int(np.argmax(about.sum((1, 2))))
    image = sitk.GetArrayFromImage(volume.image)[index].astype(np.float32)
    top = float(np.percentile(image, 99.5)) or 1.0
    colors = np.repeat((np.clip(image / top, 0, 1) * 255).astype(np.uint8)[..., None], 3, axis=-1)
    for mask, color in ((volume.lesion[index], GREEN), (marked[index], RED)):
        colors[border(mask)] = color
    return np.asarray(Image.fromarray(colors).resize((SIDE, SIDE)))


def border(mask: np.ndarray) -> np.ndarray:
    """The pixels of a mask that touch another."""
    padded = np.pad(mask, 1)
    inside = padded[:-2, 1:-1] & padded[2:, 1:-1] & padded[1:-1, :-2] & padded[1:-1, 2:]
    return np.asarray(mask & ~inside)


if __name__ == "__main__":
    main()
