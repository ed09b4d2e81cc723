"""A model's calibration: thresholds and scaling over the guidance strength (method section 3).

A calibration holds for one operating point and one set of weights. Torch-free.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from ...core.errors import ModelError, SettingsError
from ...core.names import PLAIN_RULE, is_plain_name
from ...core.records import load_json, record_from_dict, record_to_dict, shown
from .operating_point import OperatingPoint

CALIBRATION_SCHEMA = 1
PEAK_SHARE = 0.99
"""Accuracies within this share of the best are held to be equal: the paper's rule for the guidance strength."""

Decision = Literal["similarity", "map"]
CalibratedThreshold = Literal["dynamic", "healthy"]
Region = Literal["interior", "frame"]
Consistency = Literal["slice", "volume"]


@dataclass(frozen=True)
class OtherConsistency:
    """What holds for the consistency that is not a calibration's own. Tables run over its guidance strengths."""

    map_threshold: tuple[float, ...]
    healthy_level: float
    healthy_threshold: tuple[float, ...]


@dataclass(frozen=True)
class Calibration:
    """A calibration for one operating point. Tables run over `guidance`, rising guidance strengths."""

    name: str
    """Among the calibrations of one file; usually that of a preset."""
    weights_sha256: str
    operating_point: OperatingPoint
    guidance: tuple[float, ...]
    default_guidance: float
    """The largest w whose image-level accuracy stays within 99 % of the peak."""
    accuracy: tuple[float, ...]
    """Image-level accuracy of the default decision at each w, on the calibration slices."""
    auroc: tuple[float, ...]
    """Image-level area under the ROC curve of the default decision at each w, likewise."""
    decision: Decision
    """The image-level decision the labels prefer."""
    similarity_threshold: tuple[float, ...]
    """threshold_cos: unhealthy if sim <= threshold."""
    map_threshold: tuple[float, ...]
    """Unhealthy if the map statistic >= threshold."""
    top_pixels: int
    """How many of the largest map values the map statistic averages."""
    threshold: CalibratedThreshold
    """The pixel threshold used by default, which the labels prefer."""
    healthy_level: float
    """Quantile of the healthy slices' maps in the interior that gives `healthy_threshold`."""
    healthy_threshold: tuple[float, ...]
    scaling: tuple[tuple[float, ...], ...]
    """Dataset-calibrated scaling. Without the clamp one row: max mean(D^2) per used modality, so that
    M_max(w) = (1 + w)^2 times it. With the clamp a row for each w: M_max per used modality."""
    region: Region = "interior"
    """Where anomalies are accepted, which the labels prefer: the eroded head, or the whole frame as in the public
    code."""
    consistency: Consistency = "slice"
    """Whether maps and their statistics count alone or averaged over neighbouring pixels and slices, which the labels
    prefer; the tables of maps hold for this one."""
    other_consistency: OtherConsistency | None = None
    """The other one's; None if unknown."""
    shown_accuracy: float | None = None
    """Image-level balanced accuracy of that threshold and region: a slice is called by having any component."""
    other_accuracy: tuple[float, ...] = ()
    """Image-level accuracy of the decision that is not the default at each w; empty if unknown."""
    unguided_error: tuple[float, ...] = ()
    """Lowest and highest `typical_error` of a calibration volume, with a margin; empty if unknown."""
    slices: int = 0
    unhealthy_slices: int = 0
    subjects: int = 0
    source: str = ""
    """What it was calibrated on."""
    user_name: str = ""
    """What the user named the calibrations it belongs to; empty for the model's own."""

    def __post_init__(self) -> None:
        n = len(self.guidance)
        for name in (self.name, *([self.user_name] if self.user_name else [])):
            _require(is_plain_name(name), f"its name must be {PLAIN_RULE}")
        _require(n >= 1, "it has no guidance strengths")
        _require(list(self.guidance) == sorted(set(self.guidance)), "its guidance strengths do not rise")
        _require(self.guidance[0] >= 0, "a guidance strength is negative")
        for table in ("accuracy", "auroc", "similarity_threshold", "map_threshold", "healthy_threshold"):
            _require(len(getattr(self, table)) == n, f"its table '{table}' does not have {n} entries")
        _require(len(self.other_accuracy) in (0, n), f"its table 'other_accuracy' does not have {n} entries")
        other = self.other_consistency
        positive = [*self.map_threshold, *self.healthy_threshold]
        if other is not None:
            _require(len(other.map_threshold) == n == len(other.healthy_threshold), "its other tables are incomplete")
            _require(0 < other.healthy_level < 1, "healthy_level must lie between 0 and 1")
            positive += [*other.map_threshold, *other.healthy_threshold]
        _require(all(v > 0 for v in positive), "a map threshold is not positive")
        low, high = self.guidance[0], self.guidance[-1]
        _require(low <= self.default_guidance <= high, "its default guidance is off its table")
        rows = n if self.operating_point.clamp else 1
        _require(len(self.scaling) == rows, f"its scaling does not have {rows} rows")
        _require(len({len(row) for row in self.scaling}) == 1, "its scaling rows differ in length")
        _require(all(v > 0 for row in self.scaling for v in row), "its scaling is not positive")
        _require(self.top_pixels >= 1, "top_pixels must be at least 1")
        _require(0 < self.healthy_level < 1, "healthy_level must lie between 0 and 1")
        _require(len(self.unguided_error) in (0, 2), "unguided_error must hold two values")
        if self.operating_point.clamp:
            _require(self.guidance == self.operating_point.guidance_bank, "its guidance strengths are not the bank's")

    @property
    def label(self) -> str:
        """Its name, preceded by that of the user's calibrations it belongs to: `balanced`, `clinic/balanced`."""
        return f"{self.user_name}/{self.name}" if self.user_name else self.name

    @property
    def default_auroc(self) -> float:
        """AUROC of the default decision at the default guidance strength."""
        return self.auroc[self.guidance.index(self.default_guidance)]

    def at(self, w: float, consistency: Consistency | None = None) -> CalibratedValues:
        """The calibrated values at guidance strength `w`, interpolated between the table's entries.

        Map thresholds grow like (1 + w)^2, so they are interpolated on logarithmic axes; table entries
        come back exactly. Raises SettingsError outside the table, and for a `consistency` (None: its own) that is not
        in it.
        """
        low, high = self.guidance[0], self.guidance[-1]
        if not low <= w <= high:
            raise SettingsError(
                f"The calibration '{self.label}' covers guidance strengths {low:g} to {high:g}, not {w:g}; "
                "choose one inside, or give --threshold quantile=Q or value=V with --ungated."
            )
        position = np.log1p(np.asarray(self.guidance))

        def linear(table: Sequence[float]) -> float:
            return float(np.interp(np.log1p(w), position, table))

        def logarithmic(table: Sequence[float]) -> float:
            return float(np.exp(np.interp(np.log1p(w), position, np.log(table))))

        if self.operating_point.clamp:
            columns = [logarithmic(column) for column in zip(*self.scaling, strict=True)]
        else:
            gain = 1.0 + w if self.operating_point.mode == "paper" else w
            columns = [value * gain**2 for value in self.scaling[0]]
        of_maps = self._of_maps(consistency or self.consistency)
        row = self.guidance.index(w) if w in self.guidance else None

        def value(table: Sequence[float], between: Callable[[Sequence[float]], float]) -> float:
            return between(table) if row is None else table[row]

        return CalibratedValues(
            similarity_threshold=value(self.similarity_threshold, linear),
            map_threshold=value(of_maps.map_threshold, logarithmic),
            healthy_threshold=value(of_maps.healthy_threshold, logarithmic),
            largest_divergence=tuple(columns),
        )

    def has(self, consistency: Consistency | None) -> bool:
        """Whether it has thresholds of maps for this consistency; None is its own."""
        return consistency in (None, self.consistency) or self.other_consistency is not None

    def _of_maps(self, consistency: Consistency) -> Calibration | OtherConsistency:
        if consistency == self.consistency:
            return self
        if self.other_consistency is None:
            raise SettingsError(
                f"The calibration '{self.label}' holds no thresholds for --consistency {consistency}; calibrate again "
                "or leave it out."
            )
        return self.other_consistency


@dataclass(frozen=True)
class CalibratedValues:
    """A calibration looked up at one guidance strength."""

    similarity_threshold: float
    map_threshold: float
    healthy_threshold: float
    largest_divergence: tuple[float, ...]
    """M_max per used modality."""


def _require(condition: bool, what: str) -> None:
    if not condition:
        raise ModelError(f"The calibration cannot be used: {what}; calibrate the model again.")


def _key(point: OperatingPoint) -> dict[str, Any]:
    return {**record_to_dict(point), "guidance_bank": []}


def _scale(point: OperatingPoint) -> dict[str, Any]:
    """What the scale of maps and curves depends on."""
    return {name: value for name, value in _key(point).items() if name not in ("steps", "precision", "direction")}


def calibration_for(
    calibrations: Sequence[Calibration], point: OperatingPoint, weights_sha256: str
) -> tuple[Calibration | None, str]:
    """The calibration made for `point`, or the nearest comparable one with a sentence that says so.

    Thresholds may be borrowed only between numbers of steps, precisions and directions: another encoding, mode, clamp,
    range or stopping rule is on another scale.

    Returns:
        (calibration or None, warning or ""). With None the warning says what is missing.
    """
    fitting = [c for c in calibrations if c.weights_sha256 == weights_sha256]
    for calibration in fitting:
        if _key(calibration.operating_point) == _key(point):
            return calibration, ""
    comparable = [c for c in fitting if _scale(c.operating_point) == _scale(point)]
    if not comparable:
        stale = " (its calibrations belong to other weights)" if calibrations and not fitting else ""
        return None, f"This model has no calibration for {describe_point(point)}{stale}."

    nearest = min(comparable, key=lambda c: abs(c.operating_point.steps - point.steps))
    return nearest, (
        f"Not calibrated for {describe_point(point)}: thresholds are borrowed from "
        f"{describe_point(nearest.operating_point)}, so decisions and borders may be off."
    )


def describe_point(point: OperatingPoint) -> str:
    """The operating point in a few words for messages."""
    words = f"{point.steps} {point.encoding.upper()} steps over {point.first}..{point.last}, {point.mode} mode"
    if point.clamp:
        words += ", clamped"
    if point.mirrored:
        words += ", mirrored too"
    if point.direction != "both":
        words += f", {point.direction} only"
    if point.end_step is not None:
        words += f", fixed end step {point.end_step}"
    return f"{words}, {point.precision}"


def short_point(point: OperatingPoint) -> str:
    """Steps and range for tables: `12 of 1..400`; with mirrored slices `8 x 2 of 1..400`."""
    return f"{point.steps}{' x 2' if point.mirrored else ''} of {point.first}..{point.last}"


def calibrations_to_json(calibrations: Sequence[Calibration]) -> str:
    """The text of `calibration.json`."""
    entries = [record_to_dict(calibration) for calibration in calibrations]
    return json.dumps({"schema": CALIBRATION_SCHEMA, "calibrations": entries}, indent=2) + "\n"


def load_calibrations(path: Path) -> list[Calibration]:
    """Read `calibration.json`. Raises ModelError."""
    values = load_json(path, "calibration")
    if values.get("schema") != CALIBRATION_SCHEMA:
        raise ModelError(f"{path} has schema {shown(values.get('schema'))}; this version reads {CALIBRATION_SCHEMA}.")
    # Of a model that has only the gate's reference beside it, none.
    entries = values.get("calibrations", [] if len(values) > 1 else None)
    if not isinstance(entries, list):
        raise ModelError(f"{path} holds no list of calibrations; calibrate the model again.")
    return [record_from_dict(Calibration, entry, f"{path.name}: calibrations[{i}]") for i, entry in enumerate(entries)]
