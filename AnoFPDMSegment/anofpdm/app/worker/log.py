"""The last lines that a worker printed, for people who report a failure."""

from __future__ import annotations

import threading
from collections import deque

LONGEST_LINE = 2000


class BoundedLog:
    """Keeps the last `lines` lines, each cut at 2000 characters; may be written to from any thread."""

    def __init__(self, lines: int = 1000) -> None:
        self._lines: deque[str] = deque(maxlen=lines)
        self._dropped = 0
        self._lock = threading.Lock()

    def add(self, line: str) -> None:
        """Append one line, without its line break."""
        if len(line) > LONGEST_LINE:
            line = f"{line[:LONGEST_LINE]} [...]"
        with self._lock:
            self._dropped += len(self._lines) == self._lines.maxlen
            self._lines.append(line)

    def text(self) -> str:
        """All lines kept, and how many came before them."""
        with self._lock:
            lines, dropped = list(self._lines), self._dropped
        head = [f"[{dropped} earlier lines left out]"] if dropped else []
        return "\n".join([*head, *lines])
