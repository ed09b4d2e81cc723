"""An .npy file written item by item, for arrays that do not fit into memory."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import numpy.typing as npt


class NpyStream:
    """Appends items [n, *shape] to a new .npy file; a context manager.

    The header, which holds the count, is written again at the end; numpy pads it so that the count fits.
    """

    def __init__(self, path: Path, dtype: npt.DTypeLike, shape: tuple[int, ...]):
        self._dtype = np.dtype(dtype)
        self._shape = shape
        self._stream = path.open("wb")
        self.count = 0
        self._write_header()
        self._data_start = self._stream.tell()

    def append(self, items: npt.NDArray[Any]) -> None:
        """Add items [n, *shape]. Raises ValueError for another shape."""
        if items.shape[1:] != self._shape:
            raise ValueError(f"items of shape {self._shape} are needed, not {items.shape[1:]}")
        self._stream.write(np.ascontiguousarray(items, dtype=self._dtype).data)
        self.count += len(items)

    def close(self) -> None:
        """Complete the file."""
        if self._stream.closed:
            return
        self._stream.seek(0)
        self._write_header()
        grown = self._stream.tell() != self._data_start
        self._stream.close()
        if grown:
            raise RuntimeError("the header of the .npy file grew over its data")

    def __enter__(self) -> NpyStream:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _write_header(self) -> None:
        header = {"descr": self._dtype.str, "fortran_order": False, "shape": (self.count, *self._shape)}
        np.lib.format.write_array_header_1_0(self._stream, header)
