"""What loading the module costs when Slicer starts: one small file and nothing but Python's own library."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap

import pytest
from module_files import MODULE

STARTS_LIKE_SLICER = """
    import json, os, sys, types, unittest

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
    done = []
    watched = ("open", "subprocess.Popen", "os.posix_spawn", "os.fork", "socket.connect")
    watching = True
    def watch(event, arguments):
        what = str(arguments[0]) if arguments else ""
        library = event == "open" and what.startswith(os.path.dirname(os.__file__))
        if watching and event in watched and not library and not what.endswith(".pyc"):
            done.append([event, what])
    sys.addaudithook(watch)
    import AnoFPDMSegment
    parent = types.SimpleNamespace(path="")
    AnoFPDMSegment.AnoFPDMSegment(parent)
    watching = False
    added = sorted(name for name in set(sys.modules) - before if name.partition(".")[0] not in sys.stdlib_module_names)
    print(json.dumps({"added": added, "done": done, "connected": connected, "title": parent.title}))
"""


@pytest.fixture(scope="module")
def started() -> dict[str, object]:
    """Compiled files, which depend on earlier runs, are neither read nor written."""
    call = [sys.executable, "-I", "-B", "-X", "pycache_prefix=/nonexistent", "-c", textwrap.dedent(STARTS_LIKE_SLICER)]
    run = subprocess.run([*call, str(MODULE)], capture_output=True, text=True, timeout=120, check=False)
    assert run.returncode == 0, run.stderr
    return dict(json.loads(run.stdout))


def test_reads_one_file_and_starts_nothing(started: dict[str, object]) -> None:
    assert started["done"] == [["open", str(MODULE / "AnoFPDMSegment.py")]]


def test_brings_nothing_along(started: dict[str, object]) -> None:
    assert started["added"] == ["AnoFPDMSegment"]


def test_waits_until_slicer_has_started(started: dict[str, object]) -> None:
    assert started["connected"] == ["startupCompleted()"] and started["title"] == "AnoFPDM Segment"
