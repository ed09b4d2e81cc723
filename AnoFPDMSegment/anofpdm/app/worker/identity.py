"""Which engine a worker must be: the one beside this package, in the version that is loaded."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from .events import Started


@dataclass(frozen=True)
class EngineIdentity:
    """Version and place of the package `anofpdm`."""

    version: str
    package: Path

    @classmethod
    def of_this_process(cls) -> EngineIdentity:
        """The engine as imported here, which needs nothing but Python."""
        import anofpdm

        return cls(anofpdm.__version__, Path(anofpdm.__file__).resolve().parent)

    def mismatch(self, started: Started) -> str:
        """Why the worker is not this engine, in a sentence; empty if it is."""
        if not _same_place(self.package, started.package):
            return (
                f"Another copy of anofpdm was started ({started.package}); remove it from Slicer's Python, "
                "then try again."
            )
        if started.version != self.version:
            return (
                f"The extension was updated while Slicer runs (version {self.version} is loaded, {started.version} "
                "installed); restart Slicer."
            )
        return ""


def _same_place(ours: Path, theirs: str) -> bool:
    try:
        return ours.samefile(theirs)
    except (OSError, ValueError):
        return False
