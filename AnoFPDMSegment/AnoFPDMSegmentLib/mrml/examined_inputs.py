"""Which images a node was made from, kept on the node: nothing of ours is drawn over any other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .image_content import contentOf

_MODALITIES = "AnoFPDM.ExaminedModalities"
_ROLE = "AnoFPDM.examined.{modality}"
_CONTENT = "AnoFPDM.ExaminedContent.{modality}"


@dataclass(frozen=True)
class ExaminedInputs:
    """The volumes of a run as they were when it began."""

    nodes: Mapping[str, Any]
    """By modality; the first is the one on whose voxels the result lies."""
    contents: Mapping[str, str]
    """See `contentOf`."""
    names: Mapping[str, str]

    @classmethod
    def now(cls, nodes: Mapping[str, Any]) -> ExaminedInputs:
        """The volumes as they are."""
        return cls(
            dict(nodes),
            {name: contentOf(node) for name, node in nodes.items()},
            {name: node.GetName() for name, node in nodes.items()},
        )

    @property
    def first(self) -> Any:
        """The volume on whose voxels the result lies."""
        return next(iter(self.nodes.values()))

    @property
    def firstContent(self) -> str:
        """Of that volume."""
        return next(iter(self.contents.values()))

    def markOn(self, node: Any) -> None:
        """Note them on a node that was made from them."""
        node.SetAttribute(_MODALITIES, " ".join(self.nodes))
        for modality, volume in self.nodes.items():
            node.SetNodeReferenceID(_ROLE.format(modality=modality), volume.GetID())
            node.SetAttribute(_CONTENT.format(modality=modality), self.contents[modality])


def examinedInputs(node: Any) -> ExaminedInputs:
    """What a node was made from, as far as it is still in the scene."""
    marks = {name: mark for name, mark in _marks(node).items() if mark[0] is not None}
    return ExaminedInputs(
        {name: volume for name, (volume, _) in marks.items()},
        {name: content or "" for name, (_, content) in marks.items()},
        {name: volume.GetName() for name, (volume, _) in marks.items()},
    )


def copyMarks(source: Any, target: Any) -> None:
    """Note on `target` what `source` was made from."""
    target.SetAttribute(_MODALITIES, source.GetAttribute(_MODALITIES))
    for modality, (volume, content) in _marks(source).items():
        target.SetNodeReferenceID(_ROLE.format(modality=modality), volume.GetID() if volume is not None else None)
        target.SetAttribute(_CONTENT.format(modality=modality), content)


def isMarked(node: Any) -> bool:
    """Whether a node was made from images."""
    return bool(node.GetAttribute(_MODALITIES))


def wasMadeFrom(node: Any, image: Any) -> bool:
    """Whether a marked node was made from an image, whose content is still the same, or along with it."""
    if isMarked(image):
        return _marks(image) == _marks(node)
    return any(volume is image and contentOf(image) == content for volume, content in _marks(node).values())


def _marks(node: Any) -> dict[str, tuple[Any, str | None]]:
    return {
        modality: (
            node.GetNodeReference(_ROLE.format(modality=modality)),
            node.GetAttribute(_CONTENT.format(modality=modality)),
        )
        for modality in (node.GetAttribute(_MODALITIES) or "").split()
    }
