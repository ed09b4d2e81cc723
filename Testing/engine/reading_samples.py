"""An oblique volume to be read, and how a refusal to read something must look."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from base_head import affine_of, values_of
from volume_makers import head_like, make_image, rotation

from anofpdm.core.errors import InputError
from anofpdm.volumes.reading import read_noted_volume, read_volume

SPACING = (1.5, 1.5, 5.0)
ORIGIN = (-30.0, -20.0, 10.0)
OBLIQUE = rotation((1, 2, 3), 17)
PATIENT_DATA = ("SECRET", "19010203", "1.2.826")


def oblique_image() -> sitk.Image:
    """`head_like` at a place of its own."""
    return make_image(head_like(), SPACING, ORIGIN, OBLIQUE)


def refused(path: Path, words: str) -> str:
    """Assert that reading fails with one sentence that names the path and holds `words`; return it."""
    with pytest.raises(InputError) as caught:
        read_volume(path, "flair")
    message = str(caught.value)
    assert message.startswith(f"The flair image {path} ")
    assert words in message
    assert message.endswith((".", "?"))
    assert "\n" not in message
    assert not any(secret in message for secret in PATIENT_DATA)
    return message


def saved(image: sitk.Image, path: Path, compress: bool = False) -> Path:
    sitk.WriteImage(image, str(path), compress)
    return path


def is_image(path: Path, expected: sitk.Image, tolerance: float = 0.0) -> None:
    """Assert that the file is read as this image, and that there is nothing to warn of."""
    volume = read_noted_volume(path, "flair")
    np.testing.assert_allclose(affine_of(volume.image), affine_of(expected), atol=1e-3)
    np.testing.assert_allclose(values_of(volume.image), values_of(expected), atol=tolerance)
    assert volume.warnings == () and volume.side_known
