"""The shape of a network. Torch-free."""

from __future__ import annotations

from dataclasses import dataclass

from ..core.records import require

NULL_LABEL = -1
"""Stands for no label: the unguided prediction."""
FREE_LABEL = 0
"""Of a network with a spatial condition: the label that says the same as a condition of zero everywhere."""
CONDITION_CHANNELS = 2
"""The amount of lesion, and whether it is known."""


@dataclass(frozen=True)
class NetworkConfig:
    """Shape of the conditional U-Net ("unet v2" of the reference when left at its defaults)."""

    image_size: int = 128
    in_channels: int = 4
    base_channels: int = 128
    channel_multipliers: tuple[int, ...] = (1, 1, 2, 3, 4)
    residual_blocks: int = 2
    attention_px: tuple[int, ...] = (32, 16, 8)
    heads: int = 4
    norm_groups: int = 32
    dropout: float = 0.1
    label_tokens: bool = True
    """The label's outer product as extra key/value tokens of every attention block."""
    level_embedding: bool = False
    """The slice's level, added to the time embedding of labelled and null predictions alike."""
    input_activation: bool = False
    """SiLU also before each residual block's first convolution and before the last one of all; the reference's
    network has none there, which costs a small network half of its nonlinearities."""
    patch: int = 1
    """Squares of this many pixels a side enter as channels of one place, and leave so: feature maps are that much
    smaller than the image, and `attention_px` counts their places."""
    spatial_condition: bool = False
    """Beside the label, how much lesion there is in each part of the slice: none anywhere (healthy), some, or unknown
    (null)."""

    def __post_init__(self) -> None:
        require(self.image_size >= 8, "network.image_size must be at least 8")
        require(1 <= self.in_channels <= 16, "network.in_channels must lie between 1 and 16")
        require(4 <= self.base_channels <= 4096, "network.base_channels must lie between 4 and 4096")
        require(1 <= len(self.channel_multipliers) <= 10, "network.channel_multipliers must hold 1 to 10 numbers")
        require(all(1 <= m <= 64 for m in self.channel_multipliers), "network.channel_multipliers must lie in 1..64")
        require(1 <= self.residual_blocks <= 16, "network.residual_blocks must lie between 1 and 16")
        require(self.heads >= 1, "network.heads must be at least 1")
        require(self.norm_groups >= 1, "network.norm_groups must be at least 1")
        require(0 <= self.dropout < 1, "network.dropout must lie in [0, 1)")
        require(1 <= self.patch <= 16, "network.patch must lie between 1 and 16")
        step = self.patch * 2 ** (len(self.channel_multipliers) - 1)
        require(self.image_size % step == 0, f"network.image_size must be a multiple of {step}")
        for multiplier in self.channel_multipliers:
            width = multiplier * self.base_channels
            require(width % self.norm_groups == 0, f"{width} channels do not divide into {self.norm_groups} groups")
            require(width % self.heads == 0, f"{width} channels do not divide into {self.heads} heads")

    @property
    def places(self) -> int:
        """Feature maps of the finest level are this many places wide and high."""
        return self.image_size // self.patch

    @property
    def patch_channels(self) -> int:
        """Channels of a place: the pixels of its patch in every modality."""
        return self.in_channels * self.patch**2

    @property
    def entering_channels(self) -> int:
        """Channels that the first convolution takes."""
        return self.patch_channels + (CONDITION_CHANNELS if self.spatial_condition else 0)
