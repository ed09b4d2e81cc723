"""One file is replaced as a whole, or stays as it was."""

from __future__ import annotations

from pathlib import Path

import pytest

from anofpdm.core.replaced_file import replaced_file


@pytest.mark.parametrize("flushed", [False, True])
def test_the_new_file_takes_the_old_ones_place(tmp_path: Path, flushed: bool) -> None:
    path = tmp_path / "table.csv"
    path.write_text("old")
    with replaced_file(path, flushed=flushed) as partial:
        partial.write_text("new")
        assert path.read_text() == "old" and partial.suffix == ".csv"
    assert [entry.name for entry in tmp_path.iterdir()] == ["table.csv"] and path.read_text() == "new"


@pytest.mark.parametrize("error", [OSError, KeyboardInterrupt])
def test_what_fails_leaves_the_old_file(tmp_path: Path, error: type[BaseException]) -> None:
    path = tmp_path / "table.csv"
    path.write_text("old")

    def write(partial: Path) -> None:
        partial.write_text("half")
        raise error("broken off")

    with pytest.raises(error), replaced_file(path) as partial:
        write(partial)
    assert [entry.name for entry in tmp_path.iterdir()] == ["table.csv"] and path.read_text() == "old"


def test_nothing_written_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(OSError), replaced_file(tmp_path / "table.csv"):
        pass
    assert not any(tmp_path.iterdir())
