"""What a painter must know about a head: where tissue is, and how far from ventricles and from the brain's border."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch

from ..core.arrays import BoolArray
from .plane_waves import Float32Array
from .sampled_head import SampledHead
from .slab import Slab
from .structures import INFRATENTORIAL, VENTRICLES, Tissue

GREY = frozenset({Tissue.CORTEX})
WHITE = frozenset({Tissue.WHITE_MATTER, Tissue.CEREBELLAR_WHITE_MATTER, Tissue.BRAIN_STEM})
TISSUE = frozenset(Tissue) - VENTRICLES - {Tissue.BACKGROUND, Tissue.OUTSIDE, Tissue.FLUID, Tissue.VESSEL}


@dataclass(frozen=True)
class Anatomy:
    """Fields [slices, rows, columns] of one head on a slab, float32 on the CPU.

    Shares (0 to 1) of `tissue` (everything a lesion may replace), `white` (white matter, brain stem included),
    `cortex`, `below` (cerebellum and brain stem), `ventricles`; distances in mm: `hull_mm` to the brain's border,
    inside positive, and `ventricle_mm` to the nearest ventricle.
    """

    slab: Slab
    tissue: torch.Tensor
    white: torch.Tensor
    cortex: torch.Tensor
    below: torch.Tensor
    ventricles: torch.Tensor
    hull_mm: torch.Tensor
    ventricle_mm: torch.Tensor

    @cached_property
    def arrays(self) -> dict[str, Float32Array]:
        """The same fields as arrays, every second pixel of every second row: to choose places from."""
        fields = ("tissue", "white", "cortex", "below", "ventricles", "hull_mm", "ventricle_mm")
        return {name: getattr(self, name)[:, ::2, ::2].numpy() for name in fields}

    def place(self, rng: np.random.Generator, allowed: BoolArray) -> Float32Array | None:
        """A random point (z, y, x) in mm within `allowed`, a mask like `arrays`; None if it is empty."""
        found = np.flatnonzero(allowed)
        if not len(found):
            return None
        # By its share of the way through, so that a pixel more or less, as rounding has it, hardly moves the place.
        chosen = found[int(rng.random() * len(found))]
        z, y, x = np.unravel_index(int(chosen), allowed.shape)
        slab = self.slab
        across = slab.across
        jitter = rng.uniform(-0.5, 0.5, 3)
        return np.array(
            [
                slab.slice_z[z] + jitter[0] * slab.thickness_mm,
                across[2 * y] + jitter[1] * 2 * slab.pixel_mm,
                across[2 * x] + jitter[2] * 2 * slab.pixel_mm,
            ],
            np.float32,
        )


def anatomy_of(head: SampledHead) -> Anatomy:
    """The fields of a rendered head."""
    return Anatomy(
        slab=head.slab,
        tissue=head.share(TISSUE),
        white=head.share(WHITE),
        cortex=head.share(GREY),
        below=head.share(INFRATENTORIAL),
        ventricles=head.share(VENTRICLES),
        hull_mm=head.mean(head.hull_mm()),
        ventricle_mm=head.mean(head.ventricle_mm()),
    )
