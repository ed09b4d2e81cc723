"""The whole way in a minute or two: train, calibrate, detect; better than any threshold on heads never seen.

    python Testing/benchmarks/planted_lesions.py [--output Resources/benchmarks/planted-lesions.json]

Every head has a bright structure at nearly the same place, brighter than the lesions: a threshold marks it, a model
that has seen healthy slices does not. Nothing but image-level labels is learned from. The run follows from its seeds;
the figures are Dice coefficients over all voxels of the test heads.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

sys.path.append(str(Path(__file__).resolve().parents[1] / "engine"))
import dataset_makers as make

from anofpdm import Detector
from anofpdm.cli.main import main
from anofpdm.datasets.manifest import Manifest, ManifestRow, write_manifest
from anofpdm.methods.anofpdm.model_config import DiffusionConfig
from anofpdm.methods.anofpdm.operating_point import OperatingPoint
from anofpdm.network.config import NetworkConfig
from anofpdm.training.config import AugmentationConfig, MonitorConfig, TrainingConfig, training_config_to_dict
from anofpdm.volumes.input_config import GridConfig, PreprocessingConfig

SPLITS = ["train"] * 12 + ["val"] * 6 + ["test"] * 6
STRUCTURE_MM, STRUCTURE_RADIUS_MM = np.array([0.0, 15.0, 6.0]), 20.0
STRUCTURE, LESION = 290.0, 230.0
"""Intensities, where brain has 120 and scalp 300."""
FEWEST_VOXELS = 12
"""Slices that only graze a lesion are left out: their label would be a matter of taste."""
CONFIG = TrainingConfig(
    model=DiffusionConfig(
        name="planted",
        title="Planted lesions",
        modalities=("flair",),
        used=("flair",),
        network=NetworkConfig(
            image_size=32,
            in_channels=1,
            base_channels=16,
            channel_multipliers=(1, 2),
            residual_blocks=1,
            attention_px=(8,),
            heads=2,
            norm_groups=8,
            dropout=0.0,
            label_tokens=False,
            level_embedding=True,
            input_activation=True,
        ),
        grid=GridConfig(matrix=32, level="head_extent"),
        preprocessing=PreprocessingConfig(percentile=99.5, anatomy="both"),
        operating_point=OperatingPoint(steps=8, first=1, last=400),
        minimum_size_px=3,
    ),
    steps=400,
    batch_size=16,
    learning_rate=3e-3,
    warmup_steps=20,
    decay="cosine",
    ema_decay=0.98,
    focus_share=0.7,
    focus_levels=500,
    precision="32",
    balance="balanced",
    checkpoint_every=400,
    augmentation=AugmentationConfig(),
    monitor=MonitorConfig(every=0),
)
PLAN = ("--presets", "balanced=8", "--ranges", "1..200,1..400", "--guidance", "0,2,4,8,16")


def head(number: int) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.bool_]]:
    """Image and lesion [k, j, i] of a head; every second one is healthy."""
    rng = np.random.default_rng(number)
    values = make.head_values(number)
    x, y, z = STRUCTURE_MM + rng.uniform(-4, 4, 3)
    values[make.ball((x, y, z), STRUCTURE_RADIUS_MM)] = STRUCTURE
    lesion = np.zeros(values.shape, dtype=bool)
    if number % 2 == 0:
        lesion = make.ball(lesion_center(rng), rng.uniform(18, 24))
        values[lesion] = LESION
    values += np.random.default_rng(number + 999).normal(0, 4, values.shape).astype(np.float32)
    return np.abs(values), lesion


def lesion_center(rng: np.random.Generator) -> tuple[float, float, float]:
    """Well inside the brain and away from the bright structure."""
    while True:
        x, y, z = rng.uniform((-45, -55, -25), (45, 55, 30))
        apart = np.linalg.norm(np.array([x, y, z]) - STRUCTURE_MM) > 48
        if apart and (x / 60) ** 2 + (y / 72) ** 2 + (z / 46) ** 2 < 0.65:
            return float(x), float(y), float(z)


def write_heads(folder: Path, splits: Sequence[str]) -> Path:
    """All heads as files with a manifest of their slices."""
    rows: list[ManifestRow] = []
    for number, split in enumerate(splits):
        values, lesion = head(number)
        path = make.write(folder / f"{number}.nii.gz", values)
        voxels = lesion.sum(axis=(1, 2))
        rows += [
            ManifestRow(str(number), split, (path,), k, bool(count), make.SIZE[2])  # type: ignore[arg-type]
            for k, count in enumerate(voxels)
            if not 0 < count <= FEWEST_VOXELS
        ]
    write_manifest(folder / "manifest.csv", Manifest(("flair",), tuple(rows)))
    return folder / "manifest.csv"


def dice(found: npt.NDArray[np.bool_], lesion: npt.NDArray[np.bool_]) -> float:
    return float(2 * (found & lesion).sum() / (found.sum() + lesion.sum()))


def run(folder: Path, config: TrainingConfig, splits: Sequence[str], plan: Sequence[str]) -> dict[str, float]:
    """Train on heads of the splits, calibrate, and detect in the test heads; everything is written below `folder`."""
    manifest = write_heads(folder / "heads", splits)
    (folder / "config.json").write_text(json.dumps(training_config_to_dict(config)))
    shared = ("--cache", str(folder / "slices"), "--device", "cpu")
    trained = ("--output", str(folder / "run"), "--config", str(folder / "config.json"), "--no-tensorboard")
    model = folder / "run" / config.model.name
    for call in (
        ["train", str(manifest), *trained, *shared, "--threads", "1"],
        ["calibrate", str(model), str(manifest), *plan, *shared, "--progress", "none"],
    ):
        if main(call) != 0:
            raise SystemExit(f"anofpdm {call[0]} did not succeed.")
    detector = Detector.from_model(model, device="cpu")
    masks, images, lesions = [], [], []
    for number in (n for n, split in enumerate(splits) if split == "test"):
        values, lesion = head(number)
        masks.append(detector.detect(folder / "heads" / f"{number}.nii.gz").mask)
        # Scalp aside, which no threshold would survive.
        images.append(np.where(make.ellipsoid(17), values, 0))
        lesions.append(lesion)
    found, planted = np.stack(masks), np.stack(lesions)
    return {"dice": dice(found, planted), "best_threshold_dice": best_threshold(np.stack(images), planted)}


def best_threshold(images: npt.NDArray[np.float32], lesions: npt.NDArray[np.bool_]) -> float:
    """The Dice coefficient of the threshold that is best with the lesions in sight."""
    return max(dice(images >= threshold, lesions) for threshold in range(50, 330, 5))


def command() -> None:
    """Of the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, help="a JSON file for the figures")
    options = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        figures = run(Path(folder), CONFIG, SPLITS, PLAN)
    text = json.dumps({"kind": "anofpdm planted lesions", "steps": CONFIG.steps, **figures}, indent=1) + "\n"
    print(text, end="")
    if options.output:
        options.output.write_text(text, encoding="utf-8", newline="\n")


if __name__ == "__main__":
    command()
