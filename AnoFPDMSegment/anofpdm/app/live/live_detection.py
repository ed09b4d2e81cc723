"""Results for changed settings, from the evidence alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from .plane_boxes import boxes_around_plane

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from ...results.case import CaseEvidence
    from ...results.detection import Detection
    from ...volumes.bounding_box import Box


class LiveDetection:
    """One case, asked again and again."""

    def __init__(self, case: CaseEvidence) -> None:
        self.case = case

    def full(self, settings: Any) -> Detection:
        """Everything: about half a second for 240 x 240 x 155 voxels. Raises anofpdm's SettingsError."""
        from ...results.detection import build_detection

        return build_detection(self.case, settings)

    def preview(self, settings: Any, planes: Sequence[NDArray[np.float64]]) -> list[tuple[Box, NDArray[np.float32]]]:
        """The scores that views on some planes show: boxes [k, j, i] of the score volume with their content.

        planes: each (a, b, c, d), the points of voxel coordinates with a i + b j + c k + d = 0.
        Raises anofpdm's SettingsError.
        """
        from ...results.detection import preview_scores

        boxes = [box for plane in planes for box in boxes_around_plane(plane, self.case.geometry.array_shape)]
        scores = preview_scores(self.case, settings, boxes)
        if self.case.withheld:
            scores = [part * 0 for part in scores]
        return list(zip(boxes, scores, strict=True))
