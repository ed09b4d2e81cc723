"""Made-up heads of three contrasts with known parts, and the place of the real data."""

from __future__ import annotations

import functools
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import SimpleITK as sitk

from anofpdm.methods.anofpdm.model_config import DiffusionConfig
from anofpdm.network.config import NetworkConfig
from anofpdm.volumes.input_config import GridConfig, PreprocessingConfig

VALUES = {
    # scalp, skull, cerebrospinal fluid, gray matter, white matter
    "flair": (220.0, 20.0, 30.0, 150.0, 125.0),
    "t1": (300.0, 15.0, 40.0, 110.0, 150.0),
    "t2": (150.0, 20.0, 300.0, 140.0, 100.0),
}


@dataclass(frozen=True)
class HeadSample:
    """An axial image, 2 x 2 x 5 mm, and its parts as boolean arrays [k, j, i]."""

    image: sitk.Image
    whole: np.ndarray
    brain: np.ndarray
    ventricles: np.ndarray
    sinus: np.ndarray


def like(values: np.ndarray, image: sitk.Image) -> sitk.Image:
    """`values` as float32 on the grid of `image`."""
    result = sitk.GetImageFromArray(values.astype(np.float32))
    result.CopyInformation(image)
    return result


@functools.cache
def head(contrast: str, *, noise: float = 0.0, stripped: bool = False, scale: float = 1.0) -> HeadSample:
    """An ellipsoid head of about 150 x 190 x 150 mm in a 256 x 256 x 180 mm frame; drawn once, not to be changed."""
    z, y, x = np.meshgrid(
        (np.arange(36) - 17.5) * 5, (np.arange(128) - 63.5) * 2, (np.arange(128) - 63.5) * 2, indexing="ij"
    )

    def ellipsoid(a: float, b: float, c: float, y0: float = 0.0, z0: float = 0.0) -> np.ndarray:
        return (x / a) ** 2 + ((y - y0) / b) ** 2 + ((z - z0) / c) ** 2 <= scale**2

    whole, inner_scalp, brain = ellipsoid(76, 96, 78), ellipsoid(70, 90, 72), ellipsoid(62, 82, 64)
    ventricles = ellipsoid(14, 28, 16)
    sinus = ellipsoid(12, 10, 12, y0=-60 * scale, z0=-48 * scale) & inner_scalp & ~brain
    scalp, skull, fluid, gray, white = VALUES[contrast]
    values = np.zeros(x.shape)
    values[whole] = scalp
    values[inner_scalp] = skull
    values[brain] = gray
    values[ellipsoid(54, 74, 56)] = white
    values[ventricles] = fluid
    values[sinus] = 0
    values *= 1 + 0.2 * y / 128  # bias field
    rng = np.random.default_rng(7)
    if stripped:
        values += rng.normal(0, 4, values.shape)
        values = np.where(brain, np.maximum(values, 1), 0)
    elif noise:
        values = np.hypot(values + rng.normal(0, noise, values.shape), rng.normal(0, noise, values.shape))
    image = sitk.GetImageFromArray(values.astype(np.float32))
    image.SetSpacing((2.0, 2.0, 5.0))
    return HeadSample(image, whole, brain, ventricles, sinus)


def real_data() -> Path:
    """The folder of real data; skips the test where there is none."""
    folder = os.environ.get("ANOFPDM_TEST_DATA", "")
    if not folder:
        pytest.skip("ANOFPDM_TEST_DATA is not set: no real data to test on")
    return Path(folder)


def config(
    modalities: tuple[str, ...] = ("flair",), grid: dict[str, Any] | None = None, **preprocessing: Any
) -> DiffusionConfig:
    """Of a model of 64 x 64 pixels for these heads."""
    return DiffusionConfig(
        name="sample",
        title="Sample",
        modalities=modalities,
        used=(modalities[-1],),
        network=NetworkConfig(in_channels=len(modalities), image_size=64),
        grid=GridConfig(**{"matrix": 64, "level": "head_extent", **(grid or {})}),
        preprocessing=PreprocessingConfig(**preprocessing),
    )
