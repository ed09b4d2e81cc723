"""How the forward process is run. Torch-free."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ...core.precision import Precision
from ...core.records import require

Encoding = Literal["ddim", "ddpm"]
Mode = Literal["paper", "reference"]
Direction = Literal["both", "brighter", "darker"]


@dataclass(frozen=True)
class OperatingPoint:
    """How the forward process is run; a calibration holds for exactly one of these.

    `first` and `last` are the noise levels 1..T between which `steps` levels are visited.
    """

    steps: int = 12
    first: int = 1
    last: int = 400
    encoding: Encoding = "ddim"
    mode: Mode = "paper"
    clamp: bool = False
    guidance_bank: tuple[float, ...] = ()
    """With `clamp`: the guidance strengths accumulated side by side."""
    precision: Precision = "float32"
    end_step: int | None = None
    """None: t_e = argmax M_t (the paper's stopping rule); else a fixed number of visited steps."""
    mirrored: bool = False
    """Each prediction is averaged with that of the slice mirrored left to right, mirrored back: twice the network
    evaluations."""
    direction: Direction = "both"
    """`brighter`, `darker`: maps are 0 where the slice is not so, compared with the healthy prediction at t_e."""

    def __post_init__(self) -> None:
        require(self.first >= 1, "the range of the forward process must start at 1 or later")
        require(self.first < self.last, "the range of the forward process must end after it starts")
        require(self.steps >= 2, "the forward process must visit at least 2 steps")
        require(
            self.steps <= self.last - self.first + 1,
            f"{self.steps} steps do not fit into the range {self.first}..{self.last}",
        )
        require(self.clamp == bool(self.guidance_bank), "a guidance bank goes with the clamp, and only with it")
        require(len(self.guidance_bank) <= 100, "a guidance bank holds at most 100 strengths")
        require(all(0 <= w <= 1000 for w in self.guidance_bank), "guidance strengths must lie between 0 and 1000")
        require(list(self.guidance_bank) == sorted(set(self.guidance_bank)), "the guidance bank must rise")
        if self.end_step is not None:
            require(1 <= self.end_step <= self.steps, f"the end step must lie between 1 and {self.steps}")

    @property
    def includes_end_step(self) -> bool:
        """Whether the map of t_e enters the aggregated map; the public code stops before its own t_e (method 4.5)."""
        return self.mode == "paper" or self.end_step is not None
