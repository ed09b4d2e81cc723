"""Brain lesions in MRI, found with AnoFPDM: a module of 3D Slicer."""

from __future__ import annotations

import sys
from pathlib import Path

import slicer
from slicer.i18n import tr as _
from slicer.i18n import translate
from slicer.ScriptedLoadableModule import (
    ScriptedLoadableModule,
    ScriptedLoadableModuleLogic,
    ScriptedLoadableModuleTest,
    ScriptedLoadableModuleWidget,
)
from slicer.util import VTKObservationMixin


class AnoFPDMSegment(ScriptedLoadableModule):
    """What Slicer shows of the module before it is opened."""

    def __init__(self, parent):
        ScriptedLoadableModule.__init__(self, parent)
        parent.title = _("AnoFPDM Segment")
        parent.categories = [translate("qSlicerAbstractCoreModule", "Segmentation")]
        parent.dependencies = ["Volumes", "Segmentations", "Terminologies", "SubjectHierarchy", "Tables", "Plots"]
        parent.contributors = ["AnoFPDMSegment contributors"]
        parent.helpText = _(
            "Finds where a brain MRI departs from healthy, and outlines it, with a diffusion model that was trained "
            "without any outlines. Research use only, not for clinical diagnosis."
        )
        parent.acknowledgementText = _(
            "The method is AnoFPDM by Y. Che and others (arXiv 2404.15683). Models carry their own licences, stated "
            "in their cards."
        )
        resources = Path(self.resourcePath(""))

        def onStarted():
            from anofpdm.core.private_folder import sweep
            from AnoFPDMSegmentLib.sample_data import registerSampleData

            registerSampleData(resources)
            sweep()

        slicer.app.connect("startupCompleted()", onStarted)


class AnoFPDMSegmentWidget(ScriptedLoadableModuleWidget, VTKObservationMixin):
    """Makes the panel, and tells it when it is shown and when the scene is closed."""

    logic = None
    panel = None

    def __init__(self, parent=None):
        ScriptedLoadableModuleWidget.__init__(self, parent)
        VTKObservationMixin.__init__(self)

    def setup(self):
        # Nothing of an earlier setup may stay behind.
        self.cleanup()
        ScriptedLoadableModuleWidget.setup(self)
        from AnoFPDMSegmentLib.own_engine import requireOwnEngine

        requireOwnEngine()
        from AnoFPDMSegmentLib.panel.panel import Panel

        self.logic = AnoFPDMSegmentLogic()
        self.panel = Panel(self.parent, self.logic.services(), self.resourcePath("UI/AnoFPDMSegment.ui"))
        scene = slicer.mrmlScene
        self.addObserver(scene, scene.StartCloseEvent, lambda *_: self.panel.onSceneStartClose())
        self.addObserver(scene, scene.EndCloseEvent, lambda *_: self.panel.onSceneEndClose())
        self.addObserver(scene, scene.StartImportEvent, lambda *_: self.panel.onSceneStartImport())
        self.addObserver(scene, scene.EndImportEvent, lambda *_: self.panel.onSceneEndImport())
        # Loaded again while it is shown, it is not entered a second time. A window of its own cannot be entered.
        if getattr(self.parent, "isEntered", False):
            self.enter()

    def enter(self):
        # After a setup that failed there is nothing to enter; its error was shown then.
        if self.panel is not None:
            self.panel.enter()

    def exit(self):
        if self.panel is not None:
            self.panel.exit()

    def cleanup(self):
        self.removeObservers()
        if self.panel is not None:
            self.panel.cleanup()
            self.panel = None
        if self.logic is not None:
            self.logic.releaseParameterNode()
            self.logic = None

    def onReload(self):
        # Developers' reload takes the module's file alone; without these its packages would stay as they were.
        for name in [name for name in sys.modules if name.partition(".")[0] in ("AnoFPDMSegmentLib", "anofpdm")]:
            del sys.modules[name]
        ScriptedLoadableModuleWidget.onReload(self)


class AnoFPDMSegmentLogic(ScriptedLoadableModuleLogic):
    """Puts the parts together; scripts detect with it, without a panel."""

    _parameters = None

    def getParameterNode(self):
        """The parameters in the present scene, typed; held here, for their node is observed from Python."""
        from AnoFPDMSegmentLib.parameters import SceneParameters

        node = ScriptedLoadableModuleLogic.getParameterNode(self)
        if self._parameters is None or self._parameters.parameterNode is not node:
            self._parameters = SceneParameters(node)
        else:
            # Slicer keeps what it has read, and reads a scene's parameters before the volumes that they name.
            self._parameters.Modified()
        return self._parameters

    def releaseParameterNode(self):
        """Let it go: the module is loaded again, or the application ends."""
        self._parameters = None

    def services(self):
        """What the panel works with."""
        from AnoFPDMSegmentLib.application_services import makeServices

        return makeServices(self.getParameterNode)

    def detect(self, inputs, options=None):
        """Detect and return the Result, its nodes in the scene but in no view yet; Slicer stays responsive meanwhile.

        Args:
            inputs: a volume node, or volume nodes by modality ({"flair": node, "t2": node}).
            options: RunOptions of anofpdm.app.worker.run_options; None: the default model as calibrated.

        Raises RuntimeError with a sentence, or anofpdm's InputError.
        """
        from AnoFPDMSegmentLib.blocking_detection import detect

        return detect(self.services(), inputs, options, slicer.app.processEvents)


class AnoFPDMSegmentTest(ScriptedLoadableModuleTest):
    """Runs inside Slicer; what needs PyTorch is skipped, with the reason, where it is missing."""

    def runTest(self):
        from AnoFPDMSegmentLib.self_test.session import runSelfTest

        runSelfTest(AnoFPDMSegmentLogic(), self.delayDisplay)
