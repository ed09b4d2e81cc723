"""A program of its own, for what would take the tests down with it: the module is left, then its node is touched.

VTK shows the observers of an object to Python's garbage collector. An observer whose object no live Python reference
holds is cleared by a full collection, and the next event crashes the process.
"""

from __future__ import annotations

import gc
import sys
from pathlib import Path
from typing import Any

_SLICER = Path(__file__).resolve().parents[1]
_PLACES = (_SLICER.parents[1] / "AnoFPDMSegment", _SLICER.parent / "engine", _SLICER, _SLICER / "standin")
ROUNDS = 2
"""Of each action."""
NODE = "vtkMRMLScriptedModuleNode"


def main() -> None:
    """Leave the module in every way, collect and touch its node, more than once; tells which way on stderr."""
    sys.path[:0] = [str(place) for place in _PLACES]
    import qt_install
    import slicer_install

    application = qt_install.install()
    slicer_install.install()
    import pytest
    from panel_session import opened_module

    # What is imported stays; collections are for what the module leaves.
    gc.freeze()
    with pytest.MonkeyPatch.context() as patch, opened_module(application, patch) as session:
        for action in (_leave, _close_the_scene, _empty_the_scene, _reload, _clean_up, _set_up_twice):
            print(action.__name__, file=sys.stderr, flush=True)
            for _ in range(ROUNDS):
                action(session)
                gc.collect()
                _touch(session)
                session.enter()
    print("alive")


def _leave(session: Any) -> None:
    session.leave()


def _close_the_scene(session: Any) -> None:
    session.leave()
    gc.collect()
    session.context.scene.Clear(False)


def _empty_the_scene(session: Any) -> None:
    """As the application does when it ends: singletons go, too."""
    session.leave()
    gc.collect()
    session.context.scene.Clear(True)


def _reload(session: Any) -> None:
    session.leave()
    session.reload()


def _clean_up(session: Any) -> None:
    session.widget.cleanup()
    gc.collect()
    _touch(session)
    session.widget.setup()


def _set_up_twice(session: Any) -> None:
    session.widget.setup()
    session.leave()


def _touch(session: Any) -> None:
    node = session.context.scene.GetFirstNodeByClass(NODE)
    if node is not None:
        node.Modified()
        node.SetParameter("device", "cpu")


if __name__ == "__main__":
    main()
