"""The whole way from labels to masks in a few steps: what a longer training is worth is for the command to say."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch

pytest.importorskip("lightning_fabric", reason="needs the train extra: pip install 'anofpdm[train]'")

import planted_lesions as planted

from anofpdm.methods.anofpdm.calibration import load_calibrations
from anofpdm.store.model_folder import open_model_folder

SPLITS = ["train", "train", "val", "val", "test"]
PLAN = ("--presets", "fast=3", "--ranges", "1..200", "--guidance", "0,4", "--precision", "float32")


def test_train_calibrate_and_detect(tmp_path: Path) -> None:
    """With the model that the first command wrote, as the second calibrated it."""
    torch.set_num_threads(1)
    few = dataclasses.replace(planted.CONFIG, steps=6, warmup_steps=2, batch_size=4, checkpoint_every=6)
    figures = planted.run(tmp_path, few, SPLITS, PLAN)
    assert 0 <= figures["dice"] <= 1 and figures["best_threshold_dice"] < 0.7
    folder = open_model_folder(tmp_path / "run" / "planted")
    (calibration,) = load_calibrations(folder.calibration)
    assert calibration.weights_sha256 == folder.weights_sha256 and calibration.guidance == (0.0, 4.0)
    assert (calibration.operating_point.steps, calibration.subjects) == (3, 2)


def test_no_threshold_separates_lesion_and_structure() -> None:
    """Where the image shows both a threshold finds them together; the lesion alone would be right."""
    values, lesion = planted.head(0)
    assert lesion.sum() > 100 and planted.dice(lesion, lesion) == 1
    assert planted.best_threshold(np.where(planted.make.ellipsoid(17), values, 0), lesion) < 0.7
    healthy, none = planted.head(1)
    assert not none.any() and healthy.max() > planted.STRUCTURE
