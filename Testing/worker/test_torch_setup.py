"""PyTorch in Slicer's Python: every state told apart in a process of its own, installed only after asking."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from fake_worker import MODULE

from anofpdm.app.worker.command import WorkerCommand
from AnoFPDMSegmentLib.install import torch_setup
from AnoFPDMSegmentLib.install.installation import Step
from AnoFPDMSegmentLib.install.requirements import SAFETENSORS, TORCH
from AnoFPDMSegmentLib.install.torch_setup import Offer, TorchSetup
from AnoFPDMSegmentLib.install.torch_state import TorchState, older_than, read_state


class Packages:
    """A folder of stand-in packages that shadow the real ones in the probe, which runs for real."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def put(self, name: str, version: str, code: str) -> None:
        (self.folder / name).mkdir(parents=True, exist_ok=True)
        (self.folder / name / "__init__.py").write_text(code)
        (self.folder / name / "torch.py").write_text("")
        info = self.folder / f"{name}-0.dist-info"
        info.mkdir(exist_ok=True)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")


WORKING_TORCH = """
__version__ = "2.6.0+cpu"
class _Sum:
    def __init__(self, value): self.value = value
    def sum(self): return self
    def item(self): return float(self.value)
def from_numpy(array): return _Sum(array.sum())
def ones(*shape, device=None): return _Sum(1)
def device(name):
    class Device:
        type = name
    return Device()
def get_num_threads(): return 3
class _Nothing:
    @staticmethod
    def is_available(): return False
cuda = _Nothing
class backends: mps = _Nothing
class Tensor: pass
"""


class FakeInstaller:
    """Writes down calls and does what the test says."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.steps: list[Step] | None = [Step("Installing PyTorch...", ("-m", "light_the_torch"))]
        self.present = True
        self.onTorch: Callable[[], object] = lambda: None
        self.onPip: Callable[[], object] = lambda: None

    def torchSteps(self, requirement: str) -> list[Step] | None:  # noqa: N802
        if not self.present:
            raise ModuleNotFoundError("No module named 'PyTorchUtils'", name="PyTorchUtils")
        return self.steps

    def installTorch(self, requirement: str) -> None:  # noqa: N802
        self.calls.append(f"torch{requirement}")
        self.onTorch()

    def uninstallTorch(self) -> None:  # noqa: N802
        self.calls.append("uninstall")

    def pipInstall(self, *arguments: str) -> None:  # noqa: N802
        self.calls.append(f"pip {' '.join(arguments)}")
        self.onPip()


class Bench:
    """A TorchSetup over stand-in packages."""

    def __init__(self, folder: Path) -> None:
        self.packages = Packages(folder / "packages")
        self.packages.folder.mkdir()
        self.installer = FakeInstaller()
        self.idles = 0

        class Command(WorkerCommand):
            def environment(command, base=None) -> dict[str, str]:  # noqa: N805
                variables = super().environment(base)
                variables["PYTHONPATH"] = f"{self.packages.folder}:{variables['PYTHONPATH']}"
                return variables

        self.setup = TorchSetup(Command(sys.executable, MODULE), self.installer, self.idle)

    def idle(self) -> None:
        self.idles += 1

    def put_sound(self) -> None:
        self.packages.put("torch", "2.6.0", WORKING_TORCH)
        self.packages.put("safetensors", "0.5.2", "")

    def put_missing(self) -> None:
        """As if torch had never been installed: its metadata is hidden too."""
        self.packages.put("torch", "2.6.0", "raise ModuleNotFoundError(\"No module named 'torch'\", name='torch')")
        (self.packages.folder / "sitecustomize.py").write_text(
            "from importlib import metadata\n"
            "real = metadata.version\n"
            "def version(name):\n"
            "    if name == 'torch': raise metadata.PackageNotFoundError(name)\n"
            "    return real(name)\n"
            "metadata.version = version\n"
        )

    def sound(self) -> bool:
        (self.packages.folder / "sitecustomize.py").unlink(missing_ok=True)
        self.put_sound()
        return True


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def test_requirements_are_those_of_the_engine() -> None:
    text = (MODULE.parent / "pyproject.toml").read_text(encoding="utf-8")
    assert f'"torch{TORCH}"' in text and f'"safetensors{SAFETENSORS}"' in text


def test_the_real_one() -> None:
    """This environment's torch, loaded in a process of its own and not in this one's name."""
    setup = TorchSetup(WorkerCommand(sys.executable, MODULE), FakeInstaller(), int)
    state = setup.state()
    assert (state.ok and state.device.startswith(("CPU", "NVIDIA", "Apple"))) or state.device, state


class TestStates:
    """What a probe finds out"""

    def test_sound(self, bench: Bench) -> None:
        bench.put_sound()
        state = bench.setup.state()
        assert state.ok and (state.torch, state.device) == ("2.6.0+cpu", "CPU (3 threads)")
        assert bench.idles > 0

    def test_missing(self, bench: Bench) -> None:
        bench.put_missing()
        state = bench.setup.state()
        assert state.kind == "missing" and state.needs_torch and "is not installed" in state.sentence

    def test_too_old(self, bench: Bench) -> None:
        bench.packages.put("torch", "2.3.1", WORKING_TORCH.replace("2.6.0", "2.3.1"))
        state = bench.setup.state()
        assert state.kind == "too old" and "2.3.1" in state.sentence and ">=2.4" in state.sentence

    @pytest.mark.parametrize(
        "code",
        [
            "raise OSError('[WinError 126] The specified module could not be found: fbgemm.dll')",
            "raise ImportError('libcudart.so.12: cannot open shared object file')",
            "raise RuntimeError('module compiled against ABI version 0x1000009')",
            "raise SystemExit(3)",
            "x = 1",
            WORKING_TORCH.replace("return _Sum(array.sum())", "raise RuntimeError('Numpy is not available')"),
        ],
    )
    def test_broken(self, bench: Bench, code: str) -> None:
        bench.packages.put("torch", "2.6.0", code)
        state = bench.setup.state()
        assert state.kind == "broken" and state.needs_torch and "install it again" in state.sentence
        assert state.detail and "Traceback" not in state.sentence

    @pytest.mark.parametrize(
        "code", ["import os; os.abort()", "import os; os._exit(0)", "import sys; sys.stdout.close()"]
    )
    def test_crashing(self, bench: Bench, code: str) -> None:
        bench.packages.put("torch", "2.6.0", f"import os, sys; {code}")
        state = bench.setup.state()
        assert state.kind == "broken" and "crashes when it is loaded" in state.sentence

    def test_hanging(self, bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(torch_setup, "PROBE_TIMEOUT_S", 1.0)
        bench.packages.put("torch", "2.6.0", "import time; time.sleep(600)")
        assert bench.setup.state().kind == "broken"

    def test_chatty(self, bench: Bench) -> None:
        bench.put_sound()
        bench.packages.put("torch", "2.6.0", WORKING_TORCH + "\nprint('{hello')\nprint('x' * 300000)")
        assert bench.setup.state().ok

    @pytest.mark.parametrize(
        ("version", "code", "kind"),
        [("0.3.9", "", "too old"), ("0.5.0", "raise ImportError('bad wheel')", "broken")],
    )
    def test_safetensors(self, bench: Bench, version: str, code: str, kind: str) -> None:
        bench.put_sound()
        bench.packages.put("safetensors", version, code)
        state = bench.setup.state()
        assert state.kind == kind and not state.needs_torch and "safetensors" in state.sentence

    def test_without_an_interpreter(self, tmp_path: Path) -> None:
        command = WorkerCommand(tmp_path / "none", MODULE)
        state = TorchSetup(command, FakeInstaller(), int).state()
        assert state.kind == "broken" and "could not be started" in state.sentence


def test_looked_at_once_a_session_until_it_changes(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever Slicer's own Python knows of the versions."""
    bench.put_sound()
    installed = {"torch": "2.6.0", "safetensors": "0.5.2"}
    monkeypatch.setattr(torch_setup, "_version", lambda package: installed.get(package, ""))
    assert bench.setup.state().ok
    probed = bench.idles
    again = bench.setup.state()
    assert again.ok and again.device == "CPU (3 threads)" and bench.idles == probed
    installed["numpy"] = "1.26"
    assert bench.setup.state().ok and bench.idles > probed
    probed = bench.idles
    bench.packages.put("torch", "2.6.0", "raise ImportError")
    assert bench.setup.state(again=True).kind == "broken"
    bench.put_sound()
    assert bench.setup.state().ok, "what is not sound is looked at again"


class TestOffers:
    """One question, and what runs if the user agrees"""

    def offer(self, bench: Bench) -> Offer:
        offer = bench.setup.offer(bench.setup.state())
        assert isinstance(offer, Offer), offer
        return offer

    def arguments(self, offer: Offer) -> list[str]:
        assert offer.steps is not None
        return [" ".join(step.arguments) for step in offer.steps]

    def test_missing(self, bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
        bench.put_missing()
        offer = self.offer(bench)
        assert "Install it now" in offer.question and "or cancel it" in offer.question
        assert self.arguments(offer) == ["-m light_the_torch"]
        monkeypatch.setattr(torch_setup, "_version", lambda package: "")
        last = "-m pip install safetensors>=0.4 --no-deps"
        assert self.arguments(self.offer(bench)) == ["-m light_the_torch", last]

    def test_broken_is_removed_first(self, bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delitem(sys.modules, "torch", raising=False)
        bench.packages.put("torch", "2.6.0", "raise OSError('bad DLL')")
        offer = self.offer(bench)
        assert "Remove it and install it again" in offer.question
        assert self.arguments(offer) == ["-m pip uninstall --yes torch torchvision", "-m light_the_torch"]

    def test_too_old_is_upgraded(self, bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delitem(sys.modules, "torch", raising=False)
        bench.packages.put("torch", "2.3.1", WORKING_TORCH.replace("2.6.0", "2.3.1"))
        assert self.arguments(self.offer(bench)) == ["-m light_the_torch"]

    def test_safetensors_alone_and_without_its_dependencies(self, bench: Bench) -> None:
        bench.put_sound()
        bench.packages.put("safetensors", "0.3.0", "")
        offer = self.offer(bench)
        assert "safetensors 0.3.0" in offer.question and "gigabytes" not in offer.question
        assert self.arguments(offer) == ["-m pip install safetensors>=0.4 --no-deps"]
        bench.packages.put("safetensors", "0.5.0", "raise ImportError('bad wheel')")
        assert self.arguments(self.offer(bench)) == ["-m pip install safetensors>=0.4 --no-deps --force-reinstall"]

    def test_an_extension_that_does_not_tell_what_it_runs(self, bench: Bench) -> None:
        bench.put_missing()
        bench.installer.steps = None
        offer = self.offer(bench)
        assert offer.steps is None and "Slicer's window stands still" in offer.question

    def test_without_the_extension_nothing_is_asked(self, bench: Bench) -> None:
        bench.put_missing()
        bench.installer.present = False
        refusal = bench.setup.offer(bench.setup.state())
        assert isinstance(refusal, TorchState) and "Extensions Manager" in refusal.sentence

    def test_not_while_another_module_uses_it(self, bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(sys.modules, "torch", object())
        bench.packages.put("torch", "2.3.1", WORKING_TORCH.replace("2.6.0", "2.3.1"))
        refusal = bench.setup.offer(bench.setup.state())
        assert isinstance(refusal, TorchState) and "restart Slicer" in refusal.sentence


class TestOutcomes:
    """Whatever an installation says, PyTorch is looked at again"""

    def test_offline_or_otherwise_failed(self, bench: Bench) -> None:
        bench.put_missing()
        state = bench.setup.outcome("ERROR: No matching distribution found for torch>=2.4")
        assert state.kind == "missing" and "did not succeed" in state.sentence and "internet" in state.sentence
        assert "No matching distribution" in state.detail
        assert "pip download" in state.detail and "--no-index --find-links" in state.detail

    def test_well(self, bench: Bench) -> None:
        bench.put_sound()
        assert bench.setup.outcome("whatever").ok

    def test_standing_still(self, bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(torch_setup, "_version", lambda package: "")
        bench.put_missing()
        bench.installer.onTorch = bench.sound
        assert bench.setup.installStandingStill(bench.setup.state()).ok
        assert bench.installer.calls == ["torch>=2.4", "pip safetensors>=0.4 --no-deps"]

    def test_a_broken_one_standing_still(self, bench: Bench) -> None:
        bench.packages.put("torch", "2.6.0", "raise OSError('bad DLL')")
        bench.installer.onTorch = bench.sound
        assert bench.setup.installStandingStill(bench.setup.state()).ok
        assert bench.installer.calls[:2] == ["uninstall", "torch>=2.4"]

    @pytest.mark.parametrize("error", [subprocess.CalledProcessError(1, "pip"), OSError(28, "No space left on device")])
    def test_failed_standing_still(self, bench: Bench, error: Exception) -> None:
        bench.put_missing()

        def fail() -> None:
            raise error

        bench.installer.onTorch = fail
        state = bench.setup.installStandingStill(bench.setup.state())
        assert state.kind == "missing" and type(error).__name__ in state.detail

    def test_raised_although_it_worked(self, bench: Bench) -> None:
        """The extension loads torch into Slicer after installing it; that may fail where the worker does not."""
        bench.put_missing()

        def work_and_raise() -> None:
            bench.sound()
            raise OSError("DLL in use")

        bench.installer.onTorch = work_and_raise
        assert bench.setup.installStandingStill(bench.setup.state()).ok


def test_our_own_package_is_never_installed() -> None:
    # `anofpdm-scene` tells users of plain Python, never Slicer's, what to install.
    for path in {*(MODULE / "AnoFPDMSegmentLib").rglob("*.py")} - {MODULE / "AnoFPDMSegmentLib/mrml/scene_file.py"}:
        assert not re.search(r"pip.{0,40}anofpdm|install.{0,20}[\"']anofpdm", path.read_text(encoding="utf-8")), path


@pytest.mark.parametrize(
    ("version", "older"),
    [("2.3.1", True), ("2.4", False), ("2.4.0+cu121", False), ("2.13.0.dev1", False), ("1.99", True), ("odd", True)],
)
def test_versions(version: str, older: bool) -> None:
    assert older_than(version, ">=2.4") is older


def test_an_answer_of_another_form() -> None:
    assert read_state({}).kind == "missing"
    assert read_state({"torch": None, "torch_error": 5}).kind == "missing"


def test_which_failures_are_suspicious(bench: Bench) -> None:
    codes = {None: True, 69: True, -11: True, 0xC0000005: True, 0: False, 2: False, 6: False, 130: False}
    assert {code: bench.setup.suspects(code) for code in codes} == codes
