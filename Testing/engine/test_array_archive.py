"""Archives of arrays under any damage: an array, or one kind of error; what was only kept is computed again."""

from __future__ import annotations

import io
import random
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
import torch

from anofpdm.array_archive import DamagedArchiveError, open_arrays
from anofpdm.errors import ModelError
from anofpdm.evaluation.chunk_store import ChunkStore
from anofpdm.methods.student.config import StudentConfig
from anofpdm.methods.student.volume_cache import prepared_slices
from anofpdm.store.import_official import import_official

ARRAYS = {
    "numbers": np.arange(24, dtype=np.float32).reshape(2, 3, 4),
    "columns": np.asfortranarray(np.arange(6, dtype=np.int16).reshape(2, 3)),
    "empty": np.zeros((0, 3), np.uint8),
    "one": np.array(7.5),
    "names": np.array(["a", "bcd"]),
}
MOST = 1 << 12


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    np.savez(tmp_path / "a.npz", **ARRAYS)
    return tmp_path / "a.npz"


def test_what_was_saved_comes_back(archive: Path) -> None:
    with open_arrays(archive) as arrays:
        assert arrays.names == list(ARRAYS)
        for name, expected in ARRAYS.items():
            found = arrays.read(name, MOST)
            assert np.array_equal(found, expected) and found.dtype == expected.dtype
            assert arrays.kind(name) == (expected.shape, expected.dtype) and found.flags.writeable


def test_any_damage(archive: Path) -> None:
    whole, chance = archive.read_bytes(), random.Random(1)
    for _ in range(300):
        content = bytearray(whole)
        for _ in range(chance.choice((1, 2, 8))):
            content[chance.randrange(len(content))] = chance.randrange(256)
        archive.write_bytes(content[: chance.choice((len(content), chance.randrange(len(content))))])
        try:
            with open_arrays(archive) as arrays:
                for name in arrays.names:
                    assert arrays.read(name, MOST).nbytes <= MOST
        except DamagedArchiveError:
            continue


@pytest.mark.parametrize(
    ("name", "most", "words"),
    [("numbers", 95, "where 95 are the most"), ("other", MOST, "it has no other"), ("names", 1, "are the most")],
)
def test_is_refused(archive: Path, name: str, most: int, words: str) -> None:
    with open_arrays(archive) as arrays, pytest.raises(DamagedArchiveError, match=words):
        arrays.read(name, most)


def damages() -> dict[str, Callable[[bytes], bytes]]:
    def packed_wrongly(data: bytes) -> bytes:
        stream = io.BytesIO()
        with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as new:
            for name in old.namelist():
                new.writestr(name, old.read(name))
        content = bytearray(stream.getvalue())
        content[60:70] = bytes(10)
        return bytes(content)

    return {
        "cut off": lambda data: data[: len(data) // 2],
        "no zip": lambda data: b"something else",
        "empty": lambda data: b"",
        "a stream that does not unpack": packed_wrongly,
        "another header": lambda data: data.replace(b"'fortran_order': False", b"'fortran_order': Falso"),
    }


@pytest.mark.parametrize("damage", damages())
def test_a_damaged_chunk_is_computed_again(tmp_path: Path, damage: str) -> None:
    store, rows = ChunkStore(tmp_path), np.arange(5)

    def compute(positions: np.ndarray) -> dict[str, np.ndarray]:
        calls.append(len(positions))
        return {"twice": 2.0 * rows[positions]}

    calls: list[int] = []
    store.arrays({"key": 1}, rows, compute)
    store.arrays({"key": 1}, rows, compute)
    assert calls == [5]
    (chunk,) = tmp_path.glob("*.npz")
    chunk.write_bytes(damages()[damage](chunk.read_bytes()))
    arrays, _ = store.arrays({"key": 1}, rows, compute)
    assert calls == [5, 5] and np.array_equal(arrays["twice"], 2.0 * rows)


@pytest.mark.parametrize("damage", ["cut off", "a stream that does not unpack"])
def test_damaged_prepared_slices_are_prepared_again(tmp_path: Path, head_file: Path, damage: str) -> None:
    config = StudentConfig(matrix=32)
    expected, grid = prepared_slices(head_file, config, tmp_path)
    (kept,) = tmp_path.glob("*.npz")
    whole = kept.read_bytes()
    kept.write_bytes(damages()[damage](whole))
    found, again = prepared_slices(head_file, config, tmp_path)
    assert np.array_equal(found, expected) and again == grid and kept.read_bytes() == whole


def test_a_checkpoint_that_unpacks_to_more(tmp_path: Path) -> None:
    torch.save({"weight": torch.zeros(1 << 20)}, tmp_path / "plain.pt")
    with (
        zipfile.ZipFile(tmp_path / "plain.pt") as old,
        zipfile.ZipFile(tmp_path / "a.pt", "w", zipfile.ZIP_DEFLATED) as new,
    ):
        for name in old.namelist():
            new.writestr(name, old.read(name))
    assert (tmp_path / "a.pt").stat().st_size < 1 << 16
    with pytest.raises(ModelError, match="a packed zip file"):
        import_official(tmp_path / "a.pt", tmp_path / "out", name="x", modalities=["flair"], used=["flair"])


def test_a_volume_grows_with_its_values(
    tmp_path: Path, head_image: sitk.Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    from anofpdm.volumes import value_stream
    from anofpdm.volumes.reading import read_volume

    sitk.WriteImage(head_image, str(tmp_path / "a.nii"))
    monkeypatch.setattr(value_stream, "BLOCK_BYTES", 1000)
    monkeypatch.setattr(value_stream, "FIRST_VALUES", 700)
    found = sitk.GetArrayFromImage(read_volume(tmp_path / "a.nii", "flair"))
    assert np.array_equal(found, sitk.GetArrayFromImage(head_image))
