"""The student's training loop: resumable, and after a kill the same as without."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from torch import Tensor, nn

from ...core.errors import Cancelled, ModelError, OutputError, SettingsError
from ...core.progress import CancelToken
from ...core.replaced_file import replaced_file
from .config import StudentConfig
from .loss import student_loss
from .network import StudentNetwork
from .samples import Batch, join
from .variation import vary


class Source(Protocol):
    """Gives slices for a step."""

    def draw(self, rng: np.random.Generator, step: int, count: int) -> Batch:
        """`count` slices."""
        ...


CHECKPOINT_FILE = "checkpoint.pt"
LOG_EVERY = 50


@dataclass(frozen=True)
class Schedule:
    """`steps` of `batch_size` slices; the learning rate rises for `warmup` steps, then falls as a cosine."""

    steps: int
    batch_size: int = 24
    learning_rate: float = 2e-3
    weight_decay: float = 1e-4
    warmup: int = 100
    average: float = 0.998
    seed: int = 1
    checkpoint_every: int = 200

    def rate(self, step: int) -> float:
        """Learning rate of step 0, 1, ..."""
        if step < self.warmup:
            return self.learning_rate * (step + 1) / self.warmup
        done = (step - self.warmup) / max(1, self.steps - self.warmup)
        return self.learning_rate * (0.01 + 0.99 * 0.5 * (1 + float(np.cos(np.pi * done))))


class StudentTrainer:
    """Trains one network from sources, each with its share of every batch."""

    def __init__(
        self,
        config: StudentConfig,
        schedule: Schedule,
        sources: Sequence[tuple[Source, int]],
        folder: Path,
        *,
        start_from: dict[str, Tensor] | None = None,
        message: Callable[[str], None] = print,
    ) -> None:
        """`sources`: each with its number of slices in a batch. `folder`: where the checkpoint lies or will lie."""
        self._schedule = schedule
        self._sources = sources
        self._folder = folder
        self._message = message
        torch.manual_seed(schedule.seed)
        self.network = StudentNetwork(config.channels, config.widths)
        if start_from is not None:
            self.network.load_state_dict(start_from)
        self.network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.average = {name: value.detach().clone() for name, value in self.network.state_dict().items()}
        self._optimizer = torch.optim.AdamW(self._groups(), lr=schedule.learning_rate, fused=False)
        self.step = 0
        self._load()

    def run(self, cancel: CancelToken | None = None) -> None:
        """Train to the end. Raises Cancelled once `cancel` is set, after keeping what was reached."""
        self.network.train()
        started, losses = time.monotonic(), []
        while self.step < self._schedule.steps:
            if cancel is not None:
                try:
                    cancel.raise_if_cancelled()
                except Cancelled:
                    self._save()
                    raise
            losses.append(self._one_step())
            self.step += 1
            if self.step % LOG_EVERY == 0:
                pace = (time.monotonic() - started) / LOG_EVERY
                self._message(f"step {self.step}: loss {np.mean(losses):.4f}, {pace:.2f} s a step")
                started, losses = time.monotonic(), []
            if self.step % self._schedule.checkpoint_every == 0:
                self._save()
        self._save()

    def _one_step(self) -> float:
        schedule, step = self._schedule, self.step
        rng = np.random.default_rng([schedule.seed, 77, step])
        batch = vary(rng, join([source.draw(rng, step, count) for source, count in self._sources if count]))
        for group in self._optimizer.param_groups:
            group["lr"] = schedule.rate(step)
        inputs, *targets = (torch.from_numpy(np.ascontiguousarray(values)) for values in batch.fields)
        with torch.autocast("cpu", torch.bfloat16):
            logits = self.network(inputs.to(memory_format=torch.channels_last))
        loss = student_loss(logits, *targets)
        self._optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(self.network.parameters(), 2.0)
        self._optimizer.step()
        self._follow(min(schedule.average, (1 + step) / (10 + step)))
        return float(loss.detach())

    @torch.no_grad()
    def _follow(self, decay: float) -> None:
        for name, value in self.network.state_dict().items():
            if value.is_floating_point():
                self.average[name].lerp_(value, 1 - decay)
            else:
                self.average[name].copy_(value)

    def _groups(self) -> list[dict[str, object]]:
        decayed = [p for p in self.network.parameters() if p.ndim > 1]
        rest = [p for p in self.network.parameters() if p.ndim <= 1]
        return [{"params": decayed, "weight_decay": self._schedule.weight_decay}, {"params": rest, "weight_decay": 0.0}]

    def _save(self) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        path = self._folder / CHECKPOINT_FILE
        record = {
            "schedule": vars(self._schedule),
            "step": self.step,
            "network": self.network.state_dict(),
            "average": self.average,
            "optimizer": self._optimizer.state_dict(),
        }
        try:
            with replaced_file(path, flushed=True) as partial, partial.open("wb") as stream:
                torch.save(record, stream)
        except OSError as error:
            raise OutputError(
                f"The checkpoint {path} could not be written ({error.strerror}); check the disk."
            ) from error

    def _load(self) -> None:
        path = self._folder / CHECKPOINT_FILE
        if not path.exists():
            return
        try:
            record = torch.load(path, map_location="cpu", weights_only=True)
            schedule = record["schedule"]
            self.network.load_state_dict(record["network"])
            self.average = record["average"]
            self._optimizer.load_state_dict(record["optimizer"])
            self.step = int(record["step"])
        except Exception as error:
            raise ModelError(f"The checkpoint {path} cannot be read; remove it to train from the beginning.") from error
        if schedule != vars(self._schedule):
            raise SettingsError(
                f"The run in {self._folder} was started with other settings; give those to continue it, or choose "
                "another output folder."
            )
