"""The network computes what the reference's does, and only label and level change it as they should."""

from __future__ import annotations

import dataclasses
import json
import os
from pathlib import Path

import numpy as np
import pytest
import torch
from network_samples import SMALL, random_input, random_network, random_weights, relative_difference
from torch.utils.flop_counter import FlopCounterMode

from anofpdm.network.attention import AttentionBlock
from anofpdm.network.config import NetworkConfig
from anofpdm.network.embedding import noise_level_features
from anofpdm.network.residual_block import ResidualBlock
from anofpdm.network.unet import ConditionalUNet

LABELS = torch.tensor([0, 0, 1, -1])
RECORDED = [
    [-0.22859, -0.33693, -1.30422],
    [-0.98814, -1.25385, -1.39365],
    [-2.38171, -1.67695, -1.11618],
    [-0.98843, -0.45658, 0.02738],
]


def golden_folder() -> Path:
    data = os.environ.get("ANOFPDM_TEST_DATA")
    if not data:
        pytest.skip("ANOFPDM_TEST_DATA does not name the test data")
    folder = Path(data).parent / "golden"
    if not (folder / "unet_official_format.pt").is_file():
        pytest.skip(f"no reference figures in {folder}")
    return folder


def predict(network: ConditionalUNet, *args: torch.Tensor) -> torch.Tensor:
    with torch.no_grad():
        return network(*args)


@pytest.mark.parametrize("plain", [False, True])
def test_agrees_with_the_reference_code(plain: bool) -> None:
    folder = golden_folder()
    shape = json.loads((folder / "unet_official_format.json").read_text())
    network = ConditionalUNet(
        NetworkConfig(
            image_size=shape["image_size"],
            in_channels=shape["in_channels"],
            base_channels=shape["num_channels"],
            channel_multipliers=tuple(shape["channel_mult"]),
            residual_blocks=shape["num_res_blocks"],
            attention_px=tuple(shape["attention_resolutions_px"]),
            heads=shape["num_heads"],
        )
    ).eval()
    state = torch.load(folder / "unet_official_format.pt", weights_only=True)
    assert list(network.state_dict()) == list(state)
    network.load_state_dict(state, strict=True)
    with np.load(folder / "unet_official_format.npz") as file:
        figures = {name: torch.from_numpy(file[name]) for name in file.files}
    network._plain = plain
    labelled = predict(network, figures["x"], figures["t"], figures["label"])
    null = predict(network, figures["x"], figures["t"], torch.full_like(figures["label"], -1))
    assert relative_difference(labelled, figures["eps_label"]) < 1e-5
    assert relative_difference(null, figures["eps_null"]) < 1e-5


def test_recorded_figures() -> None:
    """Recorded when the test above passed; keeps the formulas in place where its files are missing."""
    out = predict(random_network(), *random_input(4), LABELS)
    recorded = torch.tensor(RECORDED)
    torch.testing.assert_close(out[:, 1, 3, 5:8], recorded, rtol=1e-4, atol=1e-4)


def test_number_of_parameters_of_the_paper() -> None:
    with torch.device("meta"):
        network = ConditionalUNet(NetworkConfig())
    assert sum(p.numel() for p in network.parameters()) == 103_082_500


def test_operations_of_the_paper() -> None:
    """151.7 GFLOP an evaluation, when the formulas are followed as they stand."""
    with torch.device("meta"):
        network = ConditionalUNet(NetworkConfig()).eval()
        x, one = torch.empty(1, 4, 128, 128), torch.zeros(1, dtype=torch.int64)
        with FlopCounterMode(display=False) as counter, network.plain_formulas():
            predict(network, x, one, one)
    assert counter.get_total_flops() == pytest.approx(151.7e9, rel=1e-3)


def test_parameter_names_are_the_official_ones() -> None:
    names = set(random_network().state_dict())
    assert {name.split(".")[0] for name in names} == {
        *("time_embed", "label_emb", "class_emb", "input_blocks", "middle_block", "output_blocks", "out")
    }
    block = {name.removeprefix("input_blocks.3.") for name in names if name.startswith("input_blocks.3.")}
    layers = {"0.in_layers.0", "0.in_layers.2", "0.emb_layers.1", "0.out_layers.0", "0.out_layers.3"}
    layers |= {"0.skip_connection", "1.norm", "1.qkv", "1.encoder_kv", "1.proj_out"}
    assert block == {f"{layer}.{part}" for layer in layers for part in ("weight", "bias")}
    assert {"input_blocks.2.0.op.weight", "output_blocks.1.2.conv.weight", "out.2.weight"} <= names


def test_attention_only_at_its_resolutions() -> None:
    config = dataclasses.replace(SMALL, image_size=32, channel_multipliers=(1, 1, 2), attention_px=(16,))
    seen: list[int] = []
    network = random_network(config)
    for block in [*network.input_blocks, *network.output_blocks]:
        for layer in block:
            if isinstance(layer, AttentionBlock):
                layer.register_forward_pre_hook(lambda _, args: seen.append(args[0].shape[2]))
    predict(network, *random_input(1, config), torch.tensor([0]))
    assert seen == [16, 16, 16]


def test_input_activation_stands_before_the_first_convolution_of_each_block_and_the_last_of_all() -> None:
    plain, active = (ConditionalUNet(dataclasses.replace(SMALL, input_activation=on)) for on in (False, True))
    assert plain.state_dict().keys() == active.state_dict().keys()
    blocks = [module for module in active.modules() if isinstance(module, ResidualBlock)]
    for normalisation, activation, convolution in [block.in_layers for block in blocks] + [active.out]:
        assert isinstance(normalisation, torch.nn.GroupNorm)
        assert isinstance(activation, torch.nn.SiLU)
        assert isinstance(convolution, torch.nn.Conv2d)
    x = torch.randn(1, SMALL.base_channels, 8, 8)
    first = torch.nn.Sequential(*active.out[:2])
    torch.testing.assert_close(first(x), torch.nn.functional.silu(plain.out[0](x)))


def test_noise_level_features_are_cosines_then_sines() -> None:
    features = noise_level_features(torch.tensor([0, 7]), 6)
    frequencies = 10_000.0 ** (-np.arange(3) / 3)
    expected = np.concatenate([np.cos(7 * frequencies), np.sin(7 * frequencies)])
    np.testing.assert_allclose(features[0].numpy(), [1, 1, 1, 0, 0, 0])
    np.testing.assert_allclose(features[1].numpy(), expected, rtol=1e-5)


def test_noise_level_matters() -> None:
    network, (x, _) = random_network(), random_input(2)
    x[1] = x[0]
    out = predict(network, x, torch.tensor([10, 11]), torch.tensor([0, 0]))
    assert relative_difference(out[0], out[1]) > 1e-4


def test_null_label_is_the_zero_vector_after_the_mlp() -> None:
    network, (x, t) = random_network(), random_input(2)
    labels = torch.tensor([0, -1])
    before = predict(network, x, t, labels)
    with torch.no_grad():
        network.class_emb[2].bias.add_(0.5)
    after = predict(network, x, t, labels)
    assert relative_difference(after[0], before[0]) > 1e-3
    assert torch.equal(after[1], before[1])


def test_the_two_labels_differ() -> None:
    network, (x, t) = random_network(), random_input(1)
    healthy, unhealthy = (predict(network, x, t, torch.tensor([label])) for label in (0, 1))
    assert relative_difference(healthy, unhealthy) > 1e-3


def test_labels_of_a_new_network_start_at_unit_variance() -> None:
    torch.manual_seed(0)
    network = ConditionalUNet(dataclasses.replace(SMALL, base_channels=128, channel_multipliers=(1,)))
    variance = [network._label_vectors(torch.tensor([label])).var().item() for label in (0, 1)]
    assert all(0.6 < v < 1.6 for v in variance), variance


def test_label_without_tokens() -> None:
    config = dataclasses.replace(SMALL, label_tokens=False)
    network, (x, t) = random_network(config), random_input(1)
    assert not any("encoder_kv" in name for name in network.state_dict())
    healthy, null = (predict(network, x, t, torch.tensor([label])) for label in (0, -1))
    assert relative_difference(healthy, null) > 1e-3


def test_new_network_predicts_zero_and_ignores_the_level() -> None:
    torch.manual_seed(0)
    network = ConditionalUNet(dataclasses.replace(SMALL, level_embedding=True)).eval()
    x, t = random_input(4)
    assert torch.equal(predict(network, x, t, LABELS), torch.zeros_like(x))
    assert not network.level_embed(torch.tensor([0.3])).any()


def test_new_blocks_change_nothing() -> None:
    network = ConditionalUNet(SMALL)
    zero = {name for name, p in network.named_parameters() if name.endswith("weight") and not p.any()}
    every = [name for name in network.state_dict() if name.endswith("weight")]
    assert zero == {name for name in every if "out_layers.3" in name or "proj_out" in name or name == "out.2.weight"}


def test_level_reaches_labelled_and_null_predictions_but_not_the_label_tokens() -> None:
    network, (x, t) = random_network(dataclasses.replace(SMALL, level_embedding=True)), random_input(4)
    tokens: list[torch.Tensor] = []
    network.middle_block[1].register_forward_pre_hook(lambda _, args: tokens.append(args[1].vectors))
    without = predict(network, x, t, LABELS)
    low = predict(network, x, t, LABELS, torch.full((4,), 0.1))
    mixed = predict(network, x, t, LABELS, torch.tensor([float("nan"), 0.1, float("nan"), 0.9]))
    for i in range(4):
        assert relative_difference(low[i], without[i]) > 1e-3
    assert torch.equal(mixed[0], without[0]) and torch.equal(mixed[2], without[2])
    assert torch.equal(mixed[1], low[1])
    assert relative_difference(mixed[3], low[3]) > 1e-3
    assert torch.equal(tokens[0], tokens[1]) and not tokens[1][3].any()


def test_unknown_level_has_no_gradient_trouble() -> None:
    network = random_network(dataclasses.replace(SMALL, level_embedding=True)).train()
    x, t = random_input(2)
    network(x, t, torch.tensor([0, -1]), torch.tensor([float("nan"), 0.5])).square().mean().backward()
    assert all(torch.isfinite(p.grad).all() for p in network.parameters())


def test_every_parameter_learns() -> None:
    network = random_network(dataclasses.replace(SMALL, level_embedding=True)).train()
    x, t = random_input(4)
    network(x, t, LABELS, torch.rand(4)).square().mean().backward()
    still = [name for name, p in network.named_parameters() if p.grad is None or not p.grad.any()]
    assert still == []


def test_dropout_only_in_training() -> None:
    network, (x, t) = random_network(), random_input(4)
    assert torch.equal(predict(network, x, t, LABELS), predict(network, x, t, LABELS))
    network.train()
    assert not torch.equal(predict(network, x, t, LABELS), predict(network, x, t, LABELS))


def test_bfloat16_autocast_stays_near_float32_and_returns_it() -> None:
    network, (x, t) = random_network(), random_input(4)
    exact = predict(network, x, t, LABELS)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        rounded = predict(network, x, t, LABELS)
    assert rounded.dtype == torch.float32
    assert 1e-5 < relative_difference(rounded, exact) < 0.05


def test_channels_last() -> None:
    network, (x, t) = random_network(), random_input(4)
    exact = predict(network, x, t, LABELS)
    network.to(memory_format=torch.channels_last)
    out = predict(network, x.to(memory_format=torch.channels_last), t, LABELS)
    assert relative_difference(out, exact) < 1e-5


@pytest.mark.parametrize("shape", [(2, 3, 16, 16), (2, 2, 15, 16), (2, 16, 16)])
def test_wrong_shape_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="the network takes"):
        random_network()(torch.zeros(shape), torch.tensor([0, 0]), torch.tensor([0, 0]))


def test_random_weights_leave_no_zero() -> None:
    network = random_weights(ConditionalUNet(SMALL))
    assert all((p != 0).all() for p in network.parameters())
