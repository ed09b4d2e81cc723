"""The training loop: loss, optimizer, average, checkpoints (paper, section 3; method section 1)."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from ..core.errors import Cancelled, ModelError
from ..core.progress import CancelToken
from ..diffusion.noising import Noising
from ..diffusion.schedule import NoiseSchedule
from ..store.network_weights import save_weights
from .batches import BatchMaker, TrainingBatch, step_seed
from .checkpoint import CHECKPOINT_FILE, Checkpoint, load_checkpoint, save_checkpoint
from .config import TrainingConfig, learning_rate
from .ema import AveragedWeights
from .loss_log import LossLog, Row
from .objective import Objective, Watcher
from .rendered_slices import RenderedSlices
from .training_slices import TrainingSlices

if TYPE_CHECKING:
    from lightning_fabric import Fabric

LOG_EVERY = 20
"""Steps between rows of the loss curve and messages: reading a loss waits for the accelerator."""
DROPOUT_STREAM = 1

Message = Callable[[str], None]


class Trainer:
    """One training run in one output folder; continues from the checkpoint that lies there.

    Every process of a distributed run makes one; only the first writes.
    """

    def __init__(
        self,
        fabric: Fabric,
        slices: TrainingSlices,
        config: TrainingConfig,
        objective: Objective,
        output: Path,
        *,
        start_from: Mapping[str, Tensor] | None = None,
        rendered: RenderedSlices | None = None,
        message: Message = print,
    ) -> None:
        """`start_from`: first weights, unless there is a checkpoint; random by default. `rendered`: see `BatchMaker`.

        Raises SettingsError if the checkpoint there belongs to another run, ModelError if it is damaged.
        """
        self._fabric = fabric
        self._config = config
        self._objective = objective
        self._output = output
        self.monitor: Watcher | None = None
        """Where the run is looked at; may be set before `run`."""
        self._message = message
        self._data = slices.fingerprint() + ("" if rendered is None else rendered.fingerprint())
        self._checkpoint_path = output / CHECKPOINT_FILE
        self._batches = BatchMaker(slices, config, fabric.device, fabric.global_rank, fabric.world_size, rendered)
        checkpoint = load_checkpoint(self._checkpoint_path, config, self._data)
        # The same first weights in every process and in every run of this seed.
        torch.manual_seed(config.seed)
        network: nn.Module = objective.new_network(config).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        if checkpoint is not None:
            network.load_state_dict(checkpoint.network)
        elif start_from is not None:
            network.load_state_dict(start_from)
        optimizer = torch.optim.AdamW(network.parameters(), lr=config.learning_rate, weight_decay=0.0)
        self._forward, self._optimizer = fabric.setup(network, optimizer)
        self._network = network
        self.average = AveragedWeights(network, config.ema_decay)
        self.step = 0
        if checkpoint is not None:
            self._optimizer.load_state_dict(checkpoint.optimizer)
            self.average.load(checkpoint.average)
            self.step = checkpoint.step
        self._noising = Noising(NoiseSchedule.linear(config.model.schedule), fabric.device)

    def run(self, cancel: CancelToken | None = None) -> None:
        """Train to the last step. Raises Cancelled after saving a checkpoint when the token is set."""
        self._network.train()
        log = LossLog(self._output, self.step) if self._fabric.is_global_zero else None
        pending: list[tuple[Tensor, float, Tensor]] = []
        start, first = time.monotonic(), self.step
        for batch in self._prepared_batches():
            pending.append(self._train_step(batch))
            self.step += 1
            last = self.step == self._config.steps
            stop = self._fabric.world_size == 1 and _is_set(cancel)
            checkpoint_due = last or stop or self.step % self._config.checkpoint_every == 0
            if checkpoint_due or self.step % LOG_EVERY == 0:
                self._log(log, pending, (time.monotonic() - start) / (self.step - first))
                pending.clear()
            if checkpoint_due:
                self.save()
            self._keep_average()
            if self.monitor is not None and not stop and self.monitor.is_due(self.step, last):
                self.monitor.look(self.step, self.average.state())
            if stop and not last:
                raise Cancelled(f"Training was stopped after step {self.step}; run the same command to continue it.")

    def save(self) -> None:
        """Write the checkpoint (first process alone)."""
        if self._fabric.is_global_zero:
            state = {name: value.detach() for name, value in self._network.state_dict().items()}
            optimizer: dict[str, Any] = self._optimizer.state_dict()
            checkpoint = Checkpoint(self.step, state, self.average.state(), optimizer)
            save_checkpoint(self._checkpoint_path, checkpoint, self._config, self._data)

    def _prepared_batches(self) -> Iterator[TrainingBatch]:
        """The batches of the steps to come; beside an accelerator the next one is made in the meantime."""
        steps = range(self.step, self._config.steps)
        if self._fabric.device.type == "cpu":
            yield from map(self._batches.make, steps)
            return
        with ThreadPoolExecutor(1) as worker:
            following = worker.submit(self._batches.make, self.step)
            for step in steps:
                batch = following.result()
                if step + 1 < self._config.steps:
                    following = worker.submit(self._batches.make, step + 1)
                yield batch

    def _train_step(self, batch: TrainingBatch) -> tuple[Tensor, float, Tensor]:
        """One step; its loss, learning rate and gradient norm."""
        config, fabric = self._config, self._fabric
        rate = learning_rate(config, self.step)
        for group in self._optimizer.param_groups:
            group["lr"] = rate
        # Dropout's numbers follow from the step, too.
        torch.manual_seed(step_seed(config.seed, self.step, DROPOUT_STREAM + fabric.global_rank))
        x_t = self._noising(batch.x0, batch.noise, batch.t).contiguous(memory_format=torch.channels_last)
        loss = self._objective.loss(self._forward, x_t, batch, config)
        self._optimizer.zero_grad()
        fabric.backward(loss)
        limit = config.gradient_clip if config.gradient_clip > 0 else float("inf")
        norm = fabric.clip_gradients(self._forward, self._optimizer, max_norm=limit, error_if_nonfinite=False)
        assert norm is not None
        self._optimizer.step()
        self.average.update(self._network, self.step)
        return loss.detach(), rate, norm.detach()

    def _log(self, log: LossLog | None, pending: list[tuple[Tensor, float, Tensor]], seconds: float) -> None:
        losses = self._fabric.all_reduce(torch.stack([loss for loss, _, _ in pending]), reduce_op="mean")
        assert isinstance(losses, Tensor)
        if not torch.isfinite(losses).all():
            raise ModelError(
                f"The loss is no longer a number after step {self.step}; lower learning_rate, or use precision 32."
            )
        if log is None:
            return
        steps = range(self.step - len(pending) + 1, self.step + 1)
        rows: list[Row] = [
            (step, float(loss), rate, float(norm))
            for step, loss, (_, rate, norm) in zip(steps, losses.tolist(), pending, strict=True)
        ]
        log.add(rows)
        if self.monitor is not None:
            self.monitor.add_losses(rows)
        left = (self._config.steps - self.step) * seconds
        mean = sum(row[1] for row in rows) / len(rows)
        self._message(
            f"step {self.step} of {self._config.steps}: loss {mean:.4f}, {seconds:.2f} s a step, "
            f"{left / 60:.0f} min left"
        )

    def _keep_average(self) -> None:
        every = self._config.keep_average_every
        if every and self.step % every == 0 and self._fabric.is_global_zero:
            save_weights(self.average.state(), self._output / f"average_{self.step:07d}.safetensors")


def _is_set(cancel: CancelToken | None) -> bool:
    if cancel is None:
        return False
    try:
        cancel.raise_if_cancelled()
    except Cancelled:
        return True
    return False
