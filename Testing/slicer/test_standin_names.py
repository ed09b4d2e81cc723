"""The stand-ins of Slicer's Python modules offer what is listed with its upstream file, and raise for all else."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent / "standin"))

import slicer_install
from slicer_names import NAMES


@pytest.mark.parametrize("name", NAMES)
def test_exactly_what_is_listed(name: str) -> None:
    slicer_install.install()
    slicer_install.install_torch_extension()
    try:
        module = importlib.import_module(name)
        assert {offered for offered in vars(module) if not offered.startswith("_")} == set(NAMES[name])
        assert all(".py" in listed.source for listed in NAMES[name].values())
        with pytest.raises(AttributeError, match=f"'{name}' does not offer 'somethingElse'"):
            _ = module.somethingElse
        with pytest.raises(ImportError):
            exec(f"from {name} import somethingElse")
    finally:
        slicer_install.remove_torch_extension()


def test_unknown_parameters_and_properties_raise() -> None:
    slicer_install.install()
    from slicer.parameterNodeWrapper import parameterNodeWrapper
    from slicer_scripted_module import ModuleParent

    with pytest.raises(AttributeError):
        ModuleParent("/x").titel = "x"  # type: ignore[attr-defined]
    with pytest.raises(TypeError):

        @parameterNodeWrapper
        class Odd:
            values: list[int]

    with pytest.raises(ValueError, match="reserved"):

        @parameterNodeWrapper
        class Clash:
            default: str
