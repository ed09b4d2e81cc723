"""How a method is calibrated from image-level labels, as part of its contract. Torch-free."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..core.output_set import check_output_directory
from ..core.private_folder import PrivateFolder
from ..core.progress import CancelToken
from ..core.reporting import Reporter
from ..datasets.manifest import Manifest, Split, read_manifest
from ..store.user_calibrations import check_can_store

if TYPE_CHECKING:
    from ..datasets.slice_cache import SliceCache
    from ..store.model_folder import ModelFolder


@dataclass(frozen=True)
class CalibrationTask:
    """What `calibrate` was asked for."""

    folder: ModelFolder
    table: Path
    """Of slices with image-level labels."""
    reporter: Reporter
    cancel: CancelToken
    split: Split = "val"
    name: str | None = None
    """The user's, of the new calibration; None: it becomes the model's own."""
    replace: bool = False
    """An earlier one of that name."""
    cache: Path | None = None
    """For prepared slices; None: a temporary one."""
    device: str = "auto"
    values: Mapping[str, Any] = field(default_factory=dict)
    """Of the method's options for it that were given, by name."""

    @property
    def source(self) -> str:
        """The slices, in words."""
        return f"{self.table.name}, split {self.split}"

    def check_place(self) -> None:
        """Find out before the long run whether its outcome could be written; leaves no trace. Raises SettingsError or
        OutputError."""
        if self.name is None:
            check_output_directory(self.folder.path)
        else:
            check_can_store(self.folder.weights_sha256, self.name, replace=self.replace)

    def manifest(self) -> Manifest:
        """The table, read for the model. Raises InputError, also unless the split holds both labels."""
        manifest = read_manifest(self.table, self.folder.config.modalities, both_labels_in=(self.split,))
        self.cancel.raise_if_cancelled()
        return manifest

    @contextlib.contextmanager
    def slices(self, manifest: Manifest) -> Iterator[SliceCache]:
        """The prepared slices, for as long as the block lasts; without a lasting folder those of the split alone.

        Raises as `build_slice_cache` does.
        """
        from ..datasets.build_slice_cache import build_slice_cache

        with PrivateFolder() as temporary:
            self.reporter.stage("preparing")
            place = self.cache
            if place is None:
                place = temporary.path / "slices"
                manifest = dataclasses.replace(manifest, rows=manifest.of_split(self.split).rows)
            yield build_slice_cache(manifest, self.folder.config, place, cancel=self.cancel, brains=False)
