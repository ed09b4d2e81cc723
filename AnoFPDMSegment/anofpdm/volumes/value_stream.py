"""Values from a stream of bytes to float32, a block at a time, so that nothing is held twice and a run can be ended."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

import numpy as np
import numpy.typing as npt

from ..errors import InputError
from ..progress import CancelToken

BLOCK_BYTES = 2**20
LARGEST_IMAGE_VOXELS = 2**29
"""Four times a head of 512 x 512 x 512 voxels; what claims more is refused before anything is reserved for it."""
LONGEST_PREFIX = 2**24
"""Bytes that may precede the values, such as extensions of the header; beyond are none, in what a packed file may
unpack to a thousand times over."""
MAXIMUM_DEFLATION = 1032
"""Bytes that one byte of a deflated stream can stand for (zlib's technical details)."""
FIRST_VALUES = 2**24
LONGEST_PADDING = 2**16
"""Zero bytes that may follow the values."""

TOO_MANY_VOXELS = "{} claims to have more voxels than any head scan; copy or export it again."
MORE_VALUES = "{} holds more values than its header says; copy or export it again."
CUT_OFF = "{} is cut off; copy or export it again."


class Readable(Protocol):
    """An open file, a decompressor, or bytes in memory."""

    def read(self, length: int, /) -> bytes:
        """Up to `length` bytes; none at the end."""


def read_float32(
    stream: Readable,
    kind: npt.DTypeLike,
    count: int,
    called: str,
    *,
    slope: float = 1.0,
    intercept: float = 0.0,
    cancel: CancelToken | None = None,
) -> npt.NDArray[np.float32]:
    """The next `count` values of dtype `kind`, times `slope` plus `intercept`: [count].

    Raises InputError, in a sentence that begins with `called`, where the stream ends before; Cancelled.
    """
    if count > LARGEST_IMAGE_VOXELS:
        raise InputError(TOO_MANY_VOXELS.format(called))
    stored = np.dtype(kind)
    # Grows with what is there: a small file must not reserve what its header claims.
    values = np.empty(min(count, FIRST_VALUES), dtype=np.float32)
    done = 0
    for block in _blocks(stream, count * stored.itemsize, cancel):
        part = np.frombuffer(block, stored)
        if done + len(part) > len(values):
            values.resize(min(count, 2 * len(values)), refcheck=False)
        with np.errstate(over="ignore", invalid="ignore"):
            # Wide numbers first: the sum of a large intercept and a small value must not be rounded twice.
            target = values[done : done + len(part)]
            target[:] = part if (slope, intercept) == (1.0, 0.0) else part.astype(np.float64) * slope + intercept
        done += len(part)
    if done < count:
        raise InputError(CUT_OFF.format(called))
    return values


def expect_end(stream: Readable, called: str) -> None:
    """Raise InputError if anything but a few zero bytes follows. A compressed stream compares its checksum here."""
    rest = 0
    while block := stream.read(BLOCK_BYTES):
        rest += len(block)
        if rest > LONGEST_PADDING or block.count(0) != len(block):
            raise InputError(MORE_VALUES.format(called))


def _blocks(stream: Readable, length: int, cancel: CancelToken | None) -> Iterator[bytearray]:
    """`length` bytes in blocks of BLOCK_BYTES, the last one shorter; fewer where the stream ends (whole blocks)."""
    while length > 0:
        if cancel is not None:
            cancel.raise_if_cancelled()
        wanted = min(BLOCK_BYTES, length)
        block = bytearray()
        while len(block) < wanted and (piece := stream.read(wanted - len(block))):
            block += piece
        if len(block) < wanted:
            return
        length -= wanted
        yield block
