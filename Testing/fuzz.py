"""Damaged inputs of every format, as many as are asked for: python Testing/fuzz.py --inputs N [--seed S].

Prints how many were read and how many refused, and every input that ended otherwise: in a traceback, a crash, a hang,
for lack of memory, with files left behind or in words that are no sentence. The exit status is 1 if there was one.
`--inputs 1 --first N` tries input N of a seed alone.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent


def main() -> int:
    """Run the command with the project's folders on Python's path."""
    sys.path[:0] = [str(HERE / name) for name in ("../AnoFPDMSegment", "engine", "fuzz")]
    # Before anything loads a numerical library: a child is a single thread.
    os.environ["OMP_NUM_THREADS"] = "1"
    from command import run_command

    return run_command(__doc__)


if __name__ == "__main__":
    sys.exit(main())
