"""What every batch goes through: flips, gain, neighbours exchanged or withheld. Torch-free."""

from __future__ import annotations

import numpy as np

from .samples import Batch

GAIN = 0.1
ALONE = 0.25
"""Share of slices whose neighbours are withheld."""


def vary(rng: np.random.Generator, batch: Batch) -> Batch:
    """A batch of the same size."""
    count = len(batch.inputs)
    inputs = batch.inputs.copy()
    swapped = rng.random(count) < 0.5
    inputs[swapped, 1:3] = inputs[swapped, 2:0:-1]
    inputs[rng.random(count) < ALONE, 1:] = 0
    gain = np.exp(rng.normal(0, GAIN, count)).astype(np.float32)
    inputs[:, :3] *= gain[:, None, None, None]
    flipped = rng.random(count) < 0.5
    fields = [inputs, *(values.copy() for values in batch.fields[1:])]
    for values in fields:
        values[flipped] = values[flipped, ..., ::-1]
    return Batch(*fields)
