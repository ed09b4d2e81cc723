"""The whole way in under a minute: train, calibrate, detect; better than any threshold on heads never seen.

Every head has a bright structure at nearly the same place, brighter than the lesions: a threshold marks it, a model
that has seen healthy slices does not. Nothing but image-level labels is learned from.
"""

from __future__ import annotations

import json
from pathlib import Path

import dataset_makers as make
import numpy as np
import numpy.typing as npt
import pytest
import torch

from anofpdm import Detector
from anofpdm.cli.main import main
from anofpdm.datasets.manifest import Manifest, ManifestRow, write_manifest
from anofpdm.methods.anofpdm.model_config import DiffusionConfig
from anofpdm.methods.anofpdm.operating_point import OperatingPoint
from anofpdm.network.config import NetworkConfig
from anofpdm.training.config import AugmentationConfig, MonitorConfig, TrainingConfig, training_config_to_dict
from anofpdm.volumes.input_config import GridConfig, PreprocessingConfig

pytest.importorskip("lightning_fabric", reason="needs the train extra: pip install 'anofpdm[train]'")

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


def write_heads(folder: Path) -> Path:
    """All heads as files with a manifest of their slices."""
    rows: list[ManifestRow] = []
    for number, split in enumerate(SPLITS):
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


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_model_of_a_minute_beats_the_best_possible_threshold(tmp_path: Path) -> None:
    torch.set_num_threads(1)
    manifest = write_heads(tmp_path / "heads")
    (tmp_path / "config.json").write_text(json.dumps(training_config_to_dict(CONFIG)))
    cache = ("--cache", str(tmp_path / "slices"))
    run = ("--output", str(tmp_path / "run"), "--config", str(tmp_path / "config.json"), "--no-tensorboard")
    assert main(["train", str(manifest), *run, *cache, "--device", "cpu", "--threads", "1"]) == 0
    model = tmp_path / "run" / "planted"
    plan = ("--presets", "balanced=8", "--ranges", "1..200,1..400", "--guidance", "0,2,4,8,16", "--progress", "none")
    assert main(["calibrate", str(model), str(manifest), *plan, *cache, "--device", "cpu"]) == 0
    detector = Detector.from_model(model, device="cpu")
    masks, images, lesions = [], [], []
    for number in (n for n, split in enumerate(SPLITS) if split == "test"):
        values, lesion = head(number)
        masks.append(detector.detect(tmp_path / "heads" / f"{number}.nii.gz").mask)
        # Scalp aside, which no threshold would survive.
        images.append(np.where(make.ellipsoid(17), values, 0))
        lesions.append(lesion)
    found, seen, planted = np.stack(masks), np.stack(images), np.stack(lesions)
    best_threshold = max(dice(seen >= t, planted) for t in range(50, 330, 5))
    assert dice(found, planted) > max(best_threshold + 0.05, 0.6), best_threshold
