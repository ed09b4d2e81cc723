"""What an evaluation is asked to do. Torch-free."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from ..core.errors import SettingsError
from ..datasets.manifest import Split
from ..methods.anofpdm.calibration import Consistency, Decision
from ..methods.anofpdm.settings import MapKind

YARDSTICKS = ("all-zero", "level-only", "intensity", "left-right")
ANOFPDM = ("anofpdm", "anofpdm-both-directions", "anofpdm-ddpm", "anofpdm-reference")
COMPARED = ("anoddpm-gaussian", "anoddpm-simplex", "classifier-guidance", "ddib", "cg-cdm")
METHODS = (*ANOFPDM, "label-free", *COMPARED, *YARDSTICKS)
DEFAULT_METHODS = ("anofpdm", *YARDSTICKS)

ThresholdName = Literal["healthy", "dynamic"]
Metrics = Literal["own", "reference"]


@dataclass(frozen=True)
class Variants:
    """Which variants of AnoFPDM are measured; every combination that makes sense is one."""

    presets: tuple[str, ...] | None = None
    """Names of the model's calibrations; None: all of them."""
    guidance: tuple[float, ...] | None = None
    """None: the calibration's default strength."""
    thresholds: tuple[ThresholdName, ...] = ("healthy", "dynamic")
    decisions: tuple[Decision, ...] = ("map", "similarity")
    maps: tuple[MapKind, ...] = ("aggregated", "last")
    consistencies: tuple[Consistency, ...] = ("volume", "slice")
    """`volume` goes with the aggregated map and its own decision alone, and with calibrations that hold it."""


@dataclass(frozen=True)
class EvaluationRequest:
    """One evaluation. Raises SettingsError for numbers out of range."""

    model: str
    manifest: Path
    output: Path
    methods: tuple[str, ...] = DEFAULT_METHODS
    split: Split = "val"
    tuning_split: Split | None = None
    """Slices whose image-level labels tune thresholds; None: the measured ones."""
    variants: Variants = field(default_factory=Variants)
    ready_masks: Mapping[str, Path] = field(default_factory=dict)
    """Folders of masks made by other tools, by the tool's name; likewise `ready_maps`."""
    ready_maps: Mapping[str, Path] = field(default_factory=dict)
    anoddpm: Mapping[str, Path] = field(default_factory=dict)
    """Model folders of networks trained for AnoDDPM, by the method's name."""
    classifier: Path | None = None
    """Folder of the classifier that classifier guidance follows."""
    compared_steps: int = 25
    """Most noise levels that compared methods visit one way."""
    grid_slices: int = 100
    """Tuning slices on which compared methods try their grids."""
    metrics: Metrics = "own"
    reference_batch: int = 32
    erosion_mm: float | None = None
    resamplings: int = 1000
    seed: int = 0
    cache: Path | None = None
    device: str = "auto"
    batch_size: int | None = None
    pictures: bool = True
    ablations: bool = False
    """Add the paper's ablations at the first preset named, else at the model's default one."""

    def __post_init__(self) -> None:
        unknown = [name for name in self.methods if name not in METHODS]
        if unknown:
            raise SettingsError(f"There is no method '{unknown[0]}'; choose some of {', '.join(METHODS)}.")
        if not (self.methods or self.ready_masks or self.ready_maps):
            raise SettingsError("There is nothing to measure; name methods, or folders of ready masks or maps.")
        if "aggregated" not in self.variants.maps and "dynamic" not in self.variants.thresholds:
            raise SettingsError(
                "The healthy threshold is calibrated for the aggregated map; with --maps last give --thresholds "
                "dynamic."
            )
        self._check_compared()
        self._check_names()
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

    def _check_compared(self) -> None:
        for name in self.methods:
            if name.startswith("anoddpm-") and name not in self.anoddpm:
                raise SettingsError(
                    f"The method {name} needs a network of its own: train one with anofpdm train --purpose {name} and "
                    f"give its folder as --{name}."
                )
        if "classifier-guidance" in self.methods and self.classifier is None:
            raise SettingsError(
                "Classifier guidance needs a classifier of noisy slices: train one with anofpdm train --purpose "
                "classifier and give its folder as --classifier."
            )
        if self.classifier is not None and "classifier-guidance" not in self.methods:
            raise SettingsError("--classifier is for the method classifier-guidance; add it to --methods.")
        unused = [name for name in self.anoddpm if name not in self.methods]
        if unused:
            raise SettingsError(f"--{unused[0]} is for the method of that name; add it to --methods.")
        if not 2 <= self.compared_steps <= 1000:
            raise SettingsError(f"--compared-steps must lie between 2 and 1000, not {self.compared_steps}.")
        if self.grid_slices < 2:
            raise SettingsError(f"--grid-slices must be at least 2, not {self.grid_slices}.")

    def _check_names(self) -> None:
        taken = [name for name in (*self.ready_masks, *self.ready_maps) if name in METHODS]
        if taken:
            raise SettingsError(f"'{taken[0]}' is a method's name; give the ready results another, as NAME=FOLDER.")

    @property
    def splits(self) -> tuple[Split, ...]:
        """The measured split and, where it is another, the tuning split."""
        return tuple(dict.fromkeys((self.split, self.tuning_split or self.split)))
