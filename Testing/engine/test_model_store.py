"""Model folders: written whole, read with every check, found by name; weights fit exactly."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from network_samples import SMALL, SMALL_MODEL, random_input, random_network
from safetensors.torch import load_file, save_file

from anofpdm.core.errors import ModelError, OutputError
from anofpdm.store import model_folder, model_search
from anofpdm.store.model_folder import ModelFolder, open_model_folder, write_calibration, write_model_folder
from anofpdm.store.model_search import default_model_name, find_model, list_models
from anofpdm.store.network_weights import load_network, save_weights, write_model


def write_sample(
    path: Path, *, calibration: str | None = '{"a": 1}\n', dtype: torch.dtype = torch.float32
) -> ModelFolder:
    state = random_network().state_dict()
    return write_model(path, SMALL_MODEL, state, model_card="# Small\n", calibration=calibration, dtype=dtype)


def sign_again(path: Path) -> None:
    """Make the checksums those of the files as they are now."""
    checksums = json.loads((path / "checksums.json").read_text())
    digests = {name: hashlib.sha256((path / name).read_bytes()).hexdigest() for name in checksums}
    (path / "checksums.json").write_text(json.dumps(digests))


def test_round_trip(tmp_path: Path) -> None:
    written = write_sample(tmp_path / "models" / "small")
    read = open_model_folder(str(tmp_path / "models" / "small"))
    assert read == written
    assert read.config == SMALL_MODEL
    assert read.model_card == "# Small\n"
    assert read.calibration is not None and read.calibration.read_text() == '{"a": 1}\n'
    assert read.weights_sha256 == hashlib.sha256(read.weights.read_bytes()).hexdigest()
    assert [entry.name for entry in (tmp_path / "models").iterdir()] == ["small"]


def test_a_new_calibration_leaves_the_gates_reference(tmp_path: Path) -> None:
    folder = write_sample(tmp_path / "small", calibration='{"schema": 1, "calibrations": [], "gate": {"volumes": 9}}')
    written = write_calibration(folder, '{"schema": 2, "calibrations": [3]}')
    assert written.calibration is not None
    kept = json.loads(written.calibration.read_text())
    assert kept == {"schema": 2, "calibrations": [3], "gate": {"volumes": 9}}
    assert open_model_folder(folder.path).calibration is not None, "and its checksum is the new one"


def test_network_is_the_one_saved(tmp_path: Path) -> None:
    network = load_network(write_sample(tmp_path / "small"))
    x, t = random_input(3)
    labels = torch.tensor([0, 1, -1])
    with torch.inference_mode():
        assert torch.equal(network(x, t, labels), random_network()(x, t, labels))
    assert not network.training and not any(p.is_meta for p in network.parameters())


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_short_types_are_read_as_float32(tmp_path: Path, dtype: torch.dtype) -> None:
    folder = write_sample(tmp_path / "small", dtype=dtype)
    assert {tensor.dtype for tensor in load_file(folder.weights).values()} == {dtype}
    network = load_network(folder)
    for name, value in random_network().state_dict().items():
        assert torch.equal(network.state_dict()[name], value.to(dtype).float())


def test_an_existing_folder_is_kept(tmp_path: Path) -> None:
    (tmp_path / "small").mkdir()
    with pytest.raises(OutputError, match="exists already"):
        write_sample(tmp_path / "small")
    assert list((tmp_path / "small").iterdir()) == []


@pytest.mark.parametrize("error", [OSError("disk full"), ModelError("not finite"), KeyboardInterrupt()])
def test_a_failed_write_leaves_nothing(tmp_path: Path, error: BaseException) -> None:
    def fail(path: Path) -> None:
        path.write_bytes(b"half")
        raise error

    expected = OutputError if isinstance(error, OSError) else type(error)
    with pytest.raises(expected):
        write_model_folder(tmp_path / "small", SMALL_MODEL, fail, model_card="")
    assert list(tmp_path.iterdir()) == []


def test_a_model_without_calibration_gets_one(tmp_path: Path) -> None:
    folder = write_sample(tmp_path / "small", calibration=None)
    assert folder.calibration is None
    for text in ('{"b": 2}\n', '{"b": 3}\n'):
        folder = write_calibration(folder, text)
        assert open_model_folder(folder.path).calibration == folder.calibration
        assert folder.calibration is not None and folder.calibration.read_text() == text
    files = {entry.relative_to(folder.path).as_posix() for entry in folder.path.rglob("*") if entry.is_file()}
    assert files == {*folder.checksums, "checksums.json"}


FILES = [
    "config.json",
    "weights.safetensors",
    "MODEL_CARD.md",
    "configs/metadata.json",
    "calibration.json",
    "checksums.json",
]


@pytest.mark.parametrize("name", FILES)
def test_a_missing_file(tmp_path: Path, name: str) -> None:
    path = write_sample(tmp_path / "small").path
    (path / name).unlink()
    with pytest.raises(ModelError, match=name):
        open_model_folder(path)


@pytest.mark.parametrize("name", FILES[:-1])
def test_a_changed_file(tmp_path: Path, name: str) -> None:
    path = write_sample(tmp_path / "small").path
    content = (path / name).read_bytes()
    (path / name).write_bytes(content[:-1] + (b" " if content[-1:] != b" " else b"\n"))
    with pytest.raises(ModelError, match=f"{name}.*(checksum|cannot be read)"):
        open_model_folder(path)


def test_unverified_weights(tmp_path: Path) -> None:
    path = write_sample(tmp_path / "small").path
    with (path / "weights.safetensors").open("ab") as file:
        file.write(b"x")
    assert open_model_folder(path, verify_weights=False).config == SMALL_MODEL
    with pytest.raises(ModelError, match="checksum"):
        open_model_folder(path)


@pytest.mark.parametrize("text", ["{", "[]", '{"a/b": "x"}', '{"config.json": 5}', "{}", '{"checksums.json": "0"}'])
def test_broken_checksums(tmp_path: Path, text: str) -> None:
    path = write_sample(tmp_path / "small").path
    (path / "checksums.json").write_text(text)
    with pytest.raises(ModelError, match=r"checksums\.json"):
        open_model_folder(path)


def test_a_calibration_that_is_not_listed(tmp_path: Path) -> None:
    path = write_sample(tmp_path / "small", calibration=None).path
    (path / "calibration.json").write_text("{}")
    with pytest.raises(ModelError, match="not listed"):
        open_model_folder(path)


def test_no_such_folder(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="does not exist"):
        open_model_folder(tmp_path / "nothing")


def damage_nan(state: dict[str, torch.Tensor]) -> None:
    state["out.2.bias"][0] = float("nan")


def damage_missing(state: dict[str, torch.Tensor]) -> None:
    del state["out.2.bias"]


def damage_unexpected(state: dict[str, torch.Tensor]) -> None:
    state["extra"] = torch.zeros(1)


def damage_shape(state: dict[str, torch.Tensor]) -> None:
    state["out.2.bias"] = torch.zeros(3)


def damage_type(state: dict[str, torch.Tensor]) -> None:
    state["out.2.bias"] = torch.zeros(2, dtype=torch.int32)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (damage_nan, r"out\.2\.bias holds values that are not finite"),
        (damage_missing, r"1 tensors are missing, the first is out\.2\.bias"),
        (damage_unexpected, "no place in it, the first is extra"),
        (damage_shape, r"out\.2\.bias has shape \[3\] instead of \[2\]"),
        (damage_type, r"out\.2\.bias as torch\.int32"),
    ],
)
def test_weights_that_do_not_fit(
    tmp_path: Path, damage: Callable[[dict[str, torch.Tensor]], None], message: str
) -> None:
    folder = write_sample(tmp_path / "small")
    state = load_file(folder.weights)
    damage(state)
    save_file(state, folder.weights)
    sign_again(folder.path)
    with pytest.raises(ModelError, match=message):
        load_network(open_model_folder(folder.path))


@pytest.mark.parametrize("content", [b"", b"not safetensors at all", b"\xff" * 64])
def test_weights_that_are_no_weights(tmp_path: Path, content: bytes) -> None:
    folder = write_sample(tmp_path / "small")
    folder.weights.write_bytes(content)
    sign_again(folder.path)
    with pytest.raises(ModelError, match="cannot be read"):
        load_network(open_model_folder(folder.path))


def test_cut_off_weights(tmp_path: Path) -> None:
    folder = write_sample(tmp_path / "small")
    folder.weights.write_bytes(folder.weights.read_bytes()[:-100])
    sign_again(folder.path)
    with pytest.raises(ModelError, match="cannot be read"):
        load_network(open_model_folder(folder.path))


def test_weights_that_do_not_fit_are_not_written(tmp_path: Path) -> None:
    config = replace(SMALL_MODEL, network=replace(SMALL, residual_blocks=2))
    with pytest.raises(ModelError, match="missing"):
        write_model(tmp_path / "small", config, random_network().state_dict(), model_card="")
    assert list(tmp_path.iterdir()) == []


def test_values_too_large_for_the_type_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="not finite"):
        save_weights({"a": torch.tensor([1e5])}, tmp_path / "weights", torch.float16)
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Path]:
    """The three places, empty."""
    found = {name: tmp_path / name for name in ("bundled", "user", "first", "second")}
    for path in found.values():
        path.mkdir()
    monkeypatch.setattr(model_search, "BUNDLED_FOLDER", found["bundled"])
    monkeypatch.setattr(model_search, "user_folder", lambda: found["user"])
    monkeypatch.setenv("ANOFPDM_MODELS", os.pathsep.join([str(found["first"]), "", str(found["second"])]))
    return found


def test_later_places_override(places: dict[str, Path]) -> None:
    write_sample(places["bundled"] / "a")
    write_sample(places["bundled"] / "b")
    for place in ("user", "first", "second"):
        write_sample(places[place] / "b", calibration=None)
        assert find_model("b").path == places[place] / "b"
    assert find_model("a").path == places["bundled"] / "a"
    assert [(m.name, m.path, m.title, m.error) for m in list_models()] == [
        ("a", places["bundled"] / "a", "Small", ""),
        ("b", places["second"] / "b", "Small", ""),
    ]


def test_by_path(places: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_sample(tmp_path / "elsewhere")
    assert find_model(str(tmp_path / "elsewhere")).config == SMALL_MODEL
    assert find_model(tmp_path / "elsewhere").config == SMALL_MODEL
    monkeypatch.chdir(tmp_path)
    assert find_model("elsewhere").config == SMALL_MODEL
    with pytest.raises(ModelError, match="does not exist"):
        find_model(tmp_path / "nothing")


def test_unknown_names(places: dict[str, Path]) -> None:
    with pytest.raises(ModelError, match=r"no model was found in .*bundled"):
        find_model("c")
    write_sample(places["bundled"] / "a")
    write_sample(places["user"] / "b")
    (places["user"] / "no model").mkdir()
    with pytest.raises(ModelError, match=r"no model named 'c'; the models here are a, b\."):
        find_model("c")


def test_a_broken_model_says_so(places: dict[str, Path]) -> None:
    path = write_sample(places["user"] / "a").path
    (path / "config.json").write_text("{")
    with pytest.raises(ModelError, match=r"config\.json.*cannot be read"):
        find_model("a")
    (entry,) = list_models()
    assert entry.name == "a" and "cannot be read" in entry.error


def test_the_default_model(places: dict[str, Path]) -> None:
    with pytest.raises(ModelError, match="no model was found"):
        default_model_name()
    write_sample(places["bundled"] / "a")
    assert default_model_name() == "a"
    write_sample(places["user"] / "b")
    with pytest.raises(ModelError, match="Name the model to use; the models here are a, b"):
        default_model_name()
    (places["bundled"] / "default.txt").write_text("a\n")
    assert default_model_name() == "a"
    (places["second"] / "default.txt").write_text("b")
    assert default_model_name() == "b"
    (places["second"] / "default.txt").write_text("z")
    with pytest.raises(ModelError, match="names the model 'z'"):
        default_model_name()


@pytest.mark.parametrize(
    ("platform", "variables", "expected"),
    [
        ("linux", {"XDG_DATA_HOME": "/x"}, "/x/anofpdm/models"),
        ("linux", {"XDG_DATA_HOME": ""}, "/home/me/.local/share/anofpdm/models"),
        ("darwin", {}, "/home/me/Library/Application Support/AnoFPDM/models"),
        ("win32", {"APPDATA": "/x"}, "/x/AnoFPDM/models"),
    ],
)
def test_the_users_folder(
    monkeypatch: pytest.MonkeyPatch, platform: str, variables: dict[str, str], expected: str
) -> None:
    monkeypatch.setattr(sys, "platform", platform)
    monkeypatch.setattr(Path, "home", lambda: Path("/home/me"))
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert model_search.user_folder() == Path(expected)


def test_models_are_found_without_torch(places: dict[str, Path]) -> None:
    path = write_sample(places["first"] / "a").path
    code = (
        "import sys; sys.modules['torch'] = None; sys.modules['safetensors'] = None\n"
        "from anofpdm.store.model_search import find_model; print(find_model('a').config.title)"
    )
    root = Path(model_folder.__file__).parents[2]
    environment = {**os.environ, "PYTHONPATH": str(root)}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False)
    assert done.stdout == "Small\n", done.stderr
    assert path.is_dir()
