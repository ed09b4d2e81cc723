"""What each part of the engine's speed gains: the engine with that part undone, beside the engine as it is."""

from __future__ import annotations

import copy
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ....diffusion.denoisers import NetworkPredictor, NoisePredictor
from ....diffusion.slices import SlicePredictor
from ....network.kernels import fused_kernels_only
from ....network.label_tokens import contiguous_groups
from ....network.unet import ConditionalUNet
from ..evidence import Evidence
from ..operating_point import OperatingPoint
from .naive_pattern import FormulaPredictor
from .stopwatch import Clock, seconds_of
from .workbench import Workbench

BATCH_SIZES = (1, 2, 4, 8, 16)


@dataclass(frozen=True)
class PartResult:
    """The engine without one of its parts."""

    name: str
    seconds: tuple[float, ...]
    """A slice, round by round."""
    times_engine: float
    """How many times as long as the engine takes: the median of the rounds' own ratios."""


class SeparateLabels:
    """One evaluation for each label instead of one for both."""

    def __init__(self, inner: SlicePredictor, bound: NoisePredictor | None = None) -> None:
        self._inner = inner
        self._bound = bound

    def for_slices(self, level: Tensor | None) -> SeparateLabels:
        """The same network bound to the levels of another batch."""
        return SeparateLabels(self._inner, self._inner.for_slices(level))

    def __call__(self, x_t: Tensor, t: Tensor, label: Tensor) -> Tensor:
        assert self._bound is not None
        groups = contiguous_groups(label.tolist())
        return torch.cat([self._bound(x_t[a:b], t[a:b], label[a:b]) for a, b, _ in groups])


class ContiguousLayout:
    """Feature maps channel by channel instead of channels-last."""

    def __init__(self, network: ConditionalUNet, level: Tensor | None = None) -> None:
        self._network = network
        self._level = level

    def for_slices(self, level: Tensor | None) -> ContiguousLayout:
        """The same network bound to the levels of another batch."""
        return ContiguousLayout(self._network, level)

    def __call__(self, x_t: Tensor, t: Tensor, label: Tensor) -> Tensor:
        level = None if self._level is None else self._level.repeat(len(x_t) // len(self._level))
        noise: Tensor = self._network(x_t.contiguous(), t, label, level)
        return noise


def measure_parts(
    bench: Workbench,
    point: OperatingPoint,
    *,
    rounds: int,
    clock: Clock = "wall",
    tell: Callable[[str], None] | None = None,
) -> list[PartResult]:
    """The engine at `point`, then with one part undone at a time; all timed in turn, round after round."""
    ways = ways_to_compute(bench, point)
    for work in ways.values():
        work()
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for number in range(1, rounds + 1):
        for name, work in ways.items():
            if tell is not None:
                tell(f"parts, round {number} of {rounds}: {name}")
            seconds[name].append(seconds_of(work, bench.device, clock) / len(bench.subject.x0))
    engine: Sequence[float] = next(iter(seconds.values()))
    return [
        PartResult(name, tuple(taken), statistics.median(a / b for a, b in zip(taken, engine, strict=True)))
        for name, taken in seconds.items()
    ]


def ways_to_compute(bench: Workbench, point: OperatingPoint) -> dict[str, Callable[[], Evidence]]:
    """The same maps by the engine, which comes first, and by the engine with one part undone."""
    network = bench.subject.network
    engine = bench.in_precision(point.precision)

    def by(predictor: SlicePredictor) -> Callable[[], Evidence]:
        return lambda: bench.engine(point, predictor=predictor, batch_size=bench.usual_batch_size(point))

    def with_fused_kernels() -> Evidence:
        with fused_kernels_only():
            return bench.engine(point)

    contiguous = copy.deepcopy(network)
    if point.precision == "bfloat16":
        contiguous.trunk_to(torch.bfloat16)
    ways: dict[str, Callable[[], Evidence]] = {
        "the engine": lambda: bench.engine(point),
        "each label by itself": by(SeparateLabels(engine)),
        "channel by channel": by(ContiguousLayout(contiguous)),
        "torch's own kernels": with_fused_kernels,
    }
    if point.precision == "bfloat16":
        last = copy.deepcopy(network).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        ways["autocast"] = by(NetworkPredictor(last, "bfloat16"))
        ways["float32"] = by(NetworkPredictor(last, "float32"))
    else:
        ways["by the formulas"] = by(SeparateLabels(FormulaPredictor(network)))
    for size in BATCH_SIZES:
        if size <= len(bench.subject.x0):
            ways[f"batches of {size}"] = lambda size=size: bench.engine(point, batch_size=size)  # type: ignore[misc]
    return ways
