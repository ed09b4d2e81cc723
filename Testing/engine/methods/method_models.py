"""One small model of every method, which the conformance tests run."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch
from safetensors.torch import save_file
from tiny_model import write_tiny_model

from anofpdm.methods.fused.fused_folder import write_fused
from anofpdm.methods.fused.model_config import FusedConfig, Fusion, Part
from anofpdm.methods.map_method import MapCalibration, MapConfig
from anofpdm.methods.student.config import StudentCalibration, StudentConfig
from anofpdm.methods.student.model_config import PREPROCESSING, StudentModelConfig, grid_of
from anofpdm.methods.student.network import StudentNetwork
from anofpdm.methods.student.student_folder import write_student
from anofpdm.store.model_folder import open_model_folder, write_model_folder
from anofpdm.volumes.input_config import GridConfig, PreprocessingConfig

CARD = "# A model for tests\n"
EXTRA = "left-right"
"""The method of the package beside this file."""


def tiny_student(path: Path) -> None:
    """Untrained; its threshold is about where half of its pixels lie."""
    torch.manual_seed(3)
    network = StudentConfig(matrix=64, widths=(8, 12, 16))
    config = StudentModelConfig(
        name=path.name,
        title="Untrained student",
        modalities=("flair",),
        used=("flair",),
        network=network,
        grid=grid_of(network),
        preprocessing=PREPROCESSING,
        calibration=StudentCalibration(threshold=0.5),
    )
    write_student(path, config, StudentNetwork(network.channels, network.widths).state_dict(), CARD)


def tiny_fused(path: Path) -> None:
    """Beside it the two models whose answers it joins."""
    finder, witness = path.parent / f"{path.name}-finder", path.parent / f"{path.name}-witness"
    tiny_student(finder)
    write_tiny_model(witness)
    student = open_model_folder(finder)
    config = FusedConfig(
        name=path.name,
        title="Two untrained models",
        modalities=("flair",),
        used=("flair",),
        grid=student.config.grid,
        preprocessing=PREPROCESSING,
        finder=Part(finder.name, student.weights_sha256),
        witness=Part(witness.name, open_model_folder(witness).weights_sha256),
        fusion=Fusion(threshold=0.5),
    )
    write_fused(path, config, CARD)


def without_weights(path: Path) -> None:
    """Of a method that has none."""
    config = MapConfig(
        name=path.name,
        title="No weights",
        method=EXTRA,
        modalities=("flair",),
        used=("flair",),
        grid=GridConfig(matrix=64),
        preprocessing=PreprocessingConfig(anatomy="both"),
        minimum_size_px=0,
        calibration=MapCalibration(0.05),
    )
    write_model_folder(path, config, lambda file: save_file({}, file), model_card=CARD)


MAKERS: dict[str, Callable[[Path], object]] = {
    "anofpdm": write_tiny_model,
    "fused": tiny_fused,
    "student": tiny_student,
    EXTRA: without_weights,
}
