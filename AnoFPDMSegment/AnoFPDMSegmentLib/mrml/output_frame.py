"""Where results lie: on the input's voxels, in the input's own coordinates, under the input's parent transform.

A result is computed on the volume as it lay in the world when the run began. Its voxels are those of the input,
so they follow the input wherever its transform takes it later.

Slicer turns left-handed volumes over (last axis reversed) when it reads them from disk. Results are therefore kept
right-handed from the start: with a left-handed input their last axis runs the other way, at the same places.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from .voxels import ijkToRAS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from anofpdm.volumes.geometry import VolumeGeometry

    Matrix = NDArray[np.float64]

_LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])


@dataclass(frozen=True)
class OutputFrame:
    """The voxel grid of a result's heatmap and segmentation."""

    nodeIJKToRAS: Matrix
    """4 x 4, right-handed, without the parent transform."""
    reversedK: bool
    """Whether the node's last axis runs against that of the case's arrays."""
    caseIJKToRAS: Matrix
    """4 x 4 of the case's geometry: the input's voxels in the world when the run began."""
    layers: int
    """Voxels along k."""

    @classmethod
    def forInput(cls, inputNode: Any, geometry: VolumeGeometry) -> OutputFrame:
        """On the voxels of `inputNode`, whose world geometry was `geometry` when the run began.

        Raises anofpdm's InputError if the node has another number of voxels.
        """
        size = inputNode.GetImageData().GetDimensions() if inputNode.GetImageData() else (0, 0, 0)
        if tuple(size) != tuple(geometry.size):
            from anofpdm.core.errors import InputError

            raise InputError(
                f"The volume {inputNode.GetName()} has {' x '.join(map(str, size))} voxels but the result has "
                f"{' x '.join(map(str, geometry.size))}; choose the volume that was examined."
            )
        local = ijkToRAS(inputNode)
        reverse = bool(np.linalg.det(local[:3, :3]) < 0)
        placed = local @ _reversal(geometry.size[2]) if reverse else local
        return cls(placed, reverse, geometryMatrix(geometry), geometry.size[2])

    @classmethod
    def ofNode(cls, node: Any, geometry: VolumeGeometry, *, reversedK: bool) -> OutputFrame:
        """The frame of a heatmap that was made before."""
        return cls(ijkToRAS(node), reversedK, geometryMatrix(geometry), geometry.size[2])

    def ordered(self, array: NDArray[Any]) -> NDArray[Any]:
        """An array [k, j, i] of the case in the order of the node, or back."""
        return array[::-1] if self.reversedK else array

    @property
    def localFromRun(self) -> Matrix:
        """4 x 4: RAS of the world when the run began to the nodes' own coordinates."""
        local = self.nodeIJKToRAS @ _reversal(self.layers) if self.reversedK else self.nodeIJKToRAS
        return local @ np.linalg.inv(self.caseIJKToRAS)

    def placed(self, geometry: VolumeGeometry) -> Matrix:
        """IJKToRAS, in the nodes' own coordinates, of another grid of the same run, such as the stack of slices."""
        return self.localFromRun @ geometryMatrix(geometry)

    def toWorld(self, node: Any, pointRAS: tuple[float, float, float]) -> tuple[float, float, float]:
        """Where a point of the run lies now: `node` is one of the result, with today's parent transform."""
        right, anterior, superior, _ = self.localFromRun @ np.array([*pointRAS, 1.0])
        world = [0.0, 0.0, 0.0]
        node.TransformPointToWorld((right, anterior, superior), world)
        return world[0], world[1], world[2]

    def sliceAt(self, node: Any, pointRAS: tuple[float, float, float], grid: VolumeGeometry) -> int | None:
        """Index of the slice of `grid` that a point of today's world lies in; None beyond the stack."""
        local = [0.0, 0.0, 0.0]
        node.TransformPointFromWorld(pointRAS, local)
        index = round(float((np.linalg.inv(self.placed(grid)) @ np.array([*local, 1.0]))[2]))
        return index if 0 <= index < grid.size[2] else None


def geometryMatrix(geometry: VolumeGeometry) -> Matrix:
    """IJKToRAS, 4 x 4."""
    matrix = np.eye(4)
    matrix[:3, :3] = geometry.direction_matrix * np.asarray(geometry.spacing)
    matrix[:3, 3] = geometry.origin
    placed: Matrix = _LPS_TO_RAS @ matrix
    return placed


def geometryOf(ijkToRAS: Matrix, size: tuple[int, int, int]) -> VolumeGeometry:
    """The geometry of `size` voxels (i, j, k) at a place in RAS."""
    from anofpdm.volumes.geometry import VolumeGeometry

    matrix = _LPS_TO_RAS @ ijkToRAS
    spacing = np.linalg.norm(matrix[:3, :3], axis=0)
    return VolumeGeometry(
        size=size,
        spacing=tuple(spacing.tolist()),
        origin=tuple(matrix[:3, 3].tolist()),
        direction=tuple((matrix[:3, :3] / spacing).ravel().tolist()),
    )


def _reversal(layers: int) -> Matrix:
    """k to layers - 1 - k; its own inverse."""
    matrix = np.diag([1.0, 1.0, -1.0, 1.0])
    matrix[2, 3] = layers - 1
    return matrix
