"""The one-slice-a-patient archive of the Stroke Outcome Optimization Project (OpenNeuro ds004889).

`soop_flair_axial.npz` holds the arrays `subject` [N], `split` [N], `flair` uint8 [N, 189, 157] and
`lesion` bool: axial, 1 mm, rows anterior to posterior, at about z = 18 mm of MNI space, skull-stripped.
Everything else reads volumes, so each slice is written as a NIfTI file of one slice with its geometry.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import SimpleITK as sitk

from ..core.array_archive import DamagedArchiveError, open_arrays
from ..core.errors import InputError, OutputError
from ..core.replaced_file import replaced_file
from ..volumes.value_stream import LARGEST_IMAGE_VOXELS
from .manifest import SPLITS, ManifestRow

ARCHIVE = "soop_flair_axial.npz"
FEW_LESION_PIXELS = 20
"""Slices with a lesion smaller than this are left out: neither label would be sure."""
HEIGHT_MM = 18.0
MARGIN_PX = 16
"""Air around the picture, which the brain nearly touches."""


def soop_slices(root: Path, output: Path) -> list[ManifestRow]:
    """Write the archive's slices and masks into the folder `output`; files that are there are kept.

    Raises InputError, OutputError.
    """
    arrays = _read(root / ARCHIVE)
    subjects, splits = [str(s) for s in arrays["subject"]], [str(s) for s in arrays["split"]]
    pixels = arrays["lesion"].reshape(len(subjects), -1).sum(axis=1)
    rows = []
    try:
        output.mkdir(parents=True, exist_ok=True)
        for n, (subject, name) in enumerate(zip(subjects, splits, strict=True)):
            split = next((s for s in SPLITS if s == name), None)
            if split is None or Path(subject).name != subject:
                raise InputError(f"{root / ARCHIVE} names the split '{name}' or the subject '{subject}'.")
            if 0 < pixels[n] < FEW_LESION_PIXELS:
                continue
            image, mask = output / f"{subject}_flair.nii.gz", output / f"{subject}_lesion.nii.gz"
            _write_slice(image, arrays["flair"][n])
            _write_slice(mask, arrays["lesion"][n].astype(np.uint8))
            rows.append(ManifestRow(subject, split, (image,), 0, bool(pixels[n]), slices=1, mask=mask))
    except (OSError, RuntimeError) as error:
        raise OutputError(f"The slices cannot be written to {output}; check the folder and the disk.") from error
    return rows


def _read(path: Path) -> dict[str, npt.NDArray[Any]]:
    try:
        with open_arrays(path) as archive:
            # Only as much as so many voxels of one byte have.
            arrays = {
                name: archive.read(name, LARGEST_IMAGE_VOXELS) for name in ("subject", "split", "flair", "lesion")
            }
    except FileNotFoundError as error:
        raise InputError(f"There is no {path.name} in {path.parent}; check the path.") from error
    except (OSError, DamagedArchiveError) as error:
        raise InputError(f"{path} is damaged or not the archive that this layout expects; copy it again.") from error
    if any(not array.ndim for array in arrays.values()):
        raise InputError(f"{path} holds single values where lists are expected; copy it again.")
    count = len(arrays["subject"])
    fits = arrays["flair"].ndim == 3 and arrays["flair"].shape == arrays["lesion"].shape
    if not fits or {len(array) for array in arrays.values()} != {count}:
        raise InputError(f"{path} holds arrays that do not fit together; copy it again.")
    return arrays


def _write_slice(path: Path, plane: npt.NDArray[Any]) -> None:
    if path.exists():
        return
    padded = np.pad(plane, MARGIN_PX)[None]
    image = sitk.GetImageFromArray(padded)
    height, width = padded.shape[1:]
    image.SetOrigin((-(width - 1) / 2, -(height - 1) / 2, HEIGHT_MM))
    # Under another name first: a file that is there must be whole.
    with replaced_file(path) as partial:
        sitk.WriteImage(image, str(partial), useCompression=True)
