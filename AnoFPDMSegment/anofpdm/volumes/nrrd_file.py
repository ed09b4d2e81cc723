"""Write NRRD files byte by byte.

Not through SimpleITK: a full disk then always raises, equal input gives equal bytes, and any path the system accepts
will do.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .geometry import VolumeGeometry

_TYPES = {
    "i1": "signed char",
    "u1": "unsigned char",
    "i2": "short",
    "u2": "unsigned short",
    "i4": "int",
    "u4": "unsigned int",
    "i8": "long long int",
    "u8": "unsigned long long int",
    "f4": "float",
    "f8": "double",
}
_COMPRESSION_LEVEL = 4
_CHUNK_BYTES = 4 << 20


def write_nrrd(
    path: Path,
    array: NDArray[Any],
    geometry: VolumeGeometry,
    fields: Mapping[str, str] | None = None,
    *,
    compressed: bool = True,
) -> None:
    """Write a volume [k, j, i] of plain numbers at its place in the patient.

    fields: key-value pairs added to the header. Raises OSError if the file cannot be written, ValueError if the array
    does not fit the geometry.
    """
    if array.shape != geometry.array_shape:
        raise ValueError(f"array of shape {array.shape} does not fit a geometry of size {geometry.size}")
    plain = np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("<"))
    # Column a of the direction matrix is the unit vector of index axis a.
    axes = geometry.direction_matrix * np.asarray(geometry.spacing)
    header = [
        "NRRD0004",
        f"type: {_TYPES[plain.dtype.str[1:]]}",
        "dimension: 3",
        "space: left-posterior-superior",
        "sizes: " + " ".join(str(int(n)) for n in geometry.size),
        "space directions: " + " ".join(_vector(axes[:, a]) for a in range(3)),
        "kinds: domain domain domain",
        *(["endian: little"] if plain.dtype.itemsize > 1 else []),
        f"encoding: {'gzip' if compressed else 'raw'}",
        "space origin: " + _vector(np.asarray(geometry.origin, dtype=float)),
        *(f"{key}:={value}" for key, value in sorted((fields or {}).items())),
    ]
    data = plain.data.cast("B")
    with path.open("wb") as stream:
        stream.write(("\n".join(header) + "\n\n").encode("ascii"))
        for chunk in _gzipped(data) if compressed else (data,):
            stream.write(chunk)


def _gzipped(data: memoryview) -> Iterator[bytes]:
    # zlib's own gzip wrapper has no time stamp, so equal data give equal bytes.
    compressor = zlib.compressobj(_COMPRESSION_LEVEL, zlib.DEFLATED, 31)
    for start in range(0, len(data), _CHUNK_BYTES):
        yield compressor.compress(data[start : start + _CHUNK_BYTES])
    yield compressor.flush()


def _vector(values: NDArray[np.float64]) -> str:
    # repr of a float is exact; adding 0.0 turns -0.0 into 0.0.
    return "(" + ",".join(repr(float(value) + 0.0) for value in values) + ")"
