"""What the user accepted and rejected among the findings, remembered by place.

Components are numbered anew whenever the settings change. A new component is rejected if it holds a place that was
rejected and none that was reviewed with it and accepted: a finding that swallows an accepted one is never hidden.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from anofpdm.results.detection import Detection

_PARAMETER = "review"
Place = tuple[float, float, float]
"""RAS mm in the world when the run began."""


class FindingReview:
    """The review of one result, kept in `store` (a scripted-module node of the scene)."""

    def __init__(self, store: Any) -> None:
        self._store = store

    def accepted(self, detection: Detection) -> list[bool]:
        """For each component of the detection."""
        return [number not in self._rejected(detection) for number in _numbers(detection)]

    def setAccepted(self, detection: Detection, number: int, accepted: bool) -> None:
        """Accept or reject component `number` (from 1)."""
        rejected = self._rejected(detection)
        inside = componentLabels(detection)
        changed = {
            place: self._places()[place] for place in self._places() if _label(inside, detection, place) != number
        }
        for component in detection.components:
            isAccepted = accepted if component.number == number else component.number not in rejected
            changed[component.peak_ras_mm] = isAccepted
        self._store.SetParameter(_PARAMETER, json.dumps([[*place, kept] for place, kept in changed.items()]))

    def mask(self, detection: Detection) -> NDArray[np.bool_]:
        """The segmentation [k, j, i] without the rejected components."""
        rejected = self._rejected(detection)
        if not rejected:
            return detection.mask
        return detection.mask & ~np.isin(componentLabels(detection), sorted(rejected))

    def _rejected(self, detection: Detection) -> set[int]:
        places = self._places()
        if not any(not kept for kept in places.values()):
            return set()
        labels = componentLabels(detection)
        verdicts: dict[int, list[bool]] = {}
        for place, kept in places.items():
            label = _label(labels, detection, place)
            if label:
                verdicts.setdefault(label, []).append(kept)
        return {label for label, kept in verdicts.items() if not any(kept)}

    def _places(self) -> dict[Place, bool]:
        """Nothing counts as reviewed in a scene whose record of it is damaged: no finding is hidden by mistake."""
        from anofpdm.core.json_text import parse_json

        text = self._store.GetParameter(_PARAMETER)
        try:
            return {(float(r), float(a), float(s)): bool(kept) for r, a, s, kept in parse_json(text)} if text else {}
        except (ValueError, TypeError):
            return {}


def componentLabels(detection: Detection) -> NDArray[np.int32]:
    """Numbers of the components [k, j, i]; 0 outside."""
    from anofpdm.results.components import label_components

    return label_components(detection.shown_score)


def _numbers(detection: Detection) -> Sequence[int]:
    return [component.number for component in detection.components]


def _label(labels: NDArray[np.int32], detection: Detection, place: Place) -> int:
    right, anterior, superior = place
    i, j, k = np.rint(detection.case.geometry.to_index([-right, -anterior, superior])).astype(int)
    inside = all(0 <= index < size for index, size in zip((k, j, i), labels.shape, strict=True))
    return int(labels[k, j, i]) if inside else 0
