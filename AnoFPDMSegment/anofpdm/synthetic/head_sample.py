"""A head that training draws slices from, with its targets, rendered or real. Torch-free."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Bytes = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class HeadSample:
    """A standardised head. `image` float16 [S, H, W]; the rest uint8, 0 to 255.

    `lesion` and `brain` [S, H, W] are shares of a pixel. `lesion_weight` [S, H, W]: how surely the lesion is known;
    None: everywhere. `usable` [S]: slices that may be drawn.
    """

    image: npt.NDArray[np.float16]
    lesion: Bytes
    brain: Bytes
    spacing_mm: float
    usable: npt.NDArray[np.intp]
    lesion_weight: Bytes | None = None


def to_bytes(share: npt.NDArray[np.float32]) -> Bytes:
    """0 to 1 as 0 to 255."""
    return np.asarray(share * 255 + 0.5, dtype=np.uint8)


def to_share(values: Bytes) -> npt.NDArray[np.float32]:
    """0 to 255 as 0 to 1."""
    return values.astype(np.float32) / np.float32(255)
