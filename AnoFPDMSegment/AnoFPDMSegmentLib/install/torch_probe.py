"""Run in a process of its own (`python -m AnoFPDMSegmentLib.install.torch_probe`): can it compute?

A damaged installation may raise anything, print anything or crash. One JSON object is the last line printed.
"""

from __future__ import annotations

import json
import sys
from importlib import metadata


def probe() -> dict[str, object]:
    """What is installed, why it cannot be used, and on which device it computes."""
    found: dict[str, object] = {"torch": _version("torch"), "safetensors": _version("safetensors")}
    try:
        import numpy as np
        import torch

        # A torch built for another generation of numpy imports well and fails here.
        if torch.from_numpy(np.ones(3)).sum().item() != 3:
            raise RuntimeError("a sum came out wrong")
        found["torch"] = str(torch.__version__)
    except BaseException as error:  # noqa: BLE001 - even SystemExit says that it cannot be used
        found["torch_error"] = _told(error)
        return found
    try:
        import safetensors.torch  # noqa: F401
    except BaseException as error:  # noqa: BLE001
        found["safetensors_error"] = _told(error)
        return found
    try:
        from anofpdm.core.device import choose_device

        device = choose_device("auto")
        found |= {"device": device.name, "device_warning": device.warning}
    except BaseException as error:  # noqa: BLE001
        found["torch_error"] = _told(error)
    return found


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _told(error: BaseException) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())[:500]


if __name__ == "__main__":
    print(f"\n{json.dumps(probe())}", flush=True)
    sys.exit(0)
