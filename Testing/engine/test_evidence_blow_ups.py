"""Small evidence files whose arrays would fill the memory: nothing is read that the case cannot have."""

from __future__ import annotations

import io
import json
import tracemalloc
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from command_line import CommandLine

MOST_BYTES = 1 << 25
"""What reading the small case may take."""


@pytest.fixture
def measured() -> Iterator[None]:
    """The memory in use is followed."""
    tracemalloc.start()
    yield
    tracemalloc.stop()


def members(result: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(result / "evidence.npz") as archive:
        return {entry: archive.read(entry) for entry in archive.namelist()}


def pack(result: Path, content: dict[str, bytes]) -> None:
    with zipfile.ZipFile(result / "evidence.npz", "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for entry, data in content.items():
            archive.writestr(entry, data)


def npy(shape: tuple[int, ...], stored: int) -> bytes:
    """An array that claims `shape` and has so many zero bytes."""
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "<f4", "fortran_order": False, "shape": shape})
    return header.getvalue() + bytes(stored)


def refused_in_little_memory(command: CommandLine, result: Path) -> None:
    tracemalloc.reset_peak()
    command.refuses("adjust", result, words="detect again", folder=result)
    assert tracemalloc.get_traced_memory()[1] < MOST_BYTES


@pytest.mark.parametrize("name", ["evidence_x0", "level", "display", "head", "record", "examined"])
def test_an_array_of_the_case(command: CommandLine, result: Path, measured: None, name: str) -> None:
    pack(result, members(result) | {f"{name}.npy": npy((1 << 24,), 1 << 26)})
    assert (result / "evidence.npz").stat().st_size < 1 << 20
    refused_in_little_memory(command, result)


def test_an_array_that_no_case_has(command: CommandLine, result: Path, measured: None) -> None:
    pack(result, members(result) | {"more.npy": npy((1 << 24,), 1 << 26)})
    tracemalloc.reset_peak()
    assert command("adjust", result).status == 0
    assert tracemalloc.get_traced_memory()[1] < MOST_BYTES


def test_a_shape_that_its_values_do_not_fill(command: CommandLine, result: Path, measured: None) -> None:
    content = members(result)
    record = json.loads(np.load(io.BytesIO(content["record.npy"])).tobytes())
    record["grid"]["size"] = [4096, 4096, 14]
    saved = io.BytesIO()
    np.save(saved, np.frombuffer(json.dumps(record).encode(), np.uint8))
    changed = {"record.npy": saved.getvalue(), "evidence_x0.npy": npy((12, 1, 4096, 4096), 100)}
    pack(result, content | changed | {"head.npy": npy((4096 * 4096 * 14 // 8,), 100)})
    refused_in_little_memory(command, result)


def test_ten_thousand_entries(command: CommandLine, result: Path) -> None:
    pack(result, members(result) | {f"{n}.npy": b"" for n in range(10_001)})
    command.refuses("adjust", result, words="detect again", folder=result)
