"""How a method is trained, as part of its contract: stages, each with its options and what carries it out. Torch-free.

A network's stage is trained by the engine's loop (`shared_loop.SharedLoop` with an `Objective`); a fit without
gradients, or a loop of the method's own, is a `Fitter` as well.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from ..core.errors import SettingsError
from ..core.progress import CancelToken, ProgressCallback
from .knobs import Knob

if TYPE_CHECKING:
    from .method import Method


@dataclass(frozen=True)
class TrainingTask:
    """What `train` was asked for."""

    data: Path
    """A table of slices with image-level labels, unless the stage says otherwise."""
    output: Path
    """The run's folder; given again, a run continues."""
    start_from: str | None = None
    """A model, by name or folder, whose weights come first."""
    cache: Path | None = None
    """For prepared slices; None: in `output`."""
    device: str = "auto"
    workers: int = 1
    """Processes that prepare slices."""
    threads: int | None = None
    values: Mapping[str, Any] = field(default_factory=dict)
    """Of the stage's options that were given, by name."""
    cancel: CancelToken = field(default_factory=CancelToken)
    message: Callable[[str], None] = print
    progress: ProgressCallback | None = None
    """Told while slices are prepared."""


class Fitter(Protocol):
    """Carries out one stage."""

    def __call__(self, task: TrainingTask) -> str:
        """Train, or continue the run that lies in `task.output`; returns a sentence that says where the outcome lies,
        or nothing where another process says it.

        Raises the engine's errors; Cancelled says how the run goes on. May import torch.
        """


@dataclass(frozen=True)
class Stage:
    """One stage of a method's training."""

    name: str
    """As on the command line."""
    help: str
    """What it is trained on, and for what."""
    fit: Fitter
    knobs: tuple[Knob, ...] = ()
    """Its options beside those that every stage takes."""
    purpose: str = ""
    """What `--purpose` calls it, the spelling of version 0.1."""


def stage_of(method: Method, name: str | None) -> Stage:
    """The stage of this name, the first where none is named. Raises SettingsError."""
    if not method.stages:
        raise SettingsError(f"The method {method.name} is not trained; calibrate its model with anofpdm calibrate.")
    for stage in method.stages:
        if name in (None, stage.name):
            return stage
    there = " and ".join(stage.name for stage in method.stages)
    raise SettingsError(f"The method {method.name} has no stage '{name}' but {there}.")


def stage_of_purpose(methods: Sequence[Method], purpose: str) -> tuple[Method, Stage]:
    """What `--purpose` stands for. Raises SettingsError."""
    known = {stage.purpose: (method, stage) for method in methods for stage in method.stages if stage.purpose}
    if purpose not in known:
        raise SettingsError(f"--purpose takes one of {', '.join(known)}, not '{purpose}'.")
    return known[purpose]
