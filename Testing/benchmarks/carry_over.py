"""How the default carries over: it, its two parts and the image itself on every set, from one run of the networks.

    python Testing/benchmarks/carry_over.py SET=MANIFEST... [--split val] [--model brain-fused] [--maps FOLDER]
        [--heads N] [--json FILE]

3-D Dice a patient and recall of the mask: the segmentation as `detect` writes it against the manifest's masks, on the
image's own voxels, mean over the volumes that have a mask; no post-processing. `image`: thresholding the image at the
one threshold that is best for the set with the masks in sight, inside the brain that the student sees. --maps: label
maps; then the fixed examination as well (see rendered_examination.py), with --heads so many of it. Prints markdown.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from examination_figures import Examination
from examination_heads import needed_maps, read_list, render_volume
from volume_dice import BRIGHT_THRESHOLDS, dice_of, dice_of_image, mask_of

from anofpdm import Detector
from anofpdm.core.errors import InputError
from anofpdm.datasets.manifest import SPLITS, Volume, read_manifest
from anofpdm.methods.fused.model_config import FusedConfig
from anofpdm.methods.fused.settings import FusedSettings
from anofpdm.methods.fused.witness_case import witness_case
from anofpdm.methods.student.student_folder import StudentFolder, student_of
from anofpdm.results.case import CaseEvidence
from anofpdm.results.detection import Detection, build_detection
from anofpdm.store.model_part import open_model_part
from anofpdm.store.model_search import find_model
from anofpdm.volumes.reading import read_volume

PARTS = ("default", "student", "AnoFPDM")


def answers(case: CaseEvidence) -> dict[str, Detection]:
    """The default's answer and those of its parts, from one piece of evidence."""
    return {
        "default": build_detection(case),
        "student": build_detection(case, FusedSettings(witness=0.0)),
        "AnoFPDM": build_detection(witness_case(case)),
    }


def measure_set(detector: Detector, student: StudentFolder, volumes: Sequence[Volume], modality: str) -> dict[str, Any]:
    """Means over the volumes, and how many AnoFPDM counted in."""
    rows: dict[str, list[tuple[float, float]]] = {name: [] for name in PARTS}
    image_rows, counted, seen = [], 0, 0
    of_image = dice_of_image(student, modality, BRIGHT_THRESHOLDS)
    for volume, mask in _with_masks(volumes):
        found = answers(detector.examine(read_volume(volume.images[0], modality)))
        for name, answer in found.items():
            rows[name].append((dice_of(answer.mask, mask), float(answer.mask[mask].mean())))
        image_rows.append(of_image(volume, mask))
        counted += found["default"].answer.weight > 0
        seen += 1
        print(f"\r{seen} volumes", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    means = {name: np.mean(values, axis=0).tolist() for name, values in rows.items()}
    return {"volumes": seen, "counted": counted, "image": float(np.mean(image_rows, axis=0).max()), **means}


def _with_masks(volumes: Sequence[Volume]) -> Iterator[tuple[Volume, Any]]:
    for volume in volumes:
        mask = mask_of(volume)
        if mask.any():
            yield volume, mask


def examine_rendered(detector: Detector, maps: Path, count: int | None) -> dict[str, dict[str, Any]]:
    """The fixed examination's figures of the default and its parts."""
    heads = read_list()
    if count:
        heads = heads[:: max(1, len(heads) // count)]
    rendered = needed_maps(heads, maps)
    found = {name: Examination(1.0) for name in PARTS}
    for number, head in enumerate(heads, 1):
        for prior in head.priors:
            volume = render_volume(head, prior, rendered)
            try:
                scores = {name: answer.score for name, answer in answers(detector.examine(volume.image)).items()}
            except InputError:
                # Refused: nothing is marked.
                scores = dict.fromkeys(PARTS, np.zeros(volume.lesion.shape, np.float32))
            for name, score in scores.items():
                found[name].add(volume, np.minimum(score, 1))
        print(f"\r{number} of {len(heads)} heads", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    return {name: examination.figures() for name, examination in found.items()}


def page(figures: dict[str, Any]) -> str:
    """Markdown."""
    lines = [
        "| 3-D Dice; recall | default | student | AnoFPDM | image, best possible | AnoFPDM counts in |",
        "|---" * 6 + "|",
    ]
    for name, row in figures["sets"].items():
        cells = [f"{row[part][0]:.3f}; {row[part][1]:.3f}" for part in PARTS]
        counted = f"{row['counted']} of {row['volumes']}"
        lines.append(f"| {name} ({row['volumes']}) | {' | '.join(cells)} | {row['image']:.3f} | {counted} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sets", metavar="SET=MANIFEST", nargs="*")
    parser.add_argument("--split", choices=[*SPLITS, "all"], default="val")
    parser.add_argument("--model", default="brain-fused", help="a fused model (default: %(default)s)")
    parser.add_argument("--modality", default="flair")
    parser.add_argument("--maps", type=Path, help="folder of label maps")
    parser.add_argument("--heads", type=int, help="a trial with so many heads, evenly from the list; no examination")
    parser.add_argument("--json", type=Path, help="file for all figures")
    options = parser.parse_args()
    torch.set_num_threads(1)
    folder = find_model(options.model)
    if not isinstance(folder.config, FusedConfig):
        sys.exit(f"{options.model} is no joined model; name one such as brain-fused.")
    detector, student = Detector.from_folder(folder), student_of(open_model_part(folder.config.finder, folder))
    splits = SPLITS if options.split == "all" else (options.split,)
    figures: dict[str, Any] = {"model": options.model, "split": options.split, "sets": {}}
    for entry in options.sets:
        name, _, path = entry.partition("=")
        manifest = read_manifest(Path(path), (options.modality,), both_labels_in=())
        volumes = [volume for volume in manifest.volumes() if volume.rows[0].split in splits]
        figures["sets"][name] = measure_set(detector, student, volumes, options.modality)
        print(name, figures["sets"][name], flush=True)
    if options.maps is not None:
        figures["examination"] = examine_rendered(detector, options.maps, options.heads)
    if options.json is not None:
        options.json.write_text(json.dumps(figures, indent=1), encoding="utf-8")
    print(page(figures))
    for name, found in figures.get("examination", {}).items():
        print(name, json.dumps({key: value for key, value in found.items() if not isinstance(value, list)}))


if __name__ == "__main__":
    main()
