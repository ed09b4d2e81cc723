"""R_t and D_t of every visited step, from which any stopping rule, subset of steps and guidance strength follow.

R_t = UGP_t - x0, D_t = x0_hat(eps_h) - x0_hat(eps_null) (method section 5). Memory grows with the number of steps:
for ablations only.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from torch import Tensor

from ...core.arrays import FloatArray
from ...core.records import record_to_dict
from ...diffusion.denoisers import NoisePredictor
from ...diffusion.equations import predict_x0, prediction_difference
from ...diffusion.noise import NoiseSource
from ...evaluation.chunk_store import Arrays
from ...evaluation.slices import LabelledSlices
from .evidence import QuadraticEvidence
from .forward_process import forward_states
from .network_runs import NetworkRuns
from .operating_point import OperatingPoint


@dataclass(frozen=True)
class StepMaps:
    """N slices, S visited steps, C used channels."""

    point: OperatingPoint
    x0: FloatArray
    """[N, C, H, W]."""
    residual: FloatArray
    """[N, S, C, H, W]: R_t."""
    difference: FloatArray
    """[N, S, C, H, W]: D_t."""

    def sam(self, w: float) -> FloatArray:
        """SAM_t [N, S, C, H, W]."""
        return np.square(self.residual + np.float32(1 + w) * self.difference)

    def evidence(self, *, end_step: int | None = None, every: int = 1, gradient: bool = False) -> QuadraticEvidence:
        """Evidence of a stopping rule and a subset of the steps.

        Args:
            end_step: a fixed number of (remaining) steps; None: t_e = argmax M_t.
            every: use each `every`-th visited step.
            gradient: SAM_t = (HGP_t - UGP_t)^2, from the guidance's gradient alone, in place of (HGP_t - x0)^2.
        """
        r, d = self.residual[:, ::every], self.difference[:, ::every]
        r = np.zeros_like(r) if gradient else r
        steps = r.shape[1]
        dd = np.square(d).mean(axis=(-2, -1))
        end = dd.argmax(axis=1) if end_step is None else np.full(dd[:, 0].shape, end_step - 1)
        # Whether a step counts, [N, S, C, 1, 1].
        counted = (np.arange(steps)[None, :, None] <= end[:, None])[..., None, None]
        total = counted.sum(axis=1)

        def mean(product: FloatArray) -> FloatArray:
            return np.asarray((product * counted).sum(axis=1) / total, dtype=np.float32)

        def last(values: FloatArray) -> FloatArray:
            return np.take_along_axis(values, end[:, None, :, None, None], axis=1)[:, 0]

        return QuadraticEvidence(
            point=replace(self.point, steps=steps, end_step=end_step),
            x0=self.x0,
            mean_rr=mean(r * r),
            mean_rd=mean(r * d),
            mean_dd=mean(d * d),
            residual_end=last(r),
            difference_end=last(d),
            rr=(r * r).mean(axis=(-2, -1)),
            rd=(r * d).mean(axis=(-2, -1)),
            dd=dd,
            end_index=end,
        )


def step_maps(runs: NetworkRuns, slices: LabelledSlices, point: OperatingPoint, what: str) -> StepMaps:
    """The maps of every step at an operating point without the clamp, in paper mode."""
    channels = list(runs.config.used_channels)

    def compute(x0: Tensor, predict: NoisePredictor, noise: NoiseSource, report: Callable[[float], None]) -> Arrays:
        states = forward_states(x0, predict, runs.schedule, point, healthy_label=runs.config.healthy_label, noise=noise)
        residual, difference = [], []
        for step, (x_t, noise_healthy, noise_null, alpha_bar) in enumerate(states, start=1):
            unguided = predict_x0(x_t, noise_null, alpha_bar)
            residual.append((unguided - x0)[:, channels].cpu().numpy())
            guided = prediction_difference(noise_healthy, noise_null, alpha_bar)
            difference.append(guided[:, channels].cpu().numpy())
            report(step / point.steps)
        return {"residual": np.stack(residual, axis=1), "difference": np.stack(difference, axis=1)}

    arrays, _ = runs.arrays(slices, {"run": "step maps", "point": record_to_dict(point)}, compute, what)
    return StepMaps(point, np.ascontiguousarray(slices.x0[:, channels]), arrays["residual"], arrays["difference"])
