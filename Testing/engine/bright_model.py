"""A model folder whose network marks what is bright: made by hand, small and quick, for tests of everything around it.

Given a healthy label, the network predicts more noise where a pixel is brighter than brain; without a label it does
not. Guidance toward healthy therefore darkens bright pixels, as a trained network's does with lesions of FLAIR.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path

import torch

from anofpdm.methods.anofpdm.calibration import Calibration, calibrations_to_json
from anofpdm.methods.anofpdm.model_config import DiffusionConfig
from anofpdm.methods.anofpdm.operating_point import OperatingPoint
from anofpdm.network.config import NetworkConfig
from anofpdm.network.unet import ConditionalUNet
from anofpdm.store.model_folder import ModelFolder, write_calibration
from anofpdm.store.model_search import DEFAULT_FILE
from anofpdm.store.network_weights import write_model
from anofpdm.volumes.input_config import GridConfig, PreprocessingConfig

NAME, TITLE = "bright", "Bright tissue (made by hand, for tests)"
CAUTION = "This model is a demonstration: on a patient's image its findings mean nothing."
POINT = OperatingPoint(steps=12, first=1, last=200)
GUIDANCE = (0.0, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0)
DEFAULT_GUIDANCE = 30.0
SCALING = 0.00089606
MAP_THRESHOLD, HEALTHY_THRESHOLD = 2.2e-4, 1.6e-4
"""At guidance strength 0; what fits the drawn heads of `anofpdm.synthetic`."""
MARGIN_MM = 30.0
"""Scalp and skull base are bright, too: only the middle of the head counts."""
BRIGHT, STEEPNESS, RISE, LEAK = 0.1, 12.0, 0.25, 0.02
"""Intensity of -1..1 from which on a pixel is bright, how sharply, how much noise that adds; and how much of the
slice itself the network takes for noise, so that the unguided prediction is not exact."""
_FAR = 40.0
"""Two constant channels of this size, one of each sign, keep the normalisations from following the image."""
_OFF = -200.0


def bright_config(name: str = NAME) -> DiffusionConfig:
    """32 pixels over 240 mm, 12 steps."""
    network = NetworkConfig(
        image_size=32,
        in_channels=1,
        base_channels=4,
        channel_multipliers=(1, 1),
        residual_blocks=1,
        attention_px=(),
        heads=1,
        norm_groups=1,
        dropout=0.0,
        label_tokens=False,
        input_activation=False,
    )
    return DiffusionConfig(
        name=name,
        title=TITLE,
        modalities=("flair",),
        used=("flair",),
        network=network,
        grid=GridConfig(matrix=network.image_size),
        preprocessing=PreprocessingConfig(percentile=99.0, erosion_mm=MARGIN_MM),
        operating_point=POINT,
        minimum_size_px=2,
        trained_on="nothing",
        licence="CC0-1.0",
        caution=CAUTION,
    )


def bright_network(config: NetworkConfig) -> ConditionalUNet:
    """The slice reaches the last residual block by its first skip connection alone; everything else is zero."""
    network = ConditionalUNet(config)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.zero_()
        first, last, out = network.input_blocks[0][0], network.output_blocks[-1][0], network.out
        channels = config.base_channels
        _pass_on(first, 0)
        # Restored by the factor: what the constant channels made of the normalisation.
        last.in_layers[0].weight.fill_(_FAR / channels**0.5)
        _pass_on(last.in_layers[2], channels)
        last.out_layers[0].weight.fill_(_FAR * (2 / channels) ** 0.5)
        linear = last.emb_layers[1]
        linear.bias[0], linear.bias[channels] = STEEPNESS - 1, _OFF
        network.class_emb[2].bias.fill_(-_OFF)
        linear.weight[channels, 0] = (_OFF + STEEPNESS * BRIGHT) / _OFF
        _pass_on(last.out_layers[3], 0)
        last.out_layers[3].weight[0] *= RISE / STEEPNESS
        last.skip_connection.weight[0, channels] = LEAK
        out[0].weight.fill_(_FAR * (2 / channels) ** 0.5)
        out[2].weight[0, 0, 1, 1] = 1.0
    return network


def _pass_on(convolution: torch.nn.Conv2d, channel: int) -> None:
    """Channel 0 of the output is this one of the input; channels 1 and 2 are the constant ones."""
    convolution.weight[0, channel, 1, 1] = 1.0
    convolution.bias[1], convolution.bias[2] = _FAR, -_FAR


def bright_calibration(weights_sha256: str, name: str = "balanced", point: OperatingPoint = POINT) -> Calibration:
    """Maps grow with the square of 1 + w; thresholds somewhat less, so that findings depend on w."""
    n = len(GUIDANCE)
    growth = [31**0.2 * (1 + w) ** 1.8 for w in GUIDANCE]
    return Calibration(
        name=name,
        weights_sha256=weights_sha256,
        operating_point=point,
        guidance=GUIDANCE,
        default_guidance=DEFAULT_GUIDANCE,
        accuracy=(0.9,) * n,
        auroc=(0.95,) * n,
        decision="map",
        similarity_threshold=(0.99,) * n,
        map_threshold=tuple(MAP_THRESHOLD * g for g in growth),
        top_pixels=5,
        threshold="healthy",
        healthy_level=0.998,
        healthy_threshold=tuple(HEALTHY_THRESHOLD * g for g in growth),
        scaling=((SCALING,),),
        slices=473,
        unhealthy_slices=61,
        subjects=24,
        source="drawn heads",
    )


def write_bright_model(path: Path, config: DiffusionConfig | None = None) -> ModelFolder:
    """Write the folder, calibrated for the presets balanced and fast."""
    config = config or bright_config(path.name)
    network = bright_network(config.network)
    folder = write_model(path, config, network.state_dict(), model_card=f"# {TITLE}\n\nSays nothing about patients.\n")
    fast = dataclasses.replace(POINT, steps=5)
    found = [bright_calibration(folder.weights_sha256), bright_calibration(folder.weights_sha256, "fast", fast)]
    return write_calibration(folder, calibrations_to_json(found))


def write_default_model(place: Path) -> Path:
    """The model as the default one of a folder for ANOFPDM_MODELS; returns that folder."""
    write_bright_model(place / NAME)
    (place / DEFAULT_FILE).write_text(f"{NAME}\n")
    return place
