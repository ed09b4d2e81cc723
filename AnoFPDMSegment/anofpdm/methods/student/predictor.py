"""From slices to the probability of a lesion: the network, both ways round."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from ...arrays import FloatArray
from ...progress import CancelToken
from .config import StudentCalibration
from .network import BRAIN, LESION
from .slice_input import stack_inputs

BATCH = 14


@dataclass(frozen=True)
class StudentPrediction:
    """Maps [S, H, W] float32.

    `probability` of a lesion, calibrated; `uncertainty`: half the difference between the slice's answer and that of
    its mirror image; `brain`: probability of brain.
    """

    probability: FloatArray
    uncertainty: FloatArray
    brain: FloatArray


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

    @torch.inference_mode()
    def predict(self, slices: FloatArray, spacing_mm: float, cancel: CancelToken | None = None) -> StudentPrediction:
        """Mark lesions in a standardised stack [S, H, W]; `spacing_mm` 0: the slices are no neighbours.

        Raises Cancelled between batches once `cancel` is set.
        """
        shape = slices.shape
        both, brain = np.empty((2, *shape), np.float32), np.zeros(shape, np.float32)
        for start in range(0, len(slices), BATCH):
            if cancel is not None:
                cancel.raise_if_cancelled()
            chosen = range(start, min(start + BATCH, len(slices)))
            inputs = torch.from_numpy(stack_inputs(slices, spacing_mm, chosen))
            here = slice(chosen.start, chosen.stop)
            for turn in (0, 1):
                turned = inputs.flip(-1) if turn else inputs
                with torch.autocast("cpu", torch.bfloat16, enabled=self._bfloat16):
                    logits = self._network(turned.to(memory_format=torch.channels_last)).float()
                logits = logits.flip(-1) if turn else logits
                lesion = torch.sigmoid((logits[:, LESION] + self.calibration.bias) / self.calibration.temperature)
                both[turn, here] = lesion.numpy()
                brain[here] += torch.sigmoid(logits[:, BRAIN]).numpy() / 2
        return StudentPrediction(both.mean(0), np.abs(both[0] - both[1]) / 2, brain)
