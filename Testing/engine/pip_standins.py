"""`pip` and `light_the_torch` of a few lines, found by child processes before the real ones."""

from __future__ import annotations

from pathlib import Path

_MAIN = """
import json, os, sys, time
from pathlib import Path
with open({calls!r}, "a") as file:
    file.write(json.dumps(["{name}", *sys.argv[1:], os.environ.get("PIP_PROGRESS_BAR", "")]) + chr(10))
print("from", os.environ["TMPDIR"])
{code}
"""


class PipStandins:
    """Their calls are written down; what else they do, tests say."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._calls = folder / "calls.txt"
        folder.mkdir(exist_ok=True)
        self.put("pip", "")
        self.put("light_the_torch", "")

    def put(self, name: str, code: str) -> None:
        """What `python -m name` does."""
        (self.folder / name).mkdir(exist_ok=True)
        (self.folder / name / "__init__.py").write_text("")
        text = _MAIN.format(calls=str(self._calls), name=name, code=code)
        (self.folder / name / "__main__.py").write_text(text)

    @property
    def calls(self) -> list[list[str]]:
        """Each with its name first and PIP_PROGRESS_BAR last."""
        import json

        return [json.loads(line) for line in self._calls.read_text().splitlines()] if self._calls.exists() else []
