"""Evidence with image-level labels, made of maps whose content is known."""

from __future__ import annotations

import numpy as np

from anofpdm.methods.anofpdm.calibrate import LabelledEvidence
from anofpdm.methods.anofpdm.evidence import QuadraticEvidence
from anofpdm.methods.anofpdm.operating_point import OperatingPoint

POINT = OperatingPoint(steps=4, last=300)
SIZE = 20


def labelled(n: int = 40, *, signal: float = 0.4, point: OperatingPoint = POINT) -> LabelledEvidence:
    """Every second slice has a bright patch in D; nothing else tells the labels apart."""
    rng = np.random.default_rng(6)
    r = 0.05 * rng.normal(size=(n, 1, SIZE, SIZE)).astype(np.float32)
    d = 0.02 * rng.normal(size=(n, 1, SIZE, SIZE)).astype(np.float32)
    unhealthy = np.arange(n) % 2 == 0
    d[unhealthy, :, 8:13, 8:13] += signal
    return labelled_maps(r, d, unhealthy, point)


def labelled_maps(
    r: np.ndarray, d: np.ndarray, unhealthy: np.ndarray, point: OperatingPoint = POINT
) -> LabelledEvidence:
    """Evidence with R and D [N, 1, H, W] at every step, D a little smaller at the earlier ones."""
    n = len(r)
    rise = np.linspace(0.5, 1, point.steps, dtype=np.float32)
    scalars = {
        "rr": (r * r).mean((-1, -2))[:, None].repeat(point.steps, 1),
        "rd": (r * d).mean((-1, -2))[:, None].repeat(point.steps, 1),
        "dd": (d * d).mean((-1, -2))[:, None].repeat(point.steps, 1) * rise[:, None],
    }
    evidence = QuadraticEvidence(
        point=point,
        x0=np.zeros_like(r),
        mean_rr=r * r,
        mean_rd=r * d,
        mean_dd=d * d,
        residual_end=r,
        difference_end=d,
        end_index=np.full((n, 1), point.steps - 1),
        **scalars,
    )
    interior = np.zeros((n, *r.shape[-2:]), dtype=bool)
    interior[:, 3:-3, 3:-3] = True
    return LabelledEvidence(
        evidence, interior, unhealthy, volume=np.arange(n) // 10, slice_index=np.arange(n) % 10, subjects=4
    )
