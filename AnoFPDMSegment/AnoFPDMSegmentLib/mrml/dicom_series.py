"""What a result is called as a DICOM series.

Slicer's export takes a tag from the attribute "DICOM." + its name of the item in the subject hierarchy, if it is there,
and else from the exporting plugin, which knows no better than "CT" and "No series description".
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from slicer import vtkMRMLSubjectHierarchyConstants
from vtk import vtkIdList

if TYPE_CHECKING:
    from .scene_context import SceneContext

_PURPOSE = ", research use only"
_LONGEST = 64
"""Characters of a DICOM long string (LO), which holds no backslash (DICOM PS3.5, 6.2)."""
_CUT = "..."
_PARTS = re.compile(
    r"(?P<image>.*?)(?P<middle> anomaly)?(?P<end> (healthy )?\w+(, gate [a-z]+(, withheld)?)?(_\d+)?)", re.DOTALL
)
"""Of a name that is too long the end tells more than the middle: " segmentation, gate amber"."""
_LEAST = 8
"""Characters of the image's name that are to be left."""
_LAST_CHARACTERS = 20
"""That are left of any other name."""
_FIRST_NUMBER = 901
"""Behind the number of the examined series times 1000, so that results of series 5 come as 5901, 5902 and so on."""


def describeSeries(context: SceneContext, inputNode: Any, nodes: Iterable[Any]) -> None:
    """Description, number and, of volumes, modality; tags that the user has set stay. Nodes without items are left."""
    hierarchy = context.subjectHierarchy
    inputItem = hierarchy.GetItemByDataNode(inputNode) if inputNode else 0
    first = 1000 * _number(hierarchy, inputItem) + _FIRST_NUMBER
    for node in nodes:
        item = hierarchy.GetItemByDataNode(node)
        if not item or not (node.IsA("vtkMRMLScalarVolumeNode") or node.IsA("vtkMRMLSegmentationNode")):
            continue
        tags = {"SeriesDescription": _described(node.GetName()), "SeriesNumber": str(_free(hierarchy, item, first))}
        if node.IsA("vtkMRMLScalarVolumeNode"):
            tags["Modality"] = "MR"
        for tag, value in tags.items():
            if not hierarchy.HasItemAttribute(item, _attribute(tag)):
                hierarchy.SetItemAttribute(item, _attribute(tag), value)


def describeAnew(context: SceneContext, node: Any, former: str) -> None:
    """Let the description follow the node's name, which was `former`; what the user has set stays."""
    hierarchy = context.subjectHierarchy
    item, tag = hierarchy.GetItemByDataNode(node), _attribute("SeriesDescription")
    if item and hierarchy.GetItemAttribute(item, tag) == _described(former):
        hierarchy.SetItemAttribute(item, tag, _described(node.GetName()))


def _attribute(tag: str) -> str:
    return f"{vtkMRMLSubjectHierarchyConstants.GetDICOMAttributePrefix()}{tag}"


def _described(name: str) -> str:
    name = name.replace("\\", "/")
    room = _LONGEST - len(_PURPOSE)
    if len(name) > room:
        start, middle, end = _parted(name)
        if room - len(middle + end) - len(_CUT) < _LEAST:
            middle = ""
        name = f"{start[: room - len(middle + end) - len(_CUT)].rstrip()}{_CUT}{middle}{end}"
    return f"{name}{_PURPOSE}"


def _parted(name: str) -> tuple[str, str, str]:
    """The image, a word that can be done without, and what the node is with what the gate says."""
    parts = _PARTS.fullmatch(name)
    if parts is None:
        return name[:-_LAST_CHARACTERS], "", name[-_LAST_CHARACTERS:]
    return parts["image"], parts["middle"] or "", parts["end"]


def _number(hierarchy: Any, item: int) -> int:
    """The series number of an item; 0 if it has none."""
    text = hierarchy.GetItemAttribute(item, _attribute("SeriesNumber")).strip() if item else ""
    return int(text) if text.isdecimal() else 0


def _free(hierarchy: Any, item: int, number: int) -> int:
    """The first number from `number` on that no other series of the study has."""
    children = vtkIdList()
    hierarchy.GetItemChildren(hierarchy.GetItemParent(item), children)
    others = {children.GetId(index) for index in range(children.GetNumberOfIds())} - {item}
    taken = {_number(hierarchy, other) for other in others}
    while number in taken:
        number += 1
    return number
