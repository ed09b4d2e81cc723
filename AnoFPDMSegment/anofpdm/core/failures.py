"""What the user is told about an exception, and the exit status it gives."""

from __future__ import annotations

import os
import traceback

from .errors import AnoFPDMError
from .exit_statuses import CANCELLED, MISSING_PACKAGE, OUT_OF_MEMORY, UNEXPECTED, UNPRINTABLE, UNUSABLE_FILE
from .out_of_memory import is_out_of_memory

DEBUG_VARIABLE = "ANOFPDM_DEBUG"


def describe_failure(error: BaseException) -> tuple[str, int]:
    """One sentence and the exit status; with ANOFPDM_DEBUG set also prints where it happened."""
    if isinstance(error, AnoFPDMError):
        return _one_sentence(str(error)), error.exit_code
    if os.environ.get(DEBUG_VARIABLE):
        traceback.print_exception(error)
    if isinstance(error, KeyboardInterrupt):
        return "The run was cancelled; nothing is left half-written.", CANCELLED
    if is_out_of_memory(error):
        return "Memory ran out; close other programs or use a machine with more memory.", OUT_OF_MEMORY
    if isinstance(error, ImportError):
        package = (error.name or "").partition(".")[0]
        what = f"The Python package '{package}'" if package else "A Python package"
        return f"{what} cannot be imported ({_shortened(error)}); install it, then try again.", MISSING_PACKAGE
    if isinstance(error, OSError) and error.filename and error.strerror:
        name = os.fsdecode(error.filename) if isinstance(error.filename, str | bytes) else str(error.filename)
        return f"{name[:200]} cannot be used ({error.strerror}); check the path and its permissions.", UNUSABLE_FILE
    if isinstance(error, OSError) and error.strerror:
        # Without a name it is a stream: results and models are written by functions that say what failed.
        return f"Printing failed ({error.strerror}); check what standard output is redirected to.", UNPRINTABLE
    return (
        f"An unexpected error ended the run ({type(error).__name__}: {_shortened(error)}); set {DEBUG_VARIABLE}=1 for "
        "details and report it.",
        UNEXPECTED,
    )


def _one_sentence(text: str) -> str:
    """A heading and a list below it, as mistakes in a table come, in one line."""
    head, *entries = text.splitlines() or [""]
    return text if not entries else f"{head} {'; '.join(entries)}."


def _shortened(error: BaseException) -> str:
    return " ".join(str(error).split())[:300]
