"""Dialogs that appear while the session runs: noted and closed again, as by a user who thinks better of it."""

from __future__ import annotations

from collections.abc import Callable

import qt

from .requirements import require

_INTERVAL_MS = 50


class DialogCloser:
    """From `start` to `stop` no dialog waits for an answer. File choosers are the system's, and never opened here."""

    def __init__(self) -> None:
        self._seen: list[str] = []
        self._timer = qt.QTimer()
        self._timer.setInterval(_INTERVAL_MS)
        self._timer.connect("timeout()", self._close)

    def start(self) -> None:
        """Close what opens from now on."""
        self._timer.start()

    def stop(self) -> None:
        """Leave dialogs open again."""
        self._timer.stop()

    def requireNone(self, what: str) -> None:
        """Raises AssertionError if a dialog has opened that nothing asked for."""
        seen, self._seen = self._seen, []
        require(not seen, f"{what}: a dialog opened unexpectedly: {seen}")

    def requireOne(self, action: Callable[[], object], what: str) -> None:
        """Do what opens a dialog. Raises AssertionError unless it is exactly one."""
        self.requireNone("Before " + what)
        action()
        seen, self._seen = self._seen, []
        require(len(seen) == 1, f"{what}: {len(seen)} dialogs, not one: {seen}")

    def _close(self) -> None:
        dialog = qt.QApplication.activeModalWidget()
        if dialog is not None:
            self._seen.append(f"{dialog.windowTitle} {getattr(dialog, 'text', '')}".strip())
            dialog.done(0)
