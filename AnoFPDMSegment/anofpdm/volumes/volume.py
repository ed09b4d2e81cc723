"""A volume as it was read, with what its file left open."""

from __future__ import annotations

from dataclasses import dataclass

import SimpleITK as sitk


@dataclass(frozen=True)
class Volume:
    """A scalar 3-D image and how its file was understood."""

    image: sitk.Image
    warnings: tuple[str, ...] = ()
    """One sentence each, whose subject ("The flair image") is left out: a path must not get into results."""
    side_known: bool = True
    """Whether the file tells the patient's left from right without contradicting itself."""
    skipped: tuple[str, ...] = ()
    """Names of files beside it that are no part of it."""
