"""What a scanner and a file make of a head: shading, blur, ghosts, wraps, noise, gain from slice to slice, gamma."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch.nn import functional

from .plane_waves import PlaneWaves
from .slab import Slab

BIAS_WAVELENGTH_MM = (180.0, 520.0)
MOST_BIAS = 0.22
MOST_NOISE = 0.07
BLUR_MM = (0.3, 2.0)


@dataclass(frozen=True)
class Acquisition:
    """One scan's effects. Intensities relative to white matter, lengths in mm.

    `ghost`: strength and shift (share of the picture's height); `wrap`: strength and how far the field of view is
    too small (share of its width). `clip`: the brightest share of the head's pixels that is cut off.
    """

    bias: PlaneWaves
    bias_strength: float
    blur_mm: float
    ghost: tuple[float, float]
    wrap: tuple[float, float]
    noise: float
    slice_gain: float
    gamma: float
    clip: float


def draw_acquisition(rng: np.random.Generator) -> Acquisition:
    """Draw one; ghosts, wraps, gamma and clipping in some scans only."""
    ghost = (rng.uniform(0.02, 0.15), rng.uniform(0.2, 0.8)) if rng.random() < 0.12 else (0.0, 0.0)
    wrap = (rng.uniform(0.2, 1.0), rng.uniform(0.05, 0.25)) if rng.random() < 0.04 else (0.0, 0.0)
    return Acquisition(
        bias=PlaneWaves.random(rng, 6, BIAS_WAVELENGTH_MM),
        bias_strength=MOST_BIAS * float(rng.beta(1.2, 2.5)),
        blur_mm=float(rng.uniform(*BLUR_MM)),
        ghost=ghost,
        wrap=wrap,
        noise=float(np.exp(rng.uniform(math.log(0.003), math.log(MOST_NOISE)))),
        slice_gain=float(rng.uniform(0, 0.05)) if rng.random() < 0.4 else 0.0,
        gamma=float(np.exp(rng.normal(0, 0.12))) if rng.random() < 0.4 else 1.0,
        clip=float(rng.uniform(0.0005, 0.01)) if rng.random() < 0.3 else 0.0,
    )


def acquire(image: torch.Tensor, slab: Slab, scan: Acquisition, rng: np.random.Generator) -> torch.Tensor:
    """Put the effects on [slices, rows, columns], white matter about 1; returns the same shape, not negative."""
    image = image * torch.exp(scan.bias_strength * slab.field(scan.bias))
    image = blur(image, scan.blur_mm / slab.pixel_mm)
    strength, share = scan.ghost
    if strength:
        image = image + strength * image.roll(max(1, round(share * slab.matrix)), dims=1)
    strength, share = scan.wrap
    if strength:
        width = max(1, round(share * slab.matrix))
        folded = torch.zeros_like(image)
        folded[:, :, :width] = image[:, :, -width:]
        folded[:, :, -width:] = image[:, :, :width]
        # Only what lies beyond the field of view folds back; the head is moved there.
        image = image + strength * folded.roll(width // 2, dims=2)
    real, imaginary = (torch.from_numpy(rng.standard_normal(image.shape, np.float32)) for _ in range(2))
    image = torch.hypot(image + scan.noise * real, scan.noise * imaginary)
    if scan.slice_gain:
        gains = rng.normal(1, scan.slice_gain, len(image)).clip(0.8, 1.2).astype(np.float32)
        image = image * torch.from_numpy(gains)[:, None, None]
    if scan.gamma != 1:
        image = image.pow(scan.gamma)
    if scan.clip:
        bright = image[image > 0.3]
        if len(bright) > 100:
            top = torch.sort(bright[::7]).values[int((1 - scan.clip) * (len(bright[::7]) - 1))]
            image = image.clamp(max=float(top))
    return image


def blur(image: torch.Tensor, sigma_px: float) -> torch.Tensor:
    """Blur [N, rows, columns] in plane by a Gaussian."""
    if sigma_px < 0.2:
        return image
    radius = max(1, math.ceil(2.5 * sigma_px))
    offsets = torch.arange(-radius, radius + 1, dtype=torch.float32)
    kernel = torch.exp(-0.5 * (offsets / sigma_px) ** 2)
    kernel = kernel / kernel.sum()
    blurred = functional.conv2d(image[:, None], kernel[None, None, :, None], padding=(radius, 0))
    return functional.conv2d(blurred, kernel[None, None, None, :], padding=(0, radius))[:, 0]
