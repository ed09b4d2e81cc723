"""Damage inside archives and DICOM files, put together again so that it is reached."""

from __future__ import annotations

import hashlib
import io
import json
import warnings
import zipfile
from random import Random
from typing import Any

import numpy as np
import pydicom
from mutations import NUMBERS, TEXTS, Change, Files, changed_json, damaged, in_one_file, rewritten

BOMB_BYTES = 1 << 26
"""Zeros, which pack into a thousandth."""


def changed_zip(member_change: Change) -> Change:
    """A member changed, lost, doubled, renamed or blown up; or damage to the archive itself."""

    def apply(data: bytes, random: Random) -> bytes:
        if random.random() < 0.25:
            return damaged(data, random)
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = [(name, archive.read(name)) for name in archive.namelist()]
        place = random.randrange(len(members))
        name, content = members[place]
        kind = random.random()
        if kind < 0.7:
            members[place] = (name, member_change(content, random))
        elif kind < 0.78:
            del members[place]
        elif kind < 0.84:
            members.append((random.choice(TEXTS) or "x", content))
        elif kind < 0.9:
            members[place] = (name.replace("/", "\\"), content) if "/" in name else (f"../{name}", content)
        else:
            members[place] = (name, content[: random.choice((0, 128))] + bytes(BOMB_BYTES))
        return packed(members, random.choice((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)))

    return apply


def packed(members: list[tuple[str, bytes]], method: int) -> bytes:
    """A zip file; blown-up members are always deflated."""
    stream = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(stream, "w") as archive:
        warnings.simplefilter("ignore")  # a name twice
        for name, content in members:
            entry = zipfile.ZipInfo("placeholder")
            entry.filename = entry.orig_filename = name.replace("\0", "0")
            entry.compress_type = zipfile.ZIP_DEFLATED if len(content) >= BOMB_BYTES else method
            archive.writestr(entry, content, compresslevel=1)
    return stream.getvalue()


def changed_array(data: bytes, random: Random) -> bytes:
    """An .npy file with another header, other values, or, where it holds JSON, another record."""
    array = np.load(io.BytesIO(data))
    kind = random.random()
    if array.dtype == np.uint8 and array.ndim == 1 and array[:1].tobytes() == b"{" and kind < 0.9:
        return _npy(np.frombuffer(changed_json(array.tobytes(), random), np.uint8))
    if kind < 0.3:
        return rewritten(data, random)
    if kind < 0.5:
        return damaged(data, random)
    array = array.copy()
    if array.size and kind < 0.8:
        value = random.choice((0, 1, -1, 1e30, float("nan"), float("inf"), 127))
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            array.reshape(-1)[random.randrange(array.size)] = np.asarray(value).astype(array.dtype)
    elif kind < 0.9:
        array = array.astype(random.choice(("f8", "f2", "i1", "u1", "?", ">f4", "U3", "c8")))
    else:
        array = array[: random.randrange(len(array) + 1)] if array.ndim else array[None]
    return _npy(array)


def _npy(array: np.ndarray) -> bytes:
    stream = io.BytesIO()
    np.save(stream, array)
    return stream.getvalue()


def changed_model(files: Files, random: Random) -> Files:
    """A file of a model folder changed; mostly its checksum is made to fit, so that the content is looked at."""
    name = random.choice(sorted(files))
    if random.random() < 0.1:
        return {key: value for key, value in files.items() if key != name}
    if name.endswith(".json"):
        change: Change = changed_json
    elif name.endswith(".safetensors"):
        change = changed_tensors
    else:
        change = damaged
    files = {**files, name: change(files[name], random)}
    if not name.endswith("checksums.json") and random.random() < 0.9:
        _renew_checksum(files, name)
    return files


def _renew_checksum(files: Files, name: str) -> None:
    for listing in [key for key in files if key.endswith("checksums.json")]:
        inner = name.removeprefix(listing.removesuffix("checksums.json"))
        listed = json.loads(files[listing])
        listed[inner] = hashlib.sha256(files[name]).hexdigest()
        files[listing] = json.dumps(listed).encode()


def changed_tensors(data: bytes, random: Random) -> bytes:
    """A safetensors file with another header, or damage anywhere."""
    length = int.from_bytes(data[:8], "little")
    if random.random() < 0.5 or length > len(data):
        return damaged(data, random)
    header = changed_json(data[8 : 8 + length], random)
    return len(header).to_bytes(8, "little") + header + data[8 + length :]


def changed_archive_of_model(data: bytes, random: Random) -> bytes:
    """The zip file of a model, with one of its files changed and the checksum made to fit, or another zip."""
    if random.random() < 0.5:
        return changed_zip(damaged)(data, random)
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    return packed(list(changed_model(files, random).items()), zipfile.ZIP_DEFLATED)


def changed_dicom(data: bytes, random: Random) -> bytes:
    """An element with another value, or none; or damage anywhere."""
    if random.random() < 0.4:
        return damaged(data, random)
    dataset = pydicom.dcmread(io.BytesIO(data))
    elements = [element for element in dataset.iterall() if element.VR not in ("SQ", "OW", "OB")]
    chosen = random.choice(elements)
    if random.random() < 0.2 and chosen.tag in dataset:
        del dataset[chosen.tag]
    else:
        chosen._value = _other_value(chosen, random)
    stream = io.BytesIO()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            pydicom.dcmwrite(stream, dataset)
    except Exception:  # noqa: BLE001 - what the library cannot write is damaged otherwise
        return damaged(data, random)
    return stream.getvalue()


def _other_value(element: Any, random: Random) -> Any:
    if element.VR in ("US", "SS", "UL", "SL"):
        return random.choice((0, 1, 2, 3, 8, 12, 16, 17, 32, 64, 255, 4096, 32767))
    if element.VR in ("FL", "FD"):
        return random.choice((0.0, -1.0, 1e30, float("nan"), float("inf"), 1e-9))
    count = random.choice((1, 1, 2, 3, 6))
    values = [random.choice(NUMBERS if element.VR in ("DS", "IS") else TEXTS) for _ in range(count)]
    return "\\".join(values)


def changed_series(files: Files, random: Random) -> Files:
    """One file of the folder changed, lost, doubled, or beside another kind of file."""
    kind = random.random()
    name = random.choice(sorted(files))
    if kind < 0.7:
        return in_one_file(changed_dicom)(files, random)
    if kind < 0.8:
        return {key: value for key, value in files.items() if key != name}
    if kind < 0.9:
        return {**files, name.replace(".dcm", "x.dcm"): files[name]}
    return {**files, name.rpartition("/")[0] + "/note.dcm": random.randbytes(random.choice((0, 3, 200)))}
