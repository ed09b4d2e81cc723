"""The files that a volume consists of, where its path names only one of them."""

from __future__ import annotations

import re
from pathlib import Path

HEADER_BYTES = 65_536
"""Text headers are far shorter; a header that is followed by its data is read no further."""

_META_IMAGE = re.compile(r"^[ \t]{0,99}ElementDataFile[ \t]{0,99}=(.{1,4096})$", re.MULTILINE)
_NRRD = re.compile(r"^data ?file:(.{1,4096})$", re.MULTILINE | re.IGNORECASE)
_NUMBERED = re.compile(r"%\d*d")


def data_files(path: Path) -> list[Path]:
    """All files of the volume at `path`, sorted: a folder's content, or the file, those of the same stem beside it
    (a detached .raw, an .img with its .hdr) and those named in a MetaImage or NRRD header.

    Files that are missing are left out. Raises OSError for what cannot be listed.
    """
    if path.is_dir():
        return sorted(path.iterdir())
    stem = path.name.partition(".")[0]
    found = {path, *(file for file in path.parent.iterdir() if file.name.partition(".")[0] == stem)}
    if path.suffix.lower() in (".mhd", ".nhdr") and path.is_file():
        found |= {file for name in _named_in_header(path) for file in _matches(path.parent, name)}
    return sorted(file for file in found if file.is_file())


def _named_in_header(path: Path) -> list[str]:
    with path.open("rb") as stream:
        text = stream.read(HEADER_BYTES).decode("utf-8", "replace").replace("\r\n", "\n")
    match = (_META_IMAGE if path.suffix.lower() == ".mhd" else _NRRD).search(text)
    if match is None:
        return []
    value = match.group(1).strip()
    if value.upper().startswith("LIST"):
        return [line.strip() for line in text[match.end() :].splitlines() if line.strip()]
    if _NUMBERED.search(value):
        # A pattern is followed by its first, last and step: slice%03d.raw 1 20 1
        value = _NUMBERED.sub("%d", re.sub(r"(\s+-?\d+){2,4}$", "", value), count=1)
    return [value]


def _matches(folder: Path, name: str) -> list[Path]:
    if "\0" in name:
        return []
    target = folder / name
    if "%d" not in target.name:
        return [target]
    first, _, last = target.name.partition("%d")
    numbered = re.compile(re.escape(first) + r"\d+" + re.escape(last))
    return [file for file in target.parent.iterdir() if numbered.fullmatch(file.name)] if target.parent.is_dir() else []
