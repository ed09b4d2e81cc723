"""The names and shapes of the classifier's parameters, without torch."""

from __future__ import annotations

from collections.abc import Iterator

from ...network.config import NetworkConfig
from ...network.parameter_shapes import Shape, norm, perceptron, residual, weights


def classifier_shapes(config: NetworkConfig) -> dict[str, Shape]:
    """Shapes by name, as `NoiseClassifier(config).state_dict()` has them."""
    return dict(_classifier(config))


def _classifier(config: NetworkConfig) -> Iterator[tuple[str, Shape]]:
    base, embedding = config.base_channels, 4 * config.base_channels
    yield from perceptron("time_embed", base, embedding)
    yield from weights("first", base, config.in_channels, 3, 3)
    channels, number = base, 0
    for depth, multiplier in enumerate(config.channel_multipliers):
        for _ in range(config.residual_blocks):
            yield from residual(f"blocks.{number}", channels, multiplier * base, embedding)
            channels, number = multiplier * base, number + 1
        if depth + 1 < len(config.channel_multipliers):
            yield from weights(f"blocks.{number}.op", channels, channels, 3, 3)
            number += 1
    yield from norm("norm", channels)
    yield from weights("last", 1, channels)
