"""A head at two dates: its lesions are there when they should be, and lie where the pose puts them."""

from __future__ import annotations

import numpy as np
import pytest
import SimpleITK as sitk
import torch
from rendered_samples import phantom_head

from anofpdm.synthetic.head_pair import Course, HeadPose, PairedHead, render_pair, scan
from anofpdm.synthetic.lesion_kinds import Plan
from anofpdm.synthetic.slab import Slab

SLAB = Slab(matrix=96, pixel_mm=2.5, slices=24, spacing_mm=6.0, thickness_mm=6.0, planes=1)
COURSES = (
    Course(None, Plan("ovoid", 4.0, 0.8)),
    Course(Plan("ovoid", 3.0, 0.8), Plan("ovoid", 12.0, 0.8)),
    Course(Plan("ovoid", 40.0, 0.8), Plan("ovoid", 40.0, 0.8), parted=(0,)),
)


@pytest.fixture(scope="module")
def pair() -> PairedHead:
    torch.set_num_threads(1)
    return render_pair(phantom_head(), COURSES, 2)


def test_lesions_come_and_grow(pair: PairedHead) -> None:
    pose = HeadPose((5.0, -4.0, 6.0), (6.0, -4.0, 3.0))
    before, after = scan(pair, 0, HeadPose(), SLAB, 1), scan(pair, 1, pose, SLAB, 2)
    assert before.image.GetSize() == after.image.GetSize() == (96, 96, 24)
    assert not before.lesions[0].any() and after.lesions[0].any()
    assert after.lesions[1].sum() > 2 * before.lesions[1].sum() > 0
    for scanned in (before, after):
        values = sitk.GetArrayFromImage(scanned.image).astype(float)
        here = np.any(scanned.lesions, axis=0)
        assert values[here].mean() > 1.3 * np.median(values[values > 0.3 * values.max()])
    centers = [
        np.argwhere(scanned.lesions[1]).mean(axis=0)[::-1] * (2.5, 2.5, 6.0) + scanned.image.GetOrigin()
        for scanned in (before, after)
    ]
    moved = np.asarray(pose.transform.TransformPoint(centers[0].tolist()))
    assert np.linalg.norm(moved - centers[1]) < 4, "the head moved as a whole"


def test_a_parted_lesion_lies_in_two_where_it_is_parted(pair: PairedHead) -> None:
    before, after = scan(pair, 0, HeadPose(), SLAB, 1), scan(pair, 1, HeadPose(), SLAB, 2)
    masks = [sitk.GetImageFromArray(scanned.lesions[2].astype(np.uint8)) for scanned in (before, after)]
    parts = [sitk.GetArrayFromImage(sitk.ConnectedComponent(mask)) for mask in masks]
    sizes = [sorted(np.bincount(each.ravel())[1:].tolist(), reverse=True) for each in parts]
    assert len(sizes[0]) >= 2 and sizes[0][1] > 0.2 * sizes[0][0], sizes
    assert sum(sizes[0]) < sum(sizes[1]) and sizes[1][0] > 0.95 * sum(sizes[1]), sizes
    gap = after.lesions[2] & ~before.lesions[2]
    values = [sitk.GetArrayFromImage(scanned.image).astype(float)[gap].mean() for scanned in (before, after)]
    assert values[0] < 0.85 * values[1], "it is plain tissue"


def test_a_course_without_room_is_left_out(pair: PairedHead) -> None:
    assert len(pair.courses) == len(pair.extents) == 3
    assert pair.extents[0][0] is None and pair.extents[0][1] is not None
