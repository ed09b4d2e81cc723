"""Starting a process so that all it starts can be ended with it.

The interpreter of Slicer is started by a launcher: ending the launcher alone would leave the worker behind.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path


def start_process(command: Sequence[str], environment: Mapping[str, str], folder: Path) -> subprocess.Popen[bytes]:
    """Start `command` in `folder` with pipes as standard streams, without a console window. Raises OSError."""
    return subprocess.Popen(
        list(command),
        env=dict(environment),
        cwd=folder,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        # A session of its own: its process group is the whole tree.
        start_new_session=sys.platform != "win32",
        creationflags=_WITHOUT_WINDOW,
    )


def end_process_tree(process: subprocess.Popen[bytes]) -> None:
    """End `process` and everything it has started, at once."""
    if sys.platform == "win32":
        # The tree can be walked only while its root is there.
        if process.poll() is None:
            call = ["taskkill", "/F", "/T", "/PID", str(process.pid)]
            with contextlib.suppress(OSError, subprocess.TimeoutExpired):
                subprocess.run(call, capture_output=True, timeout=10, check=False, creationflags=_WITHOUT_WINDOW)
    else:
        # The group outlives its leader, whose number is not given away while any of its members runs.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
    with contextlib.suppress(OSError):
        process.kill()


_WITHOUT_WINDOW: int = getattr(subprocess, "CREATE_NO_WINDOW", 0)
