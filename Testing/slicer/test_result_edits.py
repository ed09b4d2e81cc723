"""Manual edits of the segmentation are noticed and never overwritten."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
from evidence_makers import SETTINGS
from made_results import current_mask, made_result, paint

from AnoFPDMSegmentLib.mrml import segmentation_node
from AnoFPDMSegmentLib.mrml.edits import EditedChoice
from AnoFPDMSegmentLib.mrml.voxels import voxelsOf


def test_edits_are_never_overwritten(scene: Any) -> None:
    result = made_result(scene)
    assert not result.wasEdited
    paint(result, np.s_[5:7, 5:7, 5:7])
    assert result.wasEdited
    edited, mask = result.segmentationNode, current_mask(result)
    result.update(dataclasses.replace(SETTINGS, guidance=3.0))
    assert result.segmentationNode is not edited and not result.wasEdited
    assert np.array_equal(segmentation_node.readMask(edited, result.frame, mask.shape), mask), (
        "the edited segmentation stays in the scene"
    )
    assert np.array_equal(current_mask(result), result.detection.mask)


def test_the_user_is_asked_once_and_obeyed(scene: Any) -> None:
    result = made_result(scene)
    paint(result, np.s_[5:7, 5:7, 5:7])
    mask, asked = current_mask(result), []

    def answer(choice: EditedChoice) -> Any:
        return lambda: asked.append(choice) or choice

    result.update(dataclasses.replace(SETTINGS, guidance=3.0), answer(EditedChoice.KEEP))
    assert np.array_equal(current_mask(result), mask) and result.wasEdited and len(asked) == 1
    assert np.array_equal(voxelsOf(result.heatmapNode.GetImageData()), result.detection.score)
    result.update(SETTINGS, answer(EditedChoice.DISCARD))
    assert np.array_equal(current_mask(result), result.detection.mask) and len(asked) == 2
    result.update(SETTINGS, answer(EditedChoice.KEEP))
    assert len(asked) == 2, "without edits nobody is asked"


def test_the_question_is_asked_with_the_edited_outline_in_sight(scene: Any) -> None:
    """After a slider was dragged, which hides the outline."""
    result = made_result(scene)
    result.show(0.6)
    paint(result, np.s_[5:7, 5:7, 5:7])
    edited, seen = result.segmentationNode, []

    def answer() -> EditedChoice:
        seen.append(bool(edited.GetDisplayVisibility()))
        return EditedChoice.NEW

    stronger = dataclasses.replace(SETTINGS, guidance=3.0)
    result.preview(stronger)
    assert not edited.GetDisplayVisibility()
    result.update(stronger, answer)
    assert seen == [True] and edited.GetDisplayVisibility() and result.segmentationNode.GetDisplayVisibility()


@pytest.mark.parametrize("edit", ["erased", "finer", "segment removed"])
def test_every_edit_is_noticed(scene: Any, edit: str) -> None:
    import slicer

    result = made_result(scene)
    segmentation = result.segmentationNode.GetSegmentation()
    if edit == "erased":
        paint(result, np.s_[:, :, :], inside=False)
    elif edit == "segment removed":
        segmentation.RemoveSegment("Anomaly")
    else:
        # One voxel of a grid twice as fine, which the result's own grid cannot show.
        image = slicer.vtkOrientedImageData()
        result.segmentationNode.GetBinaryLabelmapRepresentation("Anomaly", image)
        fine = slicer.vtkOrientedImageData()
        fine.DeepCopy(image)
        fine.SetSpacing([s / 2 for s in image.GetSpacing()])
        fine.SetExtent([2 * n for n in image.GetExtent()])
        fine.AllocateScalars(image.GetScalarType(), 1)
        voxelsOf(fine)[...] = 0
        slicer.vtkOrientedImageDataResample.ResampleOrientedImageToReferenceOrientedImage(image, fine, fine)
        voxels = voxelsOf(fine)
        voxels[tuple(np.argwhere(voxels)[0])] = 0
        segmentation.GetSegment("Anomaly").AddRepresentation("Binary labelmap", fine)
    assert result.wasEdited


def test_other_segments_of_the_user_stay(scene: Any) -> None:
    result = made_result(scene)
    segmentation = result.segmentationNode.GetSegmentation()
    own = segmentation.AddEmptySegment("mine", "mine")
    mine = segmentation_node.SEGMENT_ID
    assert own == "mine" and mine != own and not result.wasEdited
    box = np.zeros(result.case.geometry.array_shape, bool)
    box[3:6, 3:6, 3:6] = True
    box |= result.detection.mask  # overlapping ours
    import slicer

    image = segmentation_node.labelmapOf(result.frame, box)
    logic = slicer.vtkSlicerSegmentationsModuleLogic
    logic.SetBinaryLabelmapToSegment(image, result.segmentationNode, "mine", logic.MODE_REPLACE)
    assert not result.wasEdited
    result.update(dataclasses.replace(SETTINGS, guidance=3.0))
    after = segmentation_node.readMask(result.segmentationNode, result.frame, box.shape, "mine")
    assert np.array_equal(after, box) and np.array_equal(current_mask(result), result.detection.mask)
