"""The folder of a child process: what it reads and writes, its temporary files, and an empty folder to start it in."""

from __future__ import annotations

from pathlib import Path


class RunFolder:
    """Made among the private folders of the user (`core.private_folder`), all of it removed at the end."""

    def __init__(self, parent: Path | None = None) -> None:
        """Make it in `parent` (None: the system's temporary folder). Raises OSError."""
        from ...core.private_folder import PrivateFolder

        self._folder = PrivateFolder(parent)
        self.path = self._folder.path
        self.empty = self.path / "empty"
        """To start Python in: it imports from its current folder, which may be anybody's."""
        for folder in (self.empty, self._temporary):
            folder.mkdir()

    @property
    def environment(self) -> dict[str, str]:
        """Variables that keep a child process's temporary files in this folder."""
        return dict.fromkeys(("TMPDIR", "TEMP", "TMP"), str(self._temporary))

    def remove(self) -> None:
        """Remove it; what still is in use goes when an application starts next."""
        self._folder.remove()

    @property
    def _temporary(self) -> Path:
        return self.path / "tmp"
