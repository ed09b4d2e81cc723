"""Gives the panel the height that its lines need, which Slicer's module panel forgets."""

from __future__ import annotations

from typing import Any

import qt

_INTERVAL_MS = 100
# Of no real panel; as many as Qt keeps heights for.
_FIRST_WIDTH, _KEPT = 100_000, 3


class HeightKeeper:
    """Looks, while the panel is shown, whether it needs another height than before.

    Slicer (5.10, qSlicerModulePanel) takes a module that is left out of its layout without deleting what held it there,
    so Qt never tells the new holder to forget the heights that it keeps by width: rows would be squashed in an
    old height, or a long emptiness stay below. Asked for other widths, it forgets the old ones.
    """

    def __init__(self, module: Any, panel: Any) -> None:
        self._module = module
        self._panel = panel
        self._needed = -1
        self._width = _FIRST_WIDTH
        self._timer = qt.QTimer()
        self._timer.setInterval(_INTERVAL_MS)
        self._timer.connect("timeout()", self._look)

    def start(self) -> None:
        """The panel is shown."""
        self._needed = -1
        self._timer.start()

    def stop(self) -> None:
        """It is hidden."""
        self._timer.stop()

    def _look(self) -> None:
        needed = self._panel.layout().totalHeightForWidth(self._panel.width)
        around = self._module.parentWidget()
        if needed == self._needed or around is None or around.layout() is None:
            return
        self._needed = needed
        for _ in range(_KEPT):
            self._width += 1
            around.layout().heightForWidth(self._width)
        self._module.updateGeometry()
