"""The files that CMake installs, and no others, detect by themselves."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
import SimpleITK as sitk
from module_files import LISTS, MODULE, MODULE_CMAKE, list_pattern

DRIVER = """
    import json, sys, time
    from pathlib import Path
    from AnoFPDMSegmentLib.application_services import workerCommand
    from anofpdm.app.worker.detection_run import DetectionRun
    from anofpdm.app.worker.run_options import RunOptions
    from anofpdm.store.model_search import default_model_name
    import AnoFPDMSegmentLib, SimpleITK as sitk
    module = Path(AnoFPDMSegmentLib.__file__).parents[1]
    sample = module / "Resources" / "SampleData" / "synthetic_flair_lesion.nii.gz"
    run = DetectionRun(workerCommand(), Path(sys.argv[1]))
    slices = sitk.ReadImage(str(sample))[:, :, 22:28]  # of the lesion: quicker than all
    run.start({"flair": lambda path: sitk.WriteImage(slices, str(path))},
              RunOptions(default_model_name(), preset="fast", device="cpu"))
    events = []
    while run.running:
        events += run.poll()
        time.sleep(0.02)
    components = run.detection().components
    run.close()
    print(json.dumps({"package": events[0].package, "last": type(events[-1]).__name__, "found": len(components)}))
"""


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """As Slicer installs them: flat in the folder of modules; its name has what file names may have."""
    place = tmp_path_factory.mktemp("Slicer 5.10 Änderung") / "qt-scripted-modules"
    text = MODULE_CMAKE.read_text(encoding="utf-8")
    for name in LISTS:
        for file in list_pattern(name).findall(text)[0].split():
            (place / file).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(MODULE / file, place / file)
    return place


def run_in(installed: Path, *arguments: str, **options: object) -> subprocess.CompletedProcess[str]:
    variables = {**os.environ, "PYTHONPATH": str(installed), "OMP_NUM_THREADS": "1"}
    settings = {"capture_output": True, "text": True, "timeout": 240, "check": False, **options}
    return subprocess.run([sys.executable, *arguments], env=variables, **settings)  # type: ignore[call-overload]


def test_the_panels_run(installed: Path, tmp_path: Path) -> None:
    run = run_in(installed, "-c", textwrap.dedent(DRIVER), str(tmp_path), cwd=tmp_path)
    assert run.returncode == 0, run.stderr
    said = json.loads(run.stdout)
    assert said.pop("found") >= 1 and said == {"package": str(installed / "anofpdm"), "last": "Finished"}
    assert list(tmp_path.iterdir()) == []


def test_the_command_line(installed: Path, tmp_path: Path) -> None:
    sample = installed / "Resources" / "SampleData" / "synthetic_flair_no_lesion.nii.gz"
    sitk.WriteImage(sitk.ReadImage(str(sample))[:, :, 24:27], str(tmp_path / "slices.nii.gz"))
    call = [
        "-m",
        "anofpdm",
        "detect",
        str(tmp_path / "slices.nii.gz"),
        "--output",
        str(tmp_path / "o"),
        "--progress",
        "json",
        "--preset",
        "fast",
    ]
    run = run_in(installed, *call, cwd=tmp_path)
    assert run.returncode == 0, run.stderr
    first, *_, last = (json.loads(line) for line in run.stdout.splitlines())
    assert first["package"] == str(installed / "anofpdm")
    assert last["event"] == "result" and last["summary"]


def test_every_file_of_the_module_compiles_and_imports_only_what_is_there(installed: Path) -> None:
    """Every relative import leads to an installed file."""
    code = """
        import ast, sys
        from pathlib import Path
        root = Path(sys.argv[1])
        missing = []
        for file in root.rglob("*.py"):
            for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
                if isinstance(node, ast.ImportFrom) and node.level:
                    base = file.parent
                    for _ in range(node.level - 1):
                        base = base.parent
                    targets = [node.module] if node.module else [alias.name for alias in node.names]
                    for target in targets:
                        path = base.joinpath(*target.split("."))
                        known = path.with_suffix(".py").exists() or path.is_dir()
                        known = known or not node.module and (base / "__init__.py").read_text().find(target) >= 0
                        if not known:
                            missing.append(f"{file.relative_to(root)}: {target}")
        print("\\n".join(missing))
    """
    run = run_in(installed, "-c", textwrap.dedent(code), str(installed))
    assert run.returncode == 0 and run.stdout.strip() == "", run.stdout + run.stderr
