"""The bundled models: the same files in git, in the CMake list, in the wheel and in each model's own list."""

from __future__ import annotations

import re
from pathlib import Path, PurePosixPath

import pytest
from module_files import LISTS, MODULE, MODULE_CMAKE, REPOSITORY, is_checkout, list_pattern, tracked_files

from anofpdm.core.checksums import CHECKSUMS_FILE
from anofpdm.methods.registry import find_method
from anofpdm.store.model_folder import METADATA_FILE, open_model_folder

MODELS = MODULE / "anofpdm" / "models"
NAMES = sorted(entry.name for entry in MODELS.iterdir() if entry.is_dir())

needs_checkout = pytest.mark.skipif(not is_checkout(), reason="not a git checkout")


def own_files(name: str) -> set[str]:
    """What the model says it consists of, as paths below the folder of models."""
    folder = open_model_folder(MODELS / name)
    return {f"{name}/{file}" for file in (*folder.checksums, CHECKSUMS_FILE)}


def all_files() -> set[str]:
    return set().union(*(own_files(name) for name in NAMES))


def test_there_is_a_model() -> None:
    assert NAMES


@pytest.mark.parametrize("name", NAMES)
def test_every_model_is_sound_and_complete(name: str) -> None:
    """Opening checks every file against its checksum."""
    folder = open_model_folder(MODELS / name)
    assert folder.config.name == name
    method = find_method(folder.config.method)
    assert (METADATA_FILE in folder.checksums) == (method.bundle_metadata(folder.config) is not None)
    assert method.check_model(folder) == [] and not any(
        "calibration none" in line for line in method.model_lines(folder)
    )
    assert folder.config.licence != "unspecified" and folder.config.trained_on


@needs_checkout
def test_git_has_exactly_the_models_files() -> None:
    tracked = {name for name in tracked_files(MODELS) if "/" in name}
    assert tracked == all_files()


def test_the_cmake_list_has_exactly_the_models_files() -> None:
    (listed,) = list_pattern(LISTS[1]).findall(MODULE_CMAKE.read_text(encoding="utf-8"))
    prefix = "anofpdm/models/"
    found = {name.removeprefix(prefix) for name in listed.split() if name.startswith(prefix)}
    assert {name for name in found if "/" in name} == all_files()


def test_the_wheels_patterns_take_exactly_the_models_files() -> None:
    """What setuptools copies; that a wheel truly holds it is tested beside this."""
    tomllib = pytest.importorskip("tomllib", reason="needs Python 3.11")
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))
    patterns = project["tool"]["setuptools"]["package-data"]["anofpdm"]
    package = MODULE / "anofpdm"
    taken = {path for pattern in patterns for path in package.glob(pattern) if path.is_file()}
    below = {path.relative_to(MODELS).as_posix() for path in taken if path.is_relative_to(MODELS)}
    assert {name for name in below if "/" in name} == all_files()


def test_names_of_files_survive_every_system() -> None:
    for name in all_files():
        assert len(name) < 100 and re.fullmatch(r"[A-Za-z0-9_./-]+", name), name
        assert all(part.strip(".") for part in PurePosixPath(name).parts), name
    assert len({name.casefold() for name in all_files()}) == len(all_files())


def test_nothing_but_models_lies_in_their_folder() -> None:
    loose = {entry.name for entry in MODELS.iterdir() if not entry.is_dir()}
    assert loose <= {"default.txt"}, "a file here would be shipped with every installation"


def test_a_default_is_one_of_them() -> None:
    named = Path(MODELS / "default.txt")
    if named.exists():
        assert named.read_text(encoding="utf-8").strip() in NAMES
