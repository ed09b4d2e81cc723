"""A drawn head with a lesion, its twin without it and the lesion, as files: what tests detect in.

Written once in a process, into a folder that goes with it.
"""

from __future__ import annotations

import atexit
import functools
import shutil
import tempfile
from pathlib import Path

import numpy as np
import SimpleITK as sitk
from phantom import phantom_volume

SEED = 169
SIZE, SPACING_MM = (160, 160, 28), (1.5, 1.5, 5.0)
ORIGIN_LPS_MM, DIRECTION_LPS = (121.3, 96.8, -48.2), (-1.0, 0.0, 0.0, 0.0, -1.0, 0.0, 0.0, 0.0, 1.0)
"""The array's axes run to the right, to the front and up (RAS); the engine must turn them over."""


@functools.cache
def phantom_samples() -> Path:
    """The folder that holds phantom_lesion.nii.gz, phantom_no_lesion.nii.gz and phantom_lesion_mask.nii.gz."""
    folder = Path(tempfile.mkdtemp(prefix="anofpdm-phantom-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    unhealthy, healthy = (
        phantom_volume(SEED, lesion=lesion, size=SIZE, spacing_mm=SPACING_MM) for lesion in (True, False)
    )
    for name, values in (
        ("lesion", np.rint(unhealthy.image * 500)),
        ("no_lesion", np.rint(healthy.image * 500)),
        ("lesion_mask", unhealthy.lesion),
    ):
        image = sitk.GetImageFromArray(np.ascontiguousarray(values[:, ::-1, ::-1].astype(np.int16)))
        image.SetSpacing(SPACING_MM)
        image.SetOrigin(ORIGIN_LPS_MM)
        image.SetDirection(DIRECTION_LPS)
        sitk.WriteImage(image, str(folder / f"phantom_{name}.nii.gz"), useCompression=True)
    return folder
