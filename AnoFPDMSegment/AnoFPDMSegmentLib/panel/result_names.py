"""What results and volumes are called, so that no two can be mistaken for each other; no widgets."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from slicer.i18n import tr as _

from ..mrml.subject_hierarchy import Place, placeOf

if TYPE_CHECKING:
    from ..mrml.result import Result
    from ..mrml.scene_context import SceneContext

_BETWEEN = " · "


def resultNames(context: SceneContext, results: Sequence[Result]) -> list[str]:
    """Patient, study and image of each; when it was made where that is not enough, then a number."""
    names = [_joined(placeOfResult(context, each), each.name) for each in results]
    names = [_told(name, names, _time(each)) for name, each in zip(names, results, strict=True)]
    seen: Counter[str] = Counter()
    for number, name in enumerate(names):
        seen[name] += 1
        names[number] = f"{name} ({seen[name]})" if names.count(name) > 1 or seen[name] > 1 else name
    return names


def resultDetails(context: SceneContext, result: Result) -> str:
    """The same in full, and the model."""
    parts = [_joined(placeOfResult(context, result), result.name)]
    if result.made is not None and result.model:
        parts.append(_("made {time} with {model}").format(time=_time(result), model=result.model))
    return _BETWEEN.join(parts)


def inputsPlace(context: SceneContext, nodes: Mapping[str, Any]) -> str:
    """Patient and study of the selected volumes; one line each where they differ, nothing where none is known."""
    places = {name: _text(placeOf(context, node)) for name, node in nodes.items() if node is not None}
    if len(set(places.values())) == 1:
        return next(iter(places.values()))
    unknown = _("patient unknown")
    return "\n".join(f"{name.upper()}: {text or unknown}" for name, text in places.items())


def placeOfResult(context: SceneContext, result: Result) -> Place:
    """Of the examined image, or where that is gone of the heatmap."""
    return placeOf(context, result.inputNode or result.heatmapNode)


def _joined(place: Place, name: str) -> str:
    return _BETWEEN.join(part for part in (_text(place), name) if part)


def _text(place: Place) -> str:
    return _BETWEEN.join(part for part in (place.patient, place.study) if part)


def _told(name: str, names: Sequence[str], time: str) -> str:
    return _BETWEEN.join([name, time]) if names.count(name) > 1 and time else name


def _time(result: Result) -> str:
    made = result.made
    return f"{made.astimezone():%Y-%m-%d %H:%M:%S}" if made is not None else ""
