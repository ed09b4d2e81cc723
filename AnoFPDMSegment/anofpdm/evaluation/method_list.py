"""What can be measured: what the methods of the registry say of themselves, and the floors. Torch-free to import."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from ..core.errors import SettingsError
from ..methods.evaluated import Evaluated, Extras, Options, PlainEvaluated
from ..methods.registry import find_method, methods
from ..store.model_folder import ModelFolder

if TYPE_CHECKING:
    from .evaluation_run import EvaluationRun
    from .method_output import Method
    from .request import EvaluationRequest
    from .slices import MeasuredSlices


class Floors(PlainEvaluated):
    """Measured beside every model."""

    title = "floors"
    names = yardsticks = ("all-zero", "level-only")

    def rows(self, name: str, run: EvaluationRun, options: Options) -> Sequence[Method]:
        """See `Evaluated`."""
        from .floors import AllZero, LevelOnly

        return [AllZero() if name == AllZero.name else LevelOnly()]


def evaluated() -> list[Evaluated]:
    """All there are, each once: the floors last but for yardsticks, which stand beside them."""
    found: dict[int, Evaluated] = {}
    for method in methods().values():
        found.setdefault(id(method.evaluated), method.evaluated)
    own = [each for each in found.values() if not each.yardsticks]
    return [*own, Floors(), *(each for each in found.values() if each.yardsticks)]


def names() -> tuple[str, ...]:
    """What `--methods` takes."""
    return tuple(name for each in evaluated() for name in each.names)


def usual_names(folder: ModelFolder) -> tuple[str, ...]:
    """What is measured where no methods are named: the model's own, and the yardsticks."""
    own = find_method(folder.config.method)
    mine = own.name if own.name in own.evaluated.names else own.evaluated.names[0]
    return tuple(dict.fromkeys((mine, *(name for each in evaluated() for name in each.yardsticks))))


def check_request(request: EvaluationRequest) -> None:
    """Raises SettingsError for methods there are not, or that do not go with the options."""
    wanted, known = request.methods or (), names()
    unknown = [name for name in wanted if name not in known]
    if unknown:
        raise SettingsError(f"There is no method '{unknown[0]}'; choose some of {', '.join(known)}.")
    taken = [name for name in (*request.ready_masks, *request.ready_maps) if name in known]
    if taken:
        raise SettingsError(f"'{taken[0]}' is a method's name; give the ready results another, as NAME=FOLDER.")
    for each in evaluated():
        each.check([name for name in wanted if name in each.names], options_of(each, request.options))


def check_model(folder: ModelFolder, wanted: Sequence[str], request: EvaluationRequest) -> None:
    """Raises SettingsError or ModelError for a model that the methods cannot work on."""
    find_method(folder.config.method).check_model(folder)
    for each in evaluated():
        each.check_model(folder, [n for n in wanted if n in each.names], options_of(each, request.options))


def options_of(each: Evaluated, options: Mapping[str, Options]) -> Options:
    """Those given of one."""
    return options.get(each.title, {})


def methods_of(wanted: Sequence[str], request: EvaluationRequest, run: EvaluationRun) -> list[Method]:
    """The methods in the order asked for, then ready results, all checked.

    Raises SettingsError, InputError or ModelError for what would fail later.
    """
    from .ready_results import ReadyResults

    owners = {name: each for each in evaluated() for name in each.names}
    found: list[Method] = []
    for name in wanted:
        found += owners[name].rows(name, run, options_of(owners[name], request.options))
    for name in dict.fromkeys((*request.ready_masks, *request.ready_maps)):
        masks, maps = request.ready_masks.get(name), request.ready_maps.get(name)
        splits = request.splits if masks is None else (request.split,)
        found.append(ReadyResults(name, run.cache, splits, masks, maps))
    for method in found:
        method.check(run.given)
    return found


def extras_of(request: EvaluationRequest, run: EvaluationRun, masked: MeasuredSlices) -> list[Extras]:
    """What the methods add to the table."""
    return [each.extras(run, options_of(each, request.options), masked) for each in evaluated()]


def extra_files() -> tuple[str, ...]:
    """All files that methods may add."""
    return tuple(name for each in evaluated() for name in each.files)


def record(request: EvaluationRequest) -> dict[str, object]:
    """What results.json says of the methods' options."""
    found: dict[str, object] = {}
    for each in evaluated():
        found |= each.record(options_of(each, request.options))
    return found
