"""What a training run is asked to do: a JSON file, read strictly. Torch-free.

The shipped files stand in `configs/`: `compact` (a CPU trains it), `brats21` and `atlas` (the
paper's), `lgg-flair`, `lgg-flair-fine`, `brain-flair` and `brain-flair-fine` (the bundled model's stages), and
`spatial-flair` (128 pixels, with a spatial condition).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeVar

from ..core.errors import ModelError, SettingsError
from ..core.json_text import read_json
from ..core.records import record_from_dict, record_to_dict
from ..store.noise_predictor_config import NoisePredictorConfig
from .rendered_config import RenderedConfig

Decay = Literal["constant", "linear", "cosine"]
TrainingPrecision = Literal["32", "bf16-mixed"]
Balance = Literal["natural", "balanced"]
Labels = Literal["both", "healthy"]
NoiseKind = Literal["gaussian", "simplex"]

CONFIG_FOLDER = Path(__file__).parent / "configs"


def _require(condition: bool, message: str) -> None:
    if not condition:
        raise SettingsError(f"The training configuration is wrong: {message}.")


def _require_range(value: tuple[float, ...], name: str, low: float, high: float) -> None:
    _require(
        len(value) == 2 and low <= value[0] <= value[1] <= high, f"{name} must be two rising numbers in {low}..{high}"
    )


@dataclass(frozen=True)
class AugmentationConfig:
    """How slices are varied, each slice on its own. Intensities are in units of the volume's percentile."""

    flip_probability: float = 0.5
    """Left and right change places."""
    affine_probability: float = 0.0
    rotation_degrees: float = 8.0
    scale: float = 0.08
    """Side lengths change by up to this share."""
    shift: float = 0.04
    """Up to this share of the frame."""
    gain: float = 0.1
    """The intensities' scale changes by up to this share."""
    gamma: float = 0.0
    """Exponents from 1/(1 + gamma) to 1 + gamma."""
    contrast: float = 0.0
    """Deviations from the head's mean are stretched by up to this share."""
    bias_probability: float = 0.0
    bias: float = 0.3
    """The smooth field's largest natural logarithm."""
    noise_probability: float = 0.0
    noise: float = 0.05
    """Largest standard deviation of each of the two components of a magnitude image."""
    blur_probability: float = 0.0
    blur_px: float = 0.8
    """Largest Gaussian sigma, drawn for each axis on its own (a lower resolution along one axis)."""
    scalp_probability: float = 0.0
    scalp_range: tuple[float, ...] = (0.3, 1.3)
    """Brightness of what is not brain, as fat suppression and coils change it."""
    extraction_probability: float = 0.0
    """Whole-head slices of which only the brain is left, as after skull stripping."""
    extraction_border_px: float = 1.5
    """The brain's outline moves in or out by up to this much."""

    def __post_init__(self) -> None:
        for name in ("flip", "affine", "bias", "noise", "blur", "scalp", "extraction"):
            value = getattr(self, f"{name}_probability")
            _require(0 <= value <= 1, f"augmentation.{name}_probability must lie in 0..1")
        for name, high in (
            ("rotation_degrees", 180), ("scale", 0.5), ("shift", 0.5), ("gain", 0.9), ("gamma", 5), ("contrast", 0.9),
            ("bias", 2), ("noise", 1), ("blur_px", 3), ("extraction_border_px", 3),
        ):  # fmt: skip
            _require(0 <= getattr(self, name) <= high, f"augmentation.{name} must lie in 0..{high}")
        _require_range(self.scalp_range, "augmentation.scalp_range", 0, 10)


@dataclass(frozen=True)
class MonitorConfig:
    """What is looked at while training goes on."""

    every: int = 1000
    """Steps between looks; 0: never."""
    validation_slices: int = 64
    """Slices of the validation split whose loss is measured."""
    curves: int = 8
    """Validation slices of each label whose curves are drawn, where the method has any."""
    samples: int = 4
    """Samples drawn for each label and for the null label."""
    sample_steps: int = 20

    def __post_init__(self) -> None:
        _require(self.every >= 0, "monitor.every must not be negative")
        for name in ("validation_slices", "curves", "samples"):
            _require(0 <= getattr(self, name) <= 4096, f"monitor.{name} must lie in 0..4096")
        _require(2 <= self.sample_steps <= 1000, "monitor.sample_steps must lie in 2..1000")


@dataclass(frozen=True)
class TrainingConfig:
    """One training run; the network, its data and its noise schedule stand in `model`."""

    model: NoisePredictorConfig
    steps: int
    batch_size: int = 64
    """Of all processes together."""
    learning_rate: float = 1e-4
    warmup_steps: int = 0
    decay: Decay = "constant"
    """How the learning rate falls from the end of the warm-up to `final_rate` of its peak."""
    final_rate: float = 0.0
    ema_decay: float = 0.9999
    label_dropout: float = 0.1
    """Share of slices whose label is replaced by the null label."""
    level_dropout: float = 0.0
    """Share of slices whose level is withheld."""
    condition_dropout: float = 0.0
    """Share of slices whose spatial condition is withheld, whether their label is or not."""
    condition_cell_px: int = 8
    """The spatial condition is the amount of lesion in squares of this many pixels a side."""
    focus_share: float = 0.0
    """Share of slices whose noise level is drawn from the first `focus_levels` alone, where inference works."""
    focus_levels: int = 600
    gradient_clip: float = 1.0
    """Largest norm of the gradient; 0: no limit."""
    precision: TrainingPrecision = "bf16-mixed"
    seed: int = 0
    balance: Balance = "natural"
    """`balanced`: every combination of source and label is equally frequent, so that the source tells nothing
    of the label."""
    labels: Labels = "both"
    """`healthy`: slices labelled unhealthy never enter, and no label is told (as AnoDDPM needs it)."""
    noise: NoiseKind = "gaussian"
    objective: str = "noise"
    """Name of what is trained for, which the stage sets; `label`: a classifier of noisy slices in place of the
    network."""
    checkpoint_every: int = 500
    keep_average_every: int = 0
    """Steps between averaged weights that are kept for good; 0: only the last."""
    augmentation: AugmentationConfig = field(default_factory=AugmentationConfig)
    rendered: RenderedConfig = field(default_factory=RenderedConfig)
    monitor: MonitorConfig = field(default_factory=MonitorConfig)

    def __post_init__(self) -> None:
        _require(self.steps >= 1, "steps must be at least 1")
        _require(self.batch_size >= 1, "batch_size must be at least 1")
        _require(0 < self.learning_rate <= 1, "learning_rate must lie in (0, 1]")
        _require(0 <= self.warmup_steps <= self.steps, "warmup_steps must lie between 0 and steps")
        _require(0 <= self.final_rate <= 1, "final_rate must lie in 0..1")
        _require(0 <= self.ema_decay < 1, "ema_decay must lie in [0, 1)")
        for name in ("label_dropout", "level_dropout", "condition_dropout", "focus_share"):
            _require(0 <= getattr(self, name) <= 1, f"{name} must lie in 0..1")
        _require(self.label_dropout > 0, "label_dropout must be above 0, or the null label is never learned")
        _require(
            self.condition_dropout > 0 or not self.model.network.spatial_condition,
            "condition_dropout must be above 0 for a network with a spatial condition, or null is never learned",
        )
        _require(
            self.condition_cell_px >= 1 and self.model.grid.matrix % self.condition_cell_px == 0,
            "condition_cell_px must divide the model's matrix",
        )
        _require(
            self.rendered.share == 0 or self.model.preprocessing.tissue_units is not None,
            "rendered heads have no percentile of a scanner's; set model.preprocessing.tissue_units",
        )
        _require(
            self.rendered.share == 0 or len(self.model.modalities) == 1, "heads are rendered in one modality alone"
        )
        _require(
            self.labels == "both" or self.rendered.share == 0 or self.rendered.painted == 0,
            "a network that learns from healthy slices alone needs rendered.painted 0",
        )
        _require(
            1 <= self.focus_levels <= self.model.schedule.steps, "focus_levels must lie within the schedule's steps"
        )
        _require(self.gradient_clip >= 0, "gradient_clip must not be negative")
        _require(self.checkpoint_every >= 1, "checkpoint_every must be at least 1")
        _require(self.keep_average_every >= 0, "keep_average_every must not be negative")
        _require(0 <= self.seed < 2**31, "seed must lie in 0..2147483647")
        _require(
            self.objective == "noise" or self.labels == "both", "a classifier of labels cannot learn from healthy alone"
        )


def learning_rate(config: TrainingConfig, step: int) -> float:
    """The learning rate of step 0..steps-1: a linear warm-up, then the decay."""
    if step < config.warmup_steps:
        return config.learning_rate * (step + 1) / (config.warmup_steps + 1)
    if config.decay == "constant":
        return config.learning_rate
    progress = (step - config.warmup_steps) / max(1, config.steps - config.warmup_steps)
    share = 1 - progress if config.decay == "linear" else 0.5 * (1 + math.cos(math.pi * progress))
    return config.learning_rate * (config.final_rate + (1 - config.final_rate) * share)


def shipped_configs() -> list[str]:
    """Names of the configurations that come with the package."""
    return sorted(path.stem for path in CONFIG_FOLDER.glob("*.json"))


Config = TypeVar("Config", bound=TrainingConfig)


def load_training_config(name_or_path: str | Path, kind: type[Config]) -> Config:
    """Read a configuration file, or a shipped one by its name, for a method's record. Raises SettingsError."""
    path = Path(name_or_path)
    if str(name_or_path) in shipped_configs():
        path = CONFIG_FOLDER / f"{name_or_path}.json"
    try:
        values = read_json(path)
    except FileNotFoundError as error:
        raise SettingsError(
            f"The training configuration {path} does not exist; "
            f"name a JSON file or one of {', '.join(shipped_configs())}."
        ) from error
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise SettingsError(
            f"The training configuration {path} cannot be read ({reason}); check the file, a JSON object."
        ) from error
    return training_config_from_dict(values, path.name, kind)


def training_config_from_dict(values: Any, where: str, kind: type[Config]) -> Config:
    """Check the JSON object of a training configuration; `where` names it in messages. Raises SettingsError."""
    try:
        return record_from_dict(kind, values, where)
    except ModelError as error:
        raise SettingsError(str(error)) from error


def training_config_to_dict(config: TrainingConfig) -> dict[str, Any]:
    """The JSON object of a training configuration."""
    return record_to_dict(config)
