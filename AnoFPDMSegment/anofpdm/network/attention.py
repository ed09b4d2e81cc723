"""Self-attention over the pixels of a feature map, with the label's tokens as further keys."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from .config import NULL_LABEL
from .kernels import attend, group_norm
from .label_tokens import KnownLabel, LabelBatch, LabelKeysValues, repeated_token_logits
from .residual_block import zero_parameters

BIAS_ALIGNMENT = 16


class AttentionBlock(nn.Module):
    """Residual multi-head attention on `[N, C, H, W]`.

    `index` tells the blocks of one network apart. With `label_width` None the label supplies no
    tokens. The 1x1 convolutions keep the reference's parameter shapes but run as linear layers.
    """

    def __init__(self, index: int, channels: int, heads: int, groups: int, label_width: int | None) -> None:
        super().__init__()
        self.index = index
        self.heads = heads
        self.norm = nn.GroupNorm(groups, channels)
        self.qkv = nn.Conv1d(channels, 3 * channels, 1)
        self.encoder_kv = None if label_width is None else nn.Conv1d(label_width, 2 * channels, 1)
        self.proj_out = nn.Conv1d(channels, channels, 1)
        zero_parameters(self.proj_out)

    def forward(self, x: Tensor, labels: LabelBatch) -> Tensor:
        """The block's output, of the shape and memory layout of `x`."""
        n, channels, height, width = x.shape
        pixels = (self.norm(x) if labels.plain else group_norm(self.norm, x)).flatten(2).transpose(1, 2)
        qkv = functional.linear(pixels, self.qkv.weight[:, :, 0], self.qkv.bias)
        heads = qkv.view(n, height * width, self.heads, 3, channels // self.heads)
        q, k, v = (part.transpose(1, 2) for part in heads.unbind(3))
        if labels.plain:
            attended = self._plain(q, k, v, labels.vectors)
        elif self.encoder_kv is None:
            attended = attend(q, k, v)
        elif labels.groups is not None:
            parts = [
                self._one_label(q[g.start : g.stop], k[g.start : g.stop], v[g.start : g.stop], g.label)
                for g in labels.groups
            ]
            attended = parts[0] if len(parts) == 1 else torch.cat(parts)
        else:
            label_k, label_v = self._split(self._label_tokens(labels.vectors))
            attended = attend(q, torch.cat([label_k.to(k.dtype), k], dim=2), torch.cat([label_v.to(v.dtype), v], dim=2))
        merged = attended.transpose(1, 2).reshape(n, height * width, channels)
        out = functional.linear(merged, self.proj_out.weight[:, :, 0], self.proj_out.bias)
        return x + out.transpose(1, 2).reshape(n, channels, height, width)

    def _label_tokens(self, vectors: Tensor) -> Tensor:
        """Keys and values `[N, 2C, E]` of the outer products of `vectors` `[N, E]`, by their rank one."""
        assert self.encoder_kv is not None and self.encoder_kv.bias is not None
        direction = functional.linear(vectors, self.encoder_kv.weight[:, :, 0])
        return direction[:, :, None] * vectors[:, None, :] + self.encoder_kv.bias[:, None]

    def _split(self, tokens: Tensor) -> tuple[Tensor, Tensor]:
        """`[N, 2C, tokens]` to keys and values `[N, heads, tokens, C / heads]`."""
        n, width, count = tokens.shape
        heads = tokens.view(n, self.heads, 2, width // (2 * self.heads), count)
        keys, values = heads.transpose(3, 4).unbind(2)
        return keys, values

    def _one_label(self, q: Tensor, k: Tensor, v: Tensor, label: KnownLabel) -> Tensor:
        """Attention for samples that share one label."""
        known = label.keys_values.get((self.index, q.dtype))
        if known is None:
            known = self._work_out(label, q.dtype)
            label.keys_values[self.index, q.dtype] = known
        k = torch.cat([known.keys.expand(len(k), -1, -1, -1), k], dim=2)
        v = torch.cat([known.values.expand(len(v), -1, -1, -1), v], dim=2)
        bias = _logit_bias(known.logits, k.shape[2], q) if known.logits else None
        return attend(q, k, v, bias)

    def _work_out(self, label: KnownLabel, dtype: torch.dtype) -> LabelKeysValues:
        with torch.autocast(label.vector.device.type, enabled=False):
            if label.label != NULL_LABEL:
                keys, values = self._split(self._label_tokens(label.vector[None]).to(dtype))
                return LabelKeysValues(keys[0].contiguous(), values[0].contiguous(), ())
            assert self.encoder_kv is not None and self.encoder_kv.bias is not None
            logits = repeated_token_logits(len(label.vector), dtype)
            tokens = self.encoder_kv.bias[None, :, None].expand(1, -1, len(logits))
            keys, values = self._split(tokens.to(dtype))
            return LabelKeysValues(keys[0].contiguous(), values[0].contiguous(), logits)

    def _plain(self, q: Tensor, k: Tensor, v: Tensor, vectors: Tensor) -> Tensor:
        """The formula as it stands: outer product, convolution, softmax over all tokens."""
        if self.encoder_kv is not None:
            outer = vectors[:, :, None] * vectors[:, None, :]
            label_k, label_v = self._split(self.encoder_kv(outer))
            k, v = torch.cat([label_k, k], dim=2), torch.cat([label_v, v], dim=2)
        weights = torch.softmax(q @ k.transpose(2, 3) / math.sqrt(q.shape[3]), dim=3)
        return weights @ v


def _logit_bias(first: tuple[float, ...], tokens: int, q: Tensor) -> Tensor:
    """Bias `[1, 1, 1, tokens]`, zero but for the first tokens, in memory aligned for the fused kernels."""
    length = -(-tokens // BIAS_ALIGNMENT) * BIAS_ALIGNMENT
    bias = q.new_zeros(1, 1, 1, length)
    for i, value in enumerate(first):
        bias[..., i] = value
    return bias[..., :tokens].expand(len(q), q.shape[1], q.shape[2], tokens)
