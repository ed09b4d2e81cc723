"""Display of the shown result: heatmap, outline, surface, healthy prediction."""

from __future__ import annotations

from typing import Any

import qt

from ..mrml import segmentation_node
from ..mrml.result_display import DisplayChoices, ResultDisplay
from .state import PanelState
from .widgets import quiet, waiting


class DisplaySection:
    """What is remembered in the parameters is shown for whichever result is chosen."""

    def __init__(self, ui: Any, state: PanelState, display: ResultDisplay) -> None:
        self._ui = ui
        self._state = state
        self._display = display
        ui.heatmapColors.connect("currentNodeChanged(vtkMRMLNode*)", self._setColors)
        ui.segmentColor.connect("colorChanged(QColor)", self._setSegmentColor)
        ui.showSurface.connect("toggled(bool)", self._showSurface)
        state.parametersChanged.connect(self._show)
        state.resultChanged.connect(self._showResult)
        state.resultUpdated.connect(self._showResult)

    def _showResult(self) -> None:
        result = self._state.result
        self._display.choose(result)
        self._ui.displayGroup.visible = result is not None
        if result is None:
            return
        with quiet(self._ui.heatmapColors, self._ui.segmentColor, self._ui.showSurface):
            self._ui.heatmapColors.setCurrentNode(result.heatmapNode.GetDisplayNode().GetColorNode())
            segment = self._segment()
            if segment is not None:
                self._ui.segmentColor.color = qt.QColor(*[round(255 * part) for part in segment.GetColor()])
            self._ui.showSurface.checked = segment is not None and segmentation_node.isSurfaceShown(
                result.segmentationNode
            )
        for widget in (self._ui.segmentColor, self._ui.showSurface, self._ui.showSegmentation):
            widget.enabled = segment is not None
        self._show()

    def _show(self) -> None:
        """Bring the scene in line with the parameters."""
        result, parameters = self._state.result, self._state.parameters
        if result is None or parameters is None:
            return
        predicted = result.detection.healthy_picture is not None
        instead = parameters.showHealthyPrediction and predicted
        self._ui.showHealthyPrediction.visible = predicted
        self._display.setChoices(
            DisplayChoices(
                heatmap=parameters.showHeatmap,
                opacity=parameters.heatmapOpacity,
                lowest=parameters.heatmapFrom,
                outline=parameters.showSegmentation,
                healthyPrediction=instead,
            )
        )
        self._ui.heatmapOpacity.enabled = parameters.showHeatmap and not instead

    def _segment(self) -> Any:
        node = self._state.result.segmentationNode
        return node.GetSegmentation().GetSegment(segmentation_node.SEGMENT_ID) if node is not None else None

    def _setColors(self, node: Any) -> None:
        if self._state.result is not None and node is not None:
            self._state.result.heatmapNode.GetDisplayNode().SetAndObserveColorNodeID(node.GetID())

    def _setSegmentColor(self, color: Any) -> None:
        segment = self._segment() if self._state.result is not None else None
        if segment is not None:
            segment.SetColor(color.redF(), color.greenF(), color.blueF())

    def _showSurface(self, shown: bool) -> None:
        if self._state.result is not None and self._state.result.segmentationNode is not None:
            with waiting():
                segmentation_node.showSurface(self._state.result.segmentationNode, shown)
