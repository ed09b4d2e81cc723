"""Which files are volumes, by the ending of their names."""

from __future__ import annotations

from pathlib import Path

IMAGE_IO_BY_ENDING = {
    ".nii": "NiftiImageIO",
    ".nii.gz": "NiftiImageIO",
    ".nrrd": "NrrdImageIO",
    ".nhdr": "NrrdImageIO",
    ".mha": "MetaImageIO",
    ".mhd": "MetaImageIO",
}
DICOM_ENDINGS = (".dcm", ".ima")


def has_dicom_mark(path: Path) -> bool:
    """Whether a file begins as DICOM files do, whatever it is called. Raises OSError."""
    with path.open("rb") as stream:
        return stream.read(132)[128:] == b"DICM"
