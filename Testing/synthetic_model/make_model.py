"""Calibrate the synthetic model and write its folder: `python make_model.py CHECKPOINT FOLDER`.

The range of the forward process is chosen by image-level labels: of a few the one with the largest area under the ROC
curve, as `anofpdm calibrate` does.
"""

from __future__ import annotations

import argparse
import dataclasses
import shutil
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
from anofpdm.presets import PRESETS as PRESETS_BY_NAME
from anofpdm.presets import Preset
from anofpdm.results.calibration_plot import calibration_plot
from anofpdm.store.model_folder import write_calibration
from anofpdm.store.weights import write_model
from anofpdm.synthetic.phantom import phantom_volume

GUIDANCE = (0.0, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0)
RANGES = ((1, 200), (1, 400), (1, 600))
PRESETS = (PRESETS_BY_NAME["balanced"], PRESETS_BY_NAME["fast"])
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

Image-level figures on 24 other drawn heads, half of them with lesions, for each forward process tried; the range with
the largest AUROC is the model's. No pixel label was looked at.

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
    parts, interiors, labels, volumes, places = [], [], [], [], []
    for number, (image, lesion) in enumerate(heads()):
        case = detector.examine(image)
        area = lesion.sum(axis=(1, 2)) * SPACING_MM[0] * SPACING_MM[1]
        clear = ((area == 0) | (area >= MINIMUM_LESION_MM2))[case.examined]
        parts.append(case.evidence.subset(np.flatnonzero(clear)))
        interiors.append(case.interior[case.examined][clear])
        labels.append((area > 0)[case.examined][clear])
        volumes.append(np.full(int(clear.sum()), number))
        places.append(np.flatnonzero(case.examined)[clear])
    joined = (np.concatenate(parts) for parts in (interiors, labels, volumes, places))
    return LabelledEvidence(join_evidence(parts), *joined, subjects=2 * HEADS)


def main() -> None:
    """Calibrate at each candidate, keep the best, write the folder."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("folder", type=Path)
    options = parser.parse_args()
    state = torch.load(options.checkpoint, weights_only=True)["average"]
    draft = write_model(options.folder.with_name("draft"), config(), state, model_card=CARD, dtype=torch.bfloat16)
    tried: list[str] = []

    def calibrated(preset: Preset, first: int, last: int) -> Calibration:
        point = OperatingPoint(steps=preset.steps, first=first, last=last)
        calibration = calibrate(
            labelled_evidence(Detector.from_folder(draft, point=point)),
            GUIDANCE,
            weights_sha256=draft.weights_sha256,
            name=preset.name,
            top_pixels=5,
            minimum_size_px=MINIMUM_SIZE_PX,
            source="synthetic heads drawn by this project",
        )
        tried.append(
            f"- {describe_point(point)}: accuracy {max(calibration.accuracy):.4f}, AUROC "
            f"{calibration.default_auroc:.4f} ({calibration.decision} decision), guidance strength "
            f"{calibration.default_guidance:g}"
        )
        print(tried[-1], flush=True)
        return calibration

    ranges = [calibrated(PRESETS[0], *ends) for ends in RANGES]
    best = max(ranges, key=lambda calibration: calibration.default_auroc)
    point = best.operating_point
    found = [best, *(calibrated(preset, point.first, point.last) for preset in PRESETS[1:])]
    card = CARD + "\n".join(tried) + "\n"
    final = dataclasses.replace(config(), operating_point=point)
    folder = write_model(options.folder, final, state, model_card=card, dtype=torch.bfloat16)
    write_calibration(folder, calibrations_to_json(found), plot=calibration_plot(found, ranges))
    shutil.rmtree(draft.path)


if __name__ == "__main__":
    main()
