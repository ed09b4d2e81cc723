"""A label map looked up on a slab: the structures and distances at every point of its planes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch

from .head_map import UNIT_MM, HeadMap
from .plane_waves import Float32Array
from .pose import Pose
from .slab import Slab
from .structures import Tissue


@dataclass(frozen=True)
class SampledHead:
    """Looked up at [planes of all slices, rows, columns]."""

    slab: Slab
    head: HeadMap
    flipped: bool
    places: torch.Tensor
    """int64: flat index into the label map's voxels."""
    labels: torch.Tensor
    """int64: index into the head's structures."""

    def table(self, values: Float32Array) -> torch.Tensor:
        """One value a structure, looked up and averaged over each slice's planes: [slices, rows, columns]."""
        return self.mean(torch.as_tensor(values)[self.labels])

    def mean(self, planes: torch.Tensor) -> torch.Tensor:
        """Mean over each slice's planes: [slices, rows, columns]."""
        slab = self.slab
        if slab.planes == 1:
            return planes
        return planes.view(slab.slices, slab.planes, slab.matrix, slab.matrix).mean(1)

    def hull_mm(self) -> torch.Tensor:
        """Signed distance to the brain's border at every plane, inside positive, in mm."""
        return torch.as_tensor(self.head.hull).view(-1)[self.places].float() * UNIT_MM

    def ventricle_mm(self) -> torch.Tensor:
        """Distance to the nearest ventricle at every plane, in mm."""
        return torch.as_tensor(self.head.ventricle).view(-1)[self.places].float() * UNIT_MM

    def share(self, tissues: frozenset[Tissue]) -> torch.Tensor:
        """How much of each pixel these tissues take: [slices, rows, columns], 0 to 1."""
        return self.table(np.array([s.tissue in tissues for s in self.head.structures], np.float32))

    def side(self, side: Literal["left", "right"]) -> torch.Tensor:
        """Share of each pixel in structures of this side of the rendered head; 0 where structures have no side."""
        mapped = side if not self.flipped else "right" if side == "left" else "left"
        return self.table(np.array([s.side == mapped for s in self.head.structures], np.float32))


def sample_head(head: HeadMap, pose: Pose, slab: Slab, moved: Float32Array | None = None) -> SampledHead:
    """Look the head up on the slab. `moved`: see `Pose.coarse_index`."""
    index = pose.coarse_index(slab, moved)
    depth, height, width = head.labels.shape
    places = torch.zeros((len(slab.plane_z), slab.matrix, slab.matrix), dtype=torch.int32)
    for axis, size in enumerate((depth, height, width)):
        along = slab.refine(index[axis]).add_(0.5).clamp_(0, size - 1).to(torch.int32)
        places.mul_(size).add_(along)
    flat = places.long()
    return SampledHead(slab, head, pose.flipped, flat, torch.as_tensor(head.labels).view(-1)[flat].long())
