"""The spatial condition that training tells the network: where lesions are, coarse and blurred, or not at all."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional


def spatial_condition(lesion: Tensor, cell_px: int, withheld: Tensor) -> Tensor:
    """Amounts [N, 1, H, W] in 0..1 of lesions [N, H, W] (shares of a pixel, NaN where unknown), NaN where unknown.

    The amount is the root of the lesion's share of each square of `cell_px` pixels a side, so that small lesions count,
    blended between the squares' middles; a slice without any lesion has 0 everywhere. `withheld` [N] bool.
    """
    known = lesion.isfinite().all(dim=-1).all(dim=-1) & ~withheld
    shares = torch.where(known[:, None, None], lesion, 0.0)[:, None]
    cells = functional.avg_pool2d(shares, cell_px).clamp(min=0).sqrt()
    amount = functional.interpolate(cells, size=lesion.shape[-2:], mode="bilinear", align_corners=False)
    return torch.where(known[:, None, None, None], amount, torch.nan)
