"""The names and shapes of the network's parameters, without torch: what a file of weights must hold."""

from __future__ import annotations

from collections.abc import Iterator

from .config import NetworkConfig

LABELS = 2
LEVEL_HARMONICS = 8
"""How many sines, and as many cosines, describe a slice's level in the head."""

Shape = tuple[int, ...]


def parameter_shapes(config: NetworkConfig) -> dict[str, Shape]:
    """Shapes by name, as `ConditionalUNet(config).state_dict()` has them."""
    return dict(_network(config))


def _network(config: NetworkConfig) -> Iterator[tuple[str, Shape]]:
    base, embedding = config.base_channels, 4 * config.base_channels
    yield from perceptron("time_embed", base, embedding)
    yield "label_emb.weight", (LABELS, base)
    yield from perceptron("class_emb", base, embedding)
    if config.level_embedding:
        yield from perceptron("level_embed.mlp", 2 * LEVEL_HARMONICS, embedding)
    widths = [multiplier * base for multiplier in config.channel_multipliers]
    yield from weights("input_blocks.0.0", base, config.entering_channels, 3, 3)
    kept, channels, size, number = [base], base, config.places, 1
    for depth, width in enumerate(widths):
        for _ in range(config.residual_blocks):
            yield from _stage(f"input_blocks.{number}", channels, width, size, config)
            channels, number = width, number + 1
            kept.append(channels)
        if depth + 1 < len(widths):
            yield from weights(f"input_blocks.{number}.0.op", channels, channels, 3, 3)
            size, number = size // 2, number + 1
            kept.append(channels)
    yield from residual("middle_block.0", channels, channels, embedding)
    yield from _attention("middle_block.1", channels, config)
    yield from residual("middle_block.2", channels, channels, embedding)
    number = 0
    for depth, width in reversed(list(enumerate(widths))):
        for i in range(config.residual_blocks + 1):
            name = f"output_blocks.{number}"
            yield from _stage(name, channels + kept.pop(), width, size, config)
            channels, number = width, number + 1
            if depth > 0 and i == config.residual_blocks:
                place = 2 if size in config.attention_px else 1
                yield from weights(f"{name}.{place}.conv", channels, channels, 3, 3)
                size *= 2
    yield from norm("out.0", channels)
    yield from weights("out.2", config.patch_channels, channels, 3, 3)


def _stage(name: str, inner: int, outer: int, size: int, config: NetworkConfig) -> Iterator[tuple[str, Shape]]:
    """A residual block, with attention at the sizes that have it."""
    yield from residual(f"{name}.0", inner, outer, 4 * config.base_channels)
    if size in config.attention_px:
        yield from _attention(f"{name}.1", outer, config)


def residual(name: str, inner: int, outer: int, embedding: int) -> Iterator[tuple[str, Shape]]:
    """Of a `ResidualBlock`."""
    yield from norm(f"{name}.in_layers.0", inner)
    yield from weights(f"{name}.in_layers.2", outer, inner, 3, 3)
    yield from weights(f"{name}.emb_layers.1", 2 * outer, embedding)
    yield from norm(f"{name}.out_layers.0", outer)
    yield from weights(f"{name}.out_layers.3", outer, outer, 3, 3)
    if inner != outer:
        yield from weights(f"{name}.skip_connection", outer, inner, 1, 1)


def _attention(name: str, channels: int, config: NetworkConfig) -> Iterator[tuple[str, Shape]]:
    yield from norm(f"{name}.norm", channels)
    yield from weights(f"{name}.qkv", 3 * channels, channels, 1)
    if config.label_tokens:
        yield from weights(f"{name}.encoder_kv", 2 * channels, 4 * config.base_channels, 1)
    yield from weights(f"{name}.proj_out", channels, channels, 1)


def perceptron(name: str, inner: int, outer: int) -> Iterator[tuple[str, Shape]]:
    """Of two linear layers with an activation between them."""
    yield from weights(f"{name}.0", outer, inner)
    yield from weights(f"{name}.2", outer, outer)


def norm(name: str, channels: int) -> Iterator[tuple[str, Shape]]:
    """Of a group normalisation."""
    yield f"{name}.weight", (channels,)
    yield f"{name}.bias", (channels,)


def weights(name: str, outer: int, *rest: int) -> Iterator[tuple[str, Shape]]:
    """Of a linear layer or convolution."""
    yield f"{name}.weight", (outer, *rest)
    yield f"{name}.bias", (outer,)
