"""The network as it runs in detection: precision, memory and batch size change how fast, not what."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from network_samples import SMALL, random_input, random_network, relative_difference
from torch import Tensor, nn
from torch.profiler import ProfilerActivity, profile

from anofpdm.core.precision import Precision
from anofpdm.diffusion import slices
from anofpdm.diffusion.denoisers import NetworkPredictor
from anofpdm.diffusion.schedule import NoiseSchedule, ScheduleConfig
from anofpdm.diffusion.slices import Batching, batch_size_for
from anofpdm.methods.anofpdm.accumulate import GuidedNetwork, accumulate_slices
from anofpdm.methods.anofpdm.evidence import Evidence
from anofpdm.methods.anofpdm.operating_point import OperatingPoint
from anofpdm.network.activation_memory import activation_bytes
from anofpdm.network.config import NetworkConfig

CPU = torch.device("cpu")
LABELS = torch.tensor([0, 0, -1, -1])


def evidence(predictor: object, batch_size: int | None = None) -> Evidence:
    x0 = np.random.default_rng(4).uniform(-1, 1, (3, 2, 16, 16)).astype(np.float32)
    return accumulate_slices(
        x0,
        np.array([0.2, 0.5, np.nan], dtype=np.float32),
        GuidedNetwork(predictor, NoiseSchedule.linear(ScheduleConfig()), [0, 1], 0),  # type: ignore[arg-type]
        OperatingPoint(steps=6, last=400),
        Batching(CPU, batch_size=batch_size),
    )


class PlainFormulas:
    """The network by its formulas alone, one label at a time, a contiguous layout: what every shortcut must equal."""

    def __init__(self, level: Tensor | None = None) -> None:
        self.network = random_network(LEVELLED)
        self.level = level

    def for_slices(self, level: Tensor | None) -> PlainFormulas:
        return PlainFormulas(level)

    def __call__(self, x_t: Tensor, t: Tensor, label: Tensor) -> Tensor:
        n = len(self.level) if self.level is not None else len(x_t)
        with self.network.plain_formulas():
            parts = [
                self.network(x_t[i : i + n].contiguous(), t[i : i + n], label[i : i + n], self.level)
                for i in range(0, len(x_t), n)
            ]
        return torch.cat(parts)


LEVELLED = dataclasses.replace(SMALL, level_embedding=True)


@pytest.mark.parametrize("batch_size", [1, 2, None])
def test_maps_of_the_fast_path_in_float32_equal_those_of_the_plain_formulas(batch_size: int | None) -> None:
    exact = evidence(PlainFormulas())
    fast = evidence(NetworkPredictor.prepared(random_network(LEVELLED), "float32"), batch_size)
    for w in (0.0, 4.0):
        assert np.abs(fast.aam(w) - exact.aam(w)).max() <= 1e-4 * exact.aam(w).max()
        assert np.allclose(fast.mse_healthy(w), exact.mse_healthy(w), rtol=1e-4)
    assert np.array_equal(fast.end(1.0), exact.end(1.0))


def test_maps_in_bfloat16_agree_with_the_plain_formulas() -> None:
    exact = evidence(PlainFormulas()).aam(2.0)
    rounded = evidence(NetworkPredictor.prepared(random_network(LEVELLED), "bfloat16")).aam(2.0)
    assert rounded.dtype == np.float32
    assert np.abs(rounded - exact).max() > 1e-6
    assert np.corrcoef(rounded.ravel(), exact.ravel())[0, 1] > 0.999


@torch.inference_mode()
def test_another_precision_leaves_the_first_as_it_was() -> None:
    network, (x, t) = random_network(), random_input(4)
    exact = NetworkPredictor.prepared(network, "float32")
    before = exact(x, t, LABELS)
    rounded = exact.in_precision("bfloat16")
    assert rounded(x, t, LABELS).dtype == torch.float32
    assert relative_difference(rounded(x, t, LABELS), before) > 1e-5
    assert torch.equal(exact(x, t, LABELS), before)
    assert exact.in_precision("float32") is exact
    with pytest.raises(ValueError, match="in float32"):
        rounded.in_precision("float32")


@torch.inference_mode()
def test_rounded_weights_need_no_autocast(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[bool] = []
    original = nn.GroupNorm.forward

    def spy(self: nn.GroupNorm, x: Tensor) -> Tensor:
        seen.append(torch.is_autocast_enabled("cpu"))
        return original(self, x)

    monkeypatch.setattr(nn.GroupNorm, "forward", spy)
    x, t = random_input(4)
    for predictor, wanted in (
        (NetworkPredictor.prepared(random_network(), "bfloat16"), False),
        (NetworkPredictor(random_network(), "bfloat16"), True),
    ):
        seen.clear()
        predictor(x, t, LABELS)
        assert set(seen) == {wanted}


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
@pytest.mark.parametrize(
    "config",
    [
        dataclasses.replace(SMALL, image_size=64, channel_multipliers=(1, 2, 2, 2)),
        NetworkConfig(
            image_size=64, in_channels=4, base_channels=32, channel_multipliers=(1, 1, 2, 2), attention_px=(8,)
        ),
        dataclasses.replace(
            SMALL, image_size=128, channel_multipliers=(1, 2, 2, 2), patch=2, spatial_condition=True, label_tokens=False
        ),
    ],
)
def test_estimated_memory_is_near_what_an_evaluation_takes(config: NetworkConfig, precision: Precision) -> None:
    predictor = NetworkPredictor.prepared(random_network(config), precision)
    x, t = random_input(4, config)
    with torch.inference_mode():
        predictor(x, t, LABELS)
        with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as record:
            predictor(x, t, LABELS)
    held = largest = 0
    for event in record.profiler.kineto_results.events():
        if event.name() == "[memory]":
            held += event.nbytes()
            largest = max(largest, held)
    estimate = 4 * activation_bytes(config, 4 if precision == "float32" else 2)
    assert 0.8 * largest < estimate < 1.2 * largest
    assert predictor.slice_bytes == estimate // 2


def test_batches_are_sized_to_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    small = NetworkPredictor.prepared(random_network(), "float32")
    assert batch_size_for(CPU, 5, small) == 5
    assert batch_size_for(CPU, None, small) == slices.CPU_BATCH
    for room, size in ((3.5, 3), (1.0, 1), (0.1, 1)):
        monkeypatch.setattr(slices, "_room_bytes", lambda device, room=room: int(room * small.slice_bytes))
        assert batch_size_for(CPU, None, small) == size
        assert batch_size_for(torch.device("cuda"), None, small) == size
    monkeypatch.setattr(slices, "_room_bytes", lambda device: 0)
    assert batch_size_for(torch.device("mps"), None, small) == slices.GPU_BATCH
    assert batch_size_for(CPU, None) == slices.CPU_BATCH
