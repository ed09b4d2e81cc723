"""The computations that the benchmark times: a network on a device, by either pattern, on the same slices."""

from __future__ import annotations

import copy
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ....core.device import ChosenDevice
from ....core.precision import Precision
from ....core.progress import CancelToken
from ....diffusion.denoisers import NetworkPredictor
from ....diffusion.noise import SeededNoise
from ....diffusion.schedule import NoiseSchedule
from ....diffusion.slices import Batching, SlicePredictor, batch_size_for
from ..accumulate import GuidedNetwork, accumulate_slices
from ..evidence import Evidence
from ..operating_point import OperatingPoint
from .naive_pattern import FormulaPredictor, NaiveMaps, run_naive_pattern
from .operations import EvaluationCost, evaluation_cost
from .rows import NAIVE, Row
from .subject import Subject


class Workbench:
    """Args:

    guidance: the strength at which the naive pattern computes; the engine has them all.
    batch_size: slices a batch of the engine; None: as it chooses itself. The naive pattern takes all at once.
    """

    def __init__(
        self,
        subject: Subject,
        device: ChosenDevice,
        *,
        guidance: float,
        batch_size: int | None = None,
        cancel: CancelToken | None = None,
    ) -> None:
        self.subject = subject
        self.device = device.device
        self._guidance = guidance
        self._batch_size = batch_size
        self._cancel = cancel or CancelToken()
        self._schedule = NoiseSchedule.linear(subject.config.schedule)
        network = subject.network.to(self.device)
        self._formulas = FormulaPredictor(network)
        self._engine = {"float32": NetworkPredictor.prepared(copy.deepcopy(network), "float32")}
        self._x0 = torch.from_numpy(subject.x0).to(self.device)
        self._level = None if subject.level is None else torch.from_numpy(subject.level).to(self.device)

    def predictor(self, row: Row) -> SlicePredictor:
        """The network as the row evaluates it."""
        if row.pattern == NAIVE[0]:
            return self._formulas
        return self.in_precision(row.point.precision)

    def compute(self, row: Row, point: OperatingPoint) -> Evidence | NaiveMaps:
        """The row's work at `point`, on all slices."""
        self._cancel.raise_if_cancelled()
        return self.naive(row, point) if row.pattern in NAIVE else self.engine(point)

    def naive(self, row: Row, point: OperatingPoint) -> NaiveMaps:
        """All slices at once."""
        return run_naive_pattern(
            self._x0,
            self.predictor(row).for_slices(self._level),
            self._schedule,
            point,
            self._guidance,
            used_channels=self.subject.config.used_channels,
            healthy_label=self.subject.config.healthy_label,
            noise=SeededNoise(0, range(len(self._x0))),
        )

    def engine(
        self,
        point: OperatingPoint,
        slices: Sequence[int] | None = None,
        *,
        predictor: SlicePredictor | None = None,
        batch_size: int | None = None,
    ) -> Evidence:
        """The named slices, or all; `predictor` and `batch_size` replace the engine's own."""
        level = self.subject.level
        chosen = slice(None) if slices is None else list(slices)
        return accumulate_slices(
            self.subject.x0[chosen],
            None if level is None else level[chosen],
            GuidedNetwork.of(predictor or self.in_precision(point.precision), self.subject.config),
            point,
            Batching(self.device, batch_size=batch_size or self._batch_size, cancel=self._cancel),
        )

    def batch_size(self, row: Row) -> int:
        """Slices a batch."""
        return len(self._x0) if row.pattern in NAIVE else self.usual_batch_size(row.point)

    def usual_batch_size(self, point: OperatingPoint, slices: int | None = None) -> int:
        """Slices a batch of the engine, of so many or of those there are."""
        usual = batch_size_for(self.device, self._batch_size, self.in_precision(point.precision))
        return min(slices or len(self._x0), usual)

    def cost(self, row: Row) -> EvaluationCost:
        """Operations of one evaluation of one slice, as the row makes it."""
        bound = self.predictor(row).for_slices(None if self._level is None else self._level[:1])
        return evaluation_cost(bound, self._x0[:1], self.subject.config.healthy_label)

    def naive_difference(self, row: Row) -> float:
        """Largest difference of the naive row's results from `reference` mode, relative to their largest value."""
        naive, evidence = self.naive(row, row.timed), self.engine(row.timed)
        w = self._guidance
        pairs: list[tuple[Tensor, NDArray[np.floating]]] = [
            (naive.aam, evidence.aam(w)),
            (naive.divergence, evidence.divergence(w)),
            (naive.mse_healthy, evidence.mse_healthy(w)),
            (naive.mse_unguided, evidence.mse_unguided()),
        ]
        return max(_relative_difference(ours.cpu().numpy(), theirs) for ours, theirs in pairs)

    def in_precision(self, precision: Precision) -> NetworkPredictor:
        """The network as the engine runs it."""
        if precision not in self._engine:
            self._engine[precision] = self._engine["float32"].in_precision(precision)
        return self._engine[precision]


def _relative_difference(ours: NDArray[np.floating], theirs: NDArray[np.floating]) -> float:
    """Infinite where one has a number and the other none, as at different end steps."""
    empty = np.isnan(theirs)
    if not np.array_equal(np.isnan(ours), empty):
        return float("inf")
    if empty.all():
        return 0.0
    return float(np.abs(ours - theirs)[~empty].max() / max(np.abs(theirs)[~empty].max(), 1e-30))
