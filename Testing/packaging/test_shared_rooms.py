"""What serves every method uses no identifier of one; which room may import which is said in pyproject.toml."""

from __future__ import annotations

import tokenize
from pathlib import Path

import pytest
from module_files import MODULE

ENGINE = MODULE / "anofpdm"
ROOMS = (
    "cli",
    "core",
    "datasets",
    "detect",
    "diffusion",
    "network",
    "store",
    "synthetic",
    "thresholds",
    "training",
    "volumes",
)
OF_ONE_METHOD = {
    "aam",
    "algorithm1",
    "divergence",
    "divergence_bank",
    "end_step",
    "guidance_bank",
    "mean_dd",
    "mean_rd",
    "mirrored",
}


def names(file: Path) -> set[str]:
    """The identifiers in a file; prose is free."""
    with tokenize.open(file) as stream:
        return {token.string for token in tokenize.generate_tokens(stream.readline) if token.type == tokenize.NAME}


@pytest.mark.parametrize("room", ROOMS)
def test_a_shared_room_names_nothing_of_one_method(room: str) -> None:
    files = sorted((ENGINE / room).rglob("*.py"))
    assert files
    assert {str(file): found for file in files if (found := names(file) & OF_ONE_METHOD)} == {}


def test_such_a_name_would_be_found() -> None:
    assert "mirrored" in names(ENGINE / "methods" / "anofpdm" / "forward_process.py") & OF_ONE_METHOD
