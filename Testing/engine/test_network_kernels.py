"""The kernels chosen for speed compute what the plain formulas compute, also in 16 bit."""

from __future__ import annotations

import dataclasses

import pytest
import torch
from network_samples import SMALL, random_input, random_network, relative_difference
from torch import nn

from anofpdm.network import kernels
from anofpdm.network.unet import ConditionalUNet

LABELS = torch.tensor([0, 0, -1, -1])


def evaluated(network: ConditionalUNet, *, plain: bool = False, autocast: bool = False) -> torch.Tensor:
    x, t = random_input(4)
    with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16, enabled=autocast):
        if not plain:
            return network(x, t, LABELS)
        with network.plain_formulas():
            return network(x, t, LABELS)


@pytest.mark.parametrize("tokens", [24, 25])
@pytest.mark.parametrize("with_bias", [False, True])
@pytest.mark.parametrize("budget", [1, 1 << 22])
def test_attention_in_16_bit_is_as_exact_as_the_fused_kernel(
    tokens: int, with_bias: bool, budget: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kernels, "LOGITS_BYTES", budget)
    torch.manual_seed(2)
    q = torch.randn(3, 24, 4, 8).transpose(1, 2)
    k, v = torch.randn(2, 3, 4, tokens, 8).unbind(0)
    bias = torch.randn(1, 1, 1, tokens).expand(3, 4, 24, tokens) if with_bias else None
    exact = nn.functional.scaled_dot_product_attention(q, k, v, attn_mask=bias)
    q, k, v = (part.bfloat16() for part in (q, k, v))
    bias = bias.bfloat16() if bias is not None else None
    fused = nn.functional.scaled_dot_product_attention(q, k, v, attn_mask=bias)
    with torch.inference_mode():
        found = kernels.attend(q, k, v, bias)
    assert found.dtype == torch.bfloat16 and found.shape == exact.shape
    assert relative_difference(found, exact) < max(0.02, 1.5 * relative_difference(fused, exact))


@pytest.mark.parametrize("kept", [0, 1 << 26])
def test_gradients_of_attention_in_16_bit(kept: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernels, "KEPT_LOGITS_BYTES", kept)
    torch.manual_seed(2)
    exact = torch.randn(3, 2, 4, 24, 8).requires_grad_()
    found = exact.detach().bfloat16().requires_grad_()
    weights, bias = torch.randn(2, 4, 24, 8), torch.randn(24, 24)
    (nn.functional.scaled_dot_product_attention(*exact, attn_mask=bias) * weights).sum().backward()
    (kernels.attend(*found, bias.bfloat16()) * weights).sum().backward()
    assert exact.grad is not None and found.grad is not None
    assert relative_difference(found.grad, exact.grad) < 0.02


@pytest.mark.parametrize("side", [8, 40])
def test_gradients_of_normalisation_in_16_bit(side: int) -> None:
    torch.manual_seed(3)
    norm = nn.GroupNorm(4, 24)
    exact = torch.randn(2, 24, side, side).mul_(3).add_(1).requires_grad_()
    found = exact.detach().bfloat16().requires_grad_()
    weights = torch.randn(2, 24, side, side)
    (norm(exact) * weights).sum().backward()
    expected, norm.weight.grad = norm.weight.grad, None
    (kernels.group_norm(norm, found) * weights).sum().backward()
    assert exact.grad is not None and found.grad is not None and expected is not None and norm.weight.grad is not None
    assert relative_difference(found.grad, exact.grad) < 0.02
    assert relative_difference(norm.weight.grad, expected) < 0.02


@pytest.mark.parametrize("side", [8, 40])
@pytest.mark.parametrize("channels", [24, 64])
def test_normalisation_in_16_bit(side: int, channels: int) -> None:
    torch.manual_seed(3)
    norm = nn.GroupNorm(4, channels)
    with torch.no_grad():
        norm.weight.normal_(1, 0.3)
        norm.bias.normal_()
    x = torch.randn(2, channels, side, side).mul_(3).add_(1).contiguous(memory_format=torch.channels_last)
    x = x.bfloat16()
    exact = norm(x.float())
    found = kernels.group_norm(norm.bfloat16(), x)
    assert found.dtype == torch.bfloat16 and found.is_contiguous(memory_format=torch.channels_last)
    assert relative_difference(found, exact) < 0.01


@pytest.mark.parametrize("activated", [False, True])
@pytest.mark.parametrize("level", [False, True])
def test_residual_blocks_in_place(activated: bool, level: bool) -> None:
    network = random_network(dataclasses.replace(SMALL, input_activation=activated, level_embedding=level))
    fast = evaluated(network)
    assert relative_difference(fast, evaluated(network, plain=True)) < 1e-5
    assert torch.equal(evaluated(network), fast), "something was changed in place that is needed again"


def test_a_16_bit_trunk_is_as_exact_as_autocast() -> None:
    network = random_network()
    exact, automatic = evaluated(network), evaluated(network, autocast=True)
    network.trunk_to(torch.bfloat16)
    rounded = evaluated(network)
    assert rounded.dtype == torch.float32
    assert 1e-5 < relative_difference(rounded, exact) < 1.5 * relative_difference(automatic, exact) < 0.05


def test_a_16_bit_trunk_keeps_what_everything_depends_on() -> None:
    network = random_network(dataclasses.replace(SMALL, level_embedding=True)).trunk_to(torch.bfloat16)
    kept = ("time_embed", "label_emb", "class_emb", "level_embed", "emb_layers", "encoder_kv")
    for name, parameter in network.named_parameters():
        wanted = torch.float32 if any(part in name for part in kept) else torch.bfloat16
        assert parameter.dtype == wanted, name
