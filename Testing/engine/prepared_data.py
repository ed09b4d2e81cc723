"""Fixtures: labelled heads, and their prepared slices, made once in a test session. A conftest.py imports them."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest
from command_line import CommandLine, Outcome
from shared_folder import shared_folder

from anofpdm.core.errors import AnoFPDMError
from anofpdm.datasets.build_slice_cache import build_slice_cache, cache_key
from anofpdm.datasets.manifest import read_manifest
from anofpdm.store.model_folder import open_model_folder
from anofpdm.volumes.input_config import InputConfig


class PreparedOnce(CommandLine):
    """Calls the command line; `evaluate` and `calibrate` find the slices of their table prepared."""

    def __init__(self, capture: pytest.CaptureFixture[str], factory: pytest.TempPathFactory) -> None:
        super().__init__(capture)
        self._factory = factory

    def __call__(self, *arguments: object) -> Outcome:
        if arguments[0] in ("evaluate", "calibrate") and "--cache" not in arguments:
            # What is wrong with the model or the table, the command says.
            with contextlib.suppress(AnoFPDMError):
                arguments += ("--cache", self._slices(Path(str(arguments[1])), Path(str(arguments[2]))))
        return super().__call__(*arguments)

    def _slices(self, model: Path, table: Path) -> Path:
        return prepared_slices(table, open_model_folder(model).config, self._factory)


def prepared_slices(table: Path, config: InputConfig, factory: pytest.TempPathFactory, *, brains: bool = False) -> Path:
    """The folder of the table's slices as a model takes them, prepared once in a test session; not to be changed.
    `brains`: as training takes them."""
    manifest = read_manifest(table, config.modalities, both_labels_in=())

    def make(folder: Path) -> None:
        build_slice_cache(manifest, config, folder / "slices", brains=brains)

    return shared_folder(factory, f"slices-{cache_key(manifest, config)[:16]}-{brains}", make) / "slices"


@pytest.fixture
def prepared_command(capfd: pytest.CaptureFixture[str], tmp_path_factory: pytest.TempPathFactory) -> CommandLine:
    """For tests of what becomes of the slices; those of preparing them use `command`."""
    return PreparedOnce(capfd, tmp_path_factory)


@pytest.fixture(scope="session")
def labelled_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The table of `write_data`: whole and stripped heads, image-level labels; not to be changed."""
    from training_samples import write_data

    return shared_folder(tmp_path_factory, "labelled-data", write_data) / "manifest.csv"


@pytest.fixture(scope="session")
def training_slices(labelled_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Its slices as `training_samples.MODEL` takes them; not to be changed."""
    from training_samples import MODEL

    def make(folder: Path) -> None:
        build_slice_cache(read_manifest(labelled_data, ("flair",)), MODEL, folder / "slices")

    return shared_folder(tmp_path_factory, "training-slices", make) / "slices"


@pytest.fixture(scope="session")
def masked_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The table of three heads with lesions and their masks; not to be changed."""
    from evaluation_samples import write_masked_data

    return shared_folder(tmp_path_factory, "masked-data", write_masked_data) / "manifest.csv"


@pytest.fixture(scope="session")
def masked_pair(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two of them."""
    from evaluation_samples import write_masked_data

    return shared_folder(tmp_path_factory, "masked-pair", lambda folder: write_masked_data(folder, 2)) / "manifest.csv"
