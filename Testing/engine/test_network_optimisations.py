"""Every shortcut of the network gives what the formula, followed step by step, gives."""

from __future__ import annotations

import copy
import dataclasses
import itertools
import math
import pickle

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from network_samples import SMALL, random_input, random_network, random_weights, relative_difference

from anofpdm.network import attention
from anofpdm.network.label_tokens import contiguous_groups, repeated_token_logits
from anofpdm.network.unet import ConditionalUNet

TOLERANCE = 1e-5
FUSED = [0, 0, 0, -1, -1, -1]


def plain(network: ConditionalUNet, labels: list[int]) -> torch.Tensor:
    x, t = random_input(len(labels))
    with torch.no_grad(), network.plain_formulas():
        return network(x, t, torch.tensor(labels, dtype=torch.int64))


def fast(network: ConditionalUNet, labels: list[int]) -> torch.Tensor:
    x, t = random_input(len(labels))
    with torch.inference_mode():
        return network(x, t, torch.tensor(labels, dtype=torch.int64)).clone()


def assert_fast_is_plain(network: ConditionalUNet, labels: list[int] = FUSED) -> None:
    assert relative_difference(fast(network, labels), plain(network, labels)) < TOLERANCE


@pytest.mark.parametrize("labels", [[0], [-1], [1, 1], FUSED, [1, 0, -1, -1], [0, -1, 0, -1, 0, -1, 1]])
@pytest.mark.parametrize("tokens", [True, False])
def test_labels_in_groups(labels: list[int], tokens: bool) -> None:
    assert_fast_is_plain(random_network(dataclasses.replace(SMALL, label_tokens=tokens)), labels)


def test_the_general_path_used_in_training() -> None:
    network = random_network(dataclasses.replace(SMALL, dropout=0.0)).train()
    x, t = random_input(4)
    labels = torch.tensor([0, -1, 1, 0])
    general = network(x, t, labels)
    with network.plain_formulas():
        formula = network(x, t, labels)
    assert relative_difference(general.detach(), formula.detach()) < TOLERANCE
    general_gradients = torch.autograd.grad(general.square().mean(), list(network.parameters()))
    formula_gradients = torch.autograd.grad(formula.square().mean(), list(network.parameters()))
    # The bias of the keys has no gradient but rounding, since a softmax ignores what its logits share.
    largest = max(float(b.abs().max()) for b in formula_gradients)
    for a, b in zip(general_gradients, formula_gradients, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-3, atol=1e-6 * largest)


def test_a_fused_batch_is_exact() -> None:
    network, (x, t) = random_network(), random_input(6)
    with torch.inference_mode():
        both = network(x, t, torch.tensor(FUSED))
        healthy = network(x[:3], t[:3], torch.tensor(FUSED[:3]))
        null = network(x[3:], t[3:], torch.tensor(FUSED[3:]))
    assert relative_difference(both, torch.cat([healthy, null])) < 1e-6


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
@pytest.mark.parametrize("count", [32, 100, 512, 1024])
def test_few_tokens_weigh_as_much_as_many(count: int, dtype: torch.dtype) -> None:
    logits = repeated_token_logits(count, dtype)
    assert len(logits) <= 2
    stored = torch.tensor(logits, dtype=dtype).double()
    assert sum(math.exp(v) for v in stored.tolist()) == pytest.approx(count, rel=3e-4)


def test_one_null_token_in_bfloat16() -> None:
    network, (x, t) = random_network(), random_input(3)
    labels = torch.full((3,), -1)
    exact = plain(network, [-1] * 3)
    with torch.no_grad(), torch.autocast("cpu", dtype=torch.bfloat16):
        short = network(x, t, labels)
        with network.plain_formulas():
            long = network(x, t, labels)
    assert relative_difference(short, exact) < 1.5 * relative_difference(long, exact)


def test_labels_are_worked_out_once(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[int] = []
    original = attention.AttentionBlock._work_out

    def counted(self: attention.AttentionBlock, label: object, dtype: torch.dtype) -> object:
        calls.append(self.index)
        return original(self, label, dtype)

    monkeypatch.setattr(attention.AttentionBlock, "_work_out", counted)
    network = random_network()
    first = fast(network, FUSED)
    blocks = sum(isinstance(m, attention.AttentionBlock) for m in network.modules())
    assert blocks == 4 and len(calls) == 2 * blocks
    assert torch.equal(fast(network, FUSED), first)
    assert len(calls) == 2 * blocks


def test_new_weights_are_noticed() -> None:
    network = random_network()
    before = fast(network, FUSED)
    network.load_state_dict(random_network(seed=5).state_dict())
    assert relative_difference(fast(network, FUSED), before) > 1e-2
    assert_fast_is_plain(network)
    for seed in (6, 7):  # assigned tensors are new: none of them was ever written to
        state = {name: tensor.clone() for name, tensor in random_network(seed=seed).state_dict().items()}
        network.load_state_dict(state, assign=True)
        assert_fast_is_plain(network)


def test_weights_changed_in_place_are_noticed() -> None:
    network = random_network()
    fast(network, FUSED)
    random_weights(network, seed=7)
    assert_fast_is_plain(network)
    with torch.no_grad():
        network.middle_block[1].encoder_kv.bias.add_(1.0)
    assert_fast_is_plain(network)


def test_training_in_between_is_noticed() -> None:
    network = random_network()
    fast(network, FUSED)
    network.train()
    for parameter in network.parameters():
        parameter.data.mul_(1.1)
    network.eval()
    assert_fast_is_plain(network)


def test_a_moved_network_starts_afresh() -> None:
    network = random_network()
    fast(network, FUSED)
    for parameter in network.parameters():
        parameter.data.mul_(1.1)
    network.to(memory_format=torch.channels_last)
    assert_fast_is_plain(network)


def test_copies_keep_nothing_of_the_labels() -> None:
    network = random_network()
    fast(network, FUSED)
    for twin in (copy.deepcopy(network), pickle.loads(pickle.dumps(network))):
        random_weights(twin, seed=8)
        assert_fast_is_plain(twin)
    assert_fast_is_plain(network)


def test_weights_made_in_inference_mode() -> None:
    with torch.inference_mode():
        network = random_network()
    assert_fast_is_plain(network)


def test_gradients_in_evaluation_mode() -> None:
    network, (x, t) = random_network(), random_input(2)
    labels = torch.tensor([0, -1])
    fast(network, [0, -1])
    results = []
    for _ in range(2):
        noisy = x.clone().requires_grad_()
        (gradient,) = torch.autograd.grad(network(noisy, t, labels).square().sum(), noisy)
        results.append(gradient)
    assert results[0].any() and torch.equal(results[0], results[1])


def test_an_empty_batch() -> None:
    assert fast(random_network(), []).shape == (0, 2, 16, 16)


@given(st.lists(st.integers(-1, 1), max_size=12))
def test_groups_cover_the_batch_in_order(labels: list[int]) -> None:
    groups = contiguous_groups(labels)
    assert [label for start, stop, label in groups for _ in range(start, stop)] == labels
    assert all(a[2] != b[2] and a[1] == b[0] for a, b in itertools.pairwise(groups))
