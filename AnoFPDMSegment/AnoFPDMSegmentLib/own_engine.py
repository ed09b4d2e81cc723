"""Whether Python finds the engine that this module came with, or an older one that was installed beside it."""

from __future__ import annotations

import importlib.util
from pathlib import Path

from slicer.i18n import tr as _

NEEDED = "anofpdm.app"
"""What the module stands on; engines of version 0.1 have no such room."""


def foreignEngine() -> str:
    """What to do about an engine that is too old for this module, one sentence; empty if it is the right one."""
    if importlib.util.find_spec(NEEDED) is not None:
        return ""
    import anofpdm

    folder = Path(str(anofpdm.__file__)).parent
    text = _(
        "An older package 'anofpdm' in Slicer's Python ({folder}) hides the one of this extension; remove that folder, "
        "then restart Slicer."
    )
    return text.format(folder=folder)


def requireOwnEngine() -> None:
    """Raises RuntimeError that says what to do about an engine that is too old."""
    problem = foreignEngine()
    if problem:
        raise RuntimeError(problem)
