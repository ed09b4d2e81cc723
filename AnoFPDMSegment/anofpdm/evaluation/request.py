"""What an evaluation is asked to do. Torch-free."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from ..core.errors import SettingsError
from ..datasets.manifest import Split
from .method_list import check_request

Metrics = Literal["own", "reference"]


@dataclass(frozen=True)
class EvaluationRequest:
    """One evaluation. Raises SettingsError for numbers out of range."""

    model: str
    manifest: Path
    output: Path
    methods: tuple[str, ...] | None = None
    """None: the model's own, and the yardsticks."""
    split: Split = "val"
    tuning_split: Split | None = None
    """Slices whose image-level labels tune thresholds; None: the measured ones."""
    options: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """Of the methods: values by name, by the title of `methods.evaluated.Evaluated`."""
    ready_masks: Mapping[str, Path] = field(default_factory=dict)
    """Folders of masks made by other tools, by the tool's name; likewise `ready_maps`."""
    ready_maps: Mapping[str, Path] = field(default_factory=dict)
    metrics: Metrics = "own"
    reference_batch: int = 32
    erosion_mm: float | None = None
    resamplings: int = 1000
    seed: int = 0
    cache: Path | None = None
    device: str = "auto"
    batch_size: int | None = None
    pictures: bool = True

    def __post_init__(self) -> None:
        if self.methods == () and not (self.ready_masks or self.ready_maps):
            raise SettingsError("There is nothing to measure; name methods, or folders of ready masks or maps.")
        check_request(self)
        if not 0 <= self.resamplings <= 100_000:
            raise SettingsError(f"--resamplings must lie between 0 and 100000, not {self.resamplings}.")
        if not 0 <= self.seed < 2**63:
            raise SettingsError(f"The seed must lie between 0 and 2^63 - 1, not {self.seed}.")
        if self.batch_size is not None and not 1 <= self.batch_size <= 4096:
            raise SettingsError(f"The batch size must lie between 1 and 4096, not {self.batch_size}.")
        if not 1 <= self.reference_batch <= 100_000:
            raise SettingsError(f"--reference-batch must lie between 1 and 100000, not {self.reference_batch}.")
        if self.erosion_mm is not None and not 0 <= self.erosion_mm <= 50:
            raise SettingsError(f"--erosion-mm must lie between 0 and 50, not {self.erosion_mm:g}.")

    @property
    def splits(self) -> tuple[Split, ...]:
        """The measured split and, where it is another, the tuning split."""
        return tuple(dict.fromkeys((self.split, self.tuning_split or self.split)))
