"""The environment of child processes, in which Python imports nothing from whatever folder is the current one."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

_LISTS_OF_FOLDERS = ("ANOFPDM_MODELS",)


def child_environment(base: Mapping[str, str] | None = None, first: Path | None = None) -> dict[str, str]:
    """The variables of `base` (default: this process's) for a child that is started in another folder.

    first: comes first on Python's path. Relative entries of that path are left out: they would mean the current folder,
    which PYTHONSAFEPATH keeps out from Python 3.11 on. Relative folders of models stay what they mean here.
    """
    variables = dict(os.environ if base is None else base)
    others = [entry for entry in variables.get("PYTHONPATH", "").split(os.pathsep) if Path(entry).is_absolute()]
    variables["PYTHONPATH"] = os.pathsep.join([*([str(first)] if first else []), *others])
    variables["PYTHONSAFEPATH"] = "1"
    variables["PYTHONUNBUFFERED"] = "1"
    variables["PYTHONIOENCODING"] = "utf-8:backslashreplace"
    for name in _LISTS_OF_FOLDERS:
        if name in variables:
            entries = variables[name].split(os.pathsep)
            variables[name] = os.pathsep.join(_absolute(entry) for entry in entries if entry.strip())
    return variables


def _absolute(entry: str) -> str:
    return entry if entry.startswith("~") else str(Path(entry).absolute())
