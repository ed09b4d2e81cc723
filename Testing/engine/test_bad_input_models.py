"""Models that cannot be used: missing, damaged, foreign, not fitting their weights or their calibration."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from command_line import CommandLine, DetectCalls
from safetensors.torch import load_file, save_file

from anofpdm.store import model_search

FILES = ["config.json", "weights.safetensors", "MODEL_CARD.md", "calibration.json", "checksums.json"]


@pytest.fixture
def model(tiny_model: Path, tmp_path: Path) -> Path:
    """A copy of the tiny model, to be damaged."""
    return Path(shutil.copytree(tiny_model, tmp_path / "model"))


@pytest.fixture
def refused(detect: DetectCalls, head_file: Path, model: Path) -> Callable[[str], None]:
    """Detect in a good head with the damaged model; the model is to blame."""

    def check(words: str) -> None:
        detect.refuses(head_file, words=words, model=model)

    return check


def sign_again(model: Path) -> None:
    """Make the checksums those of the files as they are now, so that only their content is wrong."""
    names = json.loads((model / "checksums.json").read_text())
    digests = {name: hashlib.sha256((model / name).read_bytes()).hexdigest() for name in names}
    (model / "checksums.json").write_text(json.dumps(digests))


def edit(model: Path, file: str, place: str, value: Any) -> None:
    """Set the entry at a dotted place of a JSON file; `...` removes it."""
    document = json.loads((model / file).read_text())
    *path, last = place.split(".")
    entry: Any = document
    for key in path:
        entry = entry[int(key) if isinstance(entry, list) else key]
    if value is ...:
        del entry[last]
    else:
        entry[last] = value
    (model / file).write_text(json.dumps(document))
    sign_again(model)


class TestModelName:
    """--model"""

    @pytest.mark.parametrize(
        ("name", "words"),
        [
            ("no-such-model", "no model named 'no-such-model'"),
            ("/no/such/folder", "does not exist"),
            ("~no-such-user/model", "does not exist"),
            ("./nowhere", "does not exist"),
            ("x" * 300 + "/model", "too long|does not exist"),
            ("a\nb", "no model named 'a b'"),
        ],
    )
    def test_unknown(self, detect: DetectCalls, head_file: Path, name: str, words: str) -> None:
        detect.refuses(head_file, words=words, model=name)

    def test_a_file(self, detect: DetectCalls, head_file: Path) -> None:
        detect.refuses(head_file, words="does not exist", model=head_file)

    def test_a_folder_of_something_else(self, detect: DetectCalls, head_file: Path, tmp_path: Path) -> None:
        (tmp_path / "photos").mkdir()
        detect.refuses(head_file, words="checksums.json does not exist", model=tmp_path / "photos")

    def test_unknown_to_the_other_commands(self, command: CommandLine, tmp_path: Path) -> None:
        for action in ("info", "verify"):
            command.refuses("models", action, "no-such-model", words="no model named", folder=tmp_path)


class TestDefaultModel:
    """Without --model the default is looked up; it may not be there."""

    @pytest.fixture(autouse=True)
    def only_these(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        monkeypatch.setattr(model_search, "search_places", lambda: [tmp_path / "models"])
        (tmp_path / "models").mkdir()

    def refused(self, command: CommandLine, head_file: Path, folder: Path, words: str) -> None:
        command.refuses("detect", head_file, "--output", folder / "o", words=words, folder=folder)
        command.refuses("models", "info", words=words, folder=folder)

    def test_no_models(self, command: CommandLine, head_file: Path, tmp_path: Path) -> None:
        self.refused(command, head_file, tmp_path, "no model was found in")

    def test_several(self, command: CommandLine, head_file: Path, tiny_model: Path, tmp_path: Path) -> None:
        for name in ("one", "two"):
            shutil.copytree(tiny_model, tmp_path / "models" / name)
        self.refused(command, head_file, tmp_path, "Name the model to use; the models here are one, two")

    @pytest.mark.parametrize("text", [b"gone\n", b"", b"../tiny\n"])
    def test_default_that_is_not_there(
        self, command: CommandLine, head_file: Path, tiny_model: Path, tmp_path: Path, text: bytes
    ) -> None:
        shutil.copytree(tiny_model, tmp_path / "models" / "one")
        (tmp_path / "models" / "default.txt").write_bytes(text)
        self.refused(command, head_file, tmp_path, "default.txt names the model")

    def test_default_that_cannot_be_read(self, command: CommandLine, head_file: Path, tmp_path: Path) -> None:
        (tmp_path / "models" / "default.txt").write_bytes(b"\xff\xfe")
        self.refused(command, head_file, tmp_path, "default.txt cannot be read")

    def test_list_shows_a_damaged_model_and_goes_on(
        self, command: CommandLine, tiny_model: Path, tmp_path: Path
    ) -> None:
        for name in ("bad", "good"):
            shutil.copytree(tiny_model, tmp_path / "models" / name)
        (tmp_path / "models" / "bad" / "config.json").write_text("{")
        outcome = command("models", "list")
        assert outcome.status == 0
        assert "config.json cannot be read" in outcome.out
        assert "good: Untrained test model (calibrated, without a gate)" in outcome.out


class TestModelFiles:
    """Each file of the folder"""

    @pytest.mark.parametrize("name", FILES)
    def test_missing(self, refused, model: Path, name: str) -> None:
        (model / name).unlink()
        refused(name)

    @pytest.mark.parametrize("name", FILES)
    def test_a_folder_in_its_place(self, refused, model: Path, name: str) -> None:
        (model / name).unlink()
        (model / name).mkdir()
        refused(name)

    @pytest.mark.parametrize("name", FILES)
    @pytest.mark.parametrize("share", [0.0, 0.5])
    def test_cut_off(self, refused, model: Path, name: str, share: float) -> None:
        content = (model / name).read_bytes()
        (model / name).write_bytes(content[: int(share * len(content))])
        refused(name)

    @pytest.mark.parametrize("name", FILES[:-1])
    def test_changed(self, refused, model: Path, name: str) -> None:
        content = bytearray((model / name).read_bytes())
        content[-3] ^= 1
        (model / name).write_bytes(content)
        refused(f"{name}.*(wrong checksum|cannot be read)")

    @pytest.mark.parametrize("name", ["config.json", "calibration.json"])
    @pytest.mark.parametrize(
        "content",
        [
            b"",
            b"{",
            b"\xff\xfe\x00",
            b"[1, 2]",
            b"null",
            b'"text"',
            b"NaN",
            b"[" * 100_000,
            b'{"a": ' + b"9" * 5000 + b"}",
        ],
    )
    def test_no_json_object(self, refused, model: Path, name: str, content: bytes) -> None:
        (model / name).write_bytes(content)
        sign_again(model)
        refused(f"{name} (cannot be read|does not hold|has schema)")


class TestConfiguration:
    """Entries of config.json"""

    @pytest.mark.parametrize(
        ("place", "value", "words"),
        [
            ("schema", 2, "schema 2; this version reads schema 1"),
            ("schema", ..., "schema None"),
            ("name", ..., "incomplete"),
            ("name", "a/b", "plain folder name"),
            *[
                ("name", name, "plain folder name")
                for name in ("", "..", "--x", ".x", "x.", "a b", "x" * 65, "a\n", "ü")
            ],
            ("modalities", [], "modalities must not be empty"),
            *[
                ("modalities", [name], "every modality must be a plain name")
                for name in (
                    "",
                    "../../x",
                    "--cases",
                    "-x",
                    "a/b",
                    "a b",
                    "1t",
                    "a=b",
                    "flair\n",
                    "größe",
                    "a.b",
                    "m" * 65,
                )
            ],
            ("modalities", ["flair", "t2"], "1 channels but 2 modalities"),
            ("modalities", "flair", "must be a list"),
            ("used", [], "at least one modality"),
            ("used", ["t9"], "among the modalities"),
            ("surprise", 1, "unknown entry 'surprise'"),
            ("network", 5, "must be an object"),
            ("network.image_size", 17, "multiple of 2"),
            ("network.image_size", 32, "must equal grid.matrix"),
            ("network.image_size", "16", "must be of type int"),
            ("network.image_size", True, "must be of type int"),
            ("network.heads", 0, "heads must be at least 1"),
            ("network.heads", 3, "do not divide into 3 heads"),
            ("network.norm_groups", 0, "norm_groups must be at least 1"),
            ("network.norm_groups", 5, "do not divide into 5 groups"),
            ("network.base_channels", 10**9, "between 4 and 4096"),
            ("network.residual_blocks", 10**9, "between 1 and 16"),
            ("network.channel_multipliers", [1] * 60, "1 to 10 numbers"),
            ("network.channel_multipliers", [0, 1], "lie in 1..64"),
            ("network.dropout", float("nan"), "NaN is not JSON"),
            ("grid.field_of_view_mm", 0, "between 10 and 2000"),
            ("grid.field_of_view_mm", float("inf"), "Infinity is not JSON"),
            ("grid.slice_spacing_mm", -1, "between 0.1 and 100"),
            ("grid.plane", "sagittal", "one of acquired, patient"),
            ("schedule.steps", 0, "between 1 and 100000"),
            ("schedule.beta_start", 0.5, "beta_start <= beta_end"),
            ("preprocessing.percentile", 101, "between 50 and 100"),
            ("operating_point.steps", 1, "at least 2 steps"),
            ("operating_point.last", 1001, "beyond the schedule"),
            ("operating_point.clamp", True, "bank goes with the clamp"),
            ("operating_point.encoding", "euler", "one of ddim, ddpm"),
            ("healthy_label", 1, "must be 0 and 1"),
            ("minimum_size_px", -1, "must not be negative"),
        ],
    )
    def test_wrong_value(self, refused, model: Path, place: str, value: Any, words: str) -> None:
        edit(model, "config.json", place, value)
        refused(words)


class TestWeights:
    """weights.safetensors with the right checksum, but not the network's"""

    @pytest.mark.parametrize("content", [b"", b"letters", b"\xff" * 64, b"\0" * 4096, b"\x08\0\0\0\0\0\0\0{}      "])
    def test_foreign(self, refused, model: Path, content: bytes) -> None:
        (model / "weights.safetensors").write_bytes(content)
        sign_again(model)
        refused("cannot be read|do not fit")

    @pytest.mark.parametrize("share", [0.001, 0.1, 0.5, 0.99])
    def test_cut_off(self, refused, model: Path, share: float) -> None:
        content = (model / "weights.safetensors").read_bytes()
        (model / "weights.safetensors").write_bytes(content[: int(share * len(content))])
        sign_again(model)
        refused("weights.safetensors cannot be read")

    @pytest.mark.parametrize(
        ("change", "words"),
        [
            (lambda state: state["out.2.bias"].fill_(float("nan")), "out.2.bias holds values that are not finite"),
            (lambda state: state["out.2.bias"].fill_(float("inf")), "out.2.bias holds values that are not finite"),
            (lambda state: state.pop("out.2.bias"), "1 tensors are missing, the first is out.2.bias"),
            (lambda state: state.update(more=torch.zeros(1)), "no place in it, the first is more"),
            (lambda state: state.update({"out.2.bias": torch.zeros(7)}), r"shape \[7\] instead of \[1\]"),
            (lambda state: state.update({"out.2.bias": torch.zeros(1, dtype=torch.int64)}), "as torch.int64 instead"),
            (lambda state: state.clear(), "tensors are missing"),
        ],
    )
    def test_not_the_networks(self, refused, model: Path, change: Callable[[dict], object], words: str) -> None:
        state = load_file(model / "weights.safetensors")
        change(state)
        save_file(state, model / "weights.safetensors")
        sign_again(model)
        refused(words)

    def test_of_a_larger_network(self, refused, model: Path) -> None:
        edit(model, "config.json", "network.channel_multipliers", [1, 4])
        refused("do not fit the network's configuration")

    def test_verify_says_the_same(self, command: CommandLine, model: Path, tmp_path: Path) -> None:
        state = load_file(model / "weights.safetensors")
        state["out.2.bias"].fill_(float("nan"))
        save_file(state, model / "weights.safetensors")
        sign_again(model)
        command.refuses("models", "verify", model, words="out.2.bias holds values", folder=tmp_path)

    def test_predictions_that_overflow(self, refused, model: Path) -> None:
        """Finite weights, but the network's output is not: no slice may pass for healthy."""
        state = load_file(model / "weights.safetensors")
        state["out.2.weight"].fill_(3e38)
        save_file(state, model / "weights.safetensors")
        sign_again(model)
        edit(
            model,
            "calibration.json",
            "calibrations.0.weights_sha256",
            json.loads((model / "checksums.json").read_text())["weights.safetensors"],
        )
        refused("predictions are not finite numbers")


class TestCalibration:
    """calibration.json: missing, for another model, or not sound"""

    @pytest.fixture
    def uncalibrated(self, model: Path) -> Path:
        (model / "calibration.json").unlink()
        checksums = json.loads((model / "checksums.json").read_text())
        del checksums["calibration.json"]
        (model / "checksums.json").write_text(json.dumps(checksums))
        return model

    @pytest.mark.parametrize(
        ("options", "words"),
        [
            ((), "calibrate it, or give --guidance W, --threshold quantile=Q or value=V, --ungated"),
            (("--guidance", "2"), "give --threshold quantile=Q or value=V, --ungated"),
            (("--guidance", "2", "--threshold", "healthy"), "give --threshold quantile=Q or value=V"),
            (("--guidance", "2", "--threshold", "value=1"), "give --ungated"),
            (("--guidance", "2", "--threshold", "dynamic", "--ungated"), "give --scaling M"),
            (("--guidance", "2", "--threshold", "value=1", "--decision", "map"), "the map decision cannot be made"),
        ],
    )
    def test_missing(
        self, detect: DetectCalls, head_file: Path, uncalibrated: Path, options: tuple[str, ...], words: str
    ) -> None:
        detect.refuses(head_file, *options, words=words, model=uncalibrated)

    def test_missing_but_everything_is_given(
        self, command: CommandLine, head_file: Path, uncalibrated: Path, tmp_path: Path
    ) -> None:
        options = ("--guidance", "2", "--threshold", "value=0.1", "--ungated", "--progress", "none")
        outcome = command("detect", head_file, "--model", uncalibrated, "--output", tmp_path / "o", *options)
        assert outcome.status == 0
        assert "This model has no calibration for 3 DDIM steps" in outcome.out

    def test_of_other_weights(
        self, refused, command: CommandLine, model: Path, head_file: Path, tmp_path: Path
    ) -> None:
        edit(model, "calibration.json", "calibrations.0.weights_sha256", "0" * 64)
        refused("give --guidance W")
        verified = command("models", "verify", model)
        assert verified.status == 0 and "belongs to other weights and is not used" in verified.out
        options = ("--guidance", "2", "--threshold", "value=0.1", "--ungated", "--progress", "none")
        outcome = command("detect", head_file, "--model", model, "--output", tmp_path / "o", *options)
        assert outcome.status == 0 and "no calibration for" in outcome.out

    @pytest.mark.parametrize(
        ("place", "value", "words"),
        [
            ("schema", 9, "schema 9; this version reads 1"),
            ("calibrations", {}, "no list of calibrations"),
            ("calibrations", [5], "must be an object"),
            ("calibrations.0.guidance", [], "no guidance strengths"),
            ("calibrations.0.guidance", [0, 8, 2], "do not rise"),
            ("calibrations.0.guidance", [-1, 2, 8], "negative"),
            ("calibrations.0.guidance", [0, 2], "does not have 2 entries"),
            ("calibrations.0.default_guidance", 99, "off its table"),
            ("calibrations.0.map_threshold", [0, 0, 0], "map threshold is not positive"),
            ("calibrations.0.healthy_threshold", [1, 1], "does not have 3 entries"),
            ("calibrations.0.similarity_threshold", [0.9, float("nan"), 0.9], "NaN is not JSON"),
            ("calibrations.0.scaling", [], "does not have 1 rows"),
            ("calibrations.0.scaling", [[0.0]], "scaling is not positive"),
            ("calibrations.0.scaling", [[0.1, 0.1]], "needs 1 value.*calibrate the model again"),
            ("calibrations.0.top_pixels", 0, "at least 1"),
            ("calibrations.0.healthy_level", 1.5, "between 0 and 1"),
            ("calibrations.0.unguided_error", [0.1], "two values"),
            ("calibrations.0.decision", "coin", "one of similarity, map"),
            ("calibrations.0.weights_sha256", ..., "incomplete"),
            ("calibrations.0.operating_point", None, "must be an object"),
        ],
    )
    def test_not_sound(self, refused, model: Path, place: str, value: Any, words: str) -> None:
        edit(model, "calibration.json", place, value)
        refused(words)

    def test_not_listed(self, refused, uncalibrated: Path, tiny_model: Path) -> None:
        shutil.copy(tiny_model / "calibration.json", uncalibrated)
        refused("not listed in checksums.json")
