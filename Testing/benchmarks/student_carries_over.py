"""A student trained for about two minutes, tried on heads of another contrast than it was trained on.

    python Testing/benchmarks/student_carries_over.py [--maps FOLDER] [--steps 220] [--to t2]

Trains on FLAIR-like heads rendered from three quarters of the label maps; prints, for FLAIR-like heads and those of
the other prior from the remaining maps, how many painted lesions of 1 mL and more are found (10 % of their pixels
marked at a probability of 0.5), and what is marked in heads without lesions.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import SimpleITK as sitk
import torch

from anofpdm.methods.student.config import StudentConfig
from anofpdm.methods.student.network import StudentNetwork
from anofpdm.methods.student.network_weights import folded
from anofpdm.methods.student.predictor import StudentPredictor
from anofpdm.methods.student.stages import Mixture, train_rendered
from anofpdm.methods.student.trainer import Schedule
from anofpdm.synthetic.contrast import ContrastPrior
from anofpdm.synthetic.head_map import read_head_map
from anofpdm.synthetic.kept_maps import MAP_ENDINGS, save_head_map
from anofpdm.synthetic.rendered_heads import RenderedHeads
from anofpdm.synthetic.renderer import RenderSettings
from anofpdm.synthetic.structures import read_structures

COUNTED_ML, FOUND_SHARE, PROBABILITY = 1.0, 0.1, 0.5


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    given = os.environ.get("ANOFPDM_TEST_DATA")
    default = Path(given) / "labelmaps" if given else None
    parser.add_argument("--maps", type=Path, default=default, required=default is None)
    parser.add_argument("--steps", type=int, default=220)
    parser.add_argument("--heads", type=int, default=16)
    parser.add_argument("--to", choices=("t1", "t2", "random", "flair-wide"), default="t2")
    options = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        train, rest = prepare(options.maps, Path(folder))
        begun = time.perf_counter()
        config, mixture = StudentConfig(), Mixture(priors=(("flair", 1.0),))
        weights = train_rendered(train, Path(folder) / "run", config, Schedule(steps=options.steps), mixture)
        print(f"{options.steps} steps in {time.perf_counter() - begun:.0f} s")
        network = StudentNetwork(config.channels, config.widths)
        network.load_state_dict(weights)
        predictor = StudentPredictor(folded(network))
        for prior in ("flair", options.to):
            found, false = examine(predictor, config, rest, prior, options.heads)
            print(
                f"{prior}: {sum(found)} of {len(found)} lesions of {COUNTED_ML:g} mL and more found; "
                f"{np.mean(false) if false else float('nan'):.2f} mL marked in {len(false)} heads without"
            )


def prepare(maps: Path, folder: Path) -> tuple[Path, Path]:
    """Prepared maps to train on and to try on."""
    structures = read_structures(maps / "labels.csv")
    paths = sorted(path for path in maps.iterdir() if path.name.endswith(MAP_ENDINGS))
    kept = max(1, len(paths) // 4)
    for path in paths[:-kept]:
        save_head_map(read_head_map(path, structures), folder / "train")
    for path in paths[-kept:]:
        save_head_map(read_head_map(path, structures), folder / "rest")
    return folder / "train", folder / "rest"


def examine(
    predictor: StudentPredictor, config: StudentConfig, maps: Path, prior: ContrastPrior, heads: int
) -> tuple[Sequence[bool], Sequence[float]]:
    """Whether each lesion is found, and what is marked (mL) in each head without lesions."""
    maker = RenderedHeads(maps, RenderSettings(), (prior,), (1.0,), 11)
    found, false = [], []
    for number in range(heads):
        head = maker(number)
        marked = predictor.predict(head.image.astype(np.float32), head.spacing_mm).inside >= PROBABILITY
        voxel_ml = config.pixel_mm**2 * head.spacing_mm / 1000
        lesion = head.lesion >= 128
        if not lesion.any():
            false.append(float(marked.sum()) * voxel_ml)
        labels = sitk.GetArrayFromImage(sitk.ConnectedComponent(sitk.GetImageFromArray(lesion.astype(np.uint8))))
        for part in range(1, int(labels.max()) + 1):
            here = labels == part
            if here.sum() * voxel_ml >= COUNTED_ML:
                found.append(bool(marked[here].mean() >= FOUND_SHARE))
    return found, false


if __name__ == "__main__":
    main()
