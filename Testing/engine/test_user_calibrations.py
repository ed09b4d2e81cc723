"""Calibrations that the user names: kept under their weights, whole or not at all, and used only with those."""

from __future__ import annotations

import dataclasses
import errno
import os
import shutil
from pathlib import Path

import pytest
from command_line import CommandLine, snapshot
from tiny_model import POINT, tiny_calibration, write_tiny_model

from anofpdm import Detector
from anofpdm.core import output_set
from anofpdm.core.errors import ModelError, OutputError, SettingsError
from anofpdm.methods.anofpdm.calibration import Calibration, calibrations_to_json
from anofpdm.methods.anofpdm.user_calibrations import (
    calibrations_of,
    store_user_calibrations,
    user_calibrations,
    usual_point,
)
from anofpdm.results.case_storage import load_evidence
from anofpdm.results.findings import read_findings
from anofpdm.store.model_folder import ModelFolder, open_model_folder
from anofpdm.store.user_calibrations import check_can_store, user_calibration_names

WEIGHTS, OTHERS = "a" * 64, "b" * 64
FAST = dataclasses.replace(POINT, steps=2)


def clinic(weights: str = WEIGHTS, **changes: object) -> list[Calibration]:
    """Two presets, told from the model's own by their default guidance strength."""
    values = {"default_guidance": 8.0, **changes}
    return [
        tiny_calibration(weights, point=FAST, name="fast", **values),
        tiny_calibration(weights, name="balanced", **values),
    ]


@pytest.fixture
def folder(tiny_model: Path) -> ModelFolder:
    return open_model_folder(tiny_model)


class TestStore:
    """On disk"""

    pytestmark = pytest.mark.usefixtures("user_data")

    def test_comes_back_with_its_name(self) -> None:
        assert user_calibration_names(WEIGHTS) == []
        store_user_calibrations(clinic(), "clinic-3T")
        assert user_calibration_names(WEIGHTS) == ["clinic-3T"]
        assert user_calibrations(WEIGHTS, "clinic-3T") == [
            dataclasses.replace(calibration, user_name="clinic-3T") for calibration in clinic()
        ]
        assert [c.label for c in user_calibrations(WEIGHTS, "clinic-3T")] == ["clinic-3T/fast", "clinic-3T/balanced"]

    def test_each_model_has_its_own(self) -> None:
        store_user_calibrations(clinic(), "mine")
        store_user_calibrations(clinic(OTHERS, default_guidance=0.0), "mine")
        assert user_calibrations(WEIGHTS, "mine")[0].default_guidance == 8.0
        assert user_calibrations(OTHERS, "mine")[0].default_guidance == 0.0

    @pytest.mark.parametrize("again", ["clinic", "CLINIC"])
    def test_is_replaced_only_when_told_to(self, user_data: Path, again: str) -> None:
        store_user_calibrations(clinic(), "clinic", plot=b"first")
        before = snapshot(user_data)
        for call in (
            lambda: check_can_store(WEIGHTS, again, replace=False),
            lambda: store_user_calibrations(clinic(default_guidance=2.0), again),
        ):
            with pytest.raises(OutputError, match="a calibration 'clinic' of this model already; add --replace"):
                call()
        assert snapshot(user_data) == before
        path = store_user_calibrations(clinic(default_guidance=2.0), again, replace=True)
        assert user_calibrations(WEIGHTS, "clinic")[0].default_guidance == 2.0
        assert [entry.name for entry in path.parent.iterdir()] == ["clinic.json"], "the plot was of the one before"

    def test_the_plot_lies_beside_it(self) -> None:
        path = store_user_calibrations(clinic(), "clinic", plot=b"picture")
        assert path.with_suffix(".png").read_bytes() == b"picture"

    def test_a_full_disk_leaves_what_was_there(self, user_data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        store_user_calibrations(clinic(), "clinic", plot=b"first")
        before = snapshot(user_data)
        replace = os.replace

        def full(source: object, target: object) -> None:
            if Path(str(source)).parts[-2:] == ("new", "clinic.png"):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            replace(source, target)  # type: ignore[arg-type]

        monkeypatch.setattr(output_set.os, "replace", full)
        with pytest.raises(OutputError, match="full; free some space"):
            store_user_calibrations(clinic(default_guidance=2.0), "clinic", replace=True, plot=b"second")
        monkeypatch.undo()
        assert snapshot(user_data) == before

    @pytest.mark.parametrize("name", ["", " ", "a b", ".hidden", "../up", "a/b", "a\\b", "x" * 65, "a\n", "ä", "a."])
    def test_names_that_are_no_plain_file_names(self, user_data: Path, name: str) -> None:
        for call in (lambda: store_user_calibrations(clinic(), name), lambda: user_calibrations(WEIGHTS, name)):
            with pytest.raises(SettingsError, match="cannot name a calibration"):
                call()
        assert not user_data.exists()

    @pytest.mark.parametrize("name", ["default", "Default"])
    def test_the_models_own_name_is_taken(self, name: str) -> None:
        with pytest.raises(SettingsError, match="names the model's own calibration"):
            store_user_calibrations(clinic(), name)

    def test_an_unknown_name(self) -> None:
        store_user_calibrations(clinic(), "a")
        with pytest.raises(SettingsError, match=r"no calibration 'b' of this model; there are default, a\."):
            user_calibrations(WEIGHTS, "b")

    def test_of_another_model(self) -> None:
        path = store_user_calibrations(clinic(OTHERS), "theirs")
        with pytest.raises(SettingsError, match="'theirs' belongs to other weights; calibrate this model with --name"):
            user_calibrations(WEIGHTS, "theirs")
        ours = store_user_calibrations(clinic(), "ours")
        shutil.copy(path, ours)
        with pytest.raises(ModelError, match=r"'ours' .* belongs to other weights than this model's"):
            user_calibrations(WEIGHTS, "ours")

    @pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff", b'{"schema": 1}', b'{"schema": 2}'])
    def test_damaged(self, content: bytes) -> None:
        store_user_calibrations(clinic(), "clinic").write_bytes(content)
        with pytest.raises(ModelError, match=r"clinic\.json"):
            user_calibrations(WEIGHTS, "clinic")

    def test_empty(self) -> None:
        store_user_calibrations(clinic(), "clinic").write_text(calibrations_to_json([]))
        with pytest.raises(ModelError, match="holds no calibration"):
            user_calibrations(WEIGHTS, "clinic")

    def test_other_files_there_are_no_calibrations(self) -> None:
        place = store_user_calibrations(clinic(), "clinic", plot=b"x").parent
        for name in ("notes.txt", ".hidden.json", "two words.json"):
            (place / name).write_text("{}")
        assert user_calibration_names(WEIGHTS) == ["clinic"]


@pytest.mark.usefixtures("user_data")
class TestOperatingPoint:
    """How a model is run where nothing is asked for"""

    def test_as_the_model_says_where_the_calibration_covers_it(self, folder: ModelFolder) -> None:
        assert usual_point(folder, calibrations_of(folder)) == folder.config.operating_point
        assert usual_point(folder, []) == folder.config.operating_point
        store_user_calibrations(clinic(folder.weights_sha256), "clinic")
        assert usual_point(folder, calibrations_of(folder, "clinic")) == POINT

    def test_as_the_users_calibration_says_where_it_covers_another(self, folder: ModelFolder) -> None:
        other = dataclasses.replace(POINT, last=200)
        calibrations = [
            tiny_calibration(folder.weights_sha256, point=FAST, name="fast"),
            tiny_calibration(folder.weights_sha256, point=other, name="balanced"),
        ]
        store_user_calibrations(calibrations, "clinic")
        assert usual_point(folder, calibrations_of(folder, "clinic")) == other
        store_user_calibrations(calibrations[:1], "short")
        assert usual_point(folder, calibrations_of(folder, "short")) == FAST

    def test_as_the_preset_says(self, folder: ModelFolder) -> None:
        store_user_calibrations(clinic(folder.weights_sha256), "clinic")
        assert usual_point(folder, calibrations_of(folder, "clinic"), "fast") == FAST
        with pytest.raises(
            SettingsError, match=r"not calibrated for the preset 'paper' \(its calibrations: clinic/fast"
        ):
            usual_point(folder, calibrations_of(folder, "clinic"), "paper")
        with pytest.raises(SettingsError, match=r"preset 'fast' \(its calibrations: none\).*--presets fast"):
            usual_point(folder, [tiny_calibration(OTHERS, name="fast")], "fast")


@pytest.fixture
def calibrated(user_data: Path, folder: ModelFolder) -> ModelFolder:
    """The tiny model, of which the user has a calibration `clinic`."""
    store_user_calibrations(clinic(folder.weights_sha256), "clinic")
    return folder


def used(result: Path) -> tuple[str | None, float, int]:
    """Calibration, guidance strength and steps of a result."""
    findings = read_findings(result / "findings.json")
    return findings["model"]["calibration"], findings["parameters"]["guidance"], findings["parameters"]["steps"]


class TestCommands:
    """detect, adjust and models info"""

    @pytest.mark.parametrize(
        ("options", "expected"),
        [
            ((), ("default", 2.0, 3)),
            (("--calibration", "default"), ("default", 2.0, 3)),
            (("--calibration", "clinic"), ("clinic/balanced", 8.0, 3)),
            (("--calibration", "CLINIC", "--preset", "fast"), ("clinic/fast", 8.0, 2)),
            (("--calibration", "clinic", "--preset", "fast", "--steps", "3"), ("clinic/balanced", 8.0, 3)),
        ],
    )
    def test_detect(
        self,
        command: CommandLine,
        calibrated: ModelFolder,
        head_file: Path,
        tmp_path: Path,
        options: tuple[str, ...],
        expected: tuple[str, float, int],
    ) -> None:
        call = ("detect", head_file, "--model", calibrated.path, "--output", tmp_path / "o", "--progress", "none")
        outcome = command(*call, *options)
        assert outcome.status == 0, outcome.err
        assert used(tmp_path / "o") == expected and f"calibration {expected[0]}." in outcome.out
        evidence = load_evidence(tmp_path / "o" / "evidence.npz")
        assert evidence.calibration is not None and evidence.calibration.label == expected[0]

    @pytest.mark.parametrize(
        ("options", "words"),
        [
            (("--preset", "fast"), "tiny is not calibrated for the preset 'fast'"),
            (("--preset", "paper", "--calibration", "clinic"), "not calibrated for the preset 'paper'.*give --steps"),
            (("--preset", ""), "not calibrated for the preset ''"),
            (("--calibration", "none"), "no calibration 'none' of this model; there are default, clinic"),
            (("--calibration", "../clinic"), "cannot name a calibration"),
            (("--calibration", ""), "cannot name a calibration"),
        ],
    )
    def test_detect_refuses(
        self,
        command: CommandLine,
        calibrated: ModelFolder,
        head_file: Path,
        tmp_path: Path,
        options: tuple[str, ...],
        words: str,
    ) -> None:
        call = ("detect", head_file, "--model", calibrated.path, "--output", tmp_path / "o", *options)
        command.refuses(*call, words=words, folder=tmp_path)

    def test_the_python_interface_gives_the_same(self, calibrated: ModelFolder, head_file: Path) -> None:
        detector = Detector.from_model(calibrated.path, calibration="clinic", preset="fast")
        detection = detector.detect(head_file)
        assert detection.findings["model"]["calibration"] == "clinic/fast"
        assert detection.answer.choices.guidance == 8.0

    def test_adjust_there_and_back(
        self,
        command: CommandLine,
        calibrated: ModelFolder,
        result: Path,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        assert command("adjust", result, "--calibration", "clinic", "--region", "frame").status == 0
        assert used(result) == ("clinic/balanced", 8.0, 3)
        assert command("adjust", result).status == 0
        assert used(result)[0] == "clinic/balanced", "it stays until another is named"
        monkeypatch.setenv("ANOFPDM_MODELS", str(calibrated.path.parent))
        assert command("adjust", result, "--calibration", "default").status == 0
        assert used(result) == ("default", 2.0, 3)
        assert read_findings(result / "findings.json")["parameters"]["region"] == "frame", "settings are kept"

    def test_adjust_refuses(self, command: CommandLine, calibrated: ModelFolder, result: Path) -> None:
        far = dataclasses.replace(POINT, last=200)
        store_user_calibrations([tiny_calibration(calibrated.weights_sha256, point=far)], "far")
        for name, words in (
            ("none", "no calibration 'none' of this model"),
            (
                "far",
                r"'far' does not cover this result's forward process .*1\.\.200.*detect again with --calibration far",
            ),
            ("default", "No model of these weights was found"),
        ):
            command.refuses("adjust", result, "--calibration", name, words=words, folder=result.parent)

    def test_adjust_says_when_the_model_has_none_of_its_own(
        self, command: CommandLine, user_data: Path, result: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        write_tiny_model(tmp_path / "place" / "tiny", calibrated=False)
        monkeypatch.setenv("ANOFPDM_MODELS", str(tmp_path / "place"))
        words = "has no calibration of its own; calibrate it, or name one of yours"
        command.refuses("adjust", result, "--calibration", "default", words=words, folder=result.parent)

    def test_a_borrowed_calibration_says_so(self, command: CommandLine, calibrated: ModelFolder, result: Path) -> None:
        store_user_calibrations(clinic(calibrated.weights_sha256)[:1], "short")
        outcome = command("adjust", result, "--calibration", "short")
        assert outcome.status == 0 and "Not calibrated for 3 DDIM steps" in outcome.out

    def test_what_the_calibration_has_not_seen_is_said_by_the_one_in_use(
        self, command: CommandLine, calibrated: ModelFolder, result: Path
    ) -> None:
        odd = [dataclasses.replace(c, unguided_error=(1e-9, 2e-9)) for c in clinic(calibrated.weights_sha256)]
        store_user_calibrations(odd, "odd")
        for name, expected in (("odd", 1), ("clinic", 0), ("odd", 1)):
            outcome = command("adjust", result, "--calibration", name)
            assert outcome.out.count("unguided prediction") == expected

    def test_info_lists_them(self, command: CommandLine, calibrated: ModelFolder, user_data: Path) -> None:
        path = store_user_calibrations(clinic(calibrated.weights_sha256), "broken")
        path.write_text("{")
        outcome = command("models", "info", calibrated.path)
        assert outcome.status == 0
        assert "calibration 'default': 3 DDIM steps over 1..300" in outcome.out
        assert "calibration 'clinic/fast': 2 DDIM steps over 1..300" in outcome.out
        assert "guidance strength 8, map decision, healthy threshold in the interior" in outcome.out
        assert "calibration 'broken' cannot be used: " in outcome.out

    def test_info_tells_mirrored_slices_and_averaged_maps(self, command: CommandLine, calibrated: ModelFolder) -> None:
        mirrored = dataclasses.replace(POINT, mirrored=True)
        averaged = tiny_calibration(calibrated.weights_sha256, point=mirrored, consistency="volume")
        store_user_calibrations([averaged], "both")
        lines = command("models", "info", calibrated.path).out.splitlines()
        (line,) = (line for line in lines if "maps averaged over neighbours" in line)
        assert "'both/default': 3 DDIM steps over 1..300, paper mode, mirrored too, float32" in line
