"""Results of made-up cases in a scene."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from evidence_makers import axial_geometry, make_case
from scene_makers import add_volume

from anofpdm.results.detection import build_detection
from AnoFPDMSegmentLib.mrml.output_frame import geometryMatrix
from AnoFPDMSegmentLib.mrml.result import Result

LARGE = ((28.0, -14.0, 21.0), 16.0)
"""In the right hemisphere."""
SMALL = ((-30.0, 20.0, -10.0), 12.0)


def made_result(
    scene: Any, balls: Any = (LARGE, SMALL), name: str = "head", settings: Any = None, **case: Any
) -> Result:
    """A result with a finding for each ball, the larger one first."""
    node = made_volume(scene, name)
    made = make_case(axial_geometry(), balls, **case)
    return Result.create(scene, node, build_detection(made if settings is None else replace(made, settings=settings)))


def made_volume(scene: Any, name: str = "head") -> Any:
    """The volume that made-up cases were made on, as far as its place goes."""
    geometry = axial_geometry()
    voxels = np.random.default_rng(0).integers(0, 200, geometry.array_shape).astype(np.int16)
    node = add_volume(scene, voxels, geometryMatrix(geometry), name)
    node.CreateDefaultDisplayNodes()
    return node


def current_mask(result: Result) -> np.ndarray:
    """The segmentation on the case's grid, as it is now."""
    from AnoFPDMSegmentLib.mrml.segmentation_node import readMask

    return readMask(result.segmentationNode, result.frame, result.case.geometry.array_shape)


def paint(result: Result, box: tuple[slice, slice, slice], inside: bool = True) -> None:
    """Edit the segmentation as the Segment Editor does."""
    from AnoFPDMSegmentLib.mrml.segmentation_node import writeMask

    mask = current_mask(result)
    mask[box] = inside
    writeMask(result.segmentationNode, result.frame, mask)


def node_ids(scene: Any) -> set[str]:
    """Of all nodes of the scene."""
    return {scene.scene.GetNthNode(index).GetID() for index in range(scene.scene.GetNumberOfNodes())}


def column(table: Any, title: str) -> list[Any]:
    """Values of a column of a table node."""
    values = table.GetTable().GetColumnByName(title)
    return [values.GetValue(row) for row in range(values.GetNumberOfValues())]
