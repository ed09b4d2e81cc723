"""Two small data sets with lesions, one of whole heads and one stripped, and a training run that takes seconds."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import dataset_makers as make
import numpy as np

from anofpdm.datasets.manifest import Manifest, ManifestRow, write_manifest
from anofpdm.methods.anofpdm.model_config import DiffusionConfig
from anofpdm.methods.anofpdm.operating_point import OperatingPoint
from anofpdm.methods.anofpdm.training import DiffusionTraining
from anofpdm.network.config import NetworkConfig
from anofpdm.training.config import AugmentationConfig, MonitorConfig
from anofpdm.volumes.input_config import GridConfig, PreprocessingConfig

SLICES = make.SIZE[2]
LESIONS = {"a": make.ball((20, 10, 12), 22), "b": make.ball((-20, 0, -8), 20)}
MODEL = DiffusionConfig(
    name="tiny",
    title="Tiny",
    modalities=("flair",),
    used=("flair",),
    network=NetworkConfig(
        image_size=16,
        in_channels=1,
        base_channels=8,
        channel_multipliers=(1, 2),
        residual_blocks=1,
        attention_px=(8,),
        heads=2,
        norm_groups=4,
        dropout=0.1,
        label_tokens=False,
        level_embedding=True,
    ),
    grid=GridConfig(matrix=16, level="head_extent"),
    preprocessing=PreprocessingConfig(percentile=99.5, anatomy="both"),
    operating_point=OperatingPoint(steps=4, first=1, last=400),
)
EVERYTHING = AugmentationConfig(
    affine_probability=0.7,
    gamma=0.2,
    contrast=0.1,
    bias_probability=0.5,
    noise_probability=0.5,
    blur_probability=0.5,
    scalp_probability=0.3,
    extraction_probability=0.4,
)


def training_config(**changes: Any) -> DiffusionTraining:
    """Twelve steps of eight slices with every augmentation."""
    values: dict[str, Any] = {
        "model": MODEL,
        "steps": 12,
        "batch_size": 8,
        "learning_rate": 2e-3,
        "warmup_steps": 3,
        "decay": "linear",
        "ema_decay": 0.9,
        "level_dropout": 0.2,
        "focus_share": 0.5,
        "precision": "32",
        "balance": "balanced",
        "checkpoint_every": 5,
        "augmentation": EVERYTHING,
        "monitor": MonitorConfig(every=0),
    }
    return DiffusionTraining(**{**values, **changes})


def write_data(folder: Path) -> Path:
    """Volumes of the sources a (whole heads) and b (stripped) for both splits; returns the manifest's path."""
    rows: list[ManifestRow] = []
    for number, (source, split) in enumerate((s, p) for s in ("a", "b") for p in ("train", "val")):
        lesion = LESIONS[source]
        values = make.head_values(number, lesion)
        if source == "b":
            values = np.where(make.ellipsoid(17), values, 0).astype(np.float32)
        path = make.write(folder / f"{source}_{split}.nii.gz", values)
        sick = lesion.any(axis=(1, 2))
        rows += [
            ManifestRow(f"{source}{number}", split, (path,), k, bool(sick[k]), SLICES, None, source)  # type: ignore[arg-type]
            for k in range(SLICES)
        ]
    write_manifest(folder / "manifest.csv", Manifest(("flair",), tuple(rows)))
    return folder / "manifest.csv"


def without_dropout() -> DiffusionTraining:
    """The same run for any number of processes: dropout's numbers belong to a process, all others to a slice."""
    return training_config(model=replace(MODEL, network=replace(MODEL.network, dropout=0.0)))


def with_unreadable_masks(manifest: Path) -> Path:
    """A copy of the manifest, beside it, with a mask in every row: a file that no reader takes."""
    mask = manifest.with_name("mask.nii.gz")
    mask.write_bytes(b"not an image")
    header, *rows = manifest.read_text(encoding="utf-8").splitlines()
    columns = header.split(",")
    if "mask" in columns:
        place = columns.index("mask")
        rows = [",".join([*row.split(",")[:place], str(mask), *row.split(",")[place + 1 :]]) for row in rows]
    else:
        header, rows = f"{header},mask", [f"{row},{mask}" for row in rows]
    path = manifest.with_name("masked.csv")
    path.write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
    return path
