"""Say how two stored results differ: settings, decisions, masks, heatmaps, components."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core.errors import EvidenceError
from ..volumes.geometry import VolumeGeometry
from .components import label_components
from .findings import FINDINGS_FILE, read_findings
from .segmentation import HEATMAP_FILE, SEGMENTATION_FILE, read_heatmap, read_segmentation

# What text files and image headers round away, far below any voxel.
_SAME_MM = 1e-3
_SAME_DIRECTION = 1e-6


@dataclass(frozen=True)
class DecisionChange:
    """A slice that the two results decide differently."""

    index: int
    level_ras_s_mm: float
    decision_a: str
    """`healthy`, `unhealthy`, `not examined`, or `undecided` where the run used no decision."""
    decision_b: str


@dataclass(frozen=True)
class ComponentPair:
    """Components that overlap, or one that has no partner (None on the other side)."""

    number_a: int | None
    number_b: int | None
    volume_a_ml: float
    volume_b_ml: float
    overlap_ml: float


@dataclass(frozen=True)
class Comparison:
    """What `compare_results` found. (a, b) are the values of the first and the second result."""

    directory_a: Path
    directory_b: Path
    differing: dict[str, tuple[Any, Any]]
    """Entries of input, model and parameters that differ, by dotted name; a missing entry is None."""
    same_geometry: bool
    """Whether voxels can be compared one by one; if not, the next six are None or empty."""
    dice: float | None
    """Of the two segmentations; None if both are empty."""
    correlation: float | None
    """Pearson's, of the two heatmaps over all voxels; None if one of them is constant."""
    largest_difference: float | None
    """Largest absolute difference of the two heatmaps."""
    components: list[ComponentPair]
    """Pairs by falling overlap, then components of the first, then of the second without partner."""
    same_slices: bool
    """Whether both stacks have the same slices; if not, decisions are not compared."""
    decision_changes: list[DecisionChange]
    volume_ml: tuple[float, float]


def compare_results(directory_a: str | Path, directory_b: str | Path) -> Comparison:
    """Compare the results in two output folders.

    Reads heatmap.nrrd, segmentation.seg.nrrd and findings.json of each. Raises EvidenceError if
    one is missing, damaged or does not fit the others.
    """
    a, b = _load(Path(directory_a)), _load(Path(directory_b))
    same_geometry = _same_geometry(a.geometry, b.geometry)
    levels = [[entry["level_ras_s_mm"] for entry in result.findings["slices"]] for result in (a, b)]
    same_slices = len(levels[0]) == len(levels[1]) and np.allclose(levels[0], levels[1], rtol=0, atol=_SAME_MM)
    return Comparison(
        directory_a=Path(directory_a),
        directory_b=Path(directory_b),
        differing=_differing(a.findings, b.findings),
        same_geometry=same_geometry,
        dice=_dice(a.mask, b.mask) if same_geometry else None,
        correlation=_correlation(a.score, b.score) if same_geometry else None,
        largest_difference=float(np.abs(a.score - b.score).max()) if same_geometry else None,
        components=_pairs(a, b) if same_geometry else [],
        same_slices=same_slices,
        decision_changes=_decision_changes(a.findings, b.findings) if same_slices else [],
        volume_ml=(a.findings["totals"]["volume_ml"], b.findings["totals"]["volume_ml"]),
    )


def format_comparison(comparison: Comparison) -> str:
    """The comparison as the text printed by the command line."""
    lines = [f"A: {comparison.directory_a}", f"B: {comparison.directory_b}", ""]
    if comparison.differing:
        lines.append("Settings that differ (A -> B):")
        lines += [f"  {name}: {_shown(a)} -> {_shown(b)}" for name, (a, b) in comparison.differing.items()]
    else:
        lines.append("Input, model and settings are the same.")
    lines += ["", *_slice_lines(comparison), "", *_voxel_lines(comparison)]
    return "\n".join(lines) + "\n"


def _slice_lines(comparison: Comparison) -> list[str]:
    if not comparison.same_slices:
        return ["The stacks have different slices, so decisions are not compared."]
    if not comparison.decision_changes:
        return ["All slices are decided alike."]
    lines = [f"Slices decided differently, {len(comparison.decision_changes)} in all (A -> B):"]
    for change in comparison.decision_changes:
        place = f"slice {change.index + 1}, S {change.level_ras_s_mm:.1f} mm"
        lines.append(f"  {place}: {change.decision_a} -> {change.decision_b}")
    return lines


def _voxel_lines(comparison: Comparison) -> list[str]:
    volume_a, volume_b = comparison.volume_ml
    lines = [f"Total volume: {volume_a:.2f} mL -> {volume_b:.2f} mL."]
    if not comparison.same_geometry:
        return [*lines, "The results have different geometry, so voxels and regions are not compared."]
    dice = "both masks are empty" if comparison.dice is None else f"Dice {comparison.dice:.4f}"
    lines.append(f"Masks: {dice}.")
    correlation = "undefined" if comparison.correlation is None else f"{comparison.correlation:.5f}"
    lines.append(f"Heatmaps: correlation {correlation}, largest difference {comparison.largest_difference:.4g}.")
    for pair in comparison.components:
        if pair.number_b is None:
            lines.append(f"  region {pair.number_a} of A ({pair.volume_a_ml:.2f} mL) has no partner in B")
        elif pair.number_a is None:
            lines.append(f"  region {pair.number_b} of B ({pair.volume_b_ml:.2f} mL) has no partner in A")
        else:
            lines.append(
                f"  region {pair.number_a} of A is region {pair.number_b} of B: {pair.volume_a_ml:.2f} mL ->"
                f" {pair.volume_b_ml:.2f} mL ({pair.volume_b_ml - pair.volume_a_ml:+.2f}),"
                f" overlap {pair.overlap_ml:.2f} mL"
            )
    return lines


@dataclass(frozen=True)
class _Result:
    findings: dict[str, Any]
    score: NDArray[np.float32]
    mask: NDArray[np.bool_]
    geometry: VolumeGeometry
    labels: NDArray[np.int32]


def _load(directory: Path) -> _Result:
    if not directory.is_dir():
        raise EvidenceError(f"{directory} is not a folder; choose the output folder of a detection.")
    findings = read_findings(directory / FINDINGS_FILE)
    score, geometry = read_heatmap(directory / HEATMAP_FILE)
    mask, mask_geometry = read_segmentation(directory / SEGMENTATION_FILE)
    labels = label_components(score)
    stored_size = tuple(findings["geometry"]["size_ijk"])
    if (
        not _same_geometry(geometry, mask_geometry)
        or stored_size != geometry.size
        or int(labels.max()) != len(findings["components"])
    ):
        raise EvidenceError(f"The files in {directory} do not belong to one result; run the detection again.")
    return _Result(findings, score, mask, geometry, labels)


def _same_geometry(a: VolumeGeometry, b: VolumeGeometry) -> bool:
    return (
        a.size == b.size
        and np.allclose(a.spacing, b.spacing, rtol=0, atol=_SAME_MM)
        and np.allclose(a.origin, b.origin, rtol=0, atol=_SAME_MM)
        and np.allclose(a.direction, b.direction, rtol=0, atol=_SAME_DIRECTION)
    )


def _dice(a: NDArray[np.bool_], b: NDArray[np.bool_]) -> float | None:
    total = int(a.sum()) + int(b.sum())
    return 2 * int((a & b).sum()) / total if total else None


def _correlation(a: NDArray[np.float32], b: NDArray[np.float32]) -> float | None:
    # Constant is tested on the values: a mean in floating point leaves a spurious remainder.
    if np.ptp(a) == 0 or np.ptp(b) == 0:
        return None
    x = a.ravel() - a.mean(dtype=np.float64)
    y = b.ravel() - b.mean(dtype=np.float64)
    return float(np.clip(x @ y / np.sqrt((x @ x) * (y @ y)), -1, 1))


def _pairs(a: _Result, b: _Result) -> list[ComponentPair]:
    """Match one to one, largest overlap first."""
    volumes_a = {entry["number"]: entry["volume_ml"] for entry in a.findings["components"]}
    volumes_b = {entry["number"]: entry["volume_ml"] for entry in b.findings["components"]}
    both = (a.labels > 0) & (b.labels > 0)
    found, counts = np.unique(np.stack([a.labels[both], b.labels[both]]), axis=1, return_counts=True)
    voxel_ml = a.geometry.voxel_volume_mm3 / 1000
    pairs: list[ComponentPair] = []
    left_a, left_b = set(volumes_a), set(volumes_b)
    for position in np.argsort(-counts, kind="stable"):
        number_a, number_b = int(found[0, position]), int(found[1, position])
        if number_a in left_a and number_b in left_b:
            left_a.remove(number_a)
            left_b.remove(number_b)
            overlap = float(counts[position]) * voxel_ml
            pairs.append(ComponentPair(number_a, number_b, volumes_a[number_a], volumes_b[number_b], overlap))
    pairs += [ComponentPair(number, None, volumes_a[number], 0.0, 0.0) for number in sorted(left_a)]
    pairs += [ComponentPair(None, number, 0.0, volumes_b[number], 0.0) for number in sorted(left_b)]
    return pairs


def _decision_changes(a: Mapping[str, Any], b: Mapping[str, Any]) -> list[DecisionChange]:
    return [
        DecisionChange(old["index"], old["level_ras_s_mm"], _decision(old), _decision(new))
        for old, new in zip(a["slices"], b["slices"], strict=True)
        if _decision(old) != _decision(new)
    ]


def _decision(entry: Mapping[str, Any]) -> str:
    if not entry["examined"]:
        return "not examined"
    return str(entry["decision"] or "undecided")


def _differing(a: Mapping[str, Any], b: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    flat_a, flat_b = (
        {"method": doc["method"]["name"]} | {k: v for part in _COMPARED for k, v in _flat(doc[part], part)}
        for doc in (a, b)
    )
    names = [name for name in (*flat_a, *(name for name in flat_b if name not in flat_a)) if name != _DIGEST]
    return {name: (flat_a.get(name), flat_b.get(name)) for name in names if flat_a.get(name) != flat_b.get(name)}


_DIGEST = "parameters.request"
"""Says nothing to a reader that the other entries do not say."""
_COMPARED = ("input", "model", "parameters", "seed", "device", "software")


def _flat(value: Any, name: str) -> list[tuple[str, Any]]:
    if isinstance(value, Mapping):
        return [entry for key, part in value.items() for entry in _flat(part, f"{name}.{key}")]
    return [(name, value)]


def _shown(value: Any) -> str:
    return "none" if value is None else str(value)
