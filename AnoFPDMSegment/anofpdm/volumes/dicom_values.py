"""The stored values of a DICOM file's frames, not scaled yet."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pydicom
import SimpleITK as sitk

from ..core.private_folder import PrivateFolder
from .dicom_codestream import check_frames
from .dicom_file import read_dataset
from .dicom_header import DamagedDicomError, quiet_pydicom

SEVERAL_BYTE_FRAMES = "1.2.840.10008.5.1.4.1.1.7.2"
SEVERAL_WORD_FRAMES = "1.2.840.10008.5.1.4.1.1.7.3"
RLE = "1.2.840.10008.1.2.5"
BITS = (8, 16, 32)
_DESCRIPTION = (
    "Rows",
    "Columns",
    "SamplesPerPixel",
    "PhotometricInterpretation",
    "BitsAllocated",
    "BitsStored",
    "HighBit",
    "PixelRepresentation",
)


def stored_values(file: Path) -> npt.NDArray[np.integer[Any]]:
    """All frames of a file in one channel, in its own order: [frames, rows, columns].

    Raises DamagedDicomError, OSError.
    """
    try:
        with quiet_pydicom():
            dataset, _ = read_dataset(file, pixels=True)
            frames = int(dataset.get("NumberOfFrames") or 1)
            if "TransferSyntaxUID" not in dataset.file_meta:
                dataset.file_meta.TransferSyntaxUID = pydicom.uid.ImplicitVRLittleEndian
            syntax = dataset.file_meta.TransferSyntaxUID
            if syntax.is_compressed and syntax != RLE:
                check_frames(dataset.PixelData, int(dataset.Columns), int(dataset.Rows))
                values = _decompressed(dataset, frames)
            else:
                values = _significant(dataset.pixel_array, dataset)
            return values.reshape(frames, int(dataset.Rows), int(dataset.Columns))
    except OSError:
        raise
    except Exception as error:  # damaged pixels fail in as many ways as there are codecs
        raise DamagedDicomError from error


def _significant(values: npt.NDArray[Any], dataset: pydicom.Dataset) -> npt.NDArray[np.integer[Any]]:
    """The bits that hold the value; others may hold anything, as overlays in old files."""
    allocated, stored = int(dataset.BitsAllocated), int(dataset.BitsStored)
    high = int(dataset.get("HighBit", stored - 1))
    if allocated not in BITS or not 0 < stored <= high + 1 <= allocated:
        raise ValueError("impossible bits")
    if stored == allocated:
        return values
    # The sign is the highest stored bit: shifted up to the top and down again.
    return np.asarray((values << (allocated - high - 1)) >> (allocated - stored))


def _decompressed(dataset: pydicom.Dataset, frames: int) -> npt.NDArray[np.integer[Any]]:
    """Through GDCM, which knows the JPEG family, from a file that holds the pixels and nothing else of the patient."""
    plain = pydicom.Dataset()
    plain.preamble = bytes(128)
    plain.file_meta = pydicom.dataset.FileMetaDataset()
    plain.file_meta.TransferSyntaxUID = dataset.file_meta.TransferSyntaxUID
    kind = SEVERAL_BYTE_FRAMES if dataset.BitsAllocated == 8 else SEVERAL_WORD_FRAMES
    plain.file_meta.MediaStorageSOPClassUID = plain.SOPClassUID = pydicom.uid.UID(kind)
    plain.file_meta.MediaStorageSOPInstanceUID = plain.SOPInstanceUID = pydicom.uid.generate_uid()
    for name in _DESCRIPTION:
        if name in dataset:
            setattr(plain, name, dataset[name].value)
    plain.NumberOfFrames = frames
    plain["PixelData"] = dataset["PixelData"]
    with PrivateFolder() as folder:
        copy = folder.path / "pixels.dcm"
        pydicom.dcmwrite(copy, plain)
        reader = sitk.ImageFileReader()
        reader.SetImageIO("GDCMImageIO")
        reader.SetFileName(str(copy))
        image = reader.Execute()
    values = sitk.GetArrayFromImage(image)
    if not np.issubdtype(values.dtype, np.integer):
        raise ValueError("scaled values")
    return np.asarray(values)
