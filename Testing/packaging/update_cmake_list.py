"""Rewrite the two file lists of AnoFPDMSegment/CMakeLists.txt from git's index (`make cmake-lists`)."""

from __future__ import annotations

from module_files import MODULE_CMAKE, expected_lists, list_pattern


def updated(text: str, lists: dict[str, list[str]]) -> str:
    """The CMake text with its lists replaced. Raises ValueError where a list is not there."""
    for name, files in lists.items():
        block = "".join(f"  {file}\n" for file in files)
        text, replaced = list_pattern(name).subn(lambda _, block=block: block, text)
        if replaced != 1:
            raise ValueError(
                f"{MODULE_CMAKE} must hold set({name} ...) once, with its closing bracket on a line of its own"
            )
    return text


if __name__ == "__main__":
    MODULE_CMAKE.write_text(updated(MODULE_CMAKE.read_text(encoding="utf-8"), expected_lists()), encoding="utf-8")
