"""Which processor computes: asked for, probed with a real operation, and said so when it is another."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

import torch

from .errors import SettingsError
from .out_of_memory import is_out_of_memory
from .precision import Precision

DEVICE_CHOICES = ("auto", "cpu", "cuda", "mps")


@dataclass(frozen=True)
class ChosenDevice:
    """The device in use, its name for people, and a warning when a present GPU could not be used."""

    device: torch.device
    name: str
    warning: str = ""


def choose_device(wanted: str = "auto") -> ChosenDevice:
    """The device for `auto`, `cpu`, `cuda`, `cuda:1`, `mps`.

    A GPU that is there but cannot run a kernel gives way to the CPU with a warning.
    Raises SettingsError for an unknown device or one this machine does not have.
    """
    kind, number = _parse(wanted)
    if kind not in DEVICE_CHOICES:
        raise SettingsError(f"The device '{wanted}' is not known; choose one of {', '.join(DEVICE_CHOICES)}.")
    if kind == "cpu":
        return _cpu()
    present = [name for name in ("cuda", "mps") if _present(name)]
    if kind == "auto":
        if not present:
            return _cpu()
        wanted = present[0]
    elif kind not in present:
        raise SettingsError(f"This machine has no usable '{kind}' device; use --device auto or --device cpu.")
    if number is not None and number >= _count(kind):
        raise SettingsError(f"This machine has {_count(kind)} '{kind}' device(s), numbered from 0, so no '{wanted}'.")
    try:
        device = torch.device(wanted)
        _probe(device)
    except (RuntimeError, NotImplementedError) as error:
        return _fallback(wanted, error)
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else "Apple GPU (MPS)"
    return ChosenDevice(device, name)


def confirm_device(chosen: ChosenDevice, evaluate: Callable[[], object]) -> ChosenDevice:
    """`chosen` if the network runs there, else the CPU with a warning.

    Args:
        evaluate: one real evaluation of the network on that device, waited for.

    The small operation of `choose_device` passes on devices that lack a kernel, or a precision, which the
    network needs. Memory that runs out is no reason to leave the device: the run tries smaller batches.
    """
    try:
        evaluate()
    except RuntimeError as error:
        if not is_out_of_memory(error):
            return _fallback(str(chosen.device), error)
    return chosen


def fastest_precision(device: torch.device) -> Precision:
    """In which precision the device computes fastest."""
    return "bfloat16" if _has_bfloat16_units(device) else "float32"


def _has_bfloat16_units(device: torch.device) -> bool:
    if device.type == "cuda":
        return torch.cuda.get_device_capability(device) >= (8, 0)
    if device.type != "cpu" or not torch.backends.mkldnn.is_available():  # type: ignore[no-untyped-call]
        return False
    # Not in every supported version of torch, and older ones know only one of the two.
    checks = (getattr(torch.cpu, name, None) for name in ("_is_avx512_bf16_supported", "_is_amx_tile_supported"))
    return any(check() for check in checks if check is not None)


def _fallback(wanted: str, error: Exception) -> ChosenDevice:
    reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
    return ChosenDevice(
        torch.device("cpu"),
        "CPU",
        f"The device '{wanted}' is present but cannot run this network ({reason}); the CPU is used instead.",
    )


def _parse(wanted: str) -> tuple[str, int | None]:
    """Kind and number; the kind is empty where this is no name of a device."""
    match = re.fullmatch(r"(auto|cpu|cuda|mps)|(cuda):([0-9]{1,3})", wanted)
    if match is None:
        return "", None
    return match[1] or match[2], int(match[3]) if match[3] else None


def _count(kind: str) -> int:
    return torch.cuda.device_count() if kind == "cuda" else 1


def _present(kind: str) -> bool:
    return torch.cuda.is_available() if kind == "cuda" else torch.backends.mps.is_available()


def _probe(device: torch.device) -> None:
    weight = torch.ones(4, 4, 3, 3, device=device)
    image = torch.ones(1, 4, 8, 8, device=device)
    result = torch.nn.functional.conv2d(image, weight, padding=1).sum().item()
    if not result > 0:
        raise RuntimeError("a test convolution gave a wrong result")


def _cpu() -> ChosenDevice:
    return ChosenDevice(torch.device("cpu"), f"CPU ({torch.get_num_threads()} threads)")
