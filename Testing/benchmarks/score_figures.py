"""How any one model carries over: its score on sets with masks, and on the fixed examination.

    python Testing/benchmarks/score_figures.py MODEL SET=MANIFEST... [--split val] [--maps FOLDER] [--heads N]
        [--json FILE]

The score is that of heatmap.nrrd: 1 at the model's own threshold. 3-D Dice a patient, on the image's own voxels, mean
over the volumes that have a mask: at 1, and at the one score that is best for the set with the masks in sight; AUPRC
over all voxels of the set. --maps: label maps; then the fixed examination as well (see rendered_examination.py), with
--heads so many of it. Prints markdown.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from examination_figures import Examination
from examination_figures import page as examination_page
from examination_heads import needed_maps, read_list, render_volume
from volume_dice import dice_of, mask_of

from anofpdm import Detector
from anofpdm.core.arrays import FloatArray
from anofpdm.core.errors import InputError
from anofpdm.datasets.manifest import SPLITS, Volume, read_manifest
from anofpdm.evaluation.metrics import average_precision
from anofpdm.results.detection import build_detection
from anofpdm.store.model_search import find_model
from anofpdm.volumes.reading import read_volume

SCORES = np.unique([*np.geomspace(0.05, 20, 80), 1.0])


def measure_set(detector: Detector, volumes: Sequence[Volume], modality: str) -> dict[str, Any]:
    """Figures of the volumes that have a mask."""
    rows, scores, masks = [], [], []
    for number, volume in enumerate(volumes, 1):
        mask = mask_of(volume)
        if mask.any():
            score = build_detection(detector.examine(read_volume(volume.images[0], modality))).score
            rows.append([dice_of(score >= limit, mask) for limit in SCORES])
            scores.append(score.astype(np.float16).ravel())
            masks.append(mask.ravel())
        print(f"\r{number} volumes", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    means = np.mean(rows, axis=0)
    best = int(np.argmax(means))
    return {
        "volumes": len(rows),
        "dice": float(means[np.flatnonzero(SCORES == 1)[0]]),
        "best_dice": float(means[best]),
        "best_score": float(SCORES[best]),
        "auprc": average_precision(np.concatenate(scores), np.concatenate(masks)),
    }


def examine_rendered(detector: Detector, maps: Path, count: int | None) -> dict[str, Any]:
    """The fixed examination's figures."""
    heads = read_list()
    if count:
        heads = heads[:: max(1, len(heads) // count)]
    rendered = needed_maps(heads, maps)
    examination = Examination(1.0)
    for number, head in enumerate(heads, 1):
        for prior in head.priors:
            volume = render_volume(head, prior, rendered)
            score: FloatArray
            try:
                score = build_detection(detector.examine(volume.image)).score
            except InputError:
                score = np.zeros(volume.lesion.shape, np.float32)  # refused: nothing is marked
            examination.add(volume, np.minimum(score, 1))
        print(f"\r{number} of {len(heads)} heads", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    return examination.figures()


def page(figures: dict[str, Any]) -> str:
    """Markdown."""
    lines = ["| set (volumes) | 3-D Dice | best possible, at a score of | AUPRC |", "|---" * 4 + "|"]
    for name, row in figures["sets"].items():
        best = f"{row['best_dice']:.3f}, {row['best_score']:.2f}"
        lines.append(f"| {name} ({row['volumes']}) | {row['dice']:.3f} | {best} | {row['auprc']:.3f} |")
    if "examination" in figures:
        lines += ["", examination_page(figures["examination"])]
    return "\n".join(lines)


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", metavar="MODEL", help="a calibrated model by name or folder")
    parser.add_argument("sets", metavar="SET=MANIFEST", nargs="*")
    parser.add_argument("--split", choices=[*SPLITS, "all"], default="val")
    parser.add_argument("--modality", default="flair")
    parser.add_argument("--maps", type=Path, help="folder of label maps")
    parser.add_argument("--heads", type=int, help="a trial with so many heads, evenly from the list; no examination")
    parser.add_argument("--json", type=Path, help="file for all figures")
    options = parser.parse_args()
    torch.set_num_threads(1)
    detector = Detector.from_folder(find_model(options.model))
    splits = SPLITS if options.split == "all" else (options.split,)
    figures: dict[str, Any] = {"model": options.model, "split": options.split, "sets": {}}
    for entry in options.sets:
        name, _, path = entry.partition("=")
        manifest = read_manifest(Path(path), (options.modality,), both_labels_in=())
        volumes = [volume for volume in manifest.volumes() if volume.rows[0].split in splits]
        figures["sets"][name] = measure_set(detector, volumes, options.modality)
    if options.maps is not None:
        figures["examination"] = examine_rendered(detector, options.maps, options.heads)
    if options.json is not None:
        options.json.write_text(json.dumps(figures, indent=1), encoding="utf-8")
    print(page(figures))


if __name__ == "__main__":
    main()
