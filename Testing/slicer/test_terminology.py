"""The module's terminology is one that Slicer's own logic reads, and new segments use it."""

from __future__ import annotations

import json
from typing import Any

import pytest
import slicer
from made_results import made_result
from test_result import segment_tag

from anofpdm.results.segmentation import SEGMENT_COLOR, TERMINOLOGY_ENTRY
from AnoFPDMSegmentLib.mrml.terminology import TERMINOLOGY_FILE, TERMINOLOGY_NAME


@pytest.fixture
def terminologies(scene: Any) -> Any:
    """Slicer's logic; its default lists are not part of slicer-core, which it says on standard error."""
    logic = slicer.vtkSlicerTerminologiesModuleLogic()
    logic.SetMRMLApplicationLogic(scene.applicationLogic)
    logic.SetMRMLScene(scene.scene)
    scene.applicationLogic.SetModuleLogic("Terminologies", logic)
    return logic


def test_slicer_reads_the_terminology(terminologies: Any) -> None:
    assert terminologies.LoadTerminologyFromFile(str(TERMINOLOGY_FILE)) == TERMINOLOGY_NAME
    assert terminologies.GetNumberOfCategoriesInTerminology(TERMINOLOGY_NAME) == 1
    category, kind = slicer.vtkSlicerTerminologyCategory(), slicer.vtkSlicerTerminologyType()
    assert terminologies.GetNthCategoryInTerminology(TERMINOLOGY_NAME, 0, category)
    assert category.GetCodeValue() == "49755003" and category.GetShowAnatomy()
    assert terminologies.GetNthTypeInTerminologyCategory(TERMINOLOGY_NAME, category, 0, kind)
    assert (kind.GetCodingSchemeDesignator(), kind.GetCodeValue()) == ("SCT", "49755003")
    names = []
    for number in range(terminologies.GetNumberOfTypeModifiersInTerminologyType(TERMINOLOGY_NAME, category, kind)):
        modifier = slicer.vtkSlicerTerminologyType()
        assert terminologies.GetNthTypeModifierInTerminologyType(TERMINOLOGY_NAME, category, kind, number, modifier)
        names.append((modifier.GetCodeMeaning(), modifier.GetCodeValue()))
    assert names == [("Mass", "4147007"), ("Edema", "79654002")]


def test_segments_are_entered_in_it(scene: Any, terminologies: Any) -> None:
    segmentation = made_result(scene).segmentationNode.GetSegmentation()
    assert terminologies.IsTerminologyContextLoaded(TERMINOLOGY_NAME)
    text = segment_tag(segmentation.GetSegment("Anomaly"), "TerminologyEntry")
    entry = slicer.vtkSlicerTerminologyEntry()
    assert terminologies.DeserializeTerminologyEntry(text, entry)
    assert entry.GetTerminologyContextName() == TERMINOLOGY_NAME
    assert entry.GetTypeObject().GetCodeValue() == "49755003" and entry.GetRegionObject().GetCodeValue() == "12738006"


def test_without_the_terminologies_module_the_codes_are_the_same(scene: Any) -> None:
    segment = made_result(scene).segmentationNode.GetSegmentation().GetSegment("Anomaly")
    assert segment_tag(segment, "TerminologyEntry") == TERMINOLOGY_ENTRY


def test_the_recommended_color_is_the_segments() -> None:
    (category,) = json.loads(TERMINOLOGY_FILE.read_text(encoding="utf-8"))["SegmentationCodes"]["Category"]
    assert category["Type"][0]["recommendedDisplayRGBValue"] == [round(255 * value) for value in SEGMENT_COLOR]
