"""A head that lies otherwise in a second image is found again; another head is not taken for it."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import SimpleITK as sitk
from base_head import BASE_HEAD

from anofpdm.core.errors import Cancelled, InputError
from anofpdm.core.progress import CancelToken
from anofpdm.followup.likeness import SAME_HEAD, check_same_head, likeness
from anofpdm.followup.registration import HeadImage, register
from anofpdm.synthetic.head_pair import HeadPose
from anofpdm.volumes.head import find_head
from anofpdm.volumes.reading import read_volume

CORNERS = list(itertools.product((-50.0, 50.0), (-60.0, 60.0), (-40.0, 40.0)))


@pytest.fixture(scope="module")
def head() -> HeadImage:
    image = read_volume(BASE_HEAD, "flair")
    return HeadImage(image, find_head(image, "flair").mask)


def moved(head: HeadImage, pose: HeadPose) -> tuple[HeadImage, sitk.Euler3DTransform]:
    """The head on its own grid after a motion about the grid's middle, and where its points went."""
    there = sitk.Euler3DTransform(pose.transform)
    size = head.image.GetSize()
    there.SetCenter(head.image.TransformContinuousIndexToPhysicalPoint([(n - 1) / 2 for n in size]))
    back = there.GetInverse()
    image = sitk.Resample(head.image, head.image, back, sitk.sitkLinear, 0.0)
    return HeadImage(image, sitk.Resample(head.mask, head.mask, back, sitk.sitkNearestNeighbor, 0)), there


def test_the_head_is_found_where_it_was_moved_to(head: HeadImage) -> None:
    other, true = moved(head, HeadPose((9.0, -6.0, 8.0), (12.0, -14.0, 6.0)))
    brighter = HeadImage(other.image * 3 + 50, other.mask)
    found = register(head, brighter)
    middle = np.asarray(true.GetCenter())
    errors = [
        np.linalg.norm(
            np.subtract(found.TransformPoint((middle + c).tolist()), true.TransformPoint((middle + c).tolist()))
        )
        for c in CORNERS
    ]
    assert np.mean(errors) < 2.5, "of voxels of 3 x 3 x 5 mm"
    assert likeness(head, brighter, found) > SAME_HEAD
    check_same_head(likeness(head, brighter, found))
    assert register(head, brighter).GetParameters() == found.GetParameters()


def test_another_head_is_refused(head: HeadImage) -> None:
    """Upside down nothing inside fits, wherever it is laid."""
    values = sitk.GetArrayFromImage(head.image)[::-1].copy()
    image = sitk.GetImageFromArray(values)
    image.CopyInformation(head.image)
    mask = sitk.GetImageFromArray(sitk.GetArrayFromImage(head.mask)[::-1].copy())
    mask.CopyInformation(head.mask)
    other = HeadImage(image, mask)
    with pytest.raises(InputError, match="do not seem to show the same head"):
        check_same_head(likeness(head, other, sitk.Euler3DTransform()))


def test_heads_that_do_not_overlap_are_refused_and_a_cancelled_run_ends(head: HeadImage) -> None:
    nothing = HeadImage(head.image, head.mask * 0)
    with pytest.raises(InputError, match="hardly overlap"):
        register(head, nothing)
    cancel = CancelToken()
    cancel.cancel()
    with pytest.raises(Cancelled):
        register(head, head, cancel)
