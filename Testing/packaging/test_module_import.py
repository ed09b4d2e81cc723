"""What loading the module costs when Slicer starts: nothing but Python's own library, and hardly any time."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap

import pytest
from module_files import MODULE

STARTS_LIKE_SLICER = """
    import json, sys, time, types, unittest

    def module(name, **content):
        sys.modules[name] = types.ModuleType(name)
        sys.modules[name].__dict__.update(content)
        return sys.modules[name]

    class Base:
        def __init__(self, *_):
            pass
        def resourcePath(self, name):
            return name

    classes = {f"ScriptedLoadableModule{part}": Base for part in ("", "Widget", "Logic")}
    connected = []
    app = types.SimpleNamespace(connect=lambda signal, call: connected.append(signal))
    module("slicer", app=app, __path__=[])
    module("slicer.i18n", tr=lambda text: text, translate=lambda context, text: text)
    module("slicer.ScriptedLoadableModule", ScriptedLoadableModuleTest=unittest.TestCase, **classes)
    module("slicer.util", VTKObservationMixin=type("VTKObservationMixin", (), {}))

    class NothingElse:
        def find_spec(self, name, path=None, target=None):
            root = name.partition(".")[0]
            if root not in sys.stdlib_module_names and not root.startswith("AnoFPDM"):
                raise ImportError(f"{name} is imported while Slicer starts")
    sys.meta_path.insert(0, NothingElse())
    sys.path.insert(0, sys.argv[1])
    before = set(sys.modules)
    begun = time.perf_counter()
    import AnoFPDMSegment
    parent = types.SimpleNamespace(path="")
    AnoFPDMSegment.AnoFPDMSegment(parent)
    took = time.perf_counter() - begun
    added = sorted(name for name in set(sys.modules) - before if name.partition(".")[0] not in sys.stdlib_module_names)
    print(json.dumps({"took": took, "added": added, "connected": connected, "title": parent.title}))
"""


@pytest.fixture(scope="module")
def started() -> dict[str, object]:
    """The quickest of three starts; the first may have to compile."""
    found = []
    for _ in range(3):
        call = [sys.executable, "-I", "-c", textwrap.dedent(STARTS_LIKE_SLICER), str(MODULE)]
        run = subprocess.run(call, capture_output=True, text=True, timeout=60, check=False)
        assert run.returncode == 0, run.stderr
        found.append(json.loads(run.stdout))
    return min(found, key=lambda start: start["took"])


def test_takes_no_time(started: dict[str, object]) -> None:
    assert started["took"] < 0.1  # type: ignore[operator]


def test_brings_nothing_along(started: dict[str, object]) -> None:
    assert started["added"] == ["AnoFPDMSegment"]


def test_waits_until_slicer_has_started(started: dict[str, object]) -> None:
    assert started["connected"] == ["startupCompleted()"] and started["title"] == "AnoFPDM Segment"
