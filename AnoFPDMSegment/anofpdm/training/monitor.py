"""What can be seen of a run while it goes on: TensorBoard curves, and samples that are drawn."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from ..core.arrays import IntArray
from ..core.errors import SettingsError
from ..diffusion.denoisers import NetworkPredictor
from ..diffusion.draw import draw_samples
from ..diffusion.noising import Noising
from ..diffusion.schedule import NoiseSchedule
from ..network.config import NULL_LABEL
from ..network.unet import ConditionalUNet
from .augmentation import plain
from .batches import step_generator
from .config import TrainingConfig
from .loss_log import Row
from .training_slices import TrainingSlices

if TYPE_CHECKING:
    from torch.utils.tensorboard import SummaryWriter

LOG_FOLDER = "logs"
MONITOR_STREAM = 1_000_000
LOSS_BATCH = 32


class Monitor:
    """Writes to TensorBoard, with the averaged weights and without touching the run's random numbers."""

    def __init__(
        self, output: Path, slices: TrainingSlices, config: TrainingConfig, device: torch.device, first_step: int = 0
    ) -> None:
        """`first_step`: steps finished already; later entries of an interrupted run are hidden.

        Raises SettingsError if TensorBoard is missing.
        """
        self.writer = _open_writer(output / LOG_FOLDER, first_step)
        self.slices = slices
        self.config = config
        self.device = device
        self.schedule = NoiseSchedule.linear(config.model.schedule)
        self._noising = Noising(self.schedule)
        self._network = ConditionalUNet(config.model.network).to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._network.eval()
        precision: Any = "float32" if config.precision == "32" else "bfloat16"
        self.predictor = NetworkPredictor(self._network, precision)

    def is_due(self, step: int, last: bool) -> bool:
        """Whether to look after this step."""
        every = self.config.monitor.every
        return every > 0 and (last or step % every == 0)

    def add_losses(self, rows: Sequence[Row]) -> None:
        """Loss, learning rate and gradient norm of finished steps."""
        for step, loss, rate, norm in rows:
            self.writer.add_scalar("training/loss", loss, step)
            self.writer.add_scalar("training/learning_rate", rate, step)
            self.writer.add_scalar("training/gradient_norm", norm, step)

    @torch.inference_mode()
    def look(self, step: int, weights: dict[str, Tensor]) -> None:
        """Measure and draw with these weights after `step` steps."""
        self._network.load_state_dict(weights)
        validation = self.slices.cache.indices("val")
        if len(validation):
            for name, extract in (("as_is", False), ("stripped", True)):
                for source, loss in self._validation_losses(validation, extract).items():
                    self.writer.add_scalar(f"validation/loss_{source or 'all'}_{name}", loss, step)
            self._look_further(validation, step)
        if self.config.monitor.samples:
            self._add_samples(step)
        self.writer.flush()

    def close(self) -> None:
        """Finish the log files."""
        self.writer.close()

    def _validation_losses(self, rows: IntArray, extract: bool) -> dict[str, float]:
        """Mean squared noise error by source, of the same slices, noise and noise levels every time."""
        losses = {}
        sources = self.slices.cache.source[rows]
        names = np.unique(sources)
        for source in names:
            chosen = spread(rows[sources == source], max(1, self.config.monitor.validation_slices // len(names)))
            if extract:
                chosen = chosen[self.slices.whole_head[chosen]]
            if len(chosen):
                losses[str(source)] = self._loss(chosen, extract)
        return losses

    def _loss(self, rows: IntArray, extract: bool) -> float:
        levels = len(self.schedule)
        total = 0.0
        for first in range(0, len(rows), LOSS_BATCH):
            part = rows[first : first + LOSS_BATCH]
            batch = self.slices.batch(part)
            x0, level = plain(batch, extract=extract)
            noise = torch.randn(x0.shape, generator=step_generator(0, first, MONITOR_STREAM))
            t = torch.from_numpy((np.arange(first, first + len(part)) * 0.6180339887 % 1 * levels).astype(np.int64))
            x_t = self._noising(x0, noise, t)
            predictor = self.predictor.for_slices(level.to(self.device))
            predicted = predictor(x_t.to(self.device), t.to(self.device), batch.label.to(self.device)).cpu()
            total += float((predicted - noise).square().mean(dim=(1, 2, 3)).sum())
        return total / len(rows)

    def _look_further(self, validation: IntArray, step: int) -> None:
        """What a method looks at beside losses and samples; `validation`: some of the slices' rows, at least one."""

    def _add_samples(self, step: int) -> None:
        """A grid: a row for each label, then the null label; columns at levels from low to high."""
        model, monitor = self.config.model, self.config.monitor
        shape = (monitor.samples, *self.slices.shape)
        start = torch.randn(shape, generator=step_generator(0, 0, MONITOR_STREAM)).repeat(3, 1, 1, 1)
        labels = torch.tensor([model.healthy_label, model.unhealthy_label, NULL_LABEL]).repeat_interleave(shape[0])
        level = torch.linspace(0.3, 0.8, shape[0]).repeat(3)
        drawn = draw_samples(
            self.predictor.for_slices(level.to(self.device)),
            self.schedule,
            labels.to(self.device),
            start.to(self.device),
            steps=monitor.sample_steps,
        )
        for channel, modality in enumerate(model.modalities):
            rows = ((drawn[:, channel].cpu() + 1) / 2).reshape(3, shape[0], *drawn.shape[-2:])
            grid = torch.cat([torch.cat(list(row), dim=1) for row in rows], dim=0)
            self.writer.add_image(f"samples/{modality}_healthy_unhealthy_null", grid, step, dataformats="HW")


def spread(rows: IntArray, count: int) -> IntArray:
    """Up to `count` of the rows, evenly spread."""
    if len(rows) <= count:
        return rows
    return rows[np.linspace(0, len(rows) - 1, count).astype(np.int64)]


def check_tensorboard() -> None:
    """Raises SettingsError if TensorBoard is missing."""
    if importlib.util.find_spec("tensorboard") is None:
        raise SettingsError(
            "TensorBoard is not installed; run: pip install 'anofpdm[train]', or train with --no-tensorboard."
        )


def _open_writer(folder: Path, first_step: int) -> SummaryWriter:
    check_tensorboard()
    from torch.utils.tensorboard import SummaryWriter

    return SummaryWriter(str(folder), purge_step=first_step + 1 if first_step else None)
