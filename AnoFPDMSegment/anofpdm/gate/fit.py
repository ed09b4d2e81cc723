"""A reference from the measures of volumes that the model should know, and of others that it should not. Torch-free."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from ..core.arrays import FloatArray
from ..core.errors import InputError
from .assess import group_distance
from .reference import GateReference, Group, Rule, Span

Measured = Mapping[str, float]
GROUPED = ("contrast", "anatomy", "symmetry", "detail", "own")
LEAST_VOLUMES = 20
SHRINKAGE = 0.15
"""Share of the correlations that is not believed."""
USUAL = 0.98
"""Share of the calibration volumes within a group's limit."""
RED_FACTORS = {"contrast": 1.7, "anatomy": 2.0, "detail": 2.0}
"""Times the limit; and at least a quarter beyond the farthest calibration volume. Symmetry and the method's own figures
are never red alone: a large lesion changes both."""
BEYOND_FARTHEST = 1.25
TISSUE_CONTRAST = (
    "contrast.deep_tissue",
    "contrast.rim_over_deep",
    "contrast.between",
    "contrast.rim_high",
    "contrast.dark_deep",
    "contrast.slope",
    "contrast.balance",
)
FLUID_CONTRAST = ("contrast.low", "contrast.high", "contrast.bright_deep")
SEQUENCE_MEASURES = {"t1": TISSUE_CONTRAST, "t2": (*TISSUE_CONTRAST, *FLUID_CONTRAST)}
"""In a T1 fluid is as dark as in a FLAIR: it tells nothing there."""
RIDGE, FARTHEST = 0.3, 12.0
SURE_AND_FOREIGN = {"t1": (2.0, 2.85), "t2": (2.5, 4.0)}
"""Deviations of the known volumes: up to where they are sure, and from where it is another sequence."""
SURELY_TURNED = ("front",)
"""Of what is red only where it is as sure as known volumes are of the opposite: 2 % of unseen healthy heads have a
front that looks more like a back."""


def fit_reference(
    known: Sequence[Measured],
    others: Mapping[str, Sequence[Sequence[Measured]]],
    *,
    source: str,
    calibration_sha256: str,
    healthy: Sequence[float],
) -> GateReference:
    """`known`: of volumes that the model was calibrated on; `others`: of other sequences, by name, in groups
    that count alike (rendered ones, real ones).

    Raises InputError for too few volumes.
    """
    if len(known) < LEAST_VOLUMES:
        raise InputError(f"{len(known)} volumes tell too little of what is usual; {LEAST_VOLUMES} are needed.")
    groups = [fit_group(name, known) for name in GROUPED if any(_has(name, each) for each in known)]
    rules = [fit_sequence_rule(name, known, found) for name, found in others.items() if any(found)]
    turning = [fit_turning_rule(name, known) for name in ("upright", "front")]
    return GateReference(
        source=source,
        volumes=len(known),
        groups=tuple(groups),
        rules=(*rules, *turning),
        spans=fit_spans(known),
        calibration_sha256=calibration_sha256,
        healthy=tuple(round(float(each), 4) for each in sorted(healthy)),
    )


def fit_group(name: str, known: Sequence[Measured]) -> Group:
    """Robust centers and scales, and the shrunk correlation of what lies within four scales."""
    names = sorted({key for each in known for key in each if key.startswith(f"{name}.")})
    table = np.array([[each.get(key, np.nan) for key in names] for each in known])
    center = np.nanmedian(table, axis=0)
    scale = np.maximum(1.4826 * np.nanmedian(np.abs(table - center), axis=0), 0.5 * np.nanstd(table, axis=0))
    scale = np.maximum(scale, 1e-6 * np.maximum(np.abs(center), 1))
    scaled = np.clip(np.nan_to_num((table - center) / scale), -4, 4)
    with np.errstate(invalid="ignore"):  # what never differs is correlated with nothing
        correlation = np.atleast_2d(np.corrcoef(scaled, rowvar=False))
    correlation = (1 - SHRINKAGE) * np.nan_to_num(correlation) + SHRINKAGE * np.eye(len(names))
    np.fill_diagonal(correlation, 1)
    group = Group(name, tuple(names), _plain(center), _plain(scale), tuple(map(_plain, correlation)), 1.0, None)
    found = [group_distance(group, each) for each in known]
    distances = np.array([each for each in found if each is not None])
    limit = float(np.quantile(distances, USUAL))
    factor = RED_FACTORS.get(name)
    red = None if factor is None else max(factor, BEYOND_FARTHEST * float(distances.max()) / limit)
    return Group(name, group.measures, group.center, group.scale, group.correlation, _digits(limit), red)


def fit_sequence_rule(sequence: str, known: Sequence[Measured], others: Sequence[Sequence[Measured]]) -> Rule:
    """Fisher's discriminant with ridge, in units of the known volumes' own spread: 0 is their mean."""
    names = SEQUENCE_MEASURES[sequence]
    ours = _table(known, names)
    center, scale = ours.mean(axis=0), ours.std(axis=0) + 1e-6
    ours = (ours - center) / scale
    theirs = [np.clip((_table(each, names) - center) / scale, -FARTHEST, FARTHEST) for each in others if each]
    spread = np.cov(ours, rowvar=False) + RIDGE * np.eye(len(names))
    spread += np.mean([np.cov(each, rowvar=False) for each in theirs], axis=0) / 2
    weights = np.linalg.solve(spread, ours.mean(axis=0) - np.mean([np.median(each, axis=0) for each in theirs], axis=0))
    weights /= np.std(ours @ weights)
    sure, foreign = SURE_AND_FOREIGN[sequence]
    offset = -_digits(float(np.mean(ours @ weights)))
    return Rule(
        f"sequence_{sequence}",
        names,
        _plain(center),
        _plain(scale),
        _plain(weights),
        offset,
        -sure,
        -foreign,
    )


def fit_turning_rule(name: str, known: Sequence[Measured]) -> Rule:
    """Tells volumes from themselves turned round, whose measures have the opposite sign."""
    names = tuple(sorted({key for each in known for key in each if key.startswith(f"{name}.")}))
    table = _table(known, names)
    scale = np.sqrt((table**2).mean(axis=0)) + 1e-3
    scaled = table / scale
    weights = np.linalg.solve(scaled.T @ scaled / len(scaled) + 0.1 * np.eye(len(names)), scaled.mean(axis=0))
    weights /= np.std(scaled @ weights)
    sums = scaled @ weights
    middle = float(np.mean(sums))
    # What is turned round lies at minus the middle; surely known ones lie beyond a third of it.
    sure = _digits(0.3 * middle)
    foreign = -sure if name in SURELY_TURNED else 0.0
    return Rule(name, names, (0.0,) * len(names), _plain(scale), _plain(weights), 0.0, sure, foreign)


def fit_spans(known: Sequence[Measured]) -> tuple[Span, ...]:
    """Of what needs no statistics but its ends."""
    slices, pixels = (
        max(each[f"acquisition.{name}"] for each in known if f"acquisition.{name}" in each)
        for name in ("slice_mm", "pixel_mm")
    )
    return (
        Span("coverage", "acquisition.coverage_mm", 60.0, 400.0, 60.0),
        Span("slices", "acquisition.slice_mm", 0.0, _digits(1.1 * slices), _digits(slices), red=True),
        Span("pixels", "acquisition.pixel_mm", 0.0, _digits(1.5 * pixels), _digits(1.5 * pixels), red=True),
    )


def _table(volumes: Sequence[Measured], names: Sequence[str]) -> FloatArray:
    """[volumes that have them all, names]."""
    rows = [[each[name] for name in names] for each in volumes if all(name in each for name in names)]
    if len(rows) < 3:
        raise InputError(f"Too few volumes show {names[0].split('.')[0]}; give more, and whole heads.")
    return np.array(rows)


def _has(group: str, measured: Measured) -> bool:
    return any(name.startswith(f"{group}.") for name in measured)


def _plain(values: FloatArray) -> tuple[float, ...]:
    return tuple(_digits(float(value)) for value in values)


def _digits(value: float) -> float:
    return float(f"{value:.6g}")
