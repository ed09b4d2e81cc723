"""Variations that scanners, skull-strippers and clinics bring, applied to a batch of slices at once.

All random numbers are drawn first, for the whole batch of all processes, from one generator on the CPU: what
happens to a slice then depends neither on the device nor on how many processes share the batch.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields, replace

import torch
from torch import Tensor
from torch.nn import functional

from .config import AugmentationConfig
from .slice_batch import SliceBatch, to_network_range

OUTLINE_SIGMA_PX = 1.5
"""Smoothing of the brain mask before its outline is moved."""
OUTLINE_WAVES = 6
BIAS_WAVES = 3
SMALLEST_SCALE = 0.05
"""Percentiles below this share of the head's are not divided by."""


@dataclass
class Draws:
    """The random numbers of N slices; the amounts lie in [-1, 1] and are 0 where a variation is left out."""

    flip: Tensor
    """[N] bool"""
    affine: Tensor
    """[N, 5]: rotation, scale along x and y, shift along x and y."""
    intensity: Tensor
    """[N, 3]: gain, gamma, contrast."""
    bias: Tensor
    """[N, 1, BIAS_WAVES, BIAS_WAVES]"""
    noise_amount: Tensor
    """[N], in [0, 1]"""
    noise: Tensor
    """[2, N, C, H, W] normal"""
    blur: Tensor
    """[N, 2], in [0, 1]: along y and x."""
    scalp: Tensor
    """[N]: factor of what is not brain."""
    extract: Tensor
    """[N] bool, for whole heads."""
    outline: Tensor
    """[N, 1, OUTLINE_WAVES, OUTLINE_WAVES]: how far the brain's outline moves."""

    def part(self, chosen: slice) -> Draws:
        """The numbers of some slices."""
        parts = {f.name: getattr(self, f.name)[chosen] for f in fields(self) if f.name != "noise"}
        return Draws(noise=self.noise[:, chosen], **parts)

    def to(self, device: torch.device) -> Draws:
        """The numbers on another device."""
        return Draws(**{f.name: getattr(self, f.name).to(device, non_blocking=True) for f in fields(self)})


def draw(config: AugmentationConfig, shape: tuple[int, int, int, int], generator: torch.Generator) -> Draws:
    """Draw what happens to N slices of `shape` [N, C, H, W], on the CPU."""
    n = shape[0]

    def uniform(*size: int) -> Tensor:
        return 2 * torch.rand(size, generator=generator) - 1

    def happens(probability: float) -> Tensor:
        return torch.rand(n, generator=generator) < probability

    flip = happens(config.flip_probability)
    affine = uniform(n, 5) * happens(config.affine_probability)[:, None]
    intensity = uniform(n, 3)
    bias = uniform(n, 1, BIAS_WAVES, BIAS_WAVES) * happens(config.bias_probability)[:, None, None, None]
    noise_amount = uniform(n).abs() * happens(config.noise_probability)
    blur = uniform(n, 2).abs() * happens(config.blur_probability)[:, None]
    low, high = config.scalp_range
    scalp = torch.where(
        happens(config.scalp_probability), low + (high - low) * torch.rand(n, generator=generator), torch.ones(n)
    )
    extract = happens(config.extraction_probability)
    # Half of an outline's movement is common to all of it, half differs along it.
    outline = 0.5 * uniform(n, 1, 1, 1) + 0.5 * uniform(n, 1, OUTLINE_WAVES, OUTLINE_WAVES)
    if config.noise_probability > 0 and config.noise > 0:
        noise = torch.randn(2, *shape, generator=generator)
    else:
        noise = torch.zeros(()).expand(2, *shape)
    return Draws(flip, affine, intensity, bias, noise_amount, noise, blur, scalp, extract, outline)


def augment(batch: SliceBatch, draws: Draws, config: AugmentationConfig) -> tuple[Tensor, Tensor]:
    """The varied slices in the network's range [N, C, H, W], and their levels [N].

    The order is that of an acquisition: the head's place, the scanner's resolution, shading and noise, then
    what is done to the image afterwards.
    """
    values, head, brain = _move(batch, draws, config)
    if config.blur_probability > 0:
        values = blur(values, draws.blur * config.blur_px)
    if config.bias_probability > 0:
        field = functional.interpolate(draws.bias, values.shape[-2:], mode="bicubic", align_corners=True)
        values = values * (config.bias * field).exp()
    if config.noise_probability > 0:
        sigma = (config.noise * draws.noise_amount)[:, None, None, None]
        noisy = ((values + sigma * draws.noise[0]).square() + (sigma * draws.noise[1]).square()).sqrt()
        values = torch.where(sigma > 0, noisy, values)
    extracted = draws.extract & batch.whole_head
    values = torch.where(batch.whole_head[:, None, None, None], values, values * head)
    if config.scalp_probability > 0 or config.extraction_probability > 0:
        values, head = _change_scalp(values, head, brain, batch, replace(draws, extract=extracted), config)
    values = _change_contrast(values, head, draws.intensity, config)
    return to_network_range(values), torch.where(extracted, batch.brain_level, batch.level)


def plain(batch: SliceBatch, *, extract: bool = False) -> tuple[Tensor, Tensor]:
    """The slices as they are, or with whole heads stripped along the unmoved outline of the brain; and the levels."""
    values, level = batch.values, batch.level
    if extract:
        stripped = values * batch.brain[:, None] / batch.stripped_scale.clamp(min=SMALLEST_SCALE)[:, :, None, None]
        values = torch.where(batch.whole_head[:, None, None, None], stripped, values)
        level = torch.where(batch.whole_head, batch.brain_level, level)
    return to_network_range(values), level


def blur(images: Tensor, sigma: Tensor) -> Tensor:
    """Gaussian blur of images [N, C, H, W] with sigmas [N, 2] in pixels along y and x, edges repeated."""
    n, channels, height, width = images.shape
    radius = max(1, math.ceil(3 * float(sigma.max())))
    distance = torch.arange(-radius, radius + 1, device=images.device, dtype=images.dtype)
    # A sigma of 0 gives exp(-huge) = 0 beside the middle: the image itself.
    weights = (-0.5 * (distance / sigma.clamp(min=1e-3)[..., None]) ** 2).exp()
    weights = (weights / weights.sum(-1, keepdim=True)).repeat_interleave(channels, dim=0)
    flat = images.reshape(1, n * channels, height, width)
    flat = functional.pad(flat, (radius, radius, radius, radius), mode="replicate")
    flat = functional.conv2d(flat, weights[:, 0, None, :, None], groups=n * channels)
    flat = functional.conv2d(flat, weights[:, 1, None, None, :], groups=n * channels)
    return flat.reshape(images.shape)


def moved_lesions(batch: SliceBatch, draws: Draws, config: AugmentationConfig) -> Tensor:
    """The batch's lesions [N, H, W] where `augment` moves them with the head; NaN where unknown."""
    assert batch.lesion is not None
    known = batch.lesion.isfinite().all(dim=-1).all(dim=-1)
    amount = torch.where(known[:, None, None], batch.lesion, 0.0)
    return torch.where(known[:, None, None], _moved(amount[:, None], draws, config)[:, 0], torch.nan)


def _move(batch: SliceBatch, draws: Draws, config: AugmentationConfig) -> tuple[Tensor, Tensor, Tensor]:
    """Values, head [N, 1, H, W] and brain [N, 1, H, W] after flip, rotation, scaling and shift."""
    channels = batch.values.shape[1]
    everything = torch.cat([batch.values, batch.head[:, None], batch.brain[:, None]], dim=1)
    everything = _moved(everything, draws, config)
    return everything[:, :channels], everything[:, -2:-1], everything[:, -1:]


def _moved(fields: Tensor, draws: Draws, config: AugmentationConfig) -> Tensor:
    """Fields [N, C, H, W] after flip, rotation, scaling and shift."""
    if config.affine_probability <= 0:
        return torch.where(draws.flip[:, None, None, None], fields.flip(-1), fields)
    angle = draws.affine[:, 0] * math.radians(config.rotation_degrees)
    scale = 1 + draws.affine[:, 1:3] * config.scale
    shift = 2 * draws.affine[:, 3:5] * config.shift
    mirror = torch.where(draws.flip, -1.0, 1.0)
    rows = [
        torch.stack([mirror * scale[:, 0] * angle.cos(), -scale[:, 1] * angle.sin(), shift[:, 0]], dim=1),
        torch.stack([mirror * scale[:, 0] * angle.sin(), scale[:, 1] * angle.cos(), shift[:, 1]], dim=1),
    ]
    where = functional.affine_grid(torch.stack(rows, dim=1), list(fields.shape), align_corners=False)
    return functional.grid_sample(fields, where, mode="bilinear", align_corners=False)


def _change_scalp(
    values: Tensor, head: Tensor, brain: Tensor, batch: SliceBatch, draws: Draws, config: AugmentationConfig
) -> tuple[Tensor, Tensor]:
    """Dim, brighten or remove what is not brain, and divide by the percentile that is left."""
    weight = _outline(brain, draws.outline * config.extraction_border_px)
    factor = torch.where(draws.extract, 0.0, torch.where(batch.whole_head, draws.scalp, 1.0))
    changed = values * torch.where((factor == 1)[:, None, None, None], 1.0, weight + (1 - weight) * _wide(factor))
    brain_scale, scalp_scale, stripped_scale = (
        s.clamp(min=SMALLEST_SCALE) for s in (batch.brain_scale, batch.scalp_scale, batch.stripped_scale)
    )
    # The head's percentile follows whichever of the two is brighter.
    before, after = torch.maximum(scalp_scale, brain_scale), torch.maximum(factor[:, None] * scalp_scale, brain_scale)
    divisor = torch.where(draws.extract[:, None], stripped_scale, after / before)
    return changed / divisor[:, :, None, None], torch.where(_wide(draws.extract), weight, head)


def _outline(brain: Tensor, outward_px: Tensor) -> Tensor:
    """The brain mask [N, 1, H, W] with its outline moved outward, softened over about a pixel.

    Smoothed by sigma, a straight edge has the value Phi(d / sigma) at the depth d: the outline moved by a is
    where that is Phi(-a / sigma).
    """
    size = brain.shape[-2:]
    move = functional.interpolate(outward_px, size, mode="bilinear", align_corners=True) / OUTLINE_SIGMA_PX
    smooth = blur(brain, torch.full((len(brain), 2), OUTLINE_SIGMA_PX, device=brain.device))
    threshold = 0.5 * (1 + torch.erf(-move / math.sqrt(2)))
    slope = torch.exp(-0.5 * move.square()) / (OUTLINE_SIGMA_PX * math.sqrt(2 * math.pi))
    return ((smooth - threshold) / slope + 0.5).clamp(0, 1)


def _change_contrast(values: Tensor, head: Tensor, intensity: Tensor, config: AugmentationConfig) -> Tensor:
    """Contrast about the mean inside the head, gamma, gain; intensities [N, C, H, W], amounts [N, 3]."""
    gain, gamma, contrast = intensity.unbind(dim=1)
    if config.contrast > 0:
        mean = (values * head).sum(dim=(-2, -1), keepdim=True) / head.sum(dim=(-2, -1), keepdim=True).clamp(min=1)
        values = values + _wide(contrast * config.contrast) * (values - mean) * head
    values = values.clamp(min=0)
    if config.gamma > 0:
        values = values.pow(_wide((gamma * math.log1p(config.gamma)).exp()))
    return values * _wide(1 + gain * config.gain)


def _wide(amount: Tensor) -> Tensor:
    return amount[:, None, None, None]
