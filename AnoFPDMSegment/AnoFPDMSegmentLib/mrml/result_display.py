"""The chosen result in the views: image, heatmap and outline together, of this result alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import slicer
import vtk

from anofpdm.app.findings_tables import review_order

from . import heatmap_node, segmentation_node, slice_views
from .display_guard import DisplayGuard
from .examined_inputs import ExaminedInputs, examinedInputs, wasMadeFrom
from .image_content import contentOf
from .observers import Observers
from .result import Result

if TYPE_CHECKING:
    from .scene_context import SceneContext


@dataclass(frozen=True)
class DisplayChoices:
    """How the chosen result is shown."""

    heatmap: bool = True
    opacity: float = 0.6
    lowest: float = 1.0
    """The score below which the heatmap is transparent."""
    outline: bool = True
    healthyPrediction: bool = False
    """In place of the heatmap."""


class ResultDisplay:
    """One a panel. Follows the views from `watch` to `unwatch`, whichever module is open."""

    def __init__(
        self, context: SceneContext, onChange: Callable[[], object], onMove: Callable[[], object] = lambda: None
    ) -> None:
        """`onChange` is called when the result may have come into view or left it, `onMove` when it was transformed."""
        self._context = context
        self._onChange = onChange
        self._onMove = onMove
        self._guard = DisplayGuard(context)
        self._scene = Observers()
        self._nodes = Observers()
        self._busy = False
        self._result: Result | None = None
        self._segmentation: Any = None
        self._choices = DisplayChoices()

    # What the user wants to see.

    def choose(self, result: Result | None) -> None:
        """The one result that is visible, wherever the views show its image; they stay as they are."""
        segmentation = result.segmentationNode if result is not None else None
        same = result is self._result and segmentation is self._segmentation
        self._result, self._segmentation = result, segmentation
        if not same:
            for node in [each.segmentationNode for each in Result.all(self._context)]:
                if node is not None:
                    node.SetDisplayVisibility(node is segmentation)
            self._apply()
        self._refresh()

    def setChoices(self, choices: DisplayChoices) -> None:
        """How it is shown."""
        if choices != self._choices:
            self._choices = choices
            self._apply()
            self._refresh()

    def show(self) -> None:
        """Put image, heatmap and outline of the chosen result into all slice views, at its most confident finding."""
        result = self._result
        if result is None:
            return
        image, others = result.inputNode, self._composites()
        new = any(composite.GetBackgroundVolumeID() != (image.GetID() if image else None) for composite in others)
        result.show(self._choices.opacity)
        self._apply()
        self._refresh()
        if new:
            slice_views.fitSliceViews(self._context)
        order = review_order(result.detection.findings["components"])
        if order:
            result.centreOn(order[0] + 1)
        elif new:
            result.centreOnSlice(len(result.case.examined) // 2)

    def comeIntoView(self) -> None:
        """Show the chosen result, unless a view shows it already."""
        if not self.isInView:
            self.show()

    def centreOn(self, number: int) -> None:
        """Bring component `number` of the chosen result to the middle of the views, which show it then."""
        if self._result is not None:
            self.comeIntoView()
            self._result.centreOn(number)

    def centreOnSlice(self, index: int) -> None:
        """Bring slice `index` of the stack to the middle of the views, which show the result then."""
        if self._result is not None:
            self.comeIntoView()
            self._result.centreOnSlice(index)

    # What the views show.

    @property
    def isInView(self) -> bool:
        """Whether a slice view shows the image that the chosen result was made from."""
        return self._result is not None and self._isShown(examinedInputs(self._result.node))

    @property
    def imageHasChanged(self) -> bool:
        """Whether the examined volume holds something else than what was examined, another time point perhaps."""
        result = self._result
        return result is not None and result.inputNode is not None and not wasMadeFrom(result.node, result.inputNode)

    def mayShow(self, examined: ExaminedInputs) -> bool:
        """Whether a result of these inputs would take no other image from the user's eyes."""
        composites = [composite for _, composite in slice_views.shownPairs(self._context)]
        return self._isShown(examined) or (
            contentOf(examined.first) == examined.firstContent
            and not any(slice_views.imageIn(composite) for composite in composites)
        )

    def _isShown(self, examined: ExaminedInputs) -> bool:
        images = [slice_views.imageIn(composite) for _, composite in slice_views.shownPairs(self._context)]
        return any(
            node is image and contentOf(image) == examined.contents[name]
            for image in images
            for name, node in examined.nodes.items()
        )

    # Following the views.

    def watch(self) -> None:
        """Begin to follow the scene."""
        scene = self._context.scene
        for event in (scene.NodeAddedEvent, scene.NodeRemovedEvent, scene.EndBatchProcessEvent):
            self._scene.add(scene, event, self._refresh)
        self._refresh()

    def unwatch(self) -> None:
        """Follow it no longer, and forget the result."""
        self._scene.clear()
        self._nodes.clear()
        self._result = self._segmentation = None
        self._guard = DisplayGuard(self._context)

    def _refresh(self) -> None:
        if self._context.scene.IsBatchProcessing():
            return
        heatmap = self._result.heatmapNode if self._result is not None else None
        targets = [*self._composites(), *self._examined(), *([heatmap] if heatmap is not None else [])]
        if targets != self._nodes.targets:
            self._nodes.clear()
            for node in targets:
                if node is heatmap:
                    self._nodes.add(node, slicer.vtkMRMLTransformableNode.TransformModifiedEvent, self._onMove)
                    continue
                self._nodes.add(node, vtk.vtkCommand.ModifiedEvent, self._enforce)
                if node.IsA("vtkMRMLVolumeNode"):
                    self._nodes.add(node, slicer.vtkMRMLVolumeNode.ImageDataModifiedEvent, self._enforce)
        self._enforce()

    def _enforce(self) -> None:
        if self._busy or self._context.scene.IsBatchProcessing():
            return
        self._busy = True
        try:
            self._guard.enforce()
        finally:
            self._busy = False
        self._onChange()

    def _examined(self) -> list[Any]:
        """The images that something of ours could be drawn over."""
        own = [node for node in self._context.nodes("vtkMRMLSegmentationNode") if node.GetDisplayVisibility()]
        found = [*([self._result.node] if self._result is not None else []), *own]
        images = {node.GetID(): node for each in found for node in examinedInputs(each).nodes.values()}
        return list(images.values())

    def _composites(self) -> list[Any]:
        return [composite for _, composite in slice_views.slicePairs(self._context)]

    def _apply(self) -> None:
        """Bring heatmap and outline of the chosen result in line with the choices, where its image is shown."""
        result, choices = self._result, self._choices
        if result is None or result.heatmapNode is None:
            return
        heatmap_node.showFrom(result.heatmapNode, choices.lowest)
        if choices.healthyPrediction:
            foreground, opacity = result.healthyPredictionNode, 1.0
        else:
            foreground, opacity = result.heatmapNode if choices.heatmap else None, choices.opacity
        for composite in self._composites():
            image = slice_views.imageIn(composite)
            if image is not None and wasMadeFrom(result.node, image):
                composite.SetForegroundVolumeID(foreground.GetID() if foreground is not None else None)
                composite.SetForegroundOpacity(opacity)
            else:
                self._guard.expect(composite, foreground, opacity)
        if result.segmentationNode is not None:
            segmentation_node.showOutline(result.segmentationNode, choices.outline)
