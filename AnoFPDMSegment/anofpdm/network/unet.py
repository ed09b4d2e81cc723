"""The noise predictor: a U-Net conditioned on noise level, label and, as configured, the slice's level and lesions."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from .attention import AttentionBlock
from .condition import condition_channels, pooled_condition
from .config import NetworkConfig
from .embedding import LevelEmbedding, noise_level_features
from .label_tokens import LARGEST_GROUP_COUNT, KnownLabel, LabelBatch, LabelGroup, LabelMemory, contiguous_groups
from .parameter_shapes import LABELS
from .residual_block import Downsample, ResidualBlock, Upsample, input_activation, zero_parameters


class ConditionalUNet(nn.Module):
    """The reference's "unet v2" (method section 1); its parameter names are those of the official files.

    In evaluation mode without gradients, a label's keys and values are worked out once and kept;
    they are forgotten when the weights change, move or go back to training.
    """

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        self.config = config
        base, embedding = config.base_channels, 4 * config.base_channels
        self._attention_count = 0
        self._memory = LabelMemory()
        self._plain = False

        self.time_embed = nn.Sequential(nn.Linear(base, embedding), nn.SiLU(), nn.Linear(embedding, embedding))
        self.label_emb = nn.Embedding(LABELS, base)
        self.class_emb = nn.Sequential(nn.Linear(base, embedding), nn.SiLU(), nn.Linear(embedding, embedding))
        _spread_labels(self.class_emb)
        self.level_embed = LevelEmbedding(embedding) if config.level_embedding else None

        widths = [multiplier * base for multiplier in config.channel_multipliers]
        first = nn.Conv2d(config.entering_channels, base, 3, padding=1)
        self.input_blocks = nn.ModuleList([nn.ModuleList([first])])
        kept, channels, size = [base], base, config.places
        for depth, width in enumerate(widths):
            for _ in range(config.residual_blocks):
                self.input_blocks.append(nn.ModuleList(self._residual(channels, width, size)))
                channels = width
                kept.append(channels)
            if depth + 1 < len(widths):
                self.input_blocks.append(nn.ModuleList([Downsample(channels)]))
                kept.append(channels)
                size //= 2
        self.middle_block = nn.ModuleList(
            [
                ResidualBlock(channels, channels, embedding, config),
                self._attention(channels),
                ResidualBlock(channels, channels, embedding, config),
            ]
        )
        self.output_blocks = nn.ModuleList()
        for depth, width in reversed(list(enumerate(widths))):
            for i in range(config.residual_blocks + 1):
                layers = self._residual(channels + kept.pop(), width, size)
                channels = width
                if depth > 0 and i == config.residual_blocks:
                    layers.append(Upsample(channels))
                    size *= 2
                self.output_blocks.append(nn.ModuleList(layers))
        self.out = nn.Sequential(
            nn.GroupNorm(config.norm_groups, channels),
            input_activation(config),
            nn.Conv2d(channels, config.patch_channels, 3, padding=1),
        )
        zero_parameters(self.out[2])
        blocks = [module for module in self.modules() if isinstance(module, AttentionBlock)]
        self._label_sources = (self.label_emb, self.class_emb, *(b.encoder_kv for b in blocks if b.encoder_kv))
        self.register_load_state_dict_post_hook(_forget_after_loading)  # type: ignore[no-untyped-call]

    def _residual(self, channels_in: int, channels_out: int, size: int) -> list[nn.Module]:
        config = self.config
        block = ResidualBlock(channels_in, channels_out, 4 * config.base_channels, config)
        return [block, self._attention(channels_out)] if size in config.attention_px else [block]

    def _attention(self, channels: int) -> AttentionBlock:
        config = self.config
        label_width = 4 * config.base_channels if config.label_tokens else None
        self._attention_count += 1
        return AttentionBlock(self._attention_count, channels, config.heads, config.norm_groups, label_width)

    def forward(
        self, x: Tensor, t: Tensor, label: Tensor, level: Tensor | None = None, condition: Tensor | None = None
    ) -> Tensor:
        """Predicted noise `[N, C, H, W]`, of the type of `x` also under autocast, for noisy slices `x`.

        `t` `[N]` holds level indices 0..T-1, `label` `[N]` 0, 1 or -1 for the null label, `level` `[N]`
        the slices' level in the head (0..1, NaN unknown; a network without level embedding ignores
        it), `condition` `[N, 1, H, W]` the amount of lesion (0..1, NaN unknown; None: what the labels
        say of it; a network without spatial condition ignores it). Samples of one label should lie
        together; `label` may stay on the CPU, which spares a wait for the accelerator. Raises ValueError
        if the shape of `x` or `condition` does not fit.
        """
        self._check_shape(x)
        labels = self._label_batch(label, x.device)
        embedding = self.time_embed(noise_level_features(t.to(x.device), self.config.base_channels))
        embedding = embedding + labels.vectors
        if self.level_embed is not None and level is not None:
            embedding = embedding + self.level_embed(level.to(x.device))

        h, kept = self._entering(x, label, condition), []
        for block in self.input_blocks:
            h = _run(block, h, embedding, labels)
            kept.append(h)
        h = _run(self.middle_block, h, embedding, labels)
        for block in self.output_blocks:
            h = torch.cat([h, kept.pop()], dim=1)  # both parts are let go before the block begins
            h = _run(block, h, embedding, labels)
        predicted: Tensor = self.out(h)
        if self.config.patch > 1:
            predicted = functional.pixel_shuffle(predicted, self.config.patch)
        return predicted.to(x.dtype)

    def _entering(self, x: Tensor, label: Tensor, condition: Tensor | None) -> Tensor:
        """What the first convolution takes, `[N, C, H / patch, W / patch]`."""
        patch, placed = self.config.patch, self.config.spatial_condition
        if placed and condition is not None and condition.shape != (len(x), 1, *x.shape[2:]):
            raise ValueError(f"the condition of slices {list(x.shape)} cannot be {list(condition.shape)}")
        h = functional.pixel_unshuffle(x, patch) if patch > 1 else x
        if placed:
            if condition is None:
                told = condition_channels(label.to(x.device), h)
            else:
                told = pooled_condition(condition.to(x.device), patch)
            h = torch.cat([h, told.to(h.dtype)], dim=1)
        if h is not x:
            h = h.contiguous(memory_format=torch.channels_last)
        return h.to(self.trunk_dtype)

    def trunk_to(self, dtype: torch.dtype) -> ConditionalUNet:
        """Keep what works on feature maps in `dtype`, in place; for evaluation without gradients only.

        Embeddings of level and label stay in float32, and so do the label's keys and values until they are worked
        out: they cost nothing, and everything depends on them. As against autocast, weights are rounded once and
        normalisations have no need to return to float32.
        """
        for module in self.modules():
            if isinstance(module, nn.Conv2d | nn.GroupNorm):
                module.to(dtype)
            elif isinstance(module, AttentionBlock):
                module.qkv.to(dtype)
                module.proj_out.to(dtype)
        return self

    @property
    def trunk_dtype(self) -> torch.dtype:
        """The type of the weights that work on feature maps; see `trunk_to`."""
        last = self.out[2]
        assert isinstance(last, nn.Conv2d)
        return last.weight.dtype

    @contextmanager
    def plain_formulas(self) -> Iterator[None]:
        """Within, labels and attention follow the formulas step by step (slow; for comparison)."""
        before, self._plain = self._plain, True
        try:
            yield
        finally:
            self._plain = before

    def forget_labels(self) -> None:
        """Drop the labels' kept keys and values; needed only if weights were written through `.data`."""
        self._memory.forget()

    def train(self, mode: bool = True) -> ConditionalUNet:
        """Switch between training and evaluation; the kept labels are dropped."""
        self.forget_labels()
        super().train(mode)
        return self

    def _apply(self, fn: Any, recurse: bool = True) -> ConditionalUNet:
        self.forget_labels()
        super()._apply(fn, recurse)  # type: ignore[no-untyped-call]
        return self

    def _check_shape(self, x: Tensor) -> None:
        step = self.config.patch * 2 ** (len(self.config.channel_multipliers) - 1)
        if x.ndim != 4 or x.shape[1] != self.config.in_channels or x.shape[2] % step or x.shape[3] % step:
            raise ValueError(
                f"the network takes [N, {self.config.in_channels}, H, W] with sides that are multiples of {step}, "
                f"not {list(x.shape)}"
            )

    def _label_vectors(self, label: Tensor) -> Tensor:
        """`[N, E]`: the label's embedding after its MLP; zero for the null label."""
        vectors = self.class_emb(self.label_emb(label.clamp(min=0)))
        return torch.where((label >= 0)[:, None], vectors, torch.zeros_like(vectors))

    def _label_batch(self, label: Tensor, device: torch.device) -> LabelBatch:
        if not (self.training or self._plain or torch.is_grad_enabled()):
            runs = contiguous_groups(label.tolist())
            if 0 < len(runs) <= LARGEST_GROUP_COUNT:
                self._memory.check(list(self._label_parameters()))
                groups = tuple(LabelGroup(a, b, self._known_label(value, device)) for a, b, value in runs)
                vectors = torch.cat([g.label.vector.expand(g.stop - g.start, -1) for g in groups])
                return LabelBatch(vectors, groups)
        return LabelBatch(self._label_vectors(label.to(device)), None, self._plain)

    def _known_label(self, value: int, device: torch.device) -> KnownLabel:
        known = self._memory.find(value, device)
        if known is None:
            with torch.autocast(device.type, enabled=False):
                vector = self._label_vectors(torch.tensor([value], device=device))[0]
            known = KnownLabel(value, vector)
            self._memory.keep(known)
        return known

    def _label_parameters(self) -> Iterator[Tensor]:
        """The parameters on which a label's keys and values depend."""
        for module in self._label_sources:
            yield from module.parameters()


def _run(layers: nn.Module, h: Tensor, embedding: Tensor, labels: LabelBatch) -> Tensor:
    assert isinstance(layers, nn.ModuleList)
    for layer in layers:
        if isinstance(layer, ResidualBlock):
            h = layer(h, embedding, plain=labels.plain)
        elif isinstance(layer, AttentionBlock):
            h = layer(h, labels)
        else:
            h = layer(h)
    return h


def _spread_labels(mlp: nn.Sequential) -> None:
    """Start a label's vectors at unit variance.

    torch's usual start makes them a sixth of that, beside which the noise level drowns them: a short training then
    learns to remove noise and hardly what a label means.
    """
    share_after_silu = 0.356  # the mean square of SiLU(x) for standard normal x
    for layer, mean_square in ((mlp[0], 1.0), (mlp[2], share_after_silu)):
        assert isinstance(layer, nn.Linear)
        nn.init.normal_(layer.weight, std=(layer.in_features * mean_square) ** -0.5)
        nn.init.zeros_(layer.bias)


def _forget_after_loading(module: nn.Module, incompatible_keys: Any) -> None:
    assert isinstance(module, ConditionalUNet)
    module.forget_labels()
