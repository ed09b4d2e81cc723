"""From slices to the probability of a lesion: the network, both ways round."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from ...core.arrays import FloatArray
from ...core.progress import CancelToken
from .config import StudentCalibration
from .network import BRAIN, LESION
from .slice_input import stack_inputs

BATCH = 14
BRAIN_FLOOR = 0.3
"""Lesions are believed only where brain is at least this probable."""

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class StudentPrediction:
    """Maps [S, H, W] float32.

    `probability` of a lesion, calibrated; `uncertainty`: half the difference between the slice's answer and that of
    its mirror image; `brain`: probability of brain.
    """

    probability: Floats
    uncertainty: Floats
    brain: Floats

    @property
    def inside(self) -> Floats:
        """The probability of a lesion, 0 where no brain is."""
        return np.where(self.brain >= BRAIN_FLOOR, self.probability, np.float32(0))


class StudentPredictor:
    """Runs a network of `StudentNetwork`'s form."""

    def __init__(
        self, network: nn.Module, calibration: StudentCalibration | None = None, *, bfloat16: bool = True
    ) -> None:
        """`bfloat16`: compute in it, which is several times as fast where the processor has units for it."""
        self._network = network.eval()
        self._network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.calibration = calibration or StudentCalibration()
        self._bfloat16 = bfloat16

    def predict(
        self,
        slices: FloatArray,
        spacing_mm: float,
        cancel: CancelToken | None = None,
        *,
        batch: int = BATCH,
        on_progress: Callable[[float], None] | None = None,
    ) -> StudentPrediction:
        """Mark lesions in a standardised stack [S, H, W]; `spacing_mm` 0: the slices are no neighbours.

        `batch`: slices at a time; `on_progress` is told how many are done. Raises Cancelled between batches once
        `cancel` is set.
        """
        logits, brain = self.logits(slices, spacing_mm, cancel, batch=batch, on_progress=on_progress)
        both = probability_of(logits, self.calibration)
        return StudentPrediction(both.mean(0), np.abs(both[0] - both[1]) / 2, brain)

    @torch.inference_mode()
    def logits(
        self,
        slices: FloatArray,
        spacing_mm: float,
        cancel: CancelToken | None = None,
        *,
        batch: int = BATCH,
        on_progress: Callable[[float], None] | None = None,
    ) -> tuple[Floats, Floats]:
        """The lesion's logits [2, S, H, W], from the slices and from their mirror images, and the probability of brain
        [S, H, W]. Raises Cancelled."""
        both, brain = np.empty((2, *slices.shape), np.float32), np.zeros(slices.shape, np.float32)
        for start in range(0, len(slices), batch):
            if cancel is not None:
                cancel.raise_if_cancelled()
            stop = min(start + batch, len(slices))
            inputs = torch.from_numpy(stack_inputs(slices, spacing_mm, range(start, stop)))
            for turn in (0, 1):
                turned = inputs.flip(-1) if turn else inputs
                with torch.autocast("cpu", torch.bfloat16, enabled=self._bfloat16):
                    logits = self._network(turned.contiguous(memory_format=torch.channels_last)).float()
                logits = logits.flip(-1) if turn else logits
                both[turn, start:stop] = logits[:, LESION].numpy()
                brain[start:stop] += torch.sigmoid(logits[:, BRAIN]).numpy() / 2
            if on_progress is not None:
                on_progress(float(stop))
        return both, brain


def probability_of(logits: FloatArray, calibration: StudentCalibration) -> Floats:
    """Calibrated, of the same shape."""
    scaled = (logits + np.float32(calibration.bias)) / np.float32(calibration.temperature)
    return np.asarray(1 / (1 + np.exp(-np.clip(scaled, -60, 60))), dtype=np.float32)
