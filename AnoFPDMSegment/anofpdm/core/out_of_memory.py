"""How exhausted memory announces itself: in Python, ITK, and torch with the libraries below it."""

from __future__ import annotations

import errno
import re

_WORDS = re.compile(
    r"out of memory|not enough memory|failed to allocate memory|bad_alloc|can(no|')t allocate memory"
    r"|CU(DNN|BLAS)_STATUS_ALLOC_FAILED"
    # oneDNN says no more than that; an operation that it does not have lacks a descriptor.
    r"|could not (create|execute) a (primitive|memory)(?! descriptor)",
    re.IGNORECASE,
)


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an exception says that memory ran out, on the machine or on its accelerator."""
    if isinstance(error, OSError):
        return error.errno == errno.ENOMEM
    return isinstance(error, MemoryError) or (isinstance(error, RuntimeError) and bool(_WORDS.search(str(error))))
