"""The list of models and what can be done with them."""

from __future__ import annotations

import dataclasses
from collections import Counter
from pathlib import Path

from ..user_file import user_file
from .catalog_model import CatalogModel
from .licence_record import LicenceRecord


class ModelCatalog:
    """Models where `anofpdm` looks for them. Every failure is an AnoFPDMError, its message a sentence."""

    def __init__(self, licences: LicenceRecord | None = None) -> None:
        self.licences = licences or LicenceRecord(user_file("licences.json"))

    def models(self) -> list[CatalogModel]:
        """Every model found, sorted by name. Weights are not read."""
        from ...store.model_search import list_models

        found = [self._entry(entry.name, entry.path, entry.error) for entry in list_models()]
        times = Counter(model.title for model in found)
        return [dataclasses.replace(model, namesake=times[model.title] > 1) for model in found]

    def default_name(self) -> str:
        """The model to begin with; empty if the list leaves it open."""
        from ...core.errors import ModelError
        from ...store.model_search import default_model_name

        try:
            return default_model_name()
        except ModelError:
            return ""

    def add(self, source: Path) -> CatalogModel:
        """Copy a model folder, or a zip file of one, to the user's models, if its weights are its network's."""
        from ...store.model_install import install_model
        from ...store.weights_file import check_weights_file

        folder = install_model(source, check=check_weights_file)
        return self._entry(folder.config.name, folder.path)

    def remove(self, model: CatalogModel) -> None:
        """Delete one of the user's models."""
        from ...store.model_install import remove_model

        remove_model(model.name)

    def verify(self, model: CatalogModel) -> str:
        """Check every file against its checksum, and the weights against the network; returns a sentence."""
        from ...methods.registry import find_method
        from ...store.model_folder import open_model_folder
        from ...store.weights_file import check_weights_file

        folder = open_model_folder(model.folder)
        check_weights_file(folder)
        notes = find_method(folder.config.method).check_model(folder)
        return " ".join([f"All {len(folder.checksums)} files of {model.name} are sound.", *notes])

    def check_calibration_name(self, name: str) -> None:
        """Raises SettingsError unless the user's calibrations can be named so."""
        from ...store.user_calibrations import check_name

        check_name(name)

    def _entry(self, name: str, path: Path, error: str = "") -> CatalogModel:
        from ...core.errors import AnoFPDMError
        from ...methods.registry import find_method
        from ...store.model_folder import open_model_folder
        from ...store.model_search import user_folder

        entry = CatalogModel(name, path, removable=path.parent == user_folder(), error=error)
        if error:
            return entry
        try:
            folder = open_model_folder(path, verify_weights=False)
            return dataclasses.replace(
                entry,
                config=folder.config,
                card=folder.model_card,
                weights_sha256=folder.weights_sha256,
                calibrations={
                    name: tuple(presets) for name, presets in find_method(folder.config.method).presets(folder).items()
                },
            )
        except AnoFPDMError as reason:
            return dataclasses.replace(entry, error=str(reason))
