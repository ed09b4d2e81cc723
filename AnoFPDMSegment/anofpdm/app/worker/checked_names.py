"""Names from the files of models, calibrations and scenes, before they become part of a path or of a command line."""

from __future__ import annotations

from pathlib import Path


def checked_modality(name: str) -> str:
    """`name`; raises anofpdm's SettingsError unless it is a plain word."""
    from ...core.errors import SettingsError
    from ...core.names import MODALITY_RULE, is_modality

    if not is_modality(name):
        raise SettingsError(f"'{name}' cannot name a modality; use {MODALITY_RULE}.")
    return name


def checked_name(name: str, what: str) -> str:
    """The same for the name of a calibration or preset (`what`)."""
    from ...core.errors import SettingsError
    from ...core.names import PLAIN_RULE, is_plain_name

    if not is_plain_name(name):
        raise SettingsError(f"'{name}' cannot name a {what}; use {PLAIN_RULE}.")
    return name


def checked_model(model: str) -> str:
    """A model's name as it is; anything else is the path of its folder, made absolute."""
    from ...core.names import is_plain_name

    return model if is_plain_name(model) else str(Path(model).absolute())
