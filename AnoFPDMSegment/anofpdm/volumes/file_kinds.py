"""Which files are volumes, by the ending of their names."""

from __future__ import annotations

IMAGE_IO_BY_ENDING = {
    ".nii": "NiftiImageIO",
    ".nii.gz": "NiftiImageIO",
    ".nrrd": "NrrdImageIO",
    ".nhdr": "NrrdImageIO",
    ".mha": "MetaImageIO",
    ".mhd": "MetaImageIO",
}
DICOM_ENDINGS = (".dcm", ".ima")
