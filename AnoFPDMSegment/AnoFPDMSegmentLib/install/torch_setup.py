"""Finding out whether Slicer's Python can compute, and installing what it lacks, after asking."""

from __future__ import annotations

import json
import sys
import threading
import time
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import Protocol

from ..user_file import read_record, write_record
from ..worker.command import WorkerCommand
from ..worker.process_tree import end_process_tree, start_process
from .requirements import SAFETENSORS, TORCH
from .torch_state import TorchState, older_than, read_state

PROBE = "AnoFPDMSegmentLib.install.torch_probe"
PROBE_TIMEOUT_S = 300.0
"""Loading PyTorch for the first time from a slow disk takes minutes."""
MISSING_PACKAGE = 69
"""Exit status of the command line for a package that cannot be imported."""


class Installer(Protocol):
    """Changes Slicer's Python; what goes wrong is raised, of whatever type."""

    def installTorch(self, requirement: str) -> bool:
        """Install PyTorch after asking; False if the user declined. ModuleNotFoundError without the extension."""

    def uninstallTorch(self) -> None:
        """Remove PyTorch."""

    def pipInstall(self, arguments: str) -> None:
        """`pip install` with these arguments."""


class TorchSetup:
    """PyTorch is only ever loaded in child processes here, where its failures do no harm.

    Args:
        command: how child processes are started.
        installer: does the installing.
        ask: puts a question to the user; True for yes.
        report: told what is going on, one sentence each.
        idle: called many times a second while waiting, to keep windows alive.
        record: a file that remembers which installation was found sound.
    """

    def __init__(
        self,
        command: WorkerCommand,
        installer: Installer,
        ask: Callable[[str], bool],
        report: Callable[[str], None],
        idle: Callable[[], None],
        record: Path,
    ) -> None:
        self._command = command
        self._installer = installer
        self._ask = ask
        self._report = report
        self._idle = idle
        self._record = record

    def state(self, *, again: bool = False) -> TorchState:
        """Whether a run can start. At once where this installation was found sound before, unless `again`."""
        fingerprint = self._fingerprint()
        if not again and fingerprint and (known := read_record(self._record)).get("fingerprint") == fingerprint:
            version, device = str(known.get("torch", "")), str(known.get("device", ""))
            return TorchState("ok", f"PyTorch {version} computes on: {device}.", "", version, device)
        state = self._probe()
        sound = {"fingerprint": fingerprint, "torch": state.torch, "device": state.device} if state.ok else {}
        write_record(self._record, sound)
        return state

    def suspects(self, exitCode: int | None) -> bool:
        """Whether a failed run may be the installation's fault: packages not found, or the process crashed."""
        return exitCode is None or exitCode == MISSING_PACKAGE or not 0 <= exitCode <= 255

    def install(self) -> TorchState:
        """Install or repair what is missing, after asking; returns the state afterwards, with what to do if not ok."""
        state = self.state(again=True)
        if state.ok:
            return state
        if state.needs_torch and state.kind != "missing" and "torch" in sys.modules:
            sentence = f"{state.sentence[:-1]}, but another module of Slicer uses it: restart Slicer, then try again."
            return _with(state, sentence)
        if not self._ask(_question(state)):
            return _with(state, f"{state.sentence} Nothing was installed.")
        try:
            if not self._change(state):
                # Declined in the extension's own question, perhaps after a broken one was removed.
                state = self.state(again=True)
                return _with(state, f"{state.sentence} Nothing was installed.")
        except ModuleNotFoundError as error:
            if error.name != "PyTorchUtils":
                return self._after(error)
            return _with(state, f"{state.sentence} {MISSING_EXTENSION}")
        except Exception as error:  # noqa: BLE001 - whatever installing raises, a new probe tells what came of it
            return self._after(error)
        return self._after(None)

    def offlineInstructions(self) -> str:
        """What to do on a computer without internet."""
        python = f"{sys.version_info.major}.{sys.version_info.minor}"
        return (
            f"Without internet: on a computer with the same operating system and Python {python}, run\n"
            f'    python -m pip download "torch{TORCH}" "safetensors{SAFETENSORS}" --dest packages\n'
            "then copy the folder 'packages' to this computer and, in Slicer's Python console, run\n"
            '    slicer.util.pip_install("--no-index --find-links FOLDER torch safetensors")\n'
            "with its path in place of FOLDER (in quotes if it holds spaces)."
        )

    def _change(self, state: TorchState) -> bool:
        if state.needs_torch:
            if state.kind == "broken":
                self._report("Removing the broken PyTorch...")
                self._installer.uninstallTorch()
            self._report("Installing PyTorch; this takes some minutes...")
            if not self._installer.installTorch(TORCH):
                return False
        if not self._has_safetensors() or not state.needs_torch:
            self._report("Installing safetensors...")
            again = " --force-reinstall" if state.kind == "broken" and not state.needs_torch else ""
            # Its optional dependencies are frameworks, which must come through the PyTorch extension.
            self._installer.pipInstall(f"safetensors{SAFETENSORS} --no-deps{again}")
        return True

    def _after(self, error: Exception | None) -> TorchState:
        self._report("Checking PyTorch...")
        state = self.state(again=True)
        if state.ok:
            return state
        why = f"{type(error).__name__}: {error}" if error is not None else ""
        sentence = (
            f"{state.sentence[:-1]}, and installing it did not succeed: check the internet connection and the free "
            "disk space, restart Slicer and try again, or install by hand."
        )
        return _with(state, sentence, f"{why}\n{state.detail}\n{self.offlineInstructions()}".strip())

    def _has_safetensors(self) -> bool:
        version = _version("safetensors")
        return bool(version) and not older_than(version, SAFETENSORS)

    def _fingerprint(self) -> str:
        """Names an installation; empty where something is missing."""
        versions = [_version(package) for package in ("torch", "safetensors", "numpy")]
        return " ".join([sys.version, self._command.python, *versions]) if all(versions) else ""

    def _probe(self) -> TorchState:
        try:
            process = start_process([self._command.python, "-m", PROBE], self._command.environment())
        except OSError as error:
            sentence = f"Slicer's Python could not be started ({error.strerror}); install Slicer again."
            return TorchState("broken", sentence, str(error))
        answers: list[tuple[bytes, bytes]] = []
        thread = threading.Thread(target=lambda: answers.append(process.communicate()), daemon=True)
        thread.start()
        end = time.monotonic() + PROBE_TIMEOUT_S
        while thread.is_alive() and time.monotonic() < end:
            self._idle()
            thread.join(0.05)
        end_process_tree(process)
        thread.join(5)
        out, err = answers[0] if answers else (b"", b"")
        detail = f"exit status {process.returncode}\n{err.decode('utf-8', 'replace')[-2000:]}"
        return read_state(_last_object(out.decode("utf-8", "replace")), detail)


MISSING_EXTENSION = (
    "The extension PyTorch, which installs it, is missing: add it in the Extensions Manager and restart Slicer."
)


def _question(state: TorchState) -> str:
    if not state.needs_torch:
        return f"{state.sentence}\n\nInstall it now? It is a small download."
    how = "Remove it and install it again" if state.kind == "broken" else "Install it now"
    return (
        f"{state.sentence}\n\n{how}, with the small package safetensors where that is missing? The download has some "
        "hundred megabytes to several gigabytes and takes some minutes."
    )


def _with(state: TorchState, sentence: str, detail: str = "") -> TorchState:
    return TorchState(
        state.kind, sentence, detail or state.detail, state.torch, state.device, needs_torch=state.needs_torch
    )


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return ""


def _last_object(text: str) -> dict[str, object] | None:
    for line in reversed(text.splitlines()):
        if line.startswith("{"):
            try:
                found = json.loads(line)
            except ValueError:
                return None
            return found if isinstance(found, dict) else None
    return None
