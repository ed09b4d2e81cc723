"""What the module's own test does inside Slicer."""

from __future__ import annotations

import unittest
from collections.abc import Callable
from pathlib import Path
from typing import Any

import slicer
import slicer.util

SAMPLES = Path(__file__).resolve().parents[1] / "Resources" / "SampleData"


def runSelfTest(logic: Any, say: Callable[[str], object]) -> None:
    """Everything, in an empty scene; `say` shows what is going on. Raises AssertionError."""
    slicer.mrmlScene.Clear()
    try:
        checkBundledSample(logic, say)
    except unittest.SkipTest as reason:
        say(f"Skipped: {reason}")
    else:
        say("Test passed")
    slicer.mrmlScene.Clear()


def requireTorch(logic: Any) -> None:
    """Raises unittest.SkipTest with the reason where nothing can be computed; nothing is installed."""
    state = logic.services().torchSetup.state()
    if not state.ok:
        raise unittest.SkipTest(state.sentence)


def checkBundledSample(logic: Any, say: Callable[[str], object]) -> None:
    """Detect in the drawn head; the mask of its lesion must be found."""
    requireTorch(logic)
    say("Detecting in the bundled sample")
    volume = slicer.util.loadVolume(str(SAMPLES / "synthetic_flair_lesion.nii.gz"))
    result = logic.detect(volume)
    score = slicer.util.arrayFromVolume(result.heatmapNode)
    mask = slicer.util.loadLabelVolume(str(SAMPLES / "synthetic_flair_lesion_mask.nii.gz"))
    lesion = slicer.util.arrayFromVolume(mask) > 0
    found = score >= 1
    dice = 2 * (found & lesion).sum() / (found.sum() + lesion.sum())
    case = unittest.TestCase()
    case.assertEqual(score.shape, slicer.util.arrayFromVolume(volume).shape)
    case.assertGreater(dice, 0.5)
    case.assertEqual(result.segmentationNode.GetSegmentation().GetNumberOfSegments(), 1)
