"""Models in the panel: list, card, adding, removing, checking, licence, and those that cannot be used."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
from bright_model import NAME, TITLE
from own_slices import write_slab
from tiny_model import write_tiny_model


def _trigger(session: Any, text: str) -> None:
    """An entry of the menu of the button Add."""
    (action,) = [action for action in session.ui.addModelButton._qt.menu().actions() if text in action.text()]
    action.trigger()
    session.pump()


def test_default_model_in_one_line(session: Any) -> None:
    ui = session.ui
    assert ui.modelSelector.currentText == TITLE
    line = ui.modelLineLabel.text
    assert line == "FLAIR · trained on nothing · CC0-1.0 · research use only"
    assert not ui.removeModelButton.enabled
    session.click(ui.verifyModelButton)
    assert re.match(rf"All \d+ files of {NAME} are sound", ui.modelLineLabel.text)


def test_model_card(session: Any) -> None:
    seen = []

    def read(dialog: Any) -> int:
        browser = next(child for child in dialog.children() if child.className() == "QTextBrowser")
        seen.append(browser.plainText)
        return 1

    session.dialogs.answer(f"Model card of {TITLE}", read)
    session.click(session.ui.modelCardButton)
    assert "Says nothing about patients" in seen[0]


def test_added_from_folder_and_zip_and_removed(
    user_data: Path, model_place: Path, session: Any, tmp_path: Path
) -> None:
    ui = session.ui
    session.dialogs.answer("Folder of the model", str(model_place / "two"))
    session.open(session.ui.modelGroup)
    _trigger(session, "From a folder")
    assert session.panel.state.model.name == "two" and (user_data / "models" / "two").is_dir()
    assert ui.inputLabel2.visible and ui.removeModelButton.enabled
    session.dialogs.answer("Delete the model", "Yes")
    session.click(ui.removeModelButton)
    assert session.panel.state.model.name == NAME and not (user_data / "models" / "two").exists()

    archive = shutil.make_archive(str(tmp_path / "strict"), "zip", model_place, "strict")
    session.dialogs.answer("Zip file of the model", archive)
    _trigger(session, "From a zip file")
    assert session.panel.state.model.name == "strict"
    session.dialogs.answer("Folder of the model", "")
    _trigger(session, "From a folder")  # cancelled
    assert session.panel.state.model.name == "strict"


def test_what_is_no_model_is_refused_with_a_sentence(user_data: Path, session: Any, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    session.dialogs.answer("Folder of the model", str(tmp_path / "empty"))
    session.dialogs.answer("", "OK")
    _trigger(session, "From a folder")
    assert "empty" in session.dialogs.shown[-1] and "Traceback" not in session.dialogs.shown[-1]
    assert session.panel.state.model.name == NAME


def test_weights_that_do_not_fit_are_refused_with_a_sentence(
    user_data: Path, model_place: Path, session: Any, tmp_path: Path
) -> None:
    from anofpdm.core.checksums import CHECKSUMS_FILE
    from anofpdm.store.model_folder import file_sha256

    source = tmp_path / "two"
    shutil.copytree(model_place / "two", source)
    shutil.copyfile(model_place / "strict" / "weights.safetensors", source / "weights.safetensors")
    sums = json.loads((source / CHECKSUMS_FILE).read_text())
    listed = sums.get("files", sums)
    listed["weights.safetensors"] = file_sha256(source / "weights.safetensors")
    (source / CHECKSUMS_FILE).write_text(json.dumps(sums))
    session.dialogs.answer("Folder of the model", str(source))
    session.dialogs.answer("do not fit the network's configuration", "OK")
    _trigger(session, "From a folder")
    assert session.panel.state.model.name == NAME
    assert not list((user_data / "models").rglob("*.safetensors"))


def test_damaged_model_is_listed_with_its_reason(
    model_place: Path, session: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(model_place / "two", tmp_path / "place" / "two")
    (tmp_path / "place" / "two" / "config.json").write_text("{")
    monkeypatch.setenv("ANOFPDM_MODELS", str(tmp_path / "place"))
    session.panel._model.reload("two")
    session.pump()
    ui = session.ui
    assert "config.json" in ui.modelLineLabel.text
    assert not ui.detectButton.enabled and ui.detectButton.toolTip == ui.modelLineLabel.text
    assert ui.inputsStatusLabel.text == ui.modelLineLabel.text, "said in sight"
    assert not ui.presetSelector.visible


def test_changed_weights_are_found_by_verify(
    model_place: Path, session: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(model_place / "two", tmp_path / "place" / "two")
    monkeypatch.setenv("ANOFPDM_MODELS", str(tmp_path / "place"))
    session.panel._model.reload("two")
    session.open(session.ui.modelGroup)
    session.click(session.ui.verifyModelButton)
    assert "files of two are sound" in session.ui.modelLineLabel.text
    with (tmp_path / "place" / "two" / "weights.safetensors").open("r+b") as file:
        file.seek(-1, 2)
        file.write(b"\x55")
    session.dialogs.answer("has changed or is damaged", "OK")
    session.click(session.ui.verifyModelButton)
    assert session.ui.modelLineLabel.text.endswith("did not pass the check of its files: do not use it.")


def test_models_of_one_title_are_told_apart(user_data: Path, more_models: Path, session: Any, tmp_path: Path) -> None:
    """In the list, and where one of them is to be deleted."""
    write_tiny_model(user_data / "models" / "mine")
    session.panel._model.reload("mine")
    session.pump()
    selector = session.ui.modelSelector
    titles = [selector.itemText(row) for row in range(selector.count)]
    assert len(set(titles)) == len(titles) and TITLE in titles
    assert {f"Untrained test model ({name})" for name in ("one", "two", "mine")} < set(titles)
    session.dialogs.answer("Delete the model Untrained test model (mine)", "No")
    session.click(session.ui.removeModelButton)


def test_licence_is_acknowledged_once(user_data: Path, session: Any, tmp_path: Path) -> None:
    """Of the bundled model whose weights are not for commercial use, by clicks."""
    ui = session.ui
    session.choose(ui.modelSelector, "glioma and stroke")
    assert session.panel.state.model.name == "brain-flair"
    assert "CC BY-NC-SA 4.0 (non-commercial)" in ui.modelLineLabel.text
    session.load(write_slab(tmp_path / "slab.nii.gz"))
    session.choose(ui.presetSelector, "Fast")
    question = "non-commercial licence (CC BY-NC-SA 4.0)"
    session.dialogs.answer(question, "No")
    session.click(ui.detectButton)
    assert not session.panel.state.busy and session.result is None
    assert not (user_data / "licences.json").exists()
    session.dialogs.answer(question, "Yes")
    result = session.detect()
    assert result.case.model.licence == "CC BY-NC-SA 4.0"
    session.click(ui.detectButton)  # not asked again
    assert ui.detectButton.text == "Cancel"
    session.click(ui.detectButton)
    session.wait_for_end()


def test_declined_licence_keeps_a_model_from_being_calibrated(more_models: Path, session: Any, tmp_path: Path) -> None:
    session.panel._model.reload("strict")
    session.pump()
    session.open(session.ui.modelGroup)
    table = tmp_path / "slices.csv"
    table.write_text("subject,split,flair,slice,label\n")

    def fill(dialog: Any) -> int:
        import qt

        fields = {child.name: child for child in dialog.findChildren(qt.QWidget)}
        fields["manifestEdit"].text = str(table)
        fields["nameEdit"].text = "mine"
        return 1

    session.dialogs.answer("Calibrate on my data", fill)
    session.dialogs.answer("non-commercial licence (CC-BY-NC-4.0)", "No")
    session.click(session.ui.calibrateButton)
    assert not session.panel.state.busy


def test_among_several_models_without_a_default_a_sound_one_is_chosen(
    model_place: Path, session: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(model_place / "two", tmp_path / "place" / "a-damaged-one")
    (tmp_path / "place" / "a-damaged-one" / "config.json").write_text("{")
    shutil.copytree(model_place / "strict", tmp_path / "place" / "strict")
    monkeypatch.setenv("ANOFPDM_MODELS", str(tmp_path / "place"))
    from anofpdm.store import model_search

    monkeypatch.setattr(model_search, "BUNDLED_FOLDER", tmp_path / "nowhere")
    session.panel.state.parameters.model = ""
    session.panel._model.reload()
    assert session.ui.modelSelector.count == 2 and session.panel.state.model.name == "strict"


def test_without_any_model(session: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("ANOFPDM_MODELS")
    from anofpdm.store import model_search

    monkeypatch.setattr(model_search, "BUNDLED_FOLDER", tmp_path / "nowhere")
    session.panel._model.reload()
    session.pump()
    ui = session.ui
    assert ui.modelLineLabel.text == "No model was found: add one."
    assert ui.detectButton.toolTip == "Choose a model, or add one."
    assert not any(widget.enabled for widget in (ui.verifyModelButton, ui.removeModelButton, ui.modelCardButton))
