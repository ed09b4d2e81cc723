"""What can go wrong, each kind with its exit status.

The message of every error is one sentence for the user that says what to do.
"""

from __future__ import annotations


class AnoFPDMError(Exception):
    """Base of all errors meant for the user."""

    exit_code = 2


class InputError(AnoFPDMError):
    """The image cannot be used."""

    exit_code = 2


class SettingsError(AnoFPDMError):
    """A setting is out of range or does not fit the model."""

    exit_code = 2


class ModelError(AnoFPDMError):
    """The model folder is missing, damaged or does not fit its weights."""

    exit_code = 3


class OutputError(AnoFPDMError):
    """A result could not be written; nothing of it was left behind."""

    exit_code = 4


class OutputInUse(OutputError):
    """Another run writes to the folder."""


class DiskFull(OutputError):
    """There is no space left, for this result and any other."""


class EvidenceError(AnoFPDMError):
    """A stored result is damaged, foreign or of another version."""

    exit_code = 5


class ResourceError(AnoFPDMError):
    """Memory ran out even for a single slice."""

    exit_code = 6


WITHHELD = 7
"""Exit status, not of an error: the gate withholds what was found, and all else is written."""


class Cancelled(AnoFPDMError):
    """The user ended the run."""

    exit_code = 130
