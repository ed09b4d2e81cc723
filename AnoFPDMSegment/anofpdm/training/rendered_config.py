"""What of a batch comes from heads rendered from label maps. Torch-free."""

from __future__ import annotations

from dataclasses import dataclass

from ..core.errors import SettingsError
from ..synthetic.contrast import ContrastPrior


@dataclass(frozen=True)
class RenderedConfig:
    """Heads are rendered while training runs, healthy and with painted lesions, whose place is known."""

    share: float = 0.0
    """Of each batch; the rest are real slices. 0: no label maps are needed."""
    priors: tuple[ContrastPrior, ...] = ("flair", "flair-wide")
    """Contrasts, equally frequent."""
    painted: float = 0.7
    """Share of heads with lesions."""
    stripped: float = 0.45
    """Share of heads without their skull."""
    pool: int = 64
    """Heads that slices are drawn from at each step."""
    heads_a_step: float = 0.3
    """Of these are new at each step."""
    workers: int = 1
    """Processes that render ahead; 0: the training process does."""

    def __post_init__(self) -> None:
        for name in ("share", "painted", "stripped"):
            _require(0 <= getattr(self, name) <= 1, f"rendered.{name} must lie in 0..1")
        _require(self.share < 1, "rendered.share must be below 1: the labels are the real slices'")
        _require(len(self.priors) > 0, "rendered.priors must not be empty")
        _require(1 <= self.pool <= 4096, "rendered.pool must lie in 1..4096")
        _require(0 < self.heads_a_step <= self.pool, "rendered.heads_a_step must be above 0 and at most rendered.pool")
        _require(0 <= self.workers <= 64, "rendered.workers must lie in 0..64")

    def count(self, batch_size: int) -> int:
        """Slices of a batch that are rendered."""
        return round(self.share * batch_size)


def _require(condition: bool, message: str) -> None:
    if not condition:
        raise SettingsError(f"The training configuration is wrong: {message}.")
