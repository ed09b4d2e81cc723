"""Fixtures of several test files: a command line, a tiny model, a small head, a result."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from bundled_fixtures import bundled_results  # noqa: F401
from case_table import Table
from command_line import CommandLine, DetectCalls
from hypothesis import HealthCheck, settings
from prepared_data import labelled_data, masked_data, masked_pair, prepared_command, training_slices  # noqa: F401
from session_hooks import pytest_collection_finish  # noqa: F401

# A loaded machine is no fault of what is tested.
settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")


def small_head() -> sitk.Image:
    """A head of scalp, skull and brain, 48 x 56 x 14 voxels of 4 x 4 x 8 mm, int16."""
    z, y, x = np.meshgrid(
        (np.arange(14) - 6.5) * 8, (np.arange(56) - 27.5) * 4, (np.arange(48) - 23.5) * 4, indexing="ij"
    )

    def inside(a: float, b: float, c: float) -> np.ndarray:
        return np.asarray((x / a) ** 2 + (y / b) ** 2 + (z / c) ** 2 <= 1)

    values = np.zeros(x.shape)
    for axes, value in (((76, 96, 52), 220), ((70, 90, 47), 20), ((62, 82, 41), 150), ((54, 74, 36), 125)):
        values[inside(*axes)] = value
    values[inside(14, 28, 16)] = 30
    noise = np.random.default_rng(7)
    values = np.hypot(values + noise.normal(0, 4, values.shape), noise.normal(0, 4, values.shape))
    image = sitk.GetImageFromArray(np.rint(values).astype(np.int16))
    image.SetSpacing((4.0, 4.0, 8.0))
    image.SetOrigin((-94.0, -110.0, -52.0))
    return image


@pytest.fixture
def command(capfd: pytest.CaptureFixture[str]) -> CommandLine:
    """Calls the command line in this process."""
    return CommandLine(capfd)


@pytest.fixture(scope="session")
def head_image() -> sitk.Image:
    """`small_head`; not to be changed."""
    return small_head()


@pytest.fixture(scope="session")
def head_file(head_image: sitk.Image, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`small_head` as a compressed NIfTI file."""
    path = tmp_path_factory.mktemp("head") / "head.nii.gz"
    sitk.WriteImage(head_image, str(path), True)
    return path


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a calibrated, untrained FLAIR model; not to be changed."""
    import torch
    from tiny_model import write_tiny_model

    torch.set_num_threads(1)
    return write_tiny_model(tmp_path_factory.mktemp("models") / "tiny").path


@pytest.fixture(scope="session")
def two_modality_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a calibrated, untrained model of FLAIR and T2; not to be changed."""
    import torch
    from tiny_model import tiny_config, write_tiny_model

    torch.set_num_threads(1)
    return write_tiny_model(tmp_path_factory.mktemp("models") / "two", tiny_config("two", ("flair", "t2"))).path


@pytest.fixture(scope="session")
def finished(tiny_model: Path, head_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The output folder of a run on `head_file`; not to be changed."""
    from anofpdm import Detector

    folder = tmp_path_factory.mktemp("finished") / "result"
    Detector.from_model(tiny_model).detect(head_file).write(folder)
    return folder


@pytest.fixture
def user_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder in place of what the user of this machine has added."""
    from anofpdm.store.model_search import user_data_folder

    for variable in ("XDG_DATA_HOME", "APPDATA", "HOME"):
        monkeypatch.setenv(variable, str(tmp_path / "user"))
    return user_data_folder()


@pytest.fixture
def result(finished: Path, tmp_path: Path) -> Path:
    """A copy of a finished result, to be damaged or replaced."""
    return Path(shutil.copytree(finished, tmp_path / "result"))


@pytest.fixture
def detect(command: CommandLine, tiny_model: Path, finished: Path, tmp_path: Path) -> DetectCalls:
    """`detect.refuses(INPUT, ..., words=...)` checks a whole refusal."""
    return DetectCalls(command, tiny_model, finished, tmp_path)


@pytest.fixture
def table(command: CommandLine, tiny_model: Path, head_file: Path, tmp_path: Path) -> Table:
    """Tables with the paths `head.nii.gz`, run with the tiny model."""
    return Table(command, tiny_model, head_file, tmp_path)
