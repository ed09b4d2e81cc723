"""All that the gate measures of a volume: numbers by name, `group.measure`. Torch-free."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from .anatomy import anatomy_measures, detail_measures, symmetry_measures
from .contrast import contrast_measures
from .orientation import front_measures, upright_measures
from .seen_volume import SeenVolume

OWN = "own"
"""Group of what the method measures itself."""
ACQUISITION = "acquisition"
GROUPS: dict[str, Callable[[SeenVolume], dict[str, float]]] = {
    "contrast": contrast_measures,
    "anatomy": anatomy_measures,
    "symmetry": symmetry_measures,
    "detail": detail_measures,
    "upright": upright_measures,
    "front": front_measures,
}


def measure(seen: SeenVolume, own: Mapping[str, float]) -> dict[str, float]:
    """Of the volume, and of the method beside it; what cannot be measured is left out."""
    found = {
        f"{ACQUISITION}.coverage_mm": seen.extent_mm,
        f"{ACQUISITION}.slice_mm": max(seen.voxel_mm),
        f"{ACQUISITION}.pixel_mm": sorted(seen.voxel_mm)[1],
    }
    for group, function in GROUPS.items():
        found |= {f"{group}.{name}": float(value) for name, value in function(seen).items()}
    return found | {f"{OWN}.{name}": float(value) for name, value in own.items()}
