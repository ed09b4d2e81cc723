"""The session: two heads, both results, dialogs, another module, a saved scene."""

from __future__ import annotations

import contextlib
import gc
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import slicer
import slicer.util
import vtk

from .panel_driver import EventCount, PanelDriver
from .requirements import require, requireEqual

SAMPLES = Path(__file__).resolve().parents[2] / "Resources" / "SampleData"
HEADS = ("synthetic_flair_lesion", "synthetic_flair_no_lesion")
LESION = "synthetic_flair_lesion_mask"
LEAST_DICE = 0.5
OPENED = 20
"""How often the module is left and chosen again."""


def runSelfTest(logic: Any, say: Callable[[str], object]) -> None:
    """Everything, in an empty scene, which is emptied again; `say` shows what is going on. Raises AssertionError.

    What needs PyTorch is skipped, with the reason, where it is missing; nothing is installed.
    """
    slicer.mrmlScene.Clear()
    with tempfile.TemporaryDirectory(prefix="AnoFPDMSegment-test-") as folder:
        session = _Session(logic, say, Path(folder))
        try:
            skipped = session.run()
        finally:
            session.end()
    slicer.mrmlScene.Clear()
    say(f"Test passed; detections were skipped: {skipped}" if skipped else "Test passed")


class _Session:
    def __init__(self, logic: Any, say: Callable[[str], object], folder: Path) -> None:
        self._logic = logic
        self._show = say
        self._folder = folder
        self._driver = PanelDriver()
        self._results = 0

    def run(self) -> str:
        """Everything; returns why detections were skipped, or an empty text."""
        self._driver.dialogs.start()
        self.load()
        self.openPanelDialogs()
        self.leaveAndCollect()
        state = self._logic.services().torchSetup.state()
        if state.ok:
            self.detect()
            self.showInTurn()
            self.dragSlider()
            self.openResultDialogs()
            self.leaveAndCollect()
        self.saveAndReopen()
        self._driver.dialogs.requireNone("At the end")
        return "" if state.ok else state.sentence

    def end(self) -> None:
        """Dialogs are the user's again."""
        self._driver.dialogs.stop()

    def _say(self, step: str) -> None:
        """The message may itself be a dialog, which closes by itself."""
        dialogs = self._driver.dialogs
        dialogs.requireNone(f"Before '{step}'")
        dialogs.stop()
        self._show(step)
        dialogs.start()

    def load(self) -> None:
        self._say("Loading two heads")
        self._driver.enter()
        self._driver.openSections()
        for name in HEADS:
            slicer.util.loadVolume(str(SAMPLES / f"{name}.nii.gz"))
        self._driver.idle()
        self._select(HEADS[0])
        requireEqual(self._driver.panel.state.obstacles(), [], "What keeps the first head from being examined")

    def openPanelDialogs(self) -> None:
        self._say("Opening the dialogs of model and calibration")
        for name in ("modelCardButton", "calibrateButton"):
            self._opens(name)

    def leaveAndCollect(self) -> None:
        """A parameter node that nobody in Python holds once brought the application down here."""
        self._say("Leaving the module and coming back")
        driver = self._driver
        chosen = driver.ui.inputVolume1.currentNode()
        for _ in range(OPENED):
            driver.leave()
            gc.collect()
            node = slicer.mrmlScene.GetSingletonNode("AnoFPDMSegment", "vtkMRMLScriptedModuleNode")
            node.Modified()
            del node
            gc.collect()
            driver.enter()
        require(driver.ui.inputVolume1.currentNode() is chosen, "Another input is selected after coming back.")
        requireEqual(len(driver.panel._results._results), self._results, "Results after coming back")

    def detect(self) -> None:
        driver, catalog = self._driver, self._driver.panel._services.catalog
        for name in HEADS:
            self._say(f"Detecting in {name}")
            self._select(name)
            self._results += 1
            if catalog.licences.needed(driver.panel.state.model):
                # Whether to agree is not for a test to say: as scripts do, which take the agreement for granted.
                self._opens("detectButton")
                self._logic.detect(self._volume(name))
                driver.leave()
                driver.enter()
            else:
                driver.ui.detectButton.click()
                driver.waitForRun()
            requireEqual(driver.ui.resultSelector.count, self._results, f"Results after the detection in {name}")
        result = next(each for each in driver.panel._results._results if each.inputNode is self._volume(HEADS[0]))
        mask = slicer.util.loadLabelVolume(str(SAMPLES / f"{LESION}.nii.gz"))
        lesion = slicer.util.arrayFromVolume(mask) > 0
        slicer.mrmlScene.RemoveNode(mask)
        found = slicer.util.arrayFromVolume(result.heatmapNode) >= 1
        dice = 2 * float((found & lesion).sum()) / float(found.sum() + lesion.sum())
        require(dice > LEAST_DICE, f"The drawn lesion was found at a Dice of {dice:.2f} only.")

    def showInTurn(self) -> None:
        driver = self._driver
        first = driver.ui.resultSelector.currentIndex
        for index in (1 - first, first, 1 - first):
            driver.ui.resultSelector.setCurrentIndex(index)
            driver.idle()
            result = driver.result
            self._say(f"Showing the result of {result.name}")
            self._checkViews(result)

    def dragSlider(self) -> None:
        self._say("Dragging a slider")
        driver = self._driver
        self._showLesion()
        result = driver.result
        before, scores = result.settings, slicer.util.arrayFromVolume(result.heatmapNode).copy()
        drawn = EventCount(result.heatmapNode, vtk.vtkCommand.ModifiedEvent)
        shares = (0.3, 0.5, 0.8)
        driver.drag(driver.slider, *shares)
        # The views draw a volume anew when its node is modified: at every move.
        count = drawn.take()
        drawn.end()
        require(
            count >= len(shares), f"The heatmap was drawn {count} times while a slider was moved {len(shares)} times."
        )
        require(result.settings != before, "The slider changed nothing.")
        after = slicer.util.arrayFromVolume(result.heatmapNode)
        require(not np.array_equal(scores, after), "The heatmap is as it was before the slider was moved.")
        self._checkViews(result)

    def openResultDialogs(self) -> None:
        driver = self._driver
        self._say("Opening the dialogs of a result")
        self._opens("removeResultButton")
        requireEqual(driver.ui.resultSelector.count, self._results, "Results after the question was closed")
        # Without the button, whose question for a folder is the system's own.
        driver.panel._export.write(self._folder)
        driver.idle()
        require(list(self._folder.iterdir()), "Nothing was exported.")
        driver.dialogs.requireOne(lambda: driver.panel._export.write(self._folder), "Exporting again")
        self._opens("dicomButton")
        self._edit()

    def saveAndReopen(self) -> None:
        self._say("Saving and reopening the scene")
        driver, scene, path = self._driver, slicer.mrmlScene, self._folder / "session.mrb"
        summary = driver.ui.summaryLabel.text
        require(scene.WriteToMRB(str(path)), "The scene could not be saved.")
        scene.Clear()
        driver.idle()
        require(driver.result is None, "A result is shown in an empty scene.")
        require(scene.ReadFromMRB(str(path)), "The scene could not be read again.")
        driver.idle()
        requireEqual(driver.ui.resultSelector.count, self._results, "Results in the reopened scene")
        for name in HEADS:
            require(self._volume(name) is not None, f"{name} is not in the reopened scene.")
        if self._results:
            self._showLesion()
            requireEqual(driver.ui.summaryLabel.text, summary, "Summary in the reopened scene")
            before = driver.result.settings
            driver.drag(driver.slider, 0.4)
            require(driver.result.settings != before, "The reopened result does not follow its slider.")

    def _select(self, name: str) -> None:
        self._driver.ui.inputVolume1.setCurrentNode(self._volume(name))
        self._driver.idle()

    def _volume(self, name: str) -> Any:
        return slicer.mrmlScene.GetFirstNodeByName(name)

    def _showLesion(self) -> None:
        """The result with a finding."""
        results = self._driver.panel._results._results
        index = next(n for n, each in enumerate(results) if each.inputNode is self._volume(HEADS[0]))
        self._driver.ui.resultSelector.setCurrentIndex(index)
        self._driver.idle()

    def _checkViews(self, result: Any) -> None:
        """Image, heatmap and outline of this result, and nothing of another."""
        image, heatmap = result.inputNode.GetID(), result.heatmapNode.GetID()
        for composite in result.context.nodes("vtkMRMLSliceCompositeNode"):
            view = composite.GetLayoutName()
            requireEqual(composite.GetBackgroundVolumeID(), image, f"Background of {view}")
            requireEqual(composite.GetForegroundVolumeID(), heatmap, f"Foreground of {view}")
        for other in self._driver.panel._results._results:
            shown = bool(other.segmentationNode.GetDisplayVisibility())
            requireEqual(shown, other.node is result.node, f"Whether the outline of {other.name} is visible")

    def _opens(self, name: str) -> None:
        button = getattr(self._driver.ui, name)
        require(button.enabled, f"{name} is disabled: {button.toolTip}")
        self._driver.dialogs.requireOne(button.click, name)
        self._driver.idle()

    def _edit(self) -> None:
        """An edited outline is asked about, and stays when the question is closed."""
        self._showLesion()
        driver = self._driver
        result = driver.result
        with self._painted(result) as mask:
            driver.dialogs.requireOne(lambda: driver.drag(driver.slider, 0.6), "The edited segmentation")
            kept = self._maskOf(result)
            require(np.array_equal(kept, mask), "An edited outline was overwritten although the question was closed.")

    @contextlib.contextmanager
    def _painted(self, result: Any) -> Iterator[Any]:
        before = self._maskOf(result)
        painted = before.copy()
        painted[:2, :4, :4] = 1 - painted[:2, :4, :4]
        segment = result.segmentationNode.GetSegmentation().GetNthSegmentID(0)
        slicer.util.updateSegmentBinaryLabelmapFromArray(painted, result.segmentationNode, segment, result.inputNode)
        yield painted
        slicer.util.updateSegmentBinaryLabelmapFromArray(before, result.segmentationNode, segment, result.inputNode)

    def _maskOf(self, result: Any) -> Any:
        segment = result.segmentationNode.GetSegmentation().GetNthSegmentID(0)
        return slicer.util.arrayFromSegmentBinaryLabelmap(result.segmentationNode, segment, result.inputNode).copy()
