"""What `config.json` records of a fused model: whose answers it joins, and how. Torch-free."""

from __future__ import annotations

from dataclasses import dataclass

from ...core.records import require
from ...store.model_config import ModelConfig
from ...store.model_part import ModelPart

NAME = "fused"


@dataclass(frozen=True)
class Fusion:
    """See `fusion.joined_probability`."""

    witness: float = 2.0
    """By how much a finding of the witness raises the finder's log odds."""
    agreement: float = 0.3
    """The witness counts in volumes where at least this share of what it marks is possible for the finder."""
    possible: float = 0.05
    """From which probability on something is possible."""
    threshold: float = 0.3
    """Joint probability from which on a pixel is marked."""
    minimum_mm3: float = 50.0
    """Smaller components are dropped."""

    def __post_init__(self) -> None:
        """Raises ModelError."""
        require(0 <= self.witness <= LARGEST_WITNESS, f"fusion.witness must lie between 0 and {LARGEST_WITNESS:g}")
        require(0 <= self.agreement <= 1, "fusion.agreement must lie between 0 and 1")
        require(0 <= self.possible < 1, "fusion.possible must lie between 0 and 1")
        require(0 <= self.minimum_mm3 <= 1e6, "fusion.minimum_mm3 must lie between 0 and 1000000")
        require(0 < self.threshold < 1, "fusion.threshold must lie between 0 and 1")


LARGEST_WITNESS = 20.0


@dataclass(frozen=True, kw_only=True)
class FusedConfig(ModelConfig):
    """The whole of such a `config.json`; grid and preprocessing are the finder's."""

    method: str = NAME
    minimum_size_px: int = 0
    finder: ModelPart
    """A student."""
    witness: ModelPart
    """A model of AnoFPDM."""
    fusion: Fusion = Fusion()
    preset: str | None = None
    """The witness's, where none is asked for; None: its own default."""

    def __post_init__(self) -> None:
        super().__post_init__()
        require(len(self.modalities) == 1, "two witnesses look at one image")
