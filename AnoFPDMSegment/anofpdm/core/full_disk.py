"""How the system says that a disk is full."""

from __future__ import annotations

import errno

_CODES = (errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC))


def is_full_disk(error: OSError) -> bool:
    """Whether there was no space left, or the user's quota is exhausted."""
    return error.errno in _CODES
