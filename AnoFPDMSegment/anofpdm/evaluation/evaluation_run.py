"""One evaluation as methods see it. Torch-free."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from ..core.progress import CancelToken
from ..datasets.manifest import Split
from ..datasets.slice_cache import SliceCache
from ..store.model_folder import ModelFolder
from .method_output import MethodInput

Report = Callable[[str, float, int], None]
"""`report(what, slices done, slices)`."""
Kept = TypeVar("Kept")


@dataclass(frozen=True)
class EvaluationRun:
    """`folder`: the model that is measured, whose grid the slices lie on."""

    folder: ModelFolder
    cache: SliceCache
    given: MethodInput
    splits: tuple[Split, ...]
    kept_folder: Path
    """What the network computed is kept there."""
    device: str
    """As asked for."""
    seed: int = 0
    batch_size: int | None = None
    report: Report | None = None
    cancel: CancelToken = field(default_factory=CancelToken)
    _kept: dict[str, Any] = field(default_factory=dict)

    def kept(self, what: str, make: Callable[[], Kept]) -> Kept:
        """The one thing of that name which several methods of this evaluation use, such as a loaded network."""
        if what not in self._kept:
            self._kept[what] = make()
        found: Kept = self._kept[what]
        return found
