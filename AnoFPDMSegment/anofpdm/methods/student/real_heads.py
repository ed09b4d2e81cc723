"""Real volumes as training material: with masks that nobody drew, and with lesions painted where none are."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from ...core.arrays import FloatArray
from ...synthetic.acquisition import blur
from ...synthetic.head_sample import HeadSample, to_bytes
from ...synthetic.lesion_kinds import KINDS, Kind, draw_plans
from ...synthetic.painter import paint
from .config import StudentConfig
from .pseudo_masks import Target
from .real_anatomy import real_anatomy
from .real_volumes import HEALTHY, UNHEALTHY, RealVolume

PAINTABLE: tuple[Kind, ...] = tuple(kind for kind in KINDS if kind not in ("infratentorial", "mass"))
"""Kinds that need neither the brain stem's place nor room made for them."""
UNHEALTHY_SHARE = 0.6
PAINTED_SHARE = 0.5
BLUR_MM = (0.5, 1.5)


@dataclass(frozen=True)
class RealHeads:
    """Makes volumes from a list: painted where they are known to be free of lesions, else with their targets.

    `brains`: probability of brain by the last round, one [S, H, W] a volume. `healthy_means_it`: one a volume.
    """

    volumes: tuple[RealVolume, ...]
    brains: tuple[FloatArray, ...]
    targets: tuple[Target, ...]
    healthy_means_it: tuple[bool, ...]
    weights: tuple[float, ...]
    """How often each volume is drawn."""
    config: StudentConfig
    seed: int

    def __call__(self, number: int) -> HeadSample:
        """Volume `number` of an endless row."""
        rng = np.random.default_rng([self.seed, number, 2])
        index = int(rng.choice(len(self.volumes), p=np.asarray(self.weights) / sum(self.weights)))
        volume, target, brain = self.volumes[index], self.targets[index], self.brains[index]
        healthy = volume.labels == HEALTHY
        if self.healthy_means_it[index] and healthy.any() and rng.random() < PAINTED_SHARE * healthy.mean() * 2:
            return self._painted(rng, volume, brain)
        known = np.flatnonzero(target.weight.reshape(len(target.weight), -1).max(1) > 0)
        unhealthy = known[volume.labels[known] == UNHEALTHY]
        if len(unhealthy) and rng.random() < UNHEALTHY_SHARE:
            known = unhealthy
        if not len(known):
            known = np.arange(len(volume.slices))
        return HeadSample(volume.slices, target.mask, _brain(brain), volume.spacing_mm, known, target.weight)

    def _painted(self, rng: np.random.Generator, volume: RealVolume, brain: FloatArray) -> HeadSample:
        """New lesions in the slices without any."""
        slices = volume.slices.astype(np.float32)
        healthy = volume.labels == HEALTHY
        anatomy, level = real_anatomy(slices, np.asarray(brain, np.float32), volume.spacing_mm, self.config, healthy)
        plans = draw_plans(rng, kinds=PAINTABLE)
        image = torch.from_numpy(slices)
        result = paint(rng, image, anatomy, plans, [None] * len(plans), level)
        # What is painted is as blurred as the image around it.
        sigma = float(rng.uniform(*BLUR_MM)) / self.config.pixel_mm
        changed = image + blur(result.image - image, sigma)
        return HeadSample(
            image=changed.clamp(min=0).numpy().astype(np.float16),
            lesion=to_bytes(result.extent.clamp(0, 1).numpy()),
            brain=_brain(brain),
            spacing_mm=volume.spacing_mm,
            usable=np.flatnonzero(healthy),
        )


def _brain(probability: FloatArray) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    return np.asarray((probability >= 0.5) * 255, dtype=np.uint8)
