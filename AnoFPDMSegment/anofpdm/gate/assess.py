"""The gate's opinion: measures held against a reference. Torch-free."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from .opinion import Gate, GateCheck, GateOpinion, worst
from .reference import RED_OF_RULE, GateReference, Group, Rule, Span
from .sentences import NOTHING_SEEN, sentence_of


def assess(measures: Mapping[str, float], reference: GateReference, *, own_counts: bool = True) -> GateOpinion:
    """What `measure` found against what the model was calibrated on. `own_counts`: whether the method's own measures
    come from the calibration that the reference was made with."""
    checks = [
        *(_of_span(span, measures) for span in reference.spans),
        *(_of_group(group, measures) for group in reference.groups if own_counts or group.name != "own"),
        *(_of_rule(rule, measures) for rule in reference.rules),
    ]
    made = [check for check in checks if check is not None]
    if not any(name.startswith("contrast.") for name in measures):
        # Nothing can be said of tissue where none is seen.
        made.append(GateCheck("tissue", "red", RED_OF_RULE, NOTHING_SEEN))
    healthy = reference.healthy if own_counts else ()
    return GateOpinion(worst([check.state for check in made]), tuple(made), healthy)


def group_distance(group: Group, measures: Mapping[str, float]) -> float | None:
    """Root mean square of the decorrelated measures, whatever the limit; None if the volume has fewer than half."""
    known = [index for index, name in enumerate(group.measures) if name in measures]
    if 2 * len(known) < len(group.measures):
        return None
    values = np.array([measures[group.measures[index]] for index in known])
    scaled = (values - np.array(group.center)[known]) / np.array(group.scale)[known]
    correlation = np.array(group.correlation)[np.ix_(known, known)]
    return float(np.sqrt(scaled @ np.linalg.solve(correlation, scaled) / len(known)))


def rule_sum(rule: Rule, measures: Mapping[str, float]) -> float | None:
    """The weighted sum; None if a measure is lacking."""
    if any(name not in measures for name in rule.measures):
        return None
    values = (np.array([measures[name] for name in rule.measures]) - np.array(rule.center)) / np.array(rule.scale)
    return float(values @ np.array(rule.weights) + rule.offset)


def _of_group(group: Group, measures: Mapping[str, float]) -> GateCheck | None:
    found = group_distance(group, measures)
    if found is None:
        return None
    distance = found / group.limit
    red = group.red is not None and distance >= group.red
    return _check(group.name, distance, red=red)


def _of_rule(rule: Rule, measures: Mapping[str, float]) -> GateCheck | None:
    found = rule_sum(rule, measures)
    if found is None:
        return None
    distance = max(0.0, 1 + (rule.sure - found) / (rule.sure - rule.foreign) * (RED_OF_RULE - 1))
    return _check(rule.name, distance, red=distance >= RED_OF_RULE)


def _of_span(span: Span, measures: Mapping[str, float]) -> GateCheck | None:
    value = measures.get(span.measure)
    if value is None:
        return None
    beyond = max(span.low - value, value - span.high)
    distance = max(0.0, 1 + beyond / span.slack)
    return _check(span.name, distance, red=span.red and distance >= RED_OF_RULE, value=value)


def _check(name: str, distance: float, *, red: bool, value: float | None = None) -> GateCheck:
    state: Gate = "red" if red else "amber" if distance >= 1 else "green"
    return GateCheck(name, state, round(distance, 3), sentence_of(name, state, value))
