"""One small model of every method, which the conformance tests run."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import torch
from tiny_model import tiny_config, write_tiny_model

from anofpdm.methods.fused.model_config import FusedConfig, Fusion
from anofpdm.methods.map_method import MapCalibration, MapConfig
from anofpdm.methods.reconstruction.model_config import (
    ClassifierConfig,
    ConditionedConfig,
    GuidedConfig,
    GuidedSampling,
    OwnNetwork,
    ReconstructionConfig,
    Sampling,
    ScaledSampling,
)
from anofpdm.methods.reconstruction.noise_classifier import NoiseClassifier
from anofpdm.methods.student.config import StudentCalibration, StudentConfig
from anofpdm.methods.student.model_config import PREPROCESSING, StudentModelConfig, grid_of
from anofpdm.methods.student.network import StudentNetwork
from anofpdm.methods.student.student_folder import write_student
from anofpdm.network.unet import ConditionalUNet
from anofpdm.store.model_folder import open_model_folder, write_model_folder
from anofpdm.store.model_part import ModelPart
from anofpdm.store.network_weights import save_weights
from anofpdm.store.no_weights import write_no_weights
from anofpdm.volumes.input_config import GridConfig, PreprocessingConfig

CARD = "# A model for tests\n"
EXTRA = "asymmetry"
"""A method of the package beside this file."""
OUTLINING = "tissue"
"""Another of them, which outlines structures."""


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
        finder=ModelPart(finder.name, student.weights_sha256),
        witness=ModelPart(witness.name, open_model_folder(witness).weights_sha256),
        fusion=Fusion(threshold=0.5, minimum_mm3=0.0),
    )
    write_model_folder(path, config, lambda file: write_no_weights(file, config), model_card=CARD)


def without_weights(path: Path, method: str) -> None:
    """Of a method that has none."""
    config = MapConfig(
        name=path.name,
        title="No weights",
        method=method,
        modalities=("flair",),
        used=("flair",),
        grid=GridConfig(matrix=64),
        preprocessing=PreprocessingConfig(anatomy="both"),
        minimum_size_px=0,
        calibration=MapCalibration(0.05),
    )
    write_model_folder(path, config, lambda file: write_no_weights(file, config), model_card=CARD)


def restoring(path: Path, method: str) -> None:
    """Untrained, with the network of a diffusion model beside it, except where a method has one of its own."""
    base = tiny_config("tiny", matrix=16)
    shared: dict[str, Any] = {
        "name": path.name,
        "title": "Untrained",
        "method": method,
        "calibration": MapCalibration(0.01),
        **{name: getattr(base, name) for name in ("modalities", "used", "grid", "preprocessing")},
    }
    beside = path.parent / f"{path.name}-network"
    part = {"diffusion": ModelPart(beside.name, write_tiny_model(beside, base).weights_sha256)}
    if method == "anoddpm-simplex":
        config = ReconstructionConfig(**shared, own=OwnNetwork(base.network), sampling=Sampling(50, 3))
        network = ConditionalUNet(base.network)
        write_model_folder(path, config, lambda file: save_weights(network.state_dict(), file), model_card=CARD)
    elif method == "classifier-guidance":
        config = ClassifierConfig(**shared, **part, classifier=base.network, sampling=ScaledSampling(50, 3, 2.0))
        weights = NoiseClassifier(base.network).state_dict()
        write_model_folder(path, config, lambda file: save_weights(weights, file), model_card=CARD)
    else:
        kind = {"ddib": GuidedConfig, "cg-cdm": ConditionedConfig}.get(method, ReconstructionConfig)
        sampling = GuidedSampling(50, 3, 2.0) if kind is GuidedConfig else Sampling(50, 3)
        config = kind(**shared, **part, sampling=sampling)
        write_model_folder(path, config, lambda file: write_no_weights(file, config), model_card=CARD)


MAKERS: dict[str, Callable[[Path], object]] = {
    "anofpdm": write_tiny_model,
    "fused": tiny_fused,
    "student": tiny_student,
    **{name: partial(without_weights, method=name) for name in ("intensity", "left-right", EXTRA, OUTLINING)},
    **{
        name: partial(restoring, method=name)
        for name in ("anoddpm-gaussian", "anoddpm-simplex", "cg-cdm", "classifier-guidance", "ddib")
    },
}
