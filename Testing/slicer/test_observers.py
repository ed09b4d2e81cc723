"""Observers from Python: held, ended with whoever added them, and added in one place only."""

from __future__ import annotations

import gc
import subprocess
import sys
from pathlib import Path

import pytest

LIBRARY = Path(__file__).resolve().parents[2] / "AnoFPDMSegment" / "AnoFPDMSegmentLib"
_CHILD = """
import gc
import vtk

{imports}

class Section:
    def __init__(self, collection):
        self.node = collection.GetItemAsObject(0)
        self.heard = 0
        {observe}

    def hear(self):
        self.heard += 1

collection = vtk.vtkCollection()
for _ in range(20):
    collection.RemoveAllItems()
    collection.AddItem(vtk.vtkObject())  # held by C++ alone
    section = Section(collection)
    collection.Modified(), section.node.Modified()
    assert section.heard == 1
    section.itself = section  # as the sections of the panel hold one another
    del section
    gc.collect()
    collection.GetItemAsObject(0).Modified()
print("alive")
"""


def _run(imports: str, observe: str) -> subprocess.CompletedProcess[str]:
    program = _CHILD.format(imports=imports, observe=observe)
    return subprocess.run([sys.executable, "-c", program], capture_output=True, encoding="utf-8", check=False)


def test_a_dropped_observer_does_not_crash() -> None:
    done = _run(
        f"import sys; sys.path.insert(0, {str(LIBRARY.parent)!r})\n"
        "from AnoFPDMSegmentLib.mrml.observers import Observers",
        "self.observers = Observers(); self.observers.add(self.node, 'ModifiedEvent', self.hear)",
    )
    assert (done.returncode, done.stdout) == (0, "alive\n"), done.stderr


@pytest.mark.skipif(sys.platform != "linux", reason="how a crash ends is the platform's affair")
def test_vtk_behaves_as_it_is_taken_to() -> None:
    """Without them the same crashes; should VTK or Python mend it, this says so."""
    done = _run("", "self.node.AddObserver('ModifiedEvent', lambda *unused: self.hear())")
    assert done.returncode < 0, (done.stdout, done.stderr)


def test_ended_with_whoever_added_them() -> None:
    import vtk

    from AnoFPDMSegmentLib.mrml.observers import Observers

    first, second, heard = vtk.vtkObject(), vtk.vtkObject(), []
    observers = Observers()
    observers.add(first, "ModifiedEvent", lambda: heard.append("first"))
    observers.add(second, "ModifiedEvent", lambda: heard.append("second"))
    observers.add(first, "DeleteEvent", lambda: None)
    assert observers.targets == [first, second]
    first.Modified(), second.Modified()
    assert heard == ["first", "second"]
    del observers
    gc.collect()
    first.Modified(), second.Modified()
    assert heard == ["first", "second"]
    assert not first.HasObserver("ModifiedEvent") and not first.HasObserver("DeleteEvent")


def test_nothing_else_adds_observers() -> None:
    """The parameters' wrapper hands on what Slicer's own code adds."""
    adding = {
        path.relative_to(LIBRARY).as_posix()
        for path in LIBRARY.rglob("*.py")
        if ".AddObserver(" in path.read_text(encoding="utf-8")
    }
    assert adding == {"mrml/observers.py", "parameters.py"}
