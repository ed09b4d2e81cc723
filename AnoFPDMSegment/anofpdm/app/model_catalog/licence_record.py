"""Which licences the user has acknowledged, once for each model."""

from __future__ import annotations

from pathlib import Path

from ..user_file import read_record, write_record
from .catalog_model import CatalogModel


class LicenceRecord:
    """Kept in a small file of the user; where that cannot be written the question comes again."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def needed(self, model: CatalogModel) -> bool:
        """Whether the licence must be acknowledged before the first run: non-commercial ones, once for its weights."""
        if model.config is None or not model.config.non_commercial:
            return False
        return read_record(self._path).get(model.weights_sha256) != model.config.licence

    def acknowledge(self, model: CatalogModel) -> None:
        """The user has agreed to the licence of this model."""
        if model.config is not None:
            write_record(self._path, {**read_record(self._path), model.weights_sha256: model.config.licence})
