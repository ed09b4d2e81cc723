"""Intensities in units of typical tissue, whatever the scanner's are. Torch-free."""

from __future__ import annotations

import numpy as np

from ..core.arrays import FloatArray
from ..core.errors import InputError

BRIGHT_PERCENTILE = 99.8
FOREGROUND_SHARE = 0.08
"""Tissue is what lies above this share of the bright percentile."""
HIGHEST = 5.0


def tissue_level(values: FloatArray) -> float:
    """The median of tissue in `values` (any shape; background about 0).

    Raises InputError where nothing stands out.
    """
    flat = values.ravel()
    if flat.size > 400_000:
        flat = flat[:: flat.size // 200_000]
    top = float(np.percentile(flat, BRIGHT_PERCENTILE)) if flat.size else 0.0
    if not (np.isfinite(top) and top > 0):
        raise InputError("The image is dark everywhere; check that it is the right image.")
    return float(np.median(flat[flat > FOREGROUND_SHARE * top]))


def standardise(stack: FloatArray) -> FloatArray:
    """Divide a volume [..., H, W] with background 0 by the median of its tissue; 0 to `HIGHEST`, float32."""
    return np.asarray(np.clip(stack / np.float32(tissue_level(stack)), 0, HIGHEST), dtype=np.float32)
