"""The header of a single-file NIfTI-1 or NIfTI-2 image."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

HEADER_BYTES = 540
"""Of NIfTI-2, the longer of the two."""
NUMBERS = {2: "u1", 4: "i2", 8: "i4", 16: "f4", 64: "f8", 256: "i1", 512: "u2", 768: "u4", 1024: "i8", 1280: "u8"}
"""Kinds of single real numbers, as numpy calls them."""
COMPLEX = (32, 1792, 2048)
COLORS = (128, 2304)
MILLIMETRES = {1: 1000.0, 3: 0.001}
"""In a metre and in a micrometre, by the code of the unit; any other code means millimetres."""


@dataclass(frozen=True)
class NiftiHeader:
    """What the file says, unchecked beyond what is needed to read it."""

    size: tuple[int, ...]
    """Of all its axes, i first."""
    value_code: int
    value_bits: int
    byte_order: str
    slope: float
    intercept: float
    header_bytes: int
    data_offset: float
    pixdim: tuple[float, float, float]
    handedness: float
    """-1 where the third axis of the qform is reversed, else 1."""
    qform_code: int
    quaternion: tuple[float, float, float]
    qform_offset: tuple[float, float, float]
    sform_code: int
    sform: npt.NDArray[np.float64]
    """[3, 4], RAS in the file's unit."""
    unit_mm: float

    @property
    def volume(self) -> tuple[int, int, int] | None:
        """Size (i, j, k) where all further axes have one entry; None otherwise and for pictures."""
        if len(self.size) < 3 or any(n != 1 for n in self.size[3:]):
            return None
        return self.size[0], self.size[1], self.size[2]

    @property
    def is_vector(self) -> bool:
        """Whether it holds several values for each voxel, not several times."""
        return len(self.size) >= 5 and self.size[3] == 1 and self.size[4] > 1


def parse_nifti_header(data: bytes) -> NiftiHeader | None:
    """None if the bytes are no header of a single-file NIfTI."""
    for order in "<>":
        if len(data) >= 348 and data[:4] == struct.pack(order + "i", 348) and data[344:348] == b"n+1\0":
            return _checked(_nifti_1(data, order))
        if len(data) >= 540 and data[:4] == struct.pack(order + "i", 540) and data[4:12] == b"n+2\0\r\n\x1a\n":
            return _checked(_nifti_2(data, order))
    return None


def _checked(header: NiftiHeader | None) -> NiftiHeader | None:
    if header is None or not header.size or min(header.size) < 1 or header.value_bits < 1:
        return None
    kind = NUMBERS.get(header.value_code)
    return None if kind and np.dtype(kind).itemsize * 8 != header.value_bits else header


def _nifti_1(data: bytes, order: str) -> NiftiHeader | None:
    def read(kind: str, offset: int) -> tuple[Any, ...]:
        return struct.unpack_from(order + kind, data, offset)

    return _build(
        order,
        header_bytes=348,
        sizes=read("8h", 40),
        values=read("2h", 70),
        pixdim=read("8f", 76),
        offset=read("f", 108)[0],
        scaling=read("2f", 112),
        unit=data[123],
        codes=read("2h", 252),
        quaternion=read("6f", 256),
        sform=read("12f", 280),
    )


def _nifti_2(data: bytes, order: str) -> NiftiHeader | None:
    def read(kind: str, offset: int) -> tuple[Any, ...]:
        return struct.unpack_from(order + kind, data, offset)

    return _build(
        order,
        header_bytes=540,
        sizes=read("8q", 16),
        values=read("2h", 12),
        pixdim=read("8d", 104),
        offset=read("q", 168)[0],
        scaling=read("2d", 176),
        unit=read("i", 500)[0],
        codes=read("2i", 344),
        quaternion=read("6d", 352),
        sform=read("12d", 400),
    )


def _build(
    order: str,
    *,
    header_bytes: int,
    sizes: tuple[int, ...],
    values: tuple[int, ...],
    pixdim: tuple[float, ...],
    offset: float,
    scaling: tuple[float, ...],
    unit: int,
    codes: tuple[int, ...],
    quaternion: tuple[float, ...],
    sform: tuple[float, ...],
) -> NiftiHeader | None:
    rank = sizes[0]
    if not 1 <= rank <= 7:
        return None
    return NiftiHeader(
        size=tuple(sizes[1 : rank + 1]),
        value_code=values[0],
        value_bits=values[1],
        byte_order=order,
        slope=scaling[0],
        intercept=scaling[1],
        header_bytes=header_bytes,
        data_offset=offset,
        pixdim=(pixdim[1], pixdim[2], pixdim[3]),
        handedness=-1.0 if pixdim[0] < 0 else 1.0,
        qform_code=codes[0],
        quaternion=(quaternion[0], quaternion[1], quaternion[2]),
        qform_offset=(quaternion[3], quaternion[4], quaternion[5]),
        sform_code=codes[1],
        sform=np.asarray(sform, dtype=np.float64).reshape(3, 4),
        # The three lowest bits; the others name the unit of time.
        unit_mm=MILLIMETRES.get(unit & 7, 1.0),
    )
