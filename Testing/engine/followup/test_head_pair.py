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


def test_a_course_without_room_is_left_out(pair: PairedHead) -> None:
    assert len(pair.courses) == len(pair.extents) == 2
    assert pair.extents[0][0] is None and pair.extents[0][1] is not None
