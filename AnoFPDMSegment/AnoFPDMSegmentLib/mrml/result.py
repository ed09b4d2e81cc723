"""One detection in the scene: all its nodes behind one object.

A hidden scripted-module node holds references to the others, so that results are found again in a reopened scene.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from anofpdm.app.findings_tables import component_columns, slice_columns

from . import evidence_nodes, heatmap_node, segmentation_node, slice_views, subject_hierarchy
from .anatomy_node import createAnatomy
from .divergence_plot import DivergencePlot, addPlot, findPlot, plotNodes, someCurves
from .edits import EditedChoice, EditGuard, OnEdited, neverOverwrite
from .examined_inputs import ExaminedInputs, copyMarks, examinedInputs
from .finding_review import FindingReview
from .findings_table import createTable, fillTable
from .healthy_prediction_node import createHealthyPrediction, updateHealthyPrediction
from .input_volumes import RESULT_ATTRIBUTE
from .output_frame import OutputFrame
from .result_nodes import ANATOMY, FINDINGS, GATE, HEALTHY, HEATMAP, INPUT, NAME, SEGMENTATION, SLICES, ResultNodes

if TYPE_CHECKING:
    from anofpdm.results.case import CaseEvidence
    from anofpdm.results.detection import Detection

    from .scene_context import SceneContext

_ATTRIBUTE = "AnoFPDM.Result"
_REVERSED = "reversedK"
_MADE, _MODEL = "made", "model"
Point = tuple[float, float, float]


class Result(ResultNodes):
    """Heatmap, segmentation, tables, plot and evidence of one detection."""

    def __init__(self, context: SceneContext, node: Any) -> None:
        """Of a node that `create` made; see `all`."""
        super().__init__(context, node)
        self._detection: Detection | None = None
        self._hiddenWhileDragging = False

    @classmethod
    def create(
        cls,
        context: SceneContext,
        inputNode: Any,
        detection: Detection,
        *,
        examined: ExaminedInputs | None = None,
        replace: Result | None = None,
    ) -> Result:
        """Add a detection on `inputNode` to the scene, to be shown later; `replace` is removed once all else succeeded.

        examined: the inputs as they were when the run began; None: `inputNode` alone, as it is now. Raises anofpdm's
        InputError if the detection was made on a volume of another size.
        """
        frame = OutputFrame.forInput(inputNode, detection.case.geometry)
        cls.removeLeftovers(context)
        node = context.addNode("vtkMRMLScriptedModuleNode", f"{inputNode.GetName()} anomaly result", hidden=True)
        result = cls(context, node)
        try:
            result._addNodes(inputNode, detection, frame, examined)
        except BaseException:
            result.remove()
            raise
        if replace is not None:
            replace.remove(keepEdited=True)
            result._takeFreedNames()
        return result

    @classmethod
    def all(cls, context: SceneContext) -> list[Result]:
        """The results of the scene that still have a heatmap, oldest first."""
        return [result for result in cls._every(context) if result.heatmapNode]

    @classmethod
    def _every(cls, context: SceneContext) -> list[Result]:
        nodes = context.nodes("vtkMRMLScriptedModuleNode")
        return [cls(context, node) for node in nodes if node.GetAttribute(_ATTRIBUTE)]

    @classmethod
    def removeLeftovers(cls, context: SceneContext) -> None:
        """Remove the hidden nodes of results whose heatmap is gone, which hold the patient's image; the rest stays.

        Slicer takes out the shown nodes alone when the user deletes a patient or a study.
        """
        if context.scene.IsBatchProcessing():
            # A scene that is being read has not everything yet.
            return
        for result in cls._every(context):
            if result.heatmapNode is None:
                parts = [] if findPlot(result.node) is not None else plotNodes(result.node)
                for node in [*evidence_nodes.evidenceNodes(result.node), *parts, result.node]:
                    context.removeNode(node)

    def _addNodes(
        self, inputNode: Any, detection: Detection, frame: OutputFrame, examined: ExaminedInputs | None
    ) -> None:
        context, name = self.context, inputNode.GetName()
        examined = examined or ExaminedInputs.now({detection.case.model.used[0]: inputNode})
        self.node.SetAttribute(_ATTRIBUTE, "1")
        self.node.SetModuleName("AnoFPDMSegmentResult")
        self.node.SetParameter(_REVERSED, "1" if frame.reversedK else "0")
        self.node.SetParameter(NAME, name)
        self.node.SetParameter(GATE, detection.case.gate_words)
        self.node.SetParameter(_MADE, datetime.now(timezone.utc).isoformat(timespec="seconds"))
        self.node.SetParameter(_MODEL, detection.case.model.title)
        self._detection = detection
        self._refer(INPUT, inputNode)
        examined.markOn(self.node)
        self._refer(HEATMAP, heatmap_node.createHeatmap(context, self._title(HEATMAP), frame, detection.shown_score))
        self._addMissing(detection, frame)
        self._addSegmentation(detection, frame)
        if detection.structures is not None:
            anatomy = createAnatomy(context, self._title(ANATOMY), inputNode, frame, detection.structures)
            copyMarks(self.node, anatomy)
            self._refer(ANATOMY, anatomy)
        self._fillTables(detection)
        evidence_nodes.storeEvidence(context, f"{name} anomaly evidence", detection.case, frame, self.node)
        copyMarks(self.node, self.heatmapNode)
        transform = inputNode.GetTransformNodeID()
        for placed in self.volumeNodes:
            placed.SetAttribute(RESULT_ATTRIBUTE, "1")
            placed.SetAndObserveTransformNodeID(transform)
        subject_hierarchy.putBeside(context, inputNode, self._own())

    def _addMissing(self, detection: Detection, frame: OutputFrame) -> list[Any]:
        """The tables and the healthy prediction, where they are not there; returns those that were added."""
        context, before = self.context, self._own()
        for role in (FINDINGS, SLICES):
            if self.node.GetNodeReference(role) is None:
                self._refer(role, createTable(context, self._title(role)))
        if self.healthyPredictionNode is None and detection.healthy_picture is not None:
            self._refer(HEALTHY, createHealthyPrediction(context, self._title(HEALTHY), frame, detection))
            copyMarks(self.node, self.healthyPredictionNode)
        return [node for node in self._own() if node not in before]

    def _restoreRemoved(self, detection: Detection, frame: OutputFrame) -> None:
        """What the user took out of the scene and a result cannot do without."""
        added = self._addMissing(detection, frame)
        if self.healthyPredictionNode is not None and self.healthyPredictionNode in added:
            self.healthyPredictionNode.SetAttribute(RESULT_ATTRIBUTE, "1")
            self.healthyPredictionNode.SetAndObserveTransformNodeID(self.heatmapNode.GetTransformNodeID())
        subject_hierarchy.putBeside(self.context, self.inputNode, added)

    def _addSegmentation(self, detection: Detection, frame: OutputFrame) -> None:
        node = segmentation_node.createSegmentation(
            self.context,
            self._title(SEGMENTATION),
            self.inputNode or self.heatmapNode,
            frame,
            self.review.mask(detection),
            detection.case.gate_words,
        )
        copyMarks(self.node, node)
        self._refer(SEGMENTATION, node)
        self._guard.remember()

    # What there is.

    @property
    def made(self) -> datetime | None:
        """When the detection was put into the scene; None in scenes that do not say."""
        text = self.node.GetParameter(_MADE)
        return datetime.fromisoformat(text) if text else None

    @property
    def model(self) -> str:
        """Title of the model, known without the evidence; empty in scenes that do not say."""
        return str(self.node.GetParameter(_MODEL) or "")

    @functools.cached_property
    def case(self) -> CaseEvidence:
        """The evidence, read from the scene at first use. Raises anofpdm's EvidenceError."""
        if self._detection is not None:
            return self._detection.case
        return evidence_nodes.loadEvidence(self.node)

    @property
    def detection(self) -> Detection:
        """For the settings in use."""
        if self._detection is None:
            self._detection = self.live.full(self.live.case.settings)
        return self._detection

    @functools.cached_property
    def live(self) -> Any:
        """Answers changed settings without the network; see LiveDetection."""
        from anofpdm.app.live.live_detection import LiveDetection

        return LiveDetection(self.case)

    @property
    def settings(self) -> Any:
        """The settings in use."""
        return self.detection.case.settings

    @property
    def review(self) -> FindingReview:
        """What the user accepted and rejected."""
        return FindingReview(self.node)

    @property
    def accepted(self) -> list[bool]:
        """For each component."""
        return self.review.accepted(self.detection)

    @property
    def frame(self) -> OutputFrame:
        """Where heatmap and segmentation lie."""
        reverse = self.node.GetParameter(_REVERSED) == "1"
        return OutputFrame.ofNode(self.heatmapNode, self.case.geometry, reversedK=reverse)

    def isOf(self, examined: ExaminedInputs) -> bool:
        """Whether it was made from these inputs, of this content: another time point's result is another one."""
        return self.inputNode is examined.first and examinedInputs(self.node).firstContent == examined.firstContent

    @property
    def wasEdited(self) -> bool:
        """Whether the segmentation was changed by hand since it was written; True if damaged evidence cannot tell."""
        from anofpdm.core.errors import EvidenceError

        with contextlib.suppress(EvidenceError):
            return self.segmentationNode is not None and self._guard.wasEdited
        return True

    @property
    def showsNothing(self) -> bool:
        """Whether the segmentation is empty because findings are withheld, and nothing has been drawn in it."""
        return self.case.withheld and not self.wasEdited

    @property
    def _guard(self) -> EditGuard:
        return EditGuard(self.segmentationNode, self.frame, self.case.geometry.array_shape)

    # What can be done.

    def update(self, settings: Any, onEdited: OnEdited = neverOverwrite) -> None:
        """Apply settings to everything: heatmap, segmentation, tables, healthy prediction.

        `onEdited` is asked if the segmentation was edited by hand. Raises anofpdm's SettingsError, with nothing
        changed.
        """
        detection = self.live.full(settings)
        self._detection = detection
        frame = self.frame
        self._restoreRemoved(detection, frame)
        heatmap_node.updateHeatmap(self.heatmapNode, frame, detection.shown_score)
        updateHealthyPrediction(self.healthyPredictionNode, detection)
        self._writeSegmentation(onEdited)
        self._fillTables(detection)
        evidence_nodes.storeSettings(self.node, settings)

    def lift(self, onEdited: OnEdited = neverOverwrite) -> None:
        """Show what the gate withholds, as the user asks; it stays so, in a saved scene as well.

        `onEdited` is asked if the user has drawn in the empty segmentation meanwhile.
        """
        case = dataclasses.replace(self.detection.case, forced=True)
        self.__dict__.pop("live", None)
        self.case, self._detection = case, None
        evidence_nodes.storeForced(self.node)
        self._retitle(case.gate_words)
        if self.segmentationNode is not None:
            segmentation_node.tellGate(self.segmentationNode, case.gate_words)
        self.update(case.settings, onEdited)

    def preview(self, settings: Any) -> None:
        """Apply settings to the slices in view alone; `update` must follow. The outline is hidden until then."""
        frame = self.frame
        boxes = self.live.preview(settings, slice_views.planesInVolume(self.context, self.heatmapNode, frame))
        segmentation = self.segmentationNode
        if segmentation is not None and segmentation.GetDisplayVisibility():
            segmentation.SetDisplayVisibility(False)
            self._hiddenWhileDragging = True
        heatmap_node.updateBoxes(self.heatmapNode, frame, boxes)

    def setAccepted(self, number: int, accepted: bool, onEdited: OnEdited = neverOverwrite) -> None:
        """Accept or reject component `number`; a rejected one leaves the segmentation and stays in the table."""
        self._restoreRemoved(self.detection, self.frame)
        self.review.setAccepted(self.detection, number, accepted)
        self._writeSegmentation(onEdited)
        self._fillTables(self.detection)

    def show(self, opacity: float) -> None:
        """Input, heatmap and outline in all slice views."""
        slice_views.showInSliceViews(self.context, self.inputNode, self.heatmapNode, opacity)
        if self.segmentationNode is not None:
            self.segmentationNode.SetDisplayVisibility(True)

    def centreOn(self, number: int) -> None:
        """Bring the peak of component `number` to the middle of all slice views."""
        component = self.detection.components[number - 1]
        slice_views.centreSliceViews(self.context, self.toWorld(component.peak_ras_mm))

    def centreOnSlice(self, index: int) -> None:
        """Bring the middle of slice `index` of the stack to the middle of all slice views."""
        slice_views.centreSliceViews(self.context, self.sliceCentre(index))

    def toWorld(self, pointRAS: Point) -> Point:
        """Where a point of the findings lies now: the volume may have come under another transform since."""
        return self.frame.toWorld(self.heatmapNode, pointRAS)

    def sliceCentre(self, index: int) -> Point:
        """Where the middle of slice `index` of the stack lies now, RAS mm."""
        left, posterior, superior = self.case.grid.slice_centers[index].tolist()
        return self.toWorld((-left, -posterior, superior))

    def divergencePlot(self) -> DivergencePlot | None:
        """The plot of the slices' curves; its nodes are made at first use. None if the method has no curves."""
        plot = findPlot(self.node)
        if plot is not None:
            return plot
        curves = someCurves(self.detection)
        if curves is not None:
            plot = addPlot(self.context, self.node, f"{self.name} divergence", curves)
            subject_hierarchy.putBeside(self.context, self.inputNode, [plot.chart])
        return plot

    def sliceAt(self, pointRAS: tuple[float, float, float]) -> int | None:
        """The slice of the stack that a point of the world lies in; None beyond the stack."""
        return self.frame.sliceAt(self.heatmapNode, pointRAS, self.case.grid)

    def remove(self, *, keepEdited: bool = False) -> None:
        """Take the result out of the scene, its nodes included; with `keepEdited`, not an edited segmentation."""
        nodes = [*self._own(), *evidence_nodes.evidenceNodes(self.node), *plotNodes(self.node)]
        if keepEdited and self.wasEdited:
            nodes.remove(self.segmentationNode)
        for node in [*nodes, self.node]:
            self.context.removeNode(node)

    def _fillTables(self, detection: Detection) -> None:
        findings = detection.findings
        fillTable(self.findingsNode, component_columns(findings["components"], self.review.accepted(detection)))
        fillTable(self.slicesNode, slice_columns(findings))

    def _writeSegmentation(self, onEdited: OnEdited) -> None:
        node, detection, frame = self.segmentationNode, self.detection, self.frame
        if self._hiddenWhileDragging and node is not None:
            # Before the question: it is about what the user should see.
            node.SetDisplayVisibility(True)
        self._hiddenWhileDragging = False
        choice = EditedChoice.DISCARD if node is None or not self.wasEdited else onEdited()
        if choice is EditedChoice.KEEP:
            return
        if node is None or choice is EditedChoice.NEW:
            self._addSegmentation(detection, frame)
            self.segmentationNode.SetDisplayVisibility(node is not None and bool(node.GetDisplayVisibility()))
            self.segmentationNode.SetAndObserveTransformNodeID(self.heatmapNode.GetTransformNodeID())
            subject_hierarchy.putBeside(self.context, self.inputNode, [self.segmentationNode])
            return
        segmentation_node.writeMask(node, frame, self.review.mask(detection))
        self._guard.remember()
