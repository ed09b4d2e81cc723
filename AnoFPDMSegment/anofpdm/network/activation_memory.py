"""How much memory an evaluation of the network needs beside its weights, from its configuration alone."""

from __future__ import annotations

from .config import NetworkConfig


def activation_bytes(config: NetworkConfig, value_bytes: int) -> int:
    """Largest sum of the feature maps that are held at once for one sample, in bytes of `value_bytes` a value.

    It follows the evaluation without gradients: the largest moment is a convolution in the upward path, with the maps
    kept for later, the block's input, its normalised copy and the convolution's output. Attention has its own moment,
    with weights that do not grow with the batch (`kernels.attend`).
    """
    base, pixels = config.base_channels, config.places**2
    widths = [multiplier * base for multiplier in config.channel_multipliers]
    kept, channels, largest = [base * pixels], base, 0
    for depth, width in enumerate(widths):
        for _ in range(config.residual_blocks):
            largest = max(largest, sum(kept) + (channels + width) * pixels)
            kept.append(width * pixels)
            channels = width
        if depth + 1 < len(widths):
            pixels //= 4
            kept.append(channels * pixels)
    for depth, width in reversed(list(enumerate(widths))):
        for _ in range(config.residual_blocks + 1):
            entering = channels * pixels + kept.pop()
            largest = max(largest, sum(kept) + 2 * entering + width * pixels)
            channels = width
        if depth > 0:
            largest = max(largest, sum(kept) + 9 * channels * pixels)
            pixels *= 4
    return largest * value_bytes
