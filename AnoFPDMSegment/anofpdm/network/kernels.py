"""Group normalisation and attention by whichever of torch's kernels is fast; what they compute is the same.

Each choice was made by measuring (`anofpdm bench`, Resources/benchmarks/speed.md).
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator

import torch
from torch import Tensor, nn
from torch.nn import functional

SMALL_MAP_PX = 1024
"""Below this many pixels torch's CPU kernel normalises channel by channel ..."""
VECTOR = 16
"""... and in 16 bit does so one value at a time unless a group's channels are a multiple of this."""
LOGITS_BYTES = 1 << 20
"""How much of the attention weights is held at a time."""
KEPT_LOGITS_BYTES = 1 << 26
"""How much of them may be kept for the way back; the fused kernel, which keeps none, takes larger ones."""

_choosing = True


@contextlib.contextmanager
def fused_kernels_only() -> Iterator[None]:
    """Within, torch's own kernels are always taken; for measuring what the choice gains."""
    global _choosing
    before, _choosing = _choosing, False
    try:
        yield
    finally:
        _choosing = before


def group_norm(norm: nn.Module, x: Tensor) -> Tensor:
    """`norm(x)` of a GroupNorm; on a CPU small 16-bit maps take the way over float32 (ten times faster there).

    So do all of them where gradients are asked for: the kernel's backward pass is three times slower in 16 bit.
    """
    assert isinstance(norm, nn.GroupNorm)
    slow = _choosing and x.device.type == "cpu" and x.element_size() == 2
    small = x.shape[-1] * x.shape[-2] < SMALL_MAP_PX and norm.num_channels // norm.num_groups % VECTOR
    if slow and (small or torch.is_grad_enabled()):
        weight, bias = norm.weight.float(), norm.bias.float()
        return functional.group_norm(x.float(), norm.num_groups, weight, bias, norm.eps).to(x.dtype)
    out: Tensor = norm(x)
    return out


def attend(q: Tensor, k: Tensor, v: Tensor, bias: Tensor | None = None) -> Tensor:
    """Scaled dot-product attention; `q` `[N, heads, queries, width]`, `bias` is added to the logits.

    On a CPU in 16 bit the products are left to the matrix units, which torch's fused kernel does not use on every
    processor that has them (2.2 to 2.7 times faster there, 1.6 times with the way back).
    """
    if not _choosing or q.device.type != "cpu" or q.element_size() != 2:
        return functional.scaled_dot_product_attention(q, k, v, attn_mask=bias)
    n, heads, queries, width = q.shape
    if torch.is_grad_enabled():
        if n * heads * queries * k.shape[2] * q.element_size() > KEPT_LOGITS_BYTES:
            return functional.scaled_dot_product_attention(q, k, v, attn_mask=bias)
        q = q * (1 / math.sqrt(width))
        logits = q @ k.transpose(2, 3)
        return torch.softmax(logits if bias is None else logits + bias, dim=3) @ v
    q = q * (1 / math.sqrt(width))
    out = torch.empty_like(q)
    step = max(1, LOGITS_BYTES // max(1, heads * queries * k.shape[2] * q.element_size()))
    for start in range(0, n, step):
        part = slice(start, start + step)
        logits = q[part] @ k[part].transpose(2, 3)
        if bias is not None:
            logits += bias[part]
        torch.matmul(torch.softmax(logits, dim=3), v[part], out=out[part])
    return out
