"""What AnoFPDM's network is trained for, and what of the method can be seen meanwhile."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import torch

from ...core.arrays import FloatArray, IntArray
from ...diffusion.noise import SeededNoise
from ...training.augmentation import plain
from ...training.config import TrainingConfig
from ...training.monitor import Monitor, spread
from ...training.noise_objective import NoiseObjective
from ...training.training_slices import TrainingSlices
from .curve_picture import draw_curves
from .forward_process import run_forward_process
from .model_config import DiffusionConfig
from .visited_levels import visited_levels

MOST_CURVE_STEPS = 25
"""A curve needs no more points than this, however many steps inference takes."""


class AnoFPDMObjective(NoiseObjective):
    """Noise prediction, watched by the divergences of validation slices."""

    def __init__(self) -> None:
        super().__init__("None yet: this model is not calibrated.")

    def watcher(
        self, output: Path, slices: TrainingSlices, config: TrainingConfig, device: torch.device, first_step: int
    ) -> Monitor:
        """See `Objective`."""
        return DivergenceMonitor(output, slices, config, device, first_step)


class DivergenceMonitor(Monitor):
    """Draws M_t of validation slices as well."""

    def _look_further(self, validation: IntArray, step: int) -> None:
        """M_t of some slices of each label, at w = 0, along the model's own range of noise levels."""
        model = self.config.model
        assert isinstance(model, DiffusionConfig)
        point = replace(model.operating_point, steps=min(model.operating_point.steps, MOST_CURVE_STEPS), end_step=None)
        unhealthy = self.slices.cache.unhealthy[validation]
        curves: list[tuple[bool, FloatArray]] = []
        for wanted in (False, True):
            chosen = spread(validation[unhealthy == wanted], self.config.monitor.curves)
            if len(chosen) == 0:
                continue
            x0, level = plain(self.slices.batch(chosen))
            arrays = run_forward_process(
                x0.to(self.device),
                self.predictor.for_slices(level.to(self.device)),
                self.schedule,
                point,
                used_channels=model.used_channels,
                healthy_label=model.healthy_label,
                noise=SeededNoise(0, chosen.tolist()),
            )
            if "dd" not in arrays:
                return  # a bank of clamped guidance strengths has no single M_t
            divergence = arrays["dd"].mean(axis=2)
            name = "unhealthy" if wanted else "healthy"
            self.writer.add_scalar(f"divergence/largest_{name}", float(divergence.max(axis=1).mean()), step)
            curves += [(wanted, curve) for curve in divergence]
        if curves:
            picture = draw_curves(visited_levels(point), curves)
            self.writer.add_image("divergence/curves", picture, step, dataformats="HWC")
