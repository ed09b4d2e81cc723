"""What a user asks the renderer for, checked. Torch-free until the settings are made."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..core.errors import SettingsError
from ..datasets.manifest import NOT_MODALITIES
from .contrast import CONTRAST_PRIORS, ContrastPrior

if TYPE_CHECKING:
    from .renderer import RenderSettings

MOST_HEADS = 100_000
ALL_SLICES = 10_000
FIELD_OF_VIEW_MM = (160.0, 400.0)
TRUTH = ("lesion", "brain", "ventricles", "side")
TAKEN = frozenset({*TRUTH, *NOT_MODALITIES})
"""Names of files of truth and of other columns of the manifest."""


@dataclass(frozen=True)
class RenderRequest:
    """Lengths in mm; `stripped`, `painted`, `z_scored`, `validation` are shares from 0 to 1.

    `modality`: column of the manifest. `validation`: share of the maps, last by name, whose heads are `val`.
    Raises SettingsError for what is out of range.
    """

    maps: Path
    table: Path
    output: Path
    heads: int = 20
    seed: int = 0
    prior: ContrastPrior = "flair"
    modality: str = "flair"
    matrix: int = 256
    pixel_mm: float = 0.9375
    slice_spacings_mm: tuple[float, ...] = (3.0, 4.0, 5.0, 6.0, 7.0, 8.0)
    stripped: float = 0.45
    painted: float = 0.5
    z_scored: float = 0.1
    oblique_degrees: float = 12.0
    validation: float = 0.25

    def __post_init__(self) -> None:
        _check(1 <= self.heads <= MOST_HEADS, f"--heads must lie between 1 and {MOST_HEADS}, not be {self.heads}")
        _check(0 <= self.seed < 2**63, f"--seed must not be negative, as {self.seed} is")
        _check(self.prior in CONTRAST_PRIORS, f"--prior must be one of {', '.join(CONTRAST_PRIORS)}")
        _check(
            self.modality.isidentifier() and self.modality not in TAKEN,
            f"--modality must be a plain name such as flair, and none of {', '.join(sorted(TAKEN))}",
        )
        _check(32 <= self.matrix <= 1024, f"--matrix must lie between 32 and 1024, not be {self.matrix}")
        for name in ("stripped", "painted", "z_scored"):
            value = getattr(self, name)
            _check(0 <= value <= 1, f"--{name.replace('_', '-')} is a share between 0 and 1, not {value:g}")
        _check(0 <= self.validation < 1, f"--split is a share from 0 to below 1, not {self.validation:g}")
        _check(bool(self.slice_spacings_mm), "--slice-spacing needs a number")
        for value in self.slice_spacings_mm:
            _check(0.5 <= value <= 12, f"--slice-spacing must lie between 0.5 and 12 mm, not be {value:g}")
        _check(
            0 <= self.oblique_degrees <= 40,
            f"--oblique must lie between 0 and 40 degrees, not be {self.oblique_degrees:g}",
        )
        low, high = FIELD_OF_VIEW_MM
        view = self.matrix * self.pixel_mm
        _check(
            math.isfinite(view) and low <= view <= high,
            f"{self.matrix} pixels of {self.pixel_mm:g} mm show {view:g} mm, where {low:g} to {high:g} mm are needed; "
            "change --matrix or --spacing",
        )

    def settings(self) -> RenderSettings:
        """For the renderer."""
        from .renderer import RenderSettings

        return RenderSettings(
            prior=self.prior,
            matrix=self.matrix,
            field_of_view_mm=self.matrix * self.pixel_mm,
            spacings_mm=self.slice_spacings_mm,
            slices=ALL_SLICES,
            painted=self.painted,
            stripped=self.stripped,
        )

    def record(self) -> dict[str, Any]:
        """For the recipe: everything that decides what comes out, without the paths."""
        return {name: value for name, value in asdict(self).items() if name not in ("maps", "table", "output")}


def _check(holds: bool, otherwise: str) -> None:
    if not holds:
        raise SettingsError(f"{otherwise}.")
