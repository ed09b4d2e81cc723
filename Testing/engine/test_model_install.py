"""Models added from folders and zip files, and removed: whole and checked, or not at all."""

from __future__ import annotations

import json
import os
import shutil
import stat
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from command_line import CommandLine, snapshot
from model_archives import refused, write_listed, zipped
from safetensors.torch import load_file, save_file

from anofpdm.core.errors import ModelError, OutputError, SettingsError
from anofpdm.store import model_install
from anofpdm.store.model_folder import ModelFolder, file_sha256, open_model_folder, write_calibration
from anofpdm.store.model_install import install_model, remove_model
from anofpdm.store.model_search import default_model_name, find_model, list_models, user_folder


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """An empty folder of models that is still to be made."""
    return tmp_path / "user" / "models"


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
        more.writestr("tiny/notes.txt", "x")
        more.writestr("__MACOSX/tiny/checksums.json", "x")
    assert snapshot(install_model(archive, place).path) == snapshot(tiny_model)
    folder = Path(shutil.copytree(tiny_model, tmp_path / "copy"))
    (folder / "notes.txt").write_text("x")
    assert snapshot(install_model(folder, tmp_path / "other").path) == snapshot(tiny_model)


def test_one_that_is_there_already_stays(tiny_model: Path, place: Path) -> None:
    install_model(tiny_model, place)
    refused(tiny_model, place, "already.*; remove it first", OutputError)


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
    said = r"broken\.zip[/\\]weights\.safetensors has changed or is damaged \(wrong checksum\)"
    refused(zipped(broken, tmp_path / "broken.zip"), place, said)
    (broken / "config.json").unlink()
    refused(broken, place, "lacks config.json")
    refused(zipped(broken, tmp_path / "less.zip"), place, "lacks config.json")


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
        more.write(tiny_model / "checksums.json", "b/checksums.json")
    refused(archive, place, "several models")


def test_an_archive_that_would_fill_the_disk(
    tiny_model: Path, place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(model_install, "LARGEST_MODEL_BYTES", 100)
    refused(zipped(tiny_model, tmp_path / "a.zip"), place, r"weights\.safetensors is larger than any model's")


def link(target: str) -> zipfile.ZipInfo:
    """An entry that unpacks to a symbolic link."""
    entry = zipfile.ZipInfo("tiny/link")
    entry.create_system, entry.external_attr = 3, (stat.S_IFLNK | 0o777) << 16
    return entry


@pytest.mark.parametrize(
    "name",
    [
        "../evil",
        "tiny/../../evil",
        "..",
        "/etc/evil",
        "//host/share/evil",
        "C:/evil",
        "C:evil",
        "a\\..\\evil",
        "\\evil",
    ],
)
def test_paths_that_climb_out(tiny_model: Path, place: Path, tmp_path: Path, name: str) -> None:
    """Refused, not skipped: an archive made so is no model of anybody who means well."""
    archive = zipped(tiny_model, tmp_path / "a.zip", "tiny/")
    with zipfile.ZipFile(archive, "a") as more:
        entry = zipfile.ZipInfo("placeholder")
        entry.filename = entry.orig_filename = name
        more.writestr(entry, "outside")
    before = snapshot(tmp_path)
    refused(archive, place, "leads out of the model's folder")
    place.parent.mkdir(exist_ok=True)
    assert {k: v for k, v in snapshot(tmp_path).items() if not k.startswith("user")} == before


@pytest.mark.parametrize("target", ["../../secret", "/etc/passwd", "config.json"])
def test_links(tiny_model: Path, place: Path, tmp_path: Path, target: str) -> None:
    archive = zipped(tiny_model, tmp_path / "a.zip", "tiny/")
    with zipfile.ZipFile(archive, "a") as more:
        more.writestr(link(target), target)
    refused(archive, place, "holds the link 'tiny/link'")


def test_one_name_twice(tiny_model: Path, place: Path, tmp_path: Path) -> None:
    archive = zipped(tiny_model, tmp_path / "a.zip")
    with zipfile.ZipFile(archive, "a") as more, pytest.warns(UserWarning, match="Duplicate name"):
        more.writestr("config.json", "{}")
    refused(archive, place, r"holds 'config\.json' twice")


@pytest.mark.parametrize(
    "name", ["../outside", "/etc/passwd", "a/b/c", "checksums.json", "..", "a\\b", "C:x", "a/", "a//b", "./a", ""]
)
def test_a_list_of_checksums_that_names_what_is_no_file_of_the_model(
    tiny_model: Path, place: Path, tmp_path: Path, name: str
) -> None:
    model = Path(shutil.copytree(tiny_model, tmp_path / "copy"))
    listed = json.loads((model / "checksums.json").read_text())
    (model / "checksums.json").write_text(json.dumps({**listed, name: "0" * 64}))
    refused(model, place, "which is not a file of the model")
    refused(zipped(model, tmp_path / "a.zip"), place, "which is not a file of the model")


@pytest.mark.parametrize(
    "name", ["weights.safetensors", "MODEL_CARD.md", "config.json", "configs/metadata.json", "calibration.png"]
)
def test_a_bomb(tiny_model: Path, place: Path, tmp_path: Path, name: str) -> None:
    """Zeros pack a thousandfold: the archive is small, what it unpacks to is not."""
    model = Path(shutil.copytree(tiny_model, tmp_path / "copy"))
    write_listed(model, name, bytes(24 << 20))
    archive = tmp_path / "bomb.zip"
    zipped(model, archive, method=zipfile.ZIP_DEFLATED)
    assert archive.stat().st_size < 1 << 20
    refused(archive, place, "larger than any model's")
    refused(model, place, "larger than any model's")


@pytest.mark.parametrize("name", ["setup.exe", "configs/run.sh", ".bashrc", "weights.pt"])
def test_a_file_that_no_model_has(tiny_model: Path, place: Path, tmp_path: Path, name: str) -> None:
    """Whatever the list of checksums says, nothing else is copied."""
    model = Path(shutil.copytree(tiny_model, tmp_path / "copy"))
    write_listed(model, name, b"anything")
    refused(model, place, "which is not a file of the model")
    refused(zipped(model, tmp_path / "a.zip"), place, "which is not a file of the model")


def test_names_with_backslashes(tiny_model: Path, place: Path, tmp_path: Path) -> None:
    """As some programs for Windows pack folders."""
    archive = tmp_path / "a.zip"
    with zipfile.ZipFile(archive, "w") as packed:
        for file in sorted(path for path in tiny_model.rglob("*") if path.is_file()):
            entry = zipfile.ZipInfo("placeholder")
            entry.filename = entry.orig_filename = f"tiny\\{file.relative_to(tiny_model)}".replace("/", "\\")
            packed.writestr(entry, file.read_bytes())
    refused(archive, place, "packed with backslashes in its names .*; pack the model's folder again")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="the system has no named pipes")
def test_a_pipe_is_not_waited_for(tiny_model: Path, place: Path, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.zip")
    refused(tmp_path / "a.zip", place, "pipe or a device")
    model = Path(shutil.copytree(tiny_model, tmp_path / "copy"))
    (model / "MODEL_CARD.md").unlink()
    os.mkfifo(model / "MODEL_CARD.md")
    refused(model, place, "lacks MODEL_CARD.md")


def test_a_list_of_checksums_that_is_a_bomb(place: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_DEFLATED) as bomb:
        bomb.writestr("checksums.json", b" " * (2 << 20))
    refused(tmp_path / "a.zip", place, r"checksums\.json is larger than any model's")


def test_more_files_than_any_model_has(
    tiny_model: Path, place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(model_install, "MOST_ENTRIES", 3)
    refused(zipped(tiny_model, tmp_path / "a.zip"), place, "it is no model")


def test_packed_in_a_way_that_is_not_read(tiny_model: Path, place: Path, tmp_path: Path) -> None:
    refused(
        zipped(tiny_model, tmp_path / "a.zip", method=zipfile.ZIP_BZIP2), place, "packed by a method other than deflate"
    )


def test_encrypted(tiny_model: Path, place: Path, tmp_path: Path) -> None:
    archive = zipped(tiny_model, tmp_path / "a.zip")
    content = bytearray(archive.read_bytes())
    for signature, flags in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        start = content.find(signature)
        while start >= 0:
            content[start + flags] |= 1
            start = content.find(signature, start + 4)
    archive.write_bytes(content)
    refused(archive, place, "encrypted")


def test_a_calibration_that_cannot_be_used(tiny_model: Path, place: Path, tmp_path: Path) -> None:
    model = Path(shutil.copytree(tiny_model, tmp_path / "copy"))
    write_calibration(open_model_folder(model), '{"schema": 1, "calibrations": [{}]}')
    refused(model, place, r"calibrations\[0\] is incomplete")


def test_under_another_name(tiny_model: Path, place: Path) -> None:
    assert install_model(tiny_model, place, name="Modell-2").path == place / "Modell-2"
    install_model(tiny_model, place)
    assert sorted(entry.name for entry in place.iterdir()) == ["Modell-2", "tiny"]


@pytest.mark.parametrize("name", ["", " ", ".", "..", ".hidden", "a/b", "a\\b", "C:", "x" * 101, "a\n", "a.", "what?"])
def test_names_that_no_folder_can_have(tiny_model: Path, place: Path, name: str) -> None:
    with pytest.raises(SettingsError, match="cannot name a model"):
        install_model(tiny_model, place, name=name)
    assert not place.exists()


def test_whatever_the_check_refuses_is_not_added(tiny_model: Path, place: Path) -> None:
    def check(folder: ModelFolder) -> None:
        assert folder.config.name == "tiny"
        raise ModelError("does not fit")

    with pytest.raises(ModelError, match="does not fit"):
        install_model(tiny_model, place, check=check)
    assert list(place.iterdir()) == []


def test_a_place_that_cannot_be_written(tiny_model: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(OutputError, match="cannot be written to"):
        install_model(tiny_model, tmp_path / "file" / "models")


def test_a_disk_that_fills_up(tiny_model: Path, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr(model_install, "_write", full)
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
    bundled = command("models", "remove", default_model_name())
    assert bundled.status == 3 and "from where it cannot be removed here" in bundled.sentence
    assert find_model(default_model_name()).path.is_dir()


@pytest.mark.usefixtures("user_data")
class TestAddRefuses:
    """`anofpdm models add` and `remove`: one sentence, nothing changed"""

    @pytest.mark.parametrize(
        ("change", "words"),
        [
            (lambda state: state.pop("out.2.bias"), "1 tensors are missing"),
            (lambda state: state.update(more=torch.zeros(1)), "no place in it"),
            (lambda state: state["out.2.bias"].fill_(float("nan")), "not finite"),
        ],
    )
    def test_weights_that_are_not_the_networks(
        self, command: CommandLine, tiny_model: Path, tmp_path: Path, change: Callable[[dict], object], words: str
    ) -> None:
        model = Path(shutil.copytree(tiny_model, tmp_path / "copy"))
        state = load_file(model / "weights.safetensors")
        change(state)
        save_file(state, model / "weights.safetensors")
        listed = json.loads((model / "checksums.json").read_text())
        listed["weights.safetensors"] = file_sha256(model / "weights.safetensors")
        (model / "checksums.json").write_text(json.dumps(listed))
        user_folder().mkdir(parents=True)
        for source in (model, zipped(model, tmp_path / "a.zip")):
            command.refuses("models", "add", source, words=words, folder=tmp_path)

    @pytest.mark.parametrize("name", ["bundled", "elsewhere"])
    def test_a_name_that_another_model_has(
        self, command: CommandLine, tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
    ) -> None:
        shutil.copytree(tiny_model, tmp_path / "place" / "elsewhere")
        monkeypatch.setenv("ANOFPDM_MODELS", str(tmp_path / "place"))
        user_folder().mkdir(parents=True)
        name = default_model_name() if name == "bundled" else name
        words = f"a model named '{name}' already .*another name"
        command.refuses("models", "add", tiny_model, "--name", name, words=words, folder=tmp_path)

    def test_removal_from_another_place(
        self, command: CommandLine, tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        shutil.copytree(tiny_model, tmp_path / "place" / "elsewhere")
        monkeypatch.setenv("ANOFPDM_MODELS", str(tmp_path / "place"))
        words = "'elsewhere' lies in .*place, from where it cannot be removed here"
        command.refuses("models", "remove", "elsewhere", words=words, folder=tmp_path)

    @pytest.mark.parametrize("name", ["", "none", "../models", "/"])
    def test_removal_of_nothing(self, command: CommandLine, tmp_path: Path, name: str) -> None:
        command.refuses("models", "remove", name, words="There is no model named", folder=tmp_path)

    def test_an_empty_source(self, command: CommandLine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(tmp_path)
        user_folder().mkdir(parents=True)
        command.refuses("models", "add", "", words="holds no model|does not exist", folder=tmp_path)
