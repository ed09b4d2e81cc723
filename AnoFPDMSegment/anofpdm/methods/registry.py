"""Which methods there are: the folders beside this module, and what other packages bring. Torch-free."""

from __future__ import annotations

import functools
import importlib
import importlib.util
import pkgutil
from importlib import metadata
from pathlib import Path

from ..core.errors import ModelError
from .method import Method

FIRST_METHOD = "anofpdm"
"""What models, results and scenes belong to that name no method: those of version 0.1."""
ENTRY_POINTS = "anofpdm.methods"
"""The entry-point group under which a package names its methods: each a `Method`, or a list of them."""


@functools.cache
def methods() -> dict[str, Method]:
    """Every method by its name. Raises ModelError if a package's methods cannot be loaded or a name is taken."""
    found: dict[str, Method] = {}
    for room in pkgutil.iter_modules([str(Path(__file__).parent)]):
        if room.ispkg and importlib.util.find_spec(f"{__package__}.{room.name}.method") is not None:
            module = importlib.import_module(f"{__package__}.{room.name}.method")
            for method in module.METHODS:
                _add(found, method, "anofpdm")
    for entry in metadata.entry_points(group=ENTRY_POINTS):
        package = entry.dist.name if entry.dist is not None else entry.value
        try:
            brought = entry.load()
        except Exception as error:
            raise ModelError(
                f"The methods of the package {package} cannot be loaded ({error}); repair or remove it."
            ) from error
        for method in brought if isinstance(brought, list | tuple) else [brought]:
            _add(found, method, package)
    return found


def find_method(name: str) -> Method:
    """The method of this name. Raises ModelError that lists those there are."""
    method = methods().get(name)
    if method is None:
        raise ModelError(f"There is no method '{name}' here; there are {', '.join(sorted(methods()))}.")
    return method


def _add(found: dict[str, Method], method: Method, package: str) -> None:
    if method.name in found:
        raise ModelError(f"The package {package} brings a method '{method.name}', but that name is taken; remove it.")
    found[method.name] = method
