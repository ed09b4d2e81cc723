"""Small heads and lesions as files, and model configurations to prepare them with."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import SimpleITK as sitk

from anofpdm.methods.anofpdm.model_config import DiffusionConfig
from anofpdm.network.config import NetworkConfig
from anofpdm.volumes.input_config import GridConfig, PreprocessingConfig

SIZE = (64, 56, 24)
SPACING = (3.5, 3.75, 6.0)
"""SIZE and SPACING are in the order i, j, k."""


def positions() -> tuple[npt.NDArray[np.float64], ...]:
    """x, y, z in mm from the middle, each broadcastable to [k, j, i]."""
    axes = [(np.arange(n) - (n - 1) / 2) * s for n, s in zip(SIZE, SPACING, strict=True)]
    return axes[0][None, None, :], axes[1][None, :, None], axes[2][:, None, None]


def ball(center: tuple[float, float, float], radius: float) -> npt.NDArray[np.bool_]:
    x, y, z = positions()
    return (x - center[0]) ** 2 + (y - center[1]) ** 2 + (z - center[2]) ** 2 <= radius**2


def ellipsoid(shrink: float = 0.0) -> npt.NDArray[np.bool_]:
    x, y, z = positions()
    a, b, c = 80.0 - shrink, 92.0 - shrink, 66.0 - shrink
    return (x / a) ** 2 + (y / b) ** 2 + (z / c) ** 2 <= 1


def head_values(seed: int = 0, lesion: npt.NDArray[np.bool_] | None = None) -> npt.NDArray[np.float32]:
    """A whole head [k, j, i]: bright scalp, dark skull, grey brain; air with a little noise."""
    rng = np.random.default_rng(seed)
    values = np.zeros(SIZE[::-1])
    values[ellipsoid()] = 300.0
    values[ellipsoid(9)] = 15.0
    values[ellipsoid(17)] = 120.0
    if lesion is not None:
        values[lesion] = 260.0
    return np.abs(values + rng.normal(0, 4, values.shape)).astype(np.float32)


def to_image(values: npt.NDArray[np.generic]) -> sitk.Image:
    image = sitk.GetImageFromArray(values)
    image.SetSpacing(SPACING)
    image.SetOrigin([-(n - 1) / 2 * s for n, s in zip(SIZE, SPACING, strict=True)])
    return image


def write(path: Path, values: npt.NDArray[np.generic]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    sitk.WriteImage(to_image(values), str(path))
    return path


def model(matrix: int = 32, modalities: tuple[str, ...] = ("flair",), **preprocessing: object) -> DiffusionConfig:
    return DiffusionConfig(
        name="test",
        title="test",
        modalities=modalities,
        used=modalities[:1],
        network=NetworkConfig(
            image_size=matrix, in_channels=len(modalities), base_channels=32, channel_multipliers=(1, 2)
        ),
        grid=GridConfig(matrix=matrix, level="head_extent"),
        preprocessing=PreprocessingConfig(percentile=99.5, anatomy="both", **preprocessing),  # type: ignore[arg-type]
    )
