"""Models added from folders and zip files, and removed: whole and checked, or not at all."""

from __future__ import annotations

import os
import shutil
import zipfile
from pathlib import Path

import pytest
from command_line import CommandLine, snapshot

from anofpdm.errors import ModelError, OutputError
from anofpdm.store import model_install
from anofpdm.store.model_folder import open_model_folder, write_calibration
from anofpdm.store.model_install import install_model, remove_model
from anofpdm.store.model_search import find_model, list_models, user_folder


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """An empty folder of models that is still to be made."""
    return tmp_path / "user" / "models"


def zipped(model: Path, target: Path, prefix: str = "") -> Path:
    with zipfile.ZipFile(target, "w") as archive:
        for file in sorted(model.iterdir()):
            archive.write(file, prefix + file.name)
    return target


def refused(source: Path, place: Path, words: str, error: type[Exception] = ModelError) -> None:
    before = snapshot(place) if place.exists() else {}
    with pytest.raises(error, match=words):
        install_model(source, place)
    assert (snapshot(place) if place.exists() else {}) == before


def test_from_a_folder(tiny_model: Path, place: Path) -> None:
    added = install_model(tiny_model, place)
    assert added.path == place / "tiny"
    assert snapshot(added.path) == snapshot(tiny_model)
    assert [entry.name for entry in place.iterdir()] == ["tiny"]


def test_with_the_plot_of_its_calibration(tiny_model: Path, place: Path, tmp_path: Path) -> None:
    model = Path(shutil.copytree(tiny_model, tmp_path / "plotted"))
    opened = open_model_folder(model)
    assert opened.calibration is not None
    write_calibration(opened, opened.calibration.read_text(), plot=b"a picture")
    added = install_model(zipped(model, tmp_path / "a.zip"), place)
    assert snapshot(added.path) == snapshot(model) and "calibration.png" in snapshot(model)
    remove_model("tiny", place)
    assert list(place.iterdir()) == []


@pytest.mark.parametrize("prefix", ["", "tiny/", "deep/er/"])
def test_from_a_zip_file(tiny_model: Path, place: Path, tmp_path: Path, prefix: str) -> None:
    added = install_model(zipped(tiny_model, tmp_path / "Modell für alle.zip", prefix), place)
    assert snapshot(added.path) == snapshot(tiny_model)


def test_what_is_no_part_of_the_model_is_left_out(tiny_model: Path, place: Path, tmp_path: Path) -> None:
    archive = zipped(tiny_model, tmp_path / "a.zip", "tiny/")
    with zipfile.ZipFile(archive, "a") as more:
        more.writestr("../../evil.txt", "outside")
        more.writestr("tiny/notes.txt", "x")
        more.writestr("__MACOSX/tiny/config.json", "x")
    assert snapshot(install_model(archive, place).path) == snapshot(tiny_model)
    assert not (tmp_path / "evil.txt").exists() and not (tmp_path.parent / "evil.txt").exists()
    folder = Path(shutil.copytree(tiny_model, tmp_path / "copy"))
    (folder / "notes.txt").write_text("x")
    assert snapshot(install_model(folder, tmp_path / "other").path) == snapshot(tiny_model)


def test_one_that_is_there_already_stays(tiny_model: Path, place: Path) -> None:
    install_model(tiny_model, place)
    refused(tiny_model, place, "already; remove it first", OutputError)


def test_bad_sources(tiny_model: Path, place: Path, tmp_path: Path) -> None:
    refused(tmp_path / "none.zip", place, "does not exist")
    (tmp_path / "text.zip").write_text("no zip")
    refused(tmp_path / "text.zip", place, "not a readable zip file")
    (tmp_path / "empty").mkdir()
    refused(tmp_path / "empty", place, "holds no model")
    with zipfile.ZipFile(tmp_path / "hollow.zip", "w") as archive:
        archive.writestr("readme.txt", "x")
    refused(tmp_path / "hollow.zip", place, "holds no model")
    cut = zipped(tiny_model, tmp_path / "cut.zip")
    cut.write_bytes(cut.read_bytes()[: cut.stat().st_size // 2])
    refused(cut, place, "not a readable zip file")
    broken = Path(shutil.copytree(tiny_model, tmp_path / "broken"))
    (broken / "weights.safetensors").write_bytes(b"x")
    refused(broken, place, "wrong checksum")
    refused(zipped(broken, tmp_path / "broken.zip"), place, "wrong checksum")
    (broken / "config.json").unlink()
    refused(broken, place, "lacks config.json")


def test_a_damaged_member(tiny_model: Path, place: Path, tmp_path: Path) -> None:
    archive = zipped(tiny_model, tmp_path / "a.zip")
    content = bytearray(archive.read_bytes())
    position = content.find((tiny_model / "MODEL_CARD.md").read_bytes())
    content[position] ^= 0xFF
    archive.write_bytes(content)
    refused(archive, place, "not a readable zip file")


def test_several_models_in_one_archive(tiny_model: Path, place: Path, tmp_path: Path) -> None:
    archive = zipped(tiny_model, tmp_path / "two.zip", "a/")
    with zipfile.ZipFile(archive, "a") as more:
        for file in tiny_model.iterdir():
            more.write(file, f"b/{file.name}")
    refused(archive, place, "several models")


def test_an_archive_that_would_fill_the_disk(
    tiny_model: Path, place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(model_install, "LARGEST_MODEL_BYTES", 100)
    refused(zipped(tiny_model, tmp_path / "a.zip"), place, "it is no model")


def test_a_place_that_cannot_be_written(tiny_model: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(OutputError, match="cannot be written to"):
        install_model(tiny_model, tmp_path / "file" / "models")


def test_a_disk_that_fills_up(tiny_model: Path, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(source: object, target: object) -> None:
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr(model_install.shutil, "copyfileobj", full)
    refused(tiny_model, place, "No space left on device.*nothing was added", OutputError)


def test_removal(tiny_model: Path, place: Path) -> None:
    install_model(tiny_model, place)
    assert remove_model("tiny", place) == place / "tiny"
    assert list(place.iterdir()) == []


@pytest.mark.parametrize("name", ["", ".", "..", "none", "a/b", "../models"])
def test_removal_of_what_is_no_model_there(place: Path, name: str) -> None:
    place.mkdir(parents=True)
    (place.parent / "models-beside").mkdir()
    with pytest.raises(ModelError, match="There is no model named"):
        remove_model(name, place)
    assert place.is_dir() and (place.parent / "models-beside").is_dir()


def test_removal_keeps_foreign_files(tiny_model: Path, place: Path) -> None:
    folder = install_model(tiny_model, place).path
    (folder / "my notes.txt").write_text("keep")
    with pytest.raises(ModelError, match=r"'my notes\.txt', which is not part of a model"):
        remove_model("tiny", place)
    assert (folder / "my notes.txt").exists() and (folder / "config.json").exists()


def test_the_commands(command: CommandLine, tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("XDG_DATA_HOME", "APPDATA", "HOME"):
        monkeypatch.setenv(variable, str(tmp_path))
    assert command("models", "add", tiny_model).status == 0
    assert find_model("tiny").path.parent == user_folder()
    again = command("models", "add", tiny_model)
    assert again.status == 4 and "already" in again.sentence
    assert command("models", "remove", "tiny").status == 0
    assert "tiny" not in [entry.name for entry in list_models()]
    bundled = command("models", "remove", "synthetic-flair")
    assert bundled.status == 3 and "only models added there can be removed" in bundled.sentence
