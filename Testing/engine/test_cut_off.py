"""Slices whose head ends at a straight border are told apart from those whose head is merely smaller."""

from __future__ import annotations

import head_samples as samples
import numpy as np
import pytest
import SimpleITK as sitk
from head_samples import config
from volume_makers import make_image, rotation

from anofpdm.volumes.cut_off import cut_off_slices, unseen_pixels
from anofpdm.volumes.input_config import GridConfig
from anofpdm.volumes.preparation import CUT_OFF, prepare_case
from anofpdm.volumes.resampling import sample_stack_coverage
from anofpdm.volumes.stack_grid import plan_stack

ROWS, COLUMNS = np.mgrid[-32:32, -32:32]


def ellipse(scale: float = 1.0, shift: tuple[float, float] = (0, 0)) -> np.ndarray:
    return ((ROWS - shift[0]) / 26) ** 2 + ((COLUMNS - shift[1]) / 20) ** 2 <= scale**2


def beyond(angle: float, distance: float) -> np.ndarray:
    """A half-plane whose border lies at `distance` pixels from the middle."""
    return np.cos(np.radians(angle)) * ROWS + np.sin(np.radians(angle)) * COLUMNS > distance


NOTHING = np.zeros(ROWS.shape, dtype=bool)


def marked(*slices: tuple[np.ndarray, np.ndarray]) -> list[int]:
    """Indices of the cut ones among slices of head and of what is unseen."""
    head, unseen = (np.stack(part) for part in zip(*slices, strict=True))
    return np.flatnonzero(cut_off_slices(head & ~unseen, unseen)).tolist()


class TestCutOffSlices:
    @pytest.mark.parametrize("angle", [0, 20, 45, 77, 180, 271])
    def test_a_straight_border_through_the_head(self, angle: float) -> None:
        whole, half = (ellipse(), NOTHING), (ellipse(0.95), beyond(angle, 2))
        assert marked(half, whole, whole, half, (NOTHING, ~NOTHING)) == [0, 3, 4]

    def test_a_small_corner_does_not_matter(self) -> None:
        assert marked((ellipse(), NOTHING), (ellipse(), beyond(40, 15))) == []

    def test_each_is_compared_with_the_next_that_is_whole(self) -> None:
        rising = [(ellipse(), beyond(10, distance)) for distance in (40, 8, 0, -8)]
        assert marked(*rising) == [1, 2, 3]

    @pytest.mark.parametrize("shift", [(0, 0), (5, 0), (-4, 3), (0, -7)])
    def test_a_head_that_narrows_before_air_of_one_value(self, shift: tuple[float, float]) -> None:
        heads = [ellipse(scale, (shift[0] * (1 - scale), shift[1] * (1 - scale))) for scale in (1, 0.85, 0.65, 0.4)]
        assert marked(*((head, ~head) for head in heads)) == []

    def test_air_is_not_missing(self) -> None:
        assert marked((ellipse(), NOTHING), (ellipse(0.5), NOTHING), (NOTHING, NOTHING)) == []


class TestUnseenPixels:
    @pytest.fixture
    def values(self) -> np.ndarray:
        return np.random.default_rng(0).normal(100, 20, (8, 40, 40)).astype(np.float32)

    def unseen(self, values: np.ndarray, angle: float = 0.0, **changes: object) -> np.ndarray:
        image = make_image(values, (2, 2, 5), direction=rotation((1, 2, 3), angle))
        grid = GridConfig(**{"field_of_view_mm": 80, "matrix": 20, "centring": "image", **changes})  # type: ignore[arg-type]
        stack = plan_stack(image, sitk.Cast(image * 0 + 1, sitk.sitkUInt8), grid)
        return unseen_pixels(image, stack, sample_stack_coverage(image, stack), slab_average=True)

    @pytest.mark.parametrize("padding", [0.0, -1024.0, 7.5])
    def test_padding_of_any_value(self, values: np.ndarray, padding: float) -> None:
        values[-2:, :, 16:] = padding
        values[0, 20:] = padding
        expected = np.zeros((8, 20, 20), dtype=bool)
        expected[-2:, :, 8:] = True
        expected[0, 10:] = True
        assert np.array_equal(self.unseen(values), expected)

    def test_single_voxels_of_the_same_value_show_something(self, values: np.ndarray) -> None:
        values[np.random.default_rng(1).random(values.shape) < 0.5] = 0
        assert not self.unseen(values, matrix=10).any()

    def test_what_lies_outside(self, values: np.ndarray) -> None:
        assert not self.unseen(values).any()
        unseen = self.unseen(values, 20, plane="patient")
        middle = len(unseen) // 2
        assert not unseen[middle, 5:15, 5:15].any() and unseen[0].mean() > 0.4


@pytest.mark.parametrize("padding", [0.0, 5.0])
def test_cut_off_slices_of_a_volume_are_not_examined(padding: float) -> None:
    sample = samples.head("flair", noise=8.0)
    values = sitk.GetArrayFromImage(sample.image)
    j, i = np.indices(values.shape[1:])
    values[:8] = values[30:] = padding
    values[8, j + i > 130] = padding
    values[29, 2 * j - i < 70] = padding
    case = prepare_case({"flair": samples.like(values, sample.image)}, config())
    assert [n for n, reason in enumerate(case.not_examined_reason) if reason == CUT_OFF] == [8, 29]
    assert np.flatnonzero(case.examined).tolist() == list(range(9, 29))


def test_slices_that_narrow_in_masked_air_are_examined() -> None:
    sample = samples.head("flair", noise=8.0)
    masked = samples.like(sitk.GetArrayFromImage(sample.image) * sample.whole, sample.image)
    case = prepare_case({"flair": masked}, config())
    assert CUT_OFF not in case.not_examined_reason
    stripped = prepare_case({"flair": samples.head("flair", stripped=True).image}, config())
    assert CUT_OFF not in stripped.not_examined_reason
