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
_PARTS = re.compile(r"(?P<image>.*?)( anomaly)?(?P<end> (healthy )?\w{1,20}(, gate [a-z]+(, withheld)?)?(_\d+)?)", re.S)
"""Of a name that is too long the end tells more than the middle: " segmentation, gate amber"."""
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
        image, end = _parted(name)
        room -= len(end)
        name = f"{image if len(image) <= room else image[: room - len(_CUT)].rstrip() + _CUT}{end}"
    return f"{name}{_PURPOSE}"


def _parted(name: str) -> tuple[str, str]:
    """The image, and what the node is with what the gate says; " anomaly" can be done without."""
    parts = _PARTS.fullmatch(name)
    return (name[:-_LAST_CHARACTERS], name[-_LAST_CHARACTERS:]) if parts is None else (parts["image"], parts["end"])


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
