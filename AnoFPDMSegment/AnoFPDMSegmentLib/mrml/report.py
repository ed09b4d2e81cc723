"""The report of a result in the scene."""

from __future__ import annotations

from typing import TYPE_CHECKING

from anofpdm.app.report import Reported, report_page

from .png import pngBytes
from .segmentation_node import readMask, segmentVolume

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from .result import Result
    from .subject_hierarchy import Place


def reportPage(result: Result, modelCard: str = "", place: Place | None = None) -> str:
    """One HTML page with pictures, tables, parameters and the model's card.

    modelCard: Markdown. place: whose the result is; None: the page does not say.
    """
    sentence, changed = _segmentation(result)
    reported = Reported(
        case=result.case,
        detection=result.detection,
        name=result.name,
        accepted=result.accepted,
        outline=_segmentationMask(result),
        segmentation=sentence,
        changed=changed,
        whose=(place.patient, place.study) if place is not None else (),
    )
    return report_page(reported, pngBytes, modelCard)


def _segmentation(result: Result) -> tuple[str, bool]:
    """What the segmentation holds beyond, or short of, the detection, and whether to warn of it."""
    if result.segmentationNode is None:
        return "The segmentation was removed; the outlines below are those of the detection.", True
    volume = f"The segmentation measures {segmentVolume(result.segmentationNode) / 1000:.2f} mL."
    if result.wasEdited:
        return f"The segmentation was edited by hand after the detection. {volume}", True
    rejected = result.accepted.count(False)
    if rejected:
        return f"{rejected} finding(s) were rejected and are not in the segmentation. {volume}", False
    return volume, False


def _segmentationMask(result: Result) -> NDArray[np.bool_]:
    """The segmentation as it is now [k, j, i]."""
    if result.segmentationNode is None:
        return result.review.mask(result.detection)
    return readMask(result.segmentationNode, result.frame, result.case.geometry.array_shape)
