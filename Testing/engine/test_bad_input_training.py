"""What `anofpdm manifest`, `train` and `calibrate` cannot work with: one sentence, nothing written."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from command_line import CommandLine
from training_samples import MODEL, training_config, write_data

from anofpdm.training.config import training_config_to_dict

Refuses = Callable[..., None]
HEADER = "subject,split,flair,slice,label"


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two sources, train and val; not to be changed."""
    return write_data(tmp_path_factory.mktemp("data")).parent


@pytest.fixture
def folder(data: Path, tmp_path: Path) -> Path:
    """A copy of the data, the tests' working folder."""
    return Path(shutil.copytree(data, tmp_path / "data"))


@pytest.fixture
def train(command: CommandLine, folder: Path) -> Refuses:
    """`train` with a small configuration refuses and writes nothing."""
    pytest.importorskip("lightning_fabric", reason="needs the train extra: pip install 'anofpdm[train]'")
    config = folder / "small.json"
    config.write_text(json.dumps(training_config_to_dict(training_config(steps=1, warmup_steps=0))))

    def check(manifest: object, *options: object, words: str) -> None:
        given = [*options]
        if "--output" not in given:
            given += ["--output", folder / "run"]
        if "--config" not in given:
            given += ["--config", config]
        command.refuses("train", manifest, "--no-tensorboard", *given, words=words, folder=folder)

    return check


@pytest.fixture
def calibrate(command: CommandLine, folder: Path, tiny_model: Path) -> Refuses:
    """`calibrate` of a copy of the tiny model refuses and writes nothing."""
    model = shutil.copytree(tiny_model, folder / "tiny")

    def check(manifest: object, *options: object, words: str, model: object = model) -> None:
        command.refuses("calibrate", model, manifest, *options, words=words, folder=folder)

    return check


@pytest.fixture(params=["train", "calibrate"])
def either(request: pytest.FixtureRequest) -> Refuses:
    """Both commands read the same table."""
    return request.getfixturevalue(request.param)  # type: ignore[no-any-return]


def table(folder: Path, *rows: str, header: str = HEADER) -> Path:
    """A manifest of these rows; {a} and {b} stand for the two training volumes, {v} for a validation volume."""
    names = {"a": "a_train.nii.gz", "b": "b_train.nii.gz", "v": "a_val.nii.gz"}
    path = folder / "table.csv"
    path.write_text("\n".join([header, *(row.format(**names) for row in rows)]) + "\n", encoding="utf-8")
    return path


SOUND = ("s,train,{a},8,0", "s,train,{a},14,1", "w,val,{v},8,0", "w,val,{v},14,1")
"""What every other row is added to."""


class TestTable:
    """The manifest, for both commands"""

    def test_missing(self, either: Refuses, folder: Path) -> None:
        either(folder / "none.csv", words=r"none\.csv does not exist|none\.csv cannot be read")

    def test_a_folder(self, either: Refuses, folder: Path) -> None:
        either(folder, words="cannot be read|does not exist")

    @pytest.mark.parametrize(
        "content", [b"", b"\n", b"\xff\xfe\x00\x01", b"\x1f\x8b" + bytes(50), HEADER.encode(), b"subject\ns\n"]
    )
    def test_no_table(self, either: Refuses, folder: Path, content: bytes) -> None:
        (folder / "table.csv").write_bytes(content)
        either(folder / "table.csv", words=r"table\.csv")

    @pytest.mark.parametrize(
        ("row", "words"),
        [
            ("s,nowhere,{a},9,0", r"table\.csv:6: .*split"),
            ("s,train,{a},9,perhaps", r"table\.csv:6: .*label"),
            ("s,train,{a},nine,0", r"table\.csv:6: .*slice"),
            ("s,train,{a},-1,0", r"table\.csv:6: .*slice"),
            ("s,train,gone.nii.gz,9,0", r"table\.csv:6: the flair image gone\.nii\.gz does not exist"),
            ("s,train,,9,0", r"table\.csv:6: "),
            (",train,{a},9,0", r"table\.csv:6: .*subject"),
            ("s,val,{b},9,0", r"table\.csv:\d: .*split"),
            ("s,train,{a},8,1", r"table\.csv:\d: "),
            ("s,train", r"table\.csv:6: "),
        ],
    )
    def test_a_wrong_row(self, either: Refuses, folder: Path, row: str, words: str) -> None:
        either(table(folder, *SOUND, row), words=words)

    def test_other_modalities(self, either: Refuses, folder: Path) -> None:
        either(table(folder, *SOUND, header=HEADER.replace("flair", "t1")), words="flair")

    @pytest.mark.parametrize("label", ["0", "1"])
    def test_one_kind_of_label(self, either: Refuses, folder: Path, label: str) -> None:
        rows = [f"{row[:-1]}{label}" for row in SOUND]
        either(table(folder, *rows), words="healthy")

    def test_an_image_that_is_none(self, either: Refuses, folder: Path) -> None:
        for name in ("a_train", "a_val"):
            (folder / f"{name}.nii.gz").write_bytes(b"no image")
        either(table(folder, *SOUND), words=r"table\.csv:\d+: .*a_(train|val)\.nii\.gz")

    def test_a_slice_beyond_the_stack(self, either: Refuses, folder: Path) -> None:
        rows = (*SOUND, "s,train,{a},99,0", "w,val,{v},99,0")
        either(table(folder, *rows), words=r"table\.csv:\d+: slice 99 is not among the image's 24 slices")

    def test_slices_without_a_head(self, either: Refuses, folder: Path) -> None:
        rows = ("s,train,{a},0,0", "s,train,{a},23,1", "w,val,{v},0,0", "w,val,{v},23,1")
        either(table(folder, *rows), words="enough of a head")

    def test_a_mask_in_place_of_the_image(self, either: Refuses, folder: Path) -> None:
        import SimpleITK as sitk

        image = sitk.ReadImage(str(folder / "a_train.nii.gz"))
        for name in ("a_train", "a_val"):
            sitk.WriteImage(sitk.Cast(image > 10, sitk.sitkUInt8), str(folder / f"{name}.nii.gz"))
        either(table(folder, *SOUND), words=r"table\.csv:\d+: .*mask")


class TestTrain:
    """The run itself"""

    @pytest.mark.parametrize(
        ("options", "words"),
        [
            (
                ("--config", "none.json"),
                r"none\.json does not exist; name a JSON file or one of atlas, brain-flair",
            ),
            (("--config", ""), "cannot be read|does not exist"),
            (("--output", " "), "--output is empty"),
            (("--workers", "0"), "--workers takes a number from 1"),
            (("--threads", "0"), "--threads takes a number from 1"),
            (("--threads", "-3"), "--threads takes a number from 1"),
            (("--threads", "many"), "--threads takes a whole number"),
            (("--device", "toaster"), "'toaster' is not known; choose one of auto, cpu"),
            (("--device", "cuda:99"), "no usable 'cuda' device|numbered from 0"),
            (("--start-from", "none"), "none does not exist"),
            (("--export", "model"), "no checkpoint"),
        ],
    )
    def test_options(self, train: Refuses, folder: Path, options: tuple[str, ...], words: str) -> None:
        train(table(folder, *SOUND), *options, words=words)

    @pytest.mark.parametrize(
        ("text", "words"),
        [
            ("", r"bad\.json cannot be read"),
            ("[]", "must be an object"),
            ("{}", "is incomplete"),
            ("\x00", r"bad\.json cannot be read"),
        ],
    )
    def test_no_configuration(self, train: Refuses, folder: Path, text: str, words: str) -> None:
        (folder / "bad.json").write_text(text)
        train(table(folder, *SOUND), "--config", folder / "bad.json", words=words)

    @pytest.mark.parametrize(
        ("place", "value", "words"),
        [
            ("steps", 0, "steps must be at least 1"),
            ("steps", "many", "must be of type int"),
            ("batch_size", 0, "batch_size must be at least 1"),
            ("learning_rate", -1, "learning_rate must lie in"),
            ("learning_rate", float("nan"), "NaN is not JSON"),
            ("label_dropout", 0, "label_dropout must be above 0"),
            ("precision", "64", "one of 32, bf16-mixed"),
            ("surprise", 1, "unknown entry 'surprise'"),
        ],
    )
    def test_a_wrong_value(self, train: Refuses, folder: Path, place: str, value: object, words: str) -> None:
        values = training_config_to_dict(training_config())
        (folder / "bad.json").write_text(json.dumps({**values, place: value}))
        train(table(folder, *SOUND), "--config", folder / "bad.json", words=words)

    def test_the_output_is_a_file(self, train: Refuses, folder: Path) -> None:
        (folder / "file").write_text("x")
        train(table(folder, *SOUND), "--output", folder / "file", words="cannot be written to")

    def test_the_run_is_finished(self, train: Refuses, folder: Path) -> None:
        (folder / "run" / MODEL.name).mkdir(parents=True)
        train(table(folder, *SOUND), words="this run is finished")

    def test_a_cache_of_something_else(self, train: Refuses, folder: Path) -> None:
        (folder / "cache").mkdir()
        (folder / "cache" / "table.json").write_text("{}")
        train(table(folder, *SOUND), "--cache", folder / "cache", "--output", folder, words="something else")

    def test_the_extra_is_missing(self, train: Refuses, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        from anofpdm.training import engine

        monkeypatch.setattr(engine.importlib.util, "find_spec", lambda name: None)
        train(table(folder, *SOUND), words=r"needs Lightning Fabric.*pip install 'anofpdm\[train\]'")


class TestCalibrate:
    """The run itself"""

    @pytest.mark.parametrize(
        ("options", "words"),
        [
            (("--split", "test"), "test"),
            (("--split", "all"), "invalid choice"),
            (("--presets", ""), "--presets takes entries"),
            (("--presets", "swift"), "--presets takes entries"),
            (("--presets", "fast=1"), "at least 2 steps"),
            (("--presets", "fast,fast"), "names 'fast' twice"),
            (("--presets", "fast=300", "--ranges", "1..100,1..200"), r"300 steps do not fit into the range 1\.\.100"),
            (("--ranges", ""), "--ranges takes ranges"),
            (("--ranges", "400"), "--ranges takes ranges"),
            (("--ranges", "0..400"), "must start at 1"),
            (("--ranges", "400..1"), "--ranges takes ranges"),
            (("--ranges", "1..5000"), r"1\.\.5000 goes beyond the model's 1000 noise levels"),
            (("--guidance", ""), "--guidance takes numbers"),
            (("--guidance", "1,two"), "--guidance takes numbers"),
            (("--guidance", "nan"), "--guidance takes a finite number"),
            (("--guidance=-1,2",), "strengths between 0 and 1000"),
            (("--guidance", "2000"), "strengths between 0 and 1000"),
            (("--name", "default"), "names the model's own calibration"),
            (("--name", "../x"), "cannot name a calibration"),
            (("--name", ""), "cannot name a calibration"),
            (("--replace",), "--replace goes with --name"),
            (("--device", "toaster"), "'toaster' is not known"),
        ],
    )
    def test_options(
        self, calibrate: Refuses, folder: Path, user_data: Path, options: tuple[str, ...], words: str
    ) -> None:
        calibrate(table(folder, *SOUND), *options, words=words)
        assert not user_data.exists()

    @pytest.mark.parametrize(
        ("model", "words"),
        [
            ("no-such-model", "no model named"),
            ("./none", "does not exist"),
            ("", "no model named|does not exist|lacks"),
        ],
    )
    def test_no_model(self, calibrate: Refuses, folder: Path, model: str, words: str) -> None:
        calibrate(table(folder, *SOUND), words=words, model=model)

    def test_a_damaged_model(self, calibrate: Refuses, folder: Path) -> None:
        (folder / "tiny" / "weights.safetensors").write_bytes(b"x")
        calibrate(table(folder, *SOUND), words="wrong checksum")

    def test_a_cache_of_something_else(self, calibrate: Refuses, folder: Path) -> None:
        (folder / "cache").mkdir()
        (folder / "cache" / "notes.txt").write_text("mine")
        calibrate(table(folder, *SOUND), "--cache", folder / "cache", words="no slice cache|something else")

    def test_a_cache_that_is_a_file(self, calibrate: Refuses, folder: Path) -> None:
        (folder / "cache").write_text("x")
        calibrate(
            table(folder, *SOUND), "--cache", folder / "cache", words="cannot be written|is a file|cannot be used"
        )

    def test_the_users_folder_is_a_file(self, calibrate: Refuses, folder: Path, user_data: Path) -> None:
        user_data.parent.mkdir()
        user_data.write_text("x")
        calibrate(table(folder, *SOUND), "--name", "mine", words="is a file or lies below one")


class TestManifest:
    """`anofpdm manifest`"""

    def refused(self, command: CommandLine, folder: Path, *arguments: object, words: str) -> None:
        given = [*arguments]
        if "--output" not in given:
            given += ["--output", folder / "new.csv"]
        command.refuses("manifest", *given, words=words, folder=folder)

    @pytest.mark.parametrize("layout", ["atlas", "brats21", "folder", "lgg", "mslub", "soop"])
    def test_a_folder_of_something_else(self, command: CommandLine, tmp_path: Path, layout: str) -> None:
        (tmp_path / "empty").mkdir()
        self.refused(command, tmp_path, layout, tmp_path / "empty", words="empty")

    @pytest.mark.parametrize("name", ["none", "file", ""])
    def test_no_folder(self, command: CommandLine, tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(tmp_path)
        (tmp_path / "file").write_text("x")
        self.refused(command, tmp_path, "brats21", name, words="does not exist|is empty|No|no ")

    def test_an_unknown_layout(self, command: CommandLine, tmp_path: Path) -> None:
        self.refused(command, tmp_path, "mine", tmp_path, words="invalid choice: 'mine'")

    @pytest.mark.parametrize("seed", ["x", "1.5"])
    def test_a_seed_that_is_no_number(self, command: CommandLine, tmp_path: Path, seed: str) -> None:
        self.refused(command, tmp_path, "lgg", tmp_path, "--seed", seed, words="--seed takes a whole number")

    def test_a_negative_seed(self, command: CommandLine, data: Path, tmp_path: Path) -> None:
        self.refused(command, tmp_path, "folder", data, "--seed", "-1", words="seed must not be negative")
