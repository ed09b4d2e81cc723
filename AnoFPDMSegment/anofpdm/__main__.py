"""`python -m anofpdm` and the command `anofpdm`."""

from __future__ import annotations

import sys


def run() -> int:
    """Run the command line; not even a missing package or an early Ctrl-C ends in a traceback."""
    try:
        from .cli.main import main
    except KeyboardInterrupt:
        print("anofpdm: The run was cancelled; nothing was written.", file=sys.stderr)
        return 130
    except ImportError as error:
        print(f"anofpdm: The installation is not complete ({error}); install anofpdm again.", file=sys.stderr)
        return 69
    return main()


if __name__ == "__main__":
    sys.exit(run())
