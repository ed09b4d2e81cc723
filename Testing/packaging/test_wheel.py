"""The wheel holds exactly the tracked files of the engine and of what writes scenes; building it imports no torch."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from module_files import MODULE, REPOSITORY, is_checkout, tracked_files

ENGINE = MODULE / "anofpdm"
SCENES = MODULE / "AnoFPDMSegmentLib"

pytestmark = [
    pytest.mark.skipif(not is_checkout(), reason="not a git checkout"),
    pytest.mark.skipif(importlib.util.find_spec("setuptools") is None, reason="setuptools is not installed"),
]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from a copy of the tracked files, so that stray files and build folders cannot help or harm."""
    source, output, trap = (tmp_path_factory.mktemp(name) for name in ("source", "wheel", "trap"))
    for name in tracked_files(REPOSITORY):
        if name.startswith(("AnoFPDMSegment/anofpdm/", "AnoFPDMSegment/AnoFPDMSegmentLib/")) or "/" not in name:
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(REPOSITORY / name, source / name)
    # A torch that ends the build if anything imports it.
    (trap / "torch.py").write_text("raise SystemExit('building the wheel imported torch')\n")
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "--no-index"]
    run = subprocess.run(
        [*command, "--wheel-dir", str(output), str(source)],
        env={**os.environ, "PYTHONPATH": str(trap)},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert run.returncode == 0, run.stderr[-3000:]
    (built,) = output.glob("anofpdm-*.whl")
    return built


def test_the_wheel_holds_the_tracked_files(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        held = {name for name in archive.namelist() if ".dist-info/" not in name and not name.endswith("/")}
        licenses = {name.rpartition("/")[2] for name in archive.namelist() if "/licenses/" in name}
    # setuptools takes all files of a package, so those beside the rooms come along.
    rooms = {name for name in tracked_files(SCENES) if name.partition("/")[0] == "mrml" or "/" not in name}
    scenes = {f"AnoFPDMSegmentLib/{name}" for name in rooms}
    assert held == {f"anofpdm/{name}" for name in tracked_files(ENGINE)} | scenes
    assert licenses == {"LICENSE", "NOTICE"}


def test_the_wheel_has_the_package_version_and_the_command(wheel: Path) -> None:
    version = re.search(r'^__version__ = "([^"]+)"$', (ENGINE / "__init__.py").read_text(encoding="utf-8"), re.M)
    assert version, "__version__ must stay a plain literal"
    assert wheel.name == f"anofpdm-{version[1]}-py3-none-any.whl"
    with zipfile.ZipFile(wheel) as archive:
        commands = archive.read(f"anofpdm-{version[1]}.dist-info/entry_points.txt").decode()
    assert "anofpdm = anofpdm.__main__:run" in commands
    assert "anofpdm-scene = AnoFPDMSegmentLib.mrml.scene_file:run" in commands
