"""The nodes of a result, each found by the role in which the result's own node refers to it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from . import evidence_nodes
from .dicom_series import describeAnew

if TYPE_CHECKING:
    from .scene_context import SceneContext

NAME, GATE = "name", "gate"
INPUT, HEATMAP, SEGMENTATION = "input", "heatmap", "segmentation"
FINDINGS, SLICES, HEALTHY, ANATOMY = "findings", "slices", "healthyPrediction", "anatomy"
TITLES = {
    HEATMAP: "anomaly heatmap",
    SEGMENTATION: "anomaly segmentation",
    FINDINGS: "anomaly findings",
    SLICES: "anomaly slices",
    HEALTHY: "healthy prediction",
    ANATOMY: "anatomy",
}
"""After the input's name; the roles of the visible nodes."""
_NOTHING_TO_TELL = "gate green"


class ResultNodes:
    """What `node`, a hidden scripted-module node, refers to."""

    def __init__(self, context: SceneContext, node: Any) -> None:
        self.context = context
        self.node = node

    @property
    def name(self) -> str:
        """After the input."""
        return str(self.node.GetParameter(NAME))

    @property
    def inputNode(self) -> Any:
        """The examined volume on whose voxels the result lies; None if it was removed from the scene."""
        return self.node.GetNodeReference(INPUT)

    @property
    def heatmapNode(self) -> Any:
        """Volume of scores, 1 at the border of the mask."""
        return self.node.GetNodeReference(HEATMAP)

    @property
    def segmentationNode(self) -> Any:
        """None if the user removed it."""
        return self.node.GetNodeReference(SEGMENTATION)

    @property
    def findingsNode(self) -> Any:
        """Table of components."""
        return self.node.GetNodeReference(FINDINGS)

    @property
    def slicesNode(self) -> Any:
        """Table of slices."""
        return self.node.GetNodeReference(SLICES)

    @property
    def healthyPredictionNode(self) -> Any:
        """Volume of the healthy prediction at t_e on the model's grid."""
        return self.node.GetNodeReference(HEALTHY)

    @property
    def anatomyNode(self) -> Any:
        """Segmentation of the structures; None if the method outlines none, or the user removed it."""
        return self.node.GetNodeReference(ANATOMY)

    @property
    def volumeNodes(self) -> list[Any]:
        """All nodes that lie somewhere in space."""
        found = [self.heatmapNode, self.segmentationNode, self.healthyPredictionNode, self.anatomyNode]
        evidence = [node for node in evidence_nodes.evidenceNodes(self.node) if node.IsA("vtkMRMLVolumeNode")]
        return [node for node in [*found, *evidence] if node]

    def _own(self) -> list[Any]:
        return [node for node in map(self.node.GetNodeReference, TITLES) if node]

    @property
    def gateWords(self) -> str:
        """What the gate says of the image, such as `gate red, withheld`; empty in scenes that do not say."""
        return str(self.node.GetParameter(GATE) or "")

    def _title(self, role: str) -> str:
        words = self.gateWords
        told = "" if words in ("", _NOTHING_TO_TELL) else f", {words}"
        return f"{self.name} {TITLES[role]}{told}"

    def _retitle(self, words: str) -> None:
        """Tell that the gate says something else now; what the user has named stays."""
        before = {role: self._title(role) for role in TITLES}
        self.node.SetParameter(GATE, words)
        for role, title in before.items():
            node = self.node.GetNodeReference(role)
            if node is None or not re.fullmatch(rf"{re.escape(title)}(_\d+)?", node.GetName()):
                continue
            described = node.GetName()
            node.SetName(self.context.freeName(self._title(role)))
            describeAnew(self.context, node, described)

    def _takeFreedNames(self) -> None:
        """The names that a replaced result had."""
        for role in TITLES:
            node = self.node.GetNodeReference(role)
            if node is not None and self.context.scene.GetFirstNodeByName(self._title(role)) is None:
                node.SetName(self._title(role))

    def _refer(self, role: str, node: Any) -> None:
        self.node.SetNodeReferenceID(role, node.GetID())
