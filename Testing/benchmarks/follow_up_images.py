"""Whether the images themselves show the changes that experts have marked, for the benchmark of follow-ups."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import SimpleITK as sitk

from anofpdm.followup.follow_up import FollowUp
from anofpdm.followup.images import persistence
from anofpdm.volumes.resampling import stack_to_volume


def left_in_images(
    found: FollowUp, images: tuple[sitk.Image, sitk.Image], places: list[npt.NDArray[np.bool_]]
) -> list[float]:
    """Of each place [k, j, i] on the baseline's voxels: how much of what stands out at one date does at the other.

    1 where the images show the same at both dates, or nothing; about 0 where something came or went.
    """
    case = found.baseline.case
    head = stack_to_volume(case.head, case.grid, case.geometry) >= 0.5
    later = sitk.Resample(images[1], images[0], found.transform, sitk.sitkLinear, 0.0, sitk.sitkFloat32)
    dates = [sitk.GetArrayFromImage(each).astype(np.float32) for each in (images[0], later)]
    marked = np.any(places, axis=0) | (found.baseline_labels > 0) | (found.later_labels > 0)
    spacing = case.geometry.spacing
    return [
        min(persistence(place, marked, head, dates[date], dates[1 - date], spacing) for date in (0, 1))
        for place in places
    ]
