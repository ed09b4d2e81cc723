"""Cases with known evidence on any grid: a head in patient space with balls that stand out, without any network."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from anofpdm.methods.anofpdm.evidence import BankEvidence, Evidence, QuadraticEvidence
from anofpdm.methods.anofpdm.operating_point import OperatingPoint
from anofpdm.methods.anofpdm.settings import SelectionSettings
from anofpdm.results.case import CaseEvidence, ModelIdentity, RunRecord
from anofpdm.thresholds.settings import MinimumSize, Threshold
from anofpdm.volumes.geometry import VolumeGeometry
from anofpdm.volumes.input_config import GridConfig
from anofpdm.volumes.stack_grid import StackGrid, plan_stack

POINT = OperatingPoint(steps=4, last=300)
BANK = OperatingPoint(steps=4, last=300, clamp=True, guidance_bank=(0.0, 2.0, 8.0))
SETTINGS = SelectionSettings(
    guidance=2.0, threshold=Threshold("value", 0.5), ungated=True, minimum_size=MinimumSize(pixels=0)
)
Ball = tuple[Sequence[float], float]
"""Middle (RAS mm) and radius (mm)."""


def make_case(
    geometry: VolumeGeometry,
    balls: Sequence[Ball],
    *,
    matrix: int = 48,
    field_of_view_mm: float = 240.0,
    modalities: tuple[str, ...] = ("flair",),
    point: OperatingPoint = POINT,
    head_radii_mm: tuple[float, float, float] = (70.0, 85.0, 65.0),
    seed: int = 0,
    side_known: bool = True,
) -> CaseEvidence:
    """An examination of a head around the middle of `geometry`.

    With SETTINGS the anomaly map is 1 in the middle of a ball and 0.5, the threshold, at its radius.
    """
    image = sitk.Image([int(n) for n in geometry.size], sitk.sitkUInt8) + 1
    image.SetSpacing(geometry.spacing)
    image.SetOrigin(geometry.origin)
    image.SetDirection(geometry.direction)
    config = GridConfig(matrix=matrix, field_of_view_mm=field_of_view_mm, centring="image", plane="acquired")
    grid = plan_stack(image, image, config)
    ras = _ras(grid)
    middle = geometry.center * [-1, -1, 1]
    distance = np.linalg.norm((ras - middle) / head_radii_mm, axis=-1)
    head, interior = distance <= 1, distance <= 0.9
    examined = head.any(axis=(1, 2))
    anomaly = np.zeros(head.shape)
    for center, radius in balls:
        anomaly = np.maximum(anomaly, np.exp2(-np.square(np.linalg.norm(ras - center, axis=-1) / radius)))
    noise = np.random.default_rng(seed)
    return CaseEvidence(
        method="anofpdm",
        evidence=_evidence(anomaly[examined], head[examined], len(modalities), point, noise),
        geometry=geometry,
        grid=grid,
        examined=examined,
        not_examined_reason=tuple("" if each else "no head in this slice" for each in examined),
        head=head,
        interior=interior,
        level=np.linspace(0, 1, len(head), dtype=np.float32),
        display=(200 * head).astype(np.uint8),
        skull_stripped=False,
        warnings=(),
        model=ModelIdentity("made-up", "1", "Made-up model", "CC0-1.0", "", "0" * 64, modalities, 0),
        calibration=None,
        run=RunRecord(tuple((name, f"{name}.nrrd") for name in modalities), 0, "cpu", 1.0, (("anofpdm", "0"),), 1, 8),
        settings=SETTINGS,
        side_known=side_known,
    )


def axial_geometry(size: tuple[int, int, int] = (60, 64, 30)) -> VolumeGeometry:
    """180 x 192 x 150 mm around the origin, voxels as in a usual axial file of NIfTI."""
    spacing = (180 / size[0], 192 / size[1], 150 / size[2])
    half = [(n - 1) / 2 * s for n, s in zip(size, spacing, strict=True)]
    return VolumeGeometry(size, spacing, (half[0], half[1], -half[2]), (-1.0, 0, 0, 0, -1.0, 0, 0, 0, 1.0))


def _ras(grid: StackGrid) -> NDArray[np.float64]:
    k, j, i = np.meshgrid(*(np.arange(n) for n in grid.array_shape), indexing="ij")
    points: NDArray[np.float64] = grid.to_physical(np.stack([i, j, k], axis=-1)) * [-1, -1, 1]
    return points


def _evidence(
    anomaly: NDArray[Any], head: NDArray[Any], channels: int, point: OperatingPoint, noise: np.random.Generator
) -> Evidence:
    """SAM = (1 + w)^2 D^2 with D^2 = anomaly / 9: the anomaly itself at w = 2."""
    shape = (len(anomaly), channels, *anomaly.shape[1:])
    difference = np.broadcast_to(np.sqrt(anomaly / 9)[:, None], shape).astype(np.float32)
    residual = (0.01 * noise.standard_normal(shape) * head[:, None]).astype(np.float32)
    curve = np.linspace(0.5, 1, point.steps)[None, :, None] * np.square(difference).mean(axis=(2, 3))[:, None]
    dd = np.broadcast_to(curve, (len(anomaly), point.steps, channels)).astype(np.float32)
    x0 = np.where(head[:, None], np.float32(0.2), np.float32(-1)) * np.ones(shape, np.float32)
    end = np.full((len(anomaly), channels), point.steps - 1)
    if not point.clamp:
        return QuadraticEvidence(
            point=point,
            x0=x0,
            mean_rr=np.square(residual),
            mean_rd=residual * 0,
            mean_dd=np.square(difference),
            residual_end=residual,
            difference_end=difference,
            rr=dd * np.float32(0.1),
            rd=dd * np.float32(0.01),
            dd=dd,
            end_index=end,
        )
    gains = [1 + w for w in point.guidance_bank]
    return BankEvidence(
        point=point,
        x0=x0,
        aam_bank=np.stack([np.float32(g * g) * np.square(difference) for g in gains], axis=1),
        guided_end=np.stack([x0 + np.float32(g) * difference for g in gains], axis=1),
        divergence_bank=np.stack([np.float32(g * g) * dd for g in gains], axis=1),
        mse_healthy_bank=np.stack([np.float32(g * g) * dd for g in gains], axis=1),
        mse_unguided_steps=dd,
        end_index_bank=np.stack([end for _ in gains], axis=1),
    )
