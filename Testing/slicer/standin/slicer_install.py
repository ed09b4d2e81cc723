"""Puts the stand-ins of Slicer's Python modules in place, beside the real MRML of slicer-core."""

from __future__ import annotations

import sys
import types
from typing import Any

import slicer
import slicer_i18n
import slicer_parameter_nodes
import slicer_sample_data
import slicer_scripted_module
import slicer_torch_extension
from slicer_names import NAMES

_HOMES = {
    "slicer.i18n": slicer_i18n,
    "slicer.ScriptedLoadableModule": slicer_scripted_module,
    "slicer.parameterNodeWrapper": slicer_parameter_nodes,
    "SampleData": slicer_sample_data,
    "PyTorchUtils": slicer_torch_extension,
}


class _Module(types.ModuleType):
    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        raise AttributeError(f"The stand-in module '{self.__name__}' does not offer '{name}'; see slicer-facts.md.")


def install() -> None:
    """Install them, once a process; `PyTorchUtils` stays away until `install_torch_extension`."""
    for name in NAMES:
        if name != "PyTorchUtils" and name not in sys.modules:
            _put(name)


def install_torch_extension() -> None:
    """The PyTorch extension, as if it had been added in the Extensions Manager."""
    _put("PyTorchUtils")


def remove_torch_extension() -> None:
    """As if it had not."""
    sys.modules.pop("PyTorchUtils", None)


def _put(name: str) -> None:
    module = _Module(name)
    for offered in NAMES[name]:
        setattr(module, offered, getattr(_HOMES[name], offered))
    sys.modules[name] = module
    parent, _, last = name.rpartition(".")
    if parent:
        assert parent == "slicer"
        setattr(slicer, last, module)
