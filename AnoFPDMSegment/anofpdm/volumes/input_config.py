"""How a volume is brought before a network: its stack of slices and its intensities. Torch-free."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from ..core.names import MODALITY_RULE, is_modality
from ..core.records import require

Plane = Literal["acquired", "patient"]
Centring = Literal["head", "image"]
LevelDefinition = Literal["none", "head_extent"]
Anatomy = Literal["whole_head", "skull_stripped", "both"]


@dataclass(frozen=True)
class GridConfig:
    """The stack of axial slices the network sees, in millimetres of patient space."""

    field_of_view_mm: float = 240.0
    matrix: int = 128
    slice_spacing_mm: float | None = None
    """None: the acquired slices, thinned to at least `minimum_slice_spacing_mm`."""
    minimum_slice_spacing_mm: float = 0.0
    slab_average: bool = True
    """Average over the slice's thickness when the input is finer than the slice spacing."""
    plane: Plane = "acquired"
    """`acquired`: the acquired axes nearest to patient axes (native slices of a tilted axial
    scan); `patient`: exactly axial."""
    centring: Centring = "head"
    level: LevelDefinition = "none"
    """`head_extent`: 0 at the lowest, 1 at the highest slice that holds head."""

    def __post_init__(self) -> None:
        require(10 <= self.field_of_view_mm <= 2000, "grid.field_of_view_mm must lie between 10 and 2000")
        require(8 <= self.matrix <= 1024, "grid.matrix must lie between 8 and 1024")
        if self.slice_spacing_mm is not None:
            require(0.1 <= self.slice_spacing_mm <= 100, "grid.slice_spacing_mm must lie between 0.1 and 100")
        require(0 <= self.minimum_slice_spacing_mm <= 100, "grid.minimum_slice_spacing_mm must lie in 0..100")

    @property
    def pixel_mm(self) -> float:
        """Side of a model pixel in millimetres."""
        return self.field_of_view_mm / self.matrix


@dataclass(frozen=True)
class PreprocessingConfig:
    """Intensities and head (paper, section 4.1; `per_slice_min_max` is the reference's choice)."""

    percentile: float = 99.0
    """Each modality is divided by this percentile of its values inside the head, over the volume."""
    tissue_units: float | None = None
    """Divided instead by this many times the median of its tissue (see `standardise.tissue_level`), which hardly
    depends on fat, on lesions, or on whether there is a skull. None: by the percentile."""
    stripped_gain: float = 1.0
    """Skull-stripped input is multiplied by this as well: at the brain's own percentile over the whole head's, a brain
    is as bright without its skull as with it."""
    clip: bool = True
    """Clip to [0, 1] after the division; the network sees 2x - 1."""
    per_slice_min_max: bool = False
    anatomy: Anatomy = "whole_head"
    """What the training data showed; another kind of input raises a warning."""
    erosion_mm: float = 10.0
    """The interior is the head eroded by this much, so that scalp does not decide."""
    erosion_stripped_mm: float = 3.0
    """The same for skull-stripped input, whose border is brain already."""
    minimum_head_mm2: float = 1500.0
    """Slices with less head are not examined."""

    def __post_init__(self) -> None:
        require(50 <= self.percentile <= 100, "preprocessing.percentile must lie between 50 and 100")
        if self.tissue_units is not None:
            require(0.5 <= self.tissue_units <= 10, "preprocessing.tissue_units must lie between 0.5 and 10")
        require(0.1 <= self.stripped_gain <= 10, "preprocessing.stripped_gain must lie between 0.1 and 10")
        require(0 <= self.erosion_mm <= 50, "preprocessing.erosion_mm must lie between 0 and 50")
        require(0 <= self.erosion_stripped_mm <= 50, "preprocessing.erosion_stripped_mm must lie between 0 and 50")
        require(self.minimum_head_mm2 >= 0, "preprocessing.minimum_head_mm2 must not be negative")


@dataclass(frozen=True, kw_only=True)
class InputConfig:
    """All that the volume side needs of a model."""

    name: str
    """The model's, for messages."""
    modalities: tuple[str, ...]
    """Input channels in the network's order, lower case: flair, t1, t1ce, t2."""
    used: tuple[str, ...]
    """The modalities whose maps and scalars are used (method section 1)."""
    grid: GridConfig = field(default_factory=GridConfig)
    preprocessing: PreprocessingConfig = field(default_factory=PreprocessingConfig)

    def __post_init__(self) -> None:
        # They become parts of paths and command lines, and a model may come from anywhere.
        require(len(self.modalities) >= 1, "modalities must not be empty")
        require(all(map(is_modality, self.modalities)), f"every modality must be a plain name ({MODALITY_RULE})")
        require(len(set(self.modalities)) == len(self.modalities), "modalities must differ from one another")
        require(len(self.used) >= 1, "at least one modality must be used")
        require(all(m in self.modalities for m in self.used), "used modalities must be among the modalities")

    @property
    def used_channels(self) -> tuple[int, ...]:
        """Indices of the used modalities among the network's channels."""
        return tuple(self.modalities.index(m) for m in self.used)
