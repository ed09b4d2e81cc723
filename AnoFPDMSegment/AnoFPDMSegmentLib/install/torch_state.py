"""Whether Slicer's Python can compute, as its probe found it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from .requirements import SAFETENSORS, TORCH

Kind = Literal["ok", "missing", "too old", "broken"]


@dataclass(frozen=True)
class TorchState:
    """`sentence` says what is wrong, `detail` why, for the log."""

    kind: Kind
    sentence: str
    detail: str = ""
    torch: str = ""
    """The version of PyTorch; empty if it is missing."""
    device: str = ""
    """What `auto` computes on; a GPU has passed a real operation."""
    device_warning: str = ""
    needs_torch: bool = False
    """Whether PyTorch has to be installed, anew if it is there; else safetensors alone."""

    @property
    def ok(self) -> bool:
        """Whether a run can start."""
        return self.kind == "ok"


def read_state(found: Mapping[str, object] | None, detail: str = "") -> TorchState:
    """The state that a probe's answer means; None where it ended without one."""
    if found is None:
        return TorchState("broken", "PyTorch crashes when it is loaded; install it again.", detail, needs_torch=True)
    version, error = str(found.get("torch") or ""), str(found.get("torch_error") or "")
    if not version:
        return TorchState("missing", "PyTorch is not installed; it is needed to compute.", error, needs_torch=True)
    if older_than(version, TORCH):
        sentence = f"PyTorch {version} is too old; {TORCH} is needed."
        return TorchState("too old", sentence, error, version, needs_torch=True)
    if error:
        sentence = f"PyTorch {version} is installed but cannot be used; install it again."
        return TorchState("broken", sentence, error, version, needs_torch=True)
    helper, error = str(found.get("safetensors") or ""), str(found.get("safetensors_error") or "")
    if not helper and error:
        return TorchState("missing", "The small package safetensors is not installed; weights need it.", error, version)
    if helper and older_than(helper, SAFETENSORS):
        return TorchState("too old", f"safetensors {helper} is too old; {SAFETENSORS} is needed.", error, version)
    if error:
        return TorchState("broken", f"safetensors {helper} cannot be used; install it again.", error, version)
    device, warning = str(found.get("device") or ""), str(found.get("device_warning") or "")
    return TorchState("ok", f"PyTorch {version} computes on: {device}.", detail, version, device, warning)


def older_than(version: str, requirement: str) -> bool:
    """Whether `version` lies before the requirement, of the form `>=2.4`."""
    return _numbers(version) < _numbers(requirement.removeprefix(">="))


def _numbers(version: str) -> tuple[int, ...]:
    match = re.match(r"\d+(?:\.\d+)*", version)
    return tuple(int(part) for part in match[0].split(".")) if match else ()
