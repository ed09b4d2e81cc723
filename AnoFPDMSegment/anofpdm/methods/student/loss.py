"""What the student is trained to minimise."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from .network import BRAIN, LESION

CROSS_ENTROPY_WEIGHT = 5.0
BRAIN_WEIGHT = 0.5


def student_loss(logits: Tensor, lesion: Tensor, known: Tensor, brain: Tensor) -> Tensor:
    """Weighted cross-entropy and soft Dice of the lesions, cross-entropy of the brain.

    `logits` [N, 2, H, W]; the rest [N, H, W], targets in 0 to 1, `known` 0 where the lesion's target says nothing.
    """
    of_lesion, of_brain = logits[:, LESION].float(), logits[:, BRAIN].float()
    entropy = functional.binary_cross_entropy_with_logits(of_lesion, lesion, known)
    probability = torch.sigmoid(of_lesion) * known
    target = lesion * known
    overlap = 1 - (2 * (probability * target).sum() + 1) / (probability.sum() + target.sum() + 1)
    of_brain_entropy = functional.binary_cross_entropy_with_logits(of_brain, brain)
    return CROSS_ENTROPY_WEIGHT * entropy + overlap + BRAIN_WEIGHT * of_brain_entropy
