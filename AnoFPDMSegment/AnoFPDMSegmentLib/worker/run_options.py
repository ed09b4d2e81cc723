"""What the user chose for one detection, as options of the command line."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from .checked_names import checked_model, checked_name


@dataclass(frozen=True)
class RunOptions:
    """None everywhere means: as the model and its calibration say."""

    model: str
    """Name or folder."""
    calibration: str | None = None
    """Name of the user's calibrations of this model, in place of its own."""
    preset: str | None = None
    """Name of one of these calibrations, whose operating point is taken; the options below go over it."""
    guidance: float | None = None
    """Guidance strength w."""
    threshold: str | None = None
    """dynamic, healthy, quantile=Q or value=V."""
    decision: Literal["similarity", "map"] | None = None
    decision_threshold: float | None = None
    ungated: bool = False
    scaling: tuple[float, ...] | None = None
    """M_max, one value per used modality."""
    minimum_size: str | None = None
    """40px or 500mm3."""
    steps: int | None = None
    noise_range: tuple[int, int] | None = None
    """First and last noise level, from 1."""
    encoding: Literal["ddim", "ddpm"] | None = None
    mode: Literal["paper", "reference"] | None = None
    end_step: int | Literal["dynamic"] | None = None
    """Noise scale: the number of visited steps aggregated, or `dynamic` for the paper's stopping rule."""
    guidance_bank: tuple[float, ...] | None = None
    """Clamp and compute these guidance strengths; () for no clamp."""
    precision: Literal["float32", "bfloat16"] | None = None
    device: str = "auto"
    seed: int = 0
    overlay: bool = False
    """Whether overlay.png is drawn, which needs Pillow."""

    def to_arguments(self) -> list[str]:
        """The options of `anofpdm detect`, each with its value in one argument, so that none is taken for another.

        Raises SettingsError for names that cannot be one.
        """
        chosen: dict[str, str | None] = {
            "model": checked_model(self.model),
            "calibration": None if self.calibration is None else checked_name(self.calibration, "calibration"),
            "preset": None if self.preset is None else checked_name(self.preset, "preset"),
            "guidance": _number(self.guidance),
            "threshold": self.threshold,
            "decision": self.decision,
            "decision-threshold": _number(self.decision_threshold),
            "scaling": _numbers(self.scaling),
            "min-size": self.minimum_size,
            "steps": _number(self.steps),
            "range": None if self.noise_range is None else f"{self.noise_range[0]}..{self.noise_range[1]}",
            "encoding": self.encoding,
            "mode": self.mode,
            "end-step": self.end_step if isinstance(self.end_step, str) else _number(self.end_step),
            "guidance-bank": "none" if self.guidance_bank == () else _numbers(self.guidance_bank),
            "precision": self.precision,
            "device": self.device,
            "seed": str(self.seed),
        }
        arguments = [f"--{name}={value}" for name, value in chosen.items() if value is not None]
        if self.ungated:
            arguments.append("--ungated")
        if not self.overlay:
            arguments.append("--no-overlay")
        return arguments


def _number(value: float | None) -> str | None:
    # repr gives back the very same number when it is read again.
    return None if value is None else repr(value)


def _numbers(values: tuple[float, ...] | None) -> str | None:
    return None if values is None else ",".join(repr(value) for value in values)
