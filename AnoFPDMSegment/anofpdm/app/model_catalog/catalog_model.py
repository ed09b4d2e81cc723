"""One entry of the catalog: what the panel shows of a model and needs for a run."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ...methods.method import Method
    from ...methods.offers import Preset
    from ...store.model_config import ModelConfig

OWN = "default"
"""Names the calibrations that a model brings along."""


@dataclass(frozen=True)
class CatalogModel:
    """A model by its name in the list; with `error` it cannot be used, and only name and folder are known."""

    name: str
    folder: Path
    removable: bool
    """Whether it lies among the user's models."""
    error: str = ""
    config: ModelConfig | None = None
    card: str = ""
    """The model card, Markdown."""
    weights_sha256: str = ""
    calibrations: Mapping[str, tuple[Preset, ...]] = field(default_factory=dict)
    """By the name of the calibrations: `default`, the model's own, and those the user made. None is empty."""
    calibration: str = OWN
    """The name of those in use."""
    namesake: bool = False
    """Whether another model in the list is called the same, so that the title needs the name, which is its own."""

    @property
    def line(self) -> str:
        """Modalities, training data, licence and purpose in one line."""
        if self.config is None:
            return self.error
        config = self.config
        licence = f"{config.licence}{' (non-commercial)' if config.non_commercial else ''}"
        trained = config.trained_on or "data not stated"
        return f"{', '.join(self.modalities)} · trained on {trained} · {licence} · research use only"

    @property
    def title(self) -> str:
        """What the model is, for people; no other in the list has the same."""
        title = self.config.title if self.config and self.config.title else self.name
        return f"{title} ({self.name})" if self.namesake else title

    @property
    def method(self) -> Method | None:
        """Whose model it is; None with an error."""
        from ...methods.registry import find_method

        return find_method(self.config.method) if self.config is not None and not self.error else None

    @property
    def modalities(self) -> tuple[str, ...]:
        """Inputs in the network's order, upper case as people write them."""
        return tuple(name.upper() for name in self.config.modalities) if self.config else ()

    @property
    def inputs(self) -> tuple[str, ...]:
        """The same as the command line names them."""
        return self.config.modalities if self.config else ()

    @property
    def used(self) -> tuple[str, ...]:
        """The modalities whose maps are used, which scaling has one value each for."""
        return self.config.used if self.config else ()

    @property
    def presets(self) -> tuple[Preset, ...]:
        """Of the calibrations in use; never empty for a model without an error. The first is the default."""
        return self.calibrations.get(self.calibration, ())

    def with_calibration(self, name: str) -> CatalogModel:
        """The same model with other calibrations in use; with its own where there are none of that name."""
        return dataclasses.replace(self, calibration=name if name in self.calibrations else OWN)

    def preset(self, name: str) -> Preset:
        """The preset of that name, or the first."""
        return next((preset for preset in self.presets if preset.name == name), self.presets[0])

    def slices_of_stack(self, size: Sequence[int], ijk_to_ras: Sequence[Sequence[float]]) -> int:
        """How many slices the model lays over a volume; some of them may hold no head.

        Args:
            size: voxels along I, J, K.
            ijk_to_ras: 4 x 4, with scaling.

        Raises EvidenceError where that is no geometry of a volume.
        """
        import numpy as np

        from ...volumes.geometry import VolumeGeometry
        from ...volumes.stack_grid import stack_slices

        if self.config is None:
            return 0
        to_lps = np.diag([-1.0, -1.0, 1.0]) @ np.asarray(ijk_to_ras, dtype=float)[:3]
        spacing = np.linalg.norm(to_lps[:, :3], axis=0)
        direction = to_lps[:, :3] / spacing
        geometry = VolumeGeometry.from_dict(
            {"size": size, "spacing": spacing, "origin": to_lps[:, 3], "direction": direction.ravel()}
        )
        return stack_slices(geometry, self.config.grid)
