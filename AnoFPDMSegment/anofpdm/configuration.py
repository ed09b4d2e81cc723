"""What a model's `config.json` records: everything needed to feed and read its network.

Torch-free, so that a panel can read a model without loading torch.
"""

from __future__ import annotations

import dataclasses
import json
import math
import types
import typing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeVar

from .errors import ModelError
from .json_text import read_json
from .names import MODALITY_RULE, PLAIN_RULE, is_modality, is_plain_name

CONFIG_SCHEMA = 1
CONFIG_FILE = "config.json"
LONGEST_SHOWN = 100

Plane = Literal["acquired", "patient"]
Centring = Literal["head", "image"]
LevelDefinition = Literal["none", "head_extent"]
Encoding = Literal["ddim", "ddpm"]
Mode = Literal["paper", "reference"]
Precision = Literal["float32", "bfloat16"]
Direction = Literal["both", "brighter", "darker"]
Purpose = Literal["anofpdm", "anoddpm-gaussian", "anoddpm-simplex", "classifier"]
Anatomy = Literal["whole_head", "skull_stripped", "both"]


def _require(condition: bool, message: str) -> None:
    if not condition:
        raise ModelError(f"The model's configuration is wrong: {message}.")


@dataclass(frozen=True)
class ScheduleConfig:
    """Linear noise schedule (paper, section 3): T steps, beta from `beta_start` to `beta_end`."""

    steps: int = 1000
    beta_start: float = 1e-4
    beta_end: float = 0.02

    def __post_init__(self) -> None:
        _require(1 <= self.steps <= 100_000, "schedule.steps must lie between 1 and 100000")
        _require(0 < self.beta_start <= self.beta_end < 1, "schedule betas must satisfy 0 < beta_start <= beta_end < 1")


@dataclass(frozen=True)
class NetworkConfig:
    """Shape of the conditional U-Net ("unet v2" of the reference when left at its defaults)."""

    image_size: int = 128
    in_channels: int = 4
    base_channels: int = 128
    channel_multipliers: tuple[int, ...] = (1, 1, 2, 3, 4)
    residual_blocks: int = 2
    attention_px: tuple[int, ...] = (32, 16, 8)
    heads: int = 4
    norm_groups: int = 32
    dropout: float = 0.1
    label_tokens: bool = True
    """The label's outer product as extra key/value tokens of every attention block."""
    level_embedding: bool = False
    """The slice's level, added to the time embedding of labelled and null predictions alike."""
    input_activation: bool = False
    """SiLU also before each residual block's first convolution and before the last one of all; the reference's
    network has none there, which costs a small network half of its nonlinearities."""

    def __post_init__(self) -> None:
        _require(self.image_size >= 8, "network.image_size must be at least 8")
        _require(1 <= self.in_channels <= 16, "network.in_channels must lie between 1 and 16")
        _require(4 <= self.base_channels <= 4096, "network.base_channels must lie between 4 and 4096")
        _require(1 <= len(self.channel_multipliers) <= 10, "network.channel_multipliers must hold 1 to 10 numbers")
        _require(all(1 <= m <= 64 for m in self.channel_multipliers), "network.channel_multipliers must lie in 1..64")
        _require(1 <= self.residual_blocks <= 16, "network.residual_blocks must lie between 1 and 16")
        _require(self.heads >= 1, "network.heads must be at least 1")
        _require(self.norm_groups >= 1, "network.norm_groups must be at least 1")
        _require(0 <= self.dropout < 1, "network.dropout must lie in [0, 1)")
        halvings = 2 ** (len(self.channel_multipliers) - 1)
        _require(self.image_size % halvings == 0, f"network.image_size must be a multiple of {halvings}")
        for multiplier in self.channel_multipliers:
            width = multiplier * self.base_channels
            _require(width % self.norm_groups == 0, f"{width} channels do not divide into {self.norm_groups} groups")
            _require(width % self.heads == 0, f"{width} channels do not divide into {self.heads} heads")


@dataclass(frozen=True)
class GridConfig:
    """The stack of axial slices the network sees, in millimetres of patient space."""

    field_of_view_mm: float = 240.0
    matrix: int = 128
    slice_spacing_mm: float | None = None
    """None: the acquired slices, thinned to at least `minimum_slice_spacing_mm`."""
    minimum_slice_spacing_mm: float = 0.0
    slab_average: bool = True
    """Average over the slice's thickness when the input is finer than the slice spacing."""
    plane: Plane = "acquired"
    """`acquired`: the acquired axes nearest to patient axes (native slices of a tilted axial
    scan); `patient`: exactly axial."""
    centring: Centring = "head"
    level: LevelDefinition = "none"
    """`head_extent`: 0 at the lowest, 1 at the highest slice that holds head."""

    def __post_init__(self) -> None:
        _require(10 <= self.field_of_view_mm <= 2000, "grid.field_of_view_mm must lie between 10 and 2000")
        _require(8 <= self.matrix <= 1024, "grid.matrix must lie between 8 and 1024")
        if self.slice_spacing_mm is not None:
            _require(0.1 <= self.slice_spacing_mm <= 100, "grid.slice_spacing_mm must lie between 0.1 and 100")
        _require(0 <= self.minimum_slice_spacing_mm <= 100, "grid.minimum_slice_spacing_mm must lie in 0..100")

    @property
    def pixel_mm(self) -> float:
        """Side of a model pixel in millimetres."""
        return self.field_of_view_mm / self.matrix


@dataclass(frozen=True)
class PreprocessingConfig:
    """Intensities and head (paper, section 4.1; `per_slice_min_max` is the reference's choice)."""

    percentile: float = 99.0
    """Each modality is divided by this percentile of its values inside the head, over the volume."""
    stripped_gain: float = 1.0
    """Skull-stripped input is multiplied by this as well: at the brain's own percentile over the whole head's, a brain
    is as bright without its skull as with it."""
    clip: bool = True
    """Clip to [0, 1] after the division; the network sees 2x - 1."""
    per_slice_min_max: bool = False
    anatomy: Anatomy = "whole_head"
    """What the training data showed; another kind of input raises a warning."""
    erosion_mm: float = 10.0
    """The interior is the head eroded by this much, so that scalp does not decide."""
    erosion_stripped_mm: float = 3.0
    """The same for skull-stripped input, whose border is brain already."""
    minimum_head_mm2: float = 1500.0
    """Slices with less head are not examined."""

    def __post_init__(self) -> None:
        _require(50 <= self.percentile <= 100, "preprocessing.percentile must lie between 50 and 100")
        _require(0.1 <= self.stripped_gain <= 10, "preprocessing.stripped_gain must lie between 0.1 and 10")
        _require(0 <= self.erosion_mm <= 50, "preprocessing.erosion_mm must lie between 0 and 50")
        _require(0 <= self.erosion_stripped_mm <= 50, "preprocessing.erosion_stripped_mm must lie between 0 and 50")
        _require(self.minimum_head_mm2 >= 0, "preprocessing.minimum_head_mm2 must not be negative")


@dataclass(frozen=True)
class OperatingPoint:
    """How the forward process is run; a calibration holds for exactly one of these.

    `first` and `last` are the noise levels 1..T between which `steps` levels are visited.
    """

    steps: int = 12
    first: int = 1
    last: int = 400
    encoding: Encoding = "ddim"
    mode: Mode = "paper"
    clamp: bool = False
    guidance_bank: tuple[float, ...] = ()
    """With `clamp`: the guidance strengths accumulated side by side."""
    precision: Precision = "float32"
    end_step: int | None = None
    """None: t_e = argmax M_t (the paper's stopping rule); else a fixed number of visited steps."""
    mirrored: bool = False
    """Each prediction is averaged with that of the slice mirrored left to right, mirrored back: twice the network
    evaluations."""
    direction: Direction = "both"
    """`brighter`, `darker`: maps are 0 where the slice is not so, compared with the healthy prediction at t_e."""

    def __post_init__(self) -> None:
        _require(self.first >= 1, "the range of the forward process must start at 1 or later")
        _require(self.first < self.last, "the range of the forward process must end after it starts")
        _require(self.steps >= 2, "the forward process must visit at least 2 steps")
        _require(
            self.steps <= self.last - self.first + 1,
            f"{self.steps} steps do not fit into the range {self.first}..{self.last}",
        )
        _require(self.clamp == bool(self.guidance_bank), "a guidance bank goes with the clamp, and only with it")
        _require(len(self.guidance_bank) <= 100, "a guidance bank holds at most 100 strengths")
        _require(all(0 <= w <= 1000 for w in self.guidance_bank), "guidance strengths must lie between 0 and 1000")
        _require(list(self.guidance_bank) == sorted(set(self.guidance_bank)), "the guidance bank must rise")
        if self.end_step is not None:
            _require(1 <= self.end_step <= self.steps, f"the end step must lie between 1 and {self.steps}")

    @property
    def includes_end_step(self) -> bool:
        """Whether the map of t_e enters the aggregated map; the public code stops before its own t_e (method 4.5)."""
        return self.mode == "paper" or self.end_step is not None


@dataclass(frozen=True)
class ModelConfig:
    """The whole of `config.json`."""

    name: str
    title: str
    modalities: tuple[str, ...]
    """Input channels in the network's order, lower case: flair, t1, t1ce, t2."""
    used: tuple[str, ...]
    """The modalities whose maps and scalars are used (method section 1)."""
    version: str = "1.0"
    healthy_label: int = 0
    unhealthy_label: int = 1
    schedule: ScheduleConfig = field(default_factory=ScheduleConfig)
    network: NetworkConfig = field(default_factory=NetworkConfig)
    grid: GridConfig = field(default_factory=GridConfig)
    preprocessing: PreprocessingConfig = field(default_factory=PreprocessingConfig)
    operating_point: OperatingPoint = field(default_factory=OperatingPoint)
    minimum_size_px: int = 40
    """Components of at most this filled area, in model pixels, are dropped (Algorithm 1's post-processing)."""
    purpose: Purpose = "anofpdm"
    """What it was trained for; a network of a compared method detects nothing by itself."""
    trained_on: str = ""
    licence: str = "unspecified"
    non_commercial: bool = False
    citation: str = ""
    notes: str = ""
    caution: str = ""
    """A warning that goes with every result of this model."""

    def __post_init__(self) -> None:
        # Both become parts of paths and command lines, and a model may come from anywhere.
        _require(is_plain_name(self.name), f"name must be a plain folder name ({PLAIN_RULE})")
        _require(len(self.modalities) >= 1, "modalities must not be empty")
        _require(all(map(is_modality, self.modalities)), f"every modality must be a plain name ({MODALITY_RULE})")
        _require(len(set(self.modalities)) == len(self.modalities), "modalities must differ from one another")
        _require(len(self.used) >= 1, "at least one modality must be used")
        _require(all(m in self.modalities for m in self.used), "used modalities must be among the modalities")
        _require(
            self.network.in_channels == len(self.modalities),
            f"the network takes {self.network.in_channels} channels but {len(self.modalities)} modalities are named",
        )
        _require(self.network.image_size == self.grid.matrix, "network.image_size must equal grid.matrix")
        _require(self.operating_point.last <= self.schedule.steps, "the range goes beyond the schedule's steps")
        _require(self.minimum_size_px >= 0, "minimum_size_px must not be negative")
        labels = {self.healthy_label, self.unhealthy_label}
        _require(labels == {0, 1}, "healthy_label and unhealthy_label must be 0 and 1")

    @property
    def used_channels(self) -> tuple[int, ...]:
        """Indices of the used modalities among the network's channels."""
        return tuple(self.modalities.index(m) for m in self.used)


Record = TypeVar("Record")


def record_from_dict(kind: type[Record], values: Any, where: str) -> Record:
    """Build the dataclass `kind` from JSON values, strictly.

    `where` names the place in messages. Raises ModelError on unknown keys, missing keys or
    values of another type.
    """
    if not isinstance(values, dict):
        raise ModelError(f"{where} must be an object, not {type(values).__name__}.")
    hints = typing.get_type_hints(kind)
    fields = {f.name: f for f in dataclasses.fields(kind)}  # type: ignore[arg-type]
    unknown = sorted(set(values) - set(fields))
    if unknown:
        raise ModelError(
            f"{where} has an unknown entry '{unknown[0][:LONGEST_SHOWN]}'; was it written by a newer version?"
        )
    arguments = {name: _value_from_json(hints[name], value, f"{where}.{name}") for name, value in values.items()}
    try:
        return kind(**arguments)
    except TypeError as error:
        raise ModelError(f"{where} is incomplete: {error}.") from error


def _value_from_json(hint: Any, value: Any, where: str) -> Any:
    origin = typing.get_origin(hint)
    if dataclasses.is_dataclass(hint):
        return record_from_dict(typing.cast(type[Any], hint), value, where)
    if origin is Literal:
        if value not in typing.get_args(hint):
            choices = ", ".join(str(choice) for choice in typing.get_args(hint))
            raise ModelError(f"{where} must be one of {choices}, not {shown(value)}.")
        return value
    if origin in (types.UnionType, typing.Union):
        if value is None and type(None) in typing.get_args(hint):
            return None
        (inner,) = (choice for choice in typing.get_args(hint) if choice is not type(None))
        return _value_from_json(inner, value, where)
    if origin is tuple:
        if not isinstance(value, list | tuple):
            raise ModelError(f"{where} must be a list, not {shown(value)}.")
        (item, _) = typing.get_args(hint)
        return tuple(_value_from_json(item, entry, f"{where}[{i}]") for i, entry in enumerate(value))
    if hint is float and isinstance(value, int | float) and not isinstance(value, bool):
        if not math.isfinite(value):
            raise ModelError(f"{where} must be a finite number, not {shown(value)}.")
        return float(value)
    if hint is Any or (isinstance(value, hint) and (hint is bool or not isinstance(value, bool))):
        return value
    raise ModelError(f"{where} must be of type {hint.__name__}, not {shown(value)}.")


def shown(value: Any) -> str:
    """The beginning of what may be a whole list."""
    return repr(value)[:LONGEST_SHOWN]


def record_to_dict(record: Any) -> dict[str, Any]:
    """The JSON object of a dataclass record; `record_from_dict` reads it back."""
    plain: dict[str, Any] = json.loads(json.dumps(dataclasses.asdict(record)))
    return plain


def load_json(path: Path, kind: str) -> dict[str, Any]:
    """Read a JSON object; raises ModelError with a sentence if it cannot be read."""
    try:
        values = read_json(path)
    except FileNotFoundError as error:
        raise ModelError(f"The {kind} {path} does not exist; is this a complete model folder?") from error
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise ModelError(f"The {kind} {path} cannot be read ({reason}); install the model again.") from error
    if not isinstance(values, dict):
        raise ModelError(f"The {kind} {path} does not hold a JSON object; install the model again.")
    return values


def load_model_config(folder: Path) -> ModelConfig:
    """Read and check `config.json` of a model folder. Raises ModelError."""
    values = load_json(folder / CONFIG_FILE, "model configuration")
    schema = values.pop("schema", None)
    if schema != CONFIG_SCHEMA:
        raise ModelError(
            f"{folder / CONFIG_FILE} has schema {shown(schema)}; this version reads schema {CONFIG_SCHEMA}."
        )
    return record_from_dict(ModelConfig, values, CONFIG_FILE)


def model_config_to_json(config: ModelConfig) -> str:
    """The text of `config.json`."""
    return json.dumps({"schema": CONFIG_SCHEMA, **record_to_dict(config)}, indent=2) + "\n"
