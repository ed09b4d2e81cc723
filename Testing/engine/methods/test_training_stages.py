"""`anofpdm train`: every method's stages, those that other packages bring among them."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from command_line import CommandLine

from anofpdm.core.errors import SettingsError
from anofpdm.methods import registry
from anofpdm.methods.training import stage_of, stage_of_purpose
from anofpdm.store.model_folder import open_model_folder

PURPOSES = ("anofpdm", "anoddpm-gaussian", "anoddpm-simplex", "classifier")
"""Those of version 0.1."""


@pytest.fixture
def installed(tmp_path: Path) -> Iterator[None]:
    """The package of `trained_method.py`, as pip would leave it."""
    place = tmp_path / "site-packages"
    about = place / "trained_method-1.0.dist-info"
    about.mkdir(parents=True)
    shutil.copy(Path(__file__).with_name("trained_method.py"), place)
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: trained-method\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text(f"[{registry.ENTRY_POINTS}]\nfitted = trained_method:METHOD\n")
    sys.path.insert(0, str(place))
    registry.methods.cache_clear()
    yield
    sys.path.remove(str(place))
    registry.methods.cache_clear()


@pytest.mark.usefixtures("installed")
def test_a_package_brings_its_own_training(command: CommandLine, tmp_path: Path) -> None:
    (tmp_path / "numbers.txt").write_text("1 2 3")
    call = ("train", tmp_path / "numbers.txt", "--method", "fitted", "--output", tmp_path / "run")
    outcome = command(*call, "--factor", "1.5")
    assert outcome.status == 0, outcome.err
    assert outcome.out == f"Fitted to the numbers.\nThe model lies in {tmp_path / 'run' / 'fitted'}.\n"
    assert open_model_folder(tmp_path / "run" / "fitted").config.calibration.threshold == 3
    help_text = " ".join(command("train", "--help").out.split())
    assert "with --method fitted: --factor" in help_text and "fitted: fit (MANIFEST is a file of numbers)" in help_text


@pytest.mark.usefixtures("installed")
@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--method", "fitted", "--stage", "other"), "The method fitted has no stage 'other' but fit"),
        (("--method", "fitted", "--factor", "much"), "--factor takes a number"),
        (("--method", "fitted", "--config", "compact"), "--config is an option of .*, not of fitted; leave it out"),
        (("--method", "student", "--factor", "2"), "--factor is an option of fitted"),
        (("--method", "none"), "There is no method 'none' here"),
        (("--method", "fitted"), "holds no numbers"),
        (("--purpose", "else"), "--purpose takes one of anofpdm, "),
        (("--purpose", "classifier", "--method", "student"), "--purpose classifier stands for --method"),
        (("--purpose", "classifier", "--stage", "rendered"), "leave --purpose out"),
    ],
)
def test_what_cannot_be_is_said_in_a_sentence(
    command: CommandLine, tmp_path: Path, options: tuple[str, ...], words: str
) -> None:
    (tmp_path / "empty").mkdir()
    call = ("train", tmp_path / "empty", "--output", tmp_path / "run")
    command.refuses(*call, *options, words=words, folder=tmp_path)


def test_every_method_has_stages_or_says_that_it_has_none() -> None:
    for method in registry.methods().values():
        if not method.stages:
            with pytest.raises(SettingsError, match=f"The method {method.name} is not trained; calibrate"):
                stage_of(method, None)
            continue
        names = [stage.name for stage in method.stages]
        assert len(set(names)) == len(names) and stage_of(method, None).name == names[0]
        for stage in method.stages:
            assert stage_of(method, stage.name) is stage and stage.help
            assert not any(knob.live for knob in stage.knobs)


def test_the_old_spelling_reaches_a_stage_each() -> None:
    found = [stage_of_purpose(list(registry.methods().values()), purpose) for purpose in PURPOSES]
    assert len({(method.name, stage.name) for method, stage in found}) == len(PURPOSES)
    assert all(stage.purpose == purpose for (_, stage), purpose in zip(found, PURPOSES, strict=True))
