"""Finding out whether Slicer's Python can compute, and what has to be installed for that."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from importlib import metadata
from typing import Protocol

from anofpdm.app.worker.command import WorkerCommand
from anofpdm.app.worker.process_tree import end_process_tree, start_process
from anofpdm.app.worker.run_folder import RunFolder

from .installation import Installation, Step
from .requirements import SAFETENSORS, TORCH
from .torch_state import TorchState, older_than, read_state

PROBE = "AnoFPDMSegmentLib.install.torch_probe"
PROBE_TIMEOUT_S = 300.0
"""Loading PyTorch for the first time from a slow disk takes minutes."""
MISSING_PACKAGE = 69
"""Exit status of the command line for a package that cannot be imported."""
MISSING_EXTENSION = (
    "The extension PyTorch, which installs it, is missing: add it in the Extensions Manager and restart Slicer."
)
NOTHING = "Nothing was installed."


class Installer(Protocol):
    """Knows how this Slicer gets PyTorch; see SlicerInstaller. What goes wrong is raised, of whatever type."""

    def torchSteps(self, requirement: str) -> list[Step] | None: ...

    def installTorch(self, requirement: str) -> None: ...

    def uninstallTorch(self) -> None: ...

    def pipInstall(self, *arguments: str) -> None: ...


@dataclass(frozen=True)
class Offer:
    """What could be done about PyTorch."""

    question: str
    """To be put to the user."""
    steps: tuple[Step, ...] | None
    """What runs beside Slicer; None where Slicer itself has to install it and stands still."""


class TorchSetup:
    """PyTorch is only ever loaded in child processes here, where its failures do no harm.

    Args:
        command: how child processes are started.
        installer: how Slicer installs.
        idle: called many times a second while waiting, to keep windows alive.
    """

    def __init__(self, command: WorkerCommand, installer: Installer, idle: Callable[[], None]) -> None:
        self._command = command
        self._installer = installer
        self._idle = idle
        self._sound: tuple[object, TorchState] | None = None
        """What was found sound in this session, and by which versions it is known."""

    def state(self, *, again: bool = False) -> TorchState:
        """Whether a run can start. At once where this installation was found sound before, unless `again`."""
        versions = tuple(_version(package) for package in ("torch", "safetensors", "numpy"))
        if not again and self._sound is not None and self._sound[0] == versions:
            return self._sound[1]
        state = self._probe()
        self._sound = (versions, state) if state.ok else None
        return state

    def suspects(self, exitCode: int | None) -> bool:
        """Whether a failed run may be the installation's fault: packages not found, or the process crashed."""
        return exitCode is None or exitCode == MISSING_PACKAGE or not 0 <= exitCode <= 255

    def offer(self, state: TorchState) -> Offer | TorchState:
        """What to ask about a state that is not ok; the state with another sentence if nothing can be done."""
        if state.needs_torch and state.kind != "missing" and "torch" in sys.modules:
            sentence = f"{state.sentence[:-1]}, but another module of Slicer uses it: restart Slicer, then try again."
            return replace(state, sentence=sentence)
        if state.kind == "broken" and not (state.torch or state.needs_torch):
            return state  # it could not even be looked at, which no installation mends
        try:
            steps = self._installer.torchSteps(TORCH) if state.needs_torch else []
        except ModuleNotFoundError as error:
            if error.name != "PyTorchUtils":
                raise
            return replace(state, sentence=f"{state.sentence} {MISSING_EXTENSION}")
        if steps is None:
            return Offer(_question(state, stands_still=True), None)
        if state.kind == "broken" and state.needs_torch:
            removal = ("-m", "pip", "uninstall", "--yes", "torch", "torchvision")
            steps = [Step("Removing the broken PyTorch...", removal), *steps]
        if packages := self._further(state):
            steps = [*steps, Step("Installing safetensors...", ("-m", "pip", "install", *packages))]
        return Offer(_question(state, stands_still=False), tuple(steps))

    def installation(self, steps: Sequence[Step]) -> Installation:
        """What follows the steps of an offer."""
        return Installation(self._command.python, steps)

    def installStandingStill(self, state: TorchState) -> TorchState:
        """Install with Slicer's own means, which blocks it; returns the outcome."""
        why = ""
        try:
            if state.kind == "broken":
                self._installer.uninstallTorch()
            self._installer.installTorch(TORCH)
            if packages := self._further(state):
                self._installer.pipInstall(*packages)
        except Exception as error:  # noqa: BLE001 - whatever installing raises, a new probe tells what came of it
            why = f"{type(error).__name__}: {error}"
        return self.outcome(why)

    def outcome(self, log: str) -> TorchState:
        """The state after an installation that told `log`, with what to do if it is not ok."""
        state = self.state(again=True)
        if state.ok:
            return state
        sentence = (
            f"{state.sentence[:-1]}, and installing it did not succeed: check the internet connection and the free "
            "disk space, restart Slicer and try again, or install by hand."
        )
        detail = f"{log[-4000:]}\n{state.detail}\n{self.offlineInstructions()}".strip()
        return replace(state, sentence=sentence, detail=detail)

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

    def _further(self, state: TorchState) -> list[str]:
        """What pip has to install besides PyTorch."""
        version = _version("safetensors")
        if state.needs_torch and version and not older_than(version, SAFETENSORS):
            return []
        again = ["--force-reinstall"] if state.kind == "broken" and not state.needs_torch else []
        # Its optional dependencies are frameworks, which must come through the PyTorch extension.
        return [f"safetensors{SAFETENSORS}", "--no-deps", *again]

    def _probe(self) -> TorchState:
        try:
            folder = RunFolder()
        except OSError as error:
            sentence = f"No temporary folder could be made ({error.strerror}); check the disk and its permissions."
            return TorchState("broken", sentence, str(error))
        try:
            return self._probe_in(folder)
        finally:
            folder.remove()

    def _probe_in(self, folder: RunFolder) -> TorchState:
        environment = {**self._command.environment(), **folder.environment}
        try:
            process = start_process([self._command.python, "-m", PROBE], environment, folder.empty)
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


def _question(state: TorchState, *, stands_still: bool) -> str:
    if not state.needs_torch:
        return f"{state.sentence}\n\nInstall it now? It is a small download."
    how = "Remove it and install it again" if state.kind == "broken" else "Install it now"
    slow = "Slicer's window stands still meanwhile." if stands_still else "You can go on working, or cancel it."
    return (
        f"{state.sentence}\n\n{how}, with the small package safetensors where that is missing? The download has some "
        f"hundred megabytes to several gigabytes and takes some minutes. {slow}"
    )


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return ""


def _last_object(text: str) -> dict[str, object] | None:
    from anofpdm.core.json_text import parse_json

    for line in reversed(text.splitlines()):
        if line.startswith("{"):
            try:
                found = parse_json(line)
            except ValueError:
                return None
            return found if isinstance(found, dict) else None
    return None
