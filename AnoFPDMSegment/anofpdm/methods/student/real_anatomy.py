"""What a painter must know of a real head, guessed from its image and from where the network sees brain."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import SimpleITK as sitk
import torch

from ...core.arrays import BoolArray, FloatArray
from ...synthetic.acquisition import blur
from ...synthetic.anatomy import Anatomy
from ...synthetic.slab import Slab
from .config import StudentConfig

FLUID_SHARE = 0.6
"""Darker than this share of the brain's own median is fluid."""
CORTEX_MM = 5.0
DEEP_MM = 14.0
"""Fluid this far below the brain's border is ventricle; nearer, sulcus."""
WHITE_RANGE = (0.75, 1.2)
SMOOTH_MM = 10.0
SINGLE_SLICE_MM = 5.0


def real_anatomy(
    slices: FloatArray, brain: FloatArray, spacing_mm: float, config: StudentConfig, paintable: BoolArray
) -> tuple[Anatomy, torch.Tensor]:
    """The anatomy of a standardised stack [S, H, W] and the local brightness of its tissue [S, H, W].

    `brain`: its probability; `paintable` [S]: slices without lesions, the only ones with tissue to paint on.
    Cerebellum and brain stem are not told apart from the rest.
    """
    inside = brain >= 0.5
    level = float(np.median(slices[inside])) if inside.any() else 1.0
    hull = np.stack([_signed_distance(one) for one in inside]) * np.float32(config.pixel_mm)
    fluid = inside & (slices < FLUID_SHARE * level)
    ventricles = fluid & (hull > DEEP_MM)
    from_ventricles = np.stack([-_signed_distance(one) for one in ventricles]) * np.float32(config.pixel_mm)
    tissue = inside & ~fluid & paintable[:, None, None]
    low, high = WHITE_RANGE
    white = tissue & (hull > CORTEX_MM) & (slices > low * level) & (slices < high * level)
    spacing = spacing_mm or SINGLE_SLICE_MM
    slab = Slab(config.matrix, config.pixel_mm, len(slices), spacing, spacing, 1)
    anatomy = Anatomy(
        slab=slab,
        tissue=_share(tissue),
        white=_share(white),
        cortex=_share(tissue & (hull < CORTEX_MM)),
        below=torch.zeros(slices.shape),
        ventricles=_share(ventricles),
        hull_mm=torch.from_numpy(hull),
        ventricle_mm=torch.from_numpy(np.clip(from_ventricles, 0, 100)),
    )
    return anatomy, _local_level(slices, inside & ~fluid, level, config)


def _share(mask: BoolArray) -> torch.Tensor:
    return torch.from_numpy(mask.astype(np.float32))


def _local_level(slices: FloatArray, tissue: BoolArray, level: float, config: StudentConfig) -> torch.Tensor:
    """Tissue's brightness, smooth, so that what is painted takes part in the shading."""
    weight = _share(tissue)
    sigma = SMOOTH_MM / config.pixel_mm
    total, share = blur(weight * torch.from_numpy(slices), sigma), blur(weight, sigma)
    return torch.where(share > 0.05, total / share.clamp(min=0.05), torch.tensor(level))


def _signed_distance(inside: BoolArray) -> npt.NDArray[np.float32]:
    """Pixels to the border in plane, positive inside; far outside where there is no inside."""
    if not inside.any():
        return np.full(inside.shape, -100.0, np.float32)
    image = sitk.GetImageFromArray(inside.astype(np.uint8))
    distance = sitk.SignedMaurerDistanceMap(image, squaredDistance=False, useImageSpacing=False)
    return -np.asarray(sitk.GetArrayFromImage(distance), dtype=np.float32)
