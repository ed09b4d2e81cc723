"""Calibrate the synthetic model and write its folder: `python make_model.py CHECKPOINT FOLDER`.

The operating point is chosen by image-level labels: of a few ranges of the forward process the one with the
highest accuracy, without the clamp where that is at least as good.
"""

from __future__ import annotations

import argparse
import dataclasses
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import SimpleITK as sitk
import torch
from train import NETWORK, PERCENTILE

from anofpdm.calibrate import LabelledEvidence, calibrate
from anofpdm.calibration import Calibration, calibrations_to_json, describe_point
from anofpdm.configuration import GridConfig, ModelConfig, OperatingPoint, PreprocessingConfig
from anofpdm.detector import Detector
from anofpdm.evidence.maps import join_evidence
from anofpdm.store.model_folder import write_calibration
from anofpdm.store.weights import write_model
from anofpdm.synthetic.phantom import phantom_volume

GUIDANCE = (0.0, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0)
RANGES = ((1, 200), (1, 400), (1, 600))
STEPS = 12
HEADS = 12
SIZE, SPACING_MM = (80, 80, 20), (3.0, 3.0, 7.0)
MINIMUM_LESION_MM2 = 100.0
MINIMUM_SIZE_PX = 2

CARD = """# Synthetic FLAIR heads

A small network that has seen drawn heads only. It shows how the software works and says nothing about patients.

- Training data: synthetic FLAIR-like slices drawn by `anofpdm.synthetic`, with image-level labels. No patient's image.
- Licence: CC0-1.0.
- Intended use: trying the software on its synthetic sample. Not for any real image.
- Limits: 32 x 32 pixels; knows round bright lesions of 8 to 25 mm radius only.

Image-level accuracy on 24 other drawn heads, half of them with lesions, for each forward process tried; the first of
the best is the model's default. No pixel label was looked at.

"""


def config() -> ModelConfig:
    """The model's configuration; its operating point is put in by `main`."""
    return ModelConfig(
        name="synthetic-flair",
        title="Synthetic FLAIR heads (demonstration, not for patients)",
        modalities=("flair",),
        used=("flair",),
        network=NETWORK,
        grid=GridConfig(matrix=NETWORK.image_size),
        preprocessing=PreprocessingConfig(percentile=PERCENTILE),
        minimum_size_px=MINIMUM_SIZE_PX,
        trained_on="synthetic heads drawn by this project",
        licence="CC0-1.0",
        caution="This model is a demonstration trained on drawn heads: on a patient's image its findings mean nothing.",
    )


def heads() -> Iterator[tuple[sitk.Image, np.ndarray]]:
    """Volumes and their lesions, every second one lesion-free; other heads than the training's."""
    for seed in range(2 * HEADS):
        volume = phantom_volume(900_000 + seed, lesion=seed % 2 == 0, size=SIZE, spacing_mm=SPACING_MM)
        image = sitk.GetImageFromArray(volume.image)
        image.SetSpacing(SPACING_MM)
        yield image, volume.lesion


def labelled_evidence(detector: Detector) -> LabelledEvidence:
    """Evidence and image-level labels of all heads; slices that only graze a lesion are left out."""
    parts, interiors, labels, volumes = [], [], [], []
    for number, (image, lesion) in enumerate(heads()):
        case = detector.examine(image)
        area = lesion.sum(axis=(1, 2)) * SPACING_MM[0] * SPACING_MM[1]
        clear = ((area == 0) | (area >= MINIMUM_LESION_MM2))[case.examined]
        parts.append(case.evidence.subset(np.flatnonzero(clear)))
        interiors.append(case.interior[case.examined][clear])
        labels.append((area > 0)[case.examined][clear])
        volumes.append(np.full(int(clear.sum()), number))
    joined = (np.concatenate(parts) for parts in (interiors, labels, volumes))
    return LabelledEvidence(join_evidence(parts), *joined, subjects=2 * HEADS)


def main() -> None:
    """Calibrate at each candidate, keep the best, write the folder."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("folder", type=Path)
    options = parser.parse_args()
    state = torch.load(options.checkpoint, weights_only=True)["average"]
    candidates = [OperatingPoint(steps=STEPS, first=first, last=last) for first, last in RANGES]
    candidates += [dataclasses.replace(point, clamp=True, guidance_bank=GUIDANCE) for point in candidates]
    draft = write_model(options.folder.with_name("draft"), config(), state, model_card=CARD, dtype=torch.bfloat16)
    results: list[tuple[float, Calibration]] = []
    tried: list[str] = []
    for point in candidates:
        data = labelled_evidence(Detector.from_folder(draft, point=point))
        calibration = calibrate(
            data,
            GUIDANCE,
            weights_sha256=draft.weights_sha256,
            top_pixels=5,
            minimum_size_px=MINIMUM_SIZE_PX,
            source="synthetic heads drawn by this project",
        )
        results.append((max(calibration.accuracy), calibration))
        tried.append(
            f"- {describe_point(point)}: accuracy {max(calibration.accuracy):.4f} ({calibration.decision} decision), "
            f"guidance strength {calibration.default_guidance:g}"
        )
        print(tried[-1], flush=True)
    # max keeps the first of equals, and the unclamped candidates come first.
    _, best = max(results, key=lambda result: result[0])
    final = dataclasses.replace(config(), operating_point=best.operating_point)
    card = CARD + "\n".join(tried) + "\n"
    folder = write_model(options.folder, final, state, model_card=card, dtype=torch.bfloat16)
    calibration = dataclasses.replace(best, weights_sha256=folder.weights_sha256)
    write_calibration(folder, calibrations_to_json([calibration]))
    for file in draft.path.iterdir():
        file.unlink()
    draft.path.rmdir()


if __name__ == "__main__":
    main()
