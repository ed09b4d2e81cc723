"""The contract between methods and `anofpdm evaluate`: what is measured, with which options. Torch-free to import."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from ..core.output_set import Writer
    from ..evaluation.evaluation_run import EvaluationRun
    from ..evaluation.method_output import Method as MeasuredMethod
    from ..evaluation.slices import MeasuredSlices
    from ..store.model_folder import ModelFolder
    from .knobs import Knob

Options = Mapping[str, Any]
"""Values of the knobs that were given, by name."""


@dataclass(frozen=True)
class Extras:
    """What a method adds beside the table: entries of results.json, and files by name."""

    document: Mapping[str, Any] = field(default_factory=dict)
    files: Mapping[str, Writer] = field(default_factory=dict)


class Evaluated(Protocol):
    """What `evaluate` measures of one method, or of several that share their options."""

    @property
    def title(self) -> str:
        """Of its options' group in the help; unlike every other's."""

    @property
    def names(self) -> tuple[str, ...]:
        """What `--methods` takes: the methods' own names, and those of their variants."""

    @property
    def knobs(self) -> tuple[Knob, ...]:
        """Options of `evaluate`."""

    @property
    def yardsticks(self) -> tuple[str, ...]:
        """Those of the names that are measured beside every model where no methods are named."""

    @property
    def files(self) -> tuple[str, ...]:
        """Files that `extras` may write."""

    def check(self, names: Sequence[str], options: Options) -> None:
        """Raises SettingsError for names (of its own) and options that do not go together."""

    def check_model(self, folder: ModelFolder, names: Sequence[str], options: Options) -> None:
        """Raises SettingsError or ModelError for a measured model that they cannot work on."""

    def record(self, options: Options) -> dict[str, Any]:
        """What results.json says of the options."""

    def rows(self, name: str, run: EvaluationRun, options: Options) -> Sequence[MeasuredMethod]:
        """What gives the rows of one of its names. Raises SettingsError, InputError, ModelError for what would fail."""

    def extras(self, run: EvaluationRun, options: Options, masked: MeasuredSlices) -> Extras:
        """What else it computes if the options ask for it."""


class PlainEvaluated:
    """One without options or extras."""

    knobs: tuple[Knob, ...] = ()
    yardsticks: tuple[str, ...] = ()
    files: tuple[str, ...] = ()

    def check(self, names: Sequence[str], options: Options) -> None:
        """Nothing can be wrong."""

    def check_model(self, folder: ModelFolder, names: Sequence[str], options: Options) -> None:
        """Any will do."""

    def record(self, options: Options) -> dict[str, Any]:
        """Nothing."""
        return {}

    def extras(self, run: EvaluationRun, options: Options, masked: MeasuredSlices) -> Extras:
        """None."""
        return Extras()


class AsDetected(PlainEvaluated):
    """Any method, by what its usual model finds in the measured volumes: its score maps and its own decisions."""

    def __init__(self, name: str) -> None:
        self.title, self.names = name, (name,)

    def rows(self, name: str, run: EvaluationRun, options: Options) -> Sequence[MeasuredMethod]:
        """See `Evaluated`."""
        from ..evaluation.detected import Detected

        return [Detected(name, run)]


def folder_option(text: str, option: str) -> Path:
    """Reads the path of a folder. Raises SettingsError for an empty one."""
    from ..core.errors import SettingsError

    if not text.strip():
        raise SettingsError(f"{option} is empty; name a folder.")
    return Path(text)
