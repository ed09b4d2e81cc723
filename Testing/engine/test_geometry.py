"""Geometry of volumes and of the model's stack."""

from __future__ import annotations

import json

import numpy as np
import pytest
import SimpleITK as sitk
from hypothesis import given, settings
from hypothesis import strategies as st
from volume_makers import (
    AXIAL,
    CORONAL,
    SAGITTAL,
    FloatArray,
    all_axis_orders,
    image_around,
    make_image,
    rotation,
    voxel_centers,
)

from anofpdm.core.errors import EvidenceError, InputError
from anofpdm.volumes.geometry import VolumeGeometry
from anofpdm.volumes.input_config import GridConfig
from anofpdm.volumes.stack_grid import StackGrid, plan_stack

TILTED = rotation((0.3, -0.2, 1.0), 9.0)


def mask_like(image: sitk.Image, value: int = 1) -> sitk.Image:
    mask = sitk.Image(image.GetSize(), sitk.sitkUInt8) + value
    mask.CopyInformation(image)
    return mask


def plan(image: sitk.Image, **settings: object) -> StackGrid:
    values: dict[str, object] = {"field_of_view_mm": 240, "matrix": 128, **settings}
    return plan_stack(image, mask_like(image), GridConfig(**values))  # type: ignore[arg-type]


def axial(count: int = 20, spacing: float = 5.0, direction: FloatArray = AXIAL) -> sitk.Image:
    return image_around((24, 30, count), (8.0, 7.0, spacing), np.array([3.0, -8.0, 21.0]), direction)


class TestVolumeGeometry:
    def test_agrees_with_simpleitk(self) -> None:
        image = image_around((5, 6, 7), (1.5, 2.5, 3.5), np.array([9.0, -4.0, 2.0]), TILTED @ SAGITTAL)
        geometry = VolumeGeometry.from_image(image)
        index = (1.25, 2.5, 5.75)
        point = image.TransformContinuousIndexToPhysicalPoint(index)
        np.testing.assert_allclose(geometry.to_physical(index), point)
        np.testing.assert_allclose(geometry.to_index(point), index)
        np.testing.assert_allclose(geometry.center, [9, -4, 2], atol=1e-9)
        assert geometry.array_shape == (7, 6, 5)
        assert geometry.voxel_volume_mm3 == pytest.approx(1.5 * 2.5 * 3.5)

    def test_many_points_at_once(self) -> None:
        image = axial(4)
        points = voxel_centers(image)
        k, j, i = np.indices(points.shape[:3])
        index = np.stack([i, j, k], axis=-1)
        geometry = VolumeGeometry.from_image(image)
        np.testing.assert_allclose(geometry.to_physical(index), points)
        np.testing.assert_allclose(geometry.to_index(points), index, atol=1e-9)

    def test_image_of_an_array_has_exactly_this_geometry(self) -> None:
        image = image_around((5, 6, 7), (1 / 3, 2.5, 3.5), np.array([9.0, -4.0, 2.0]), TILTED)
        geometry = VolumeGeometry.from_image(image)
        array = np.arange(5 * 6 * 7, dtype=np.float32).reshape(7, 6, 5)
        made = geometry.to_image_like(array)
        assert VolumeGeometry.from_image(made) == geometry
        assert made[4, 1, 2] == array[2, 1, 4]
        with pytest.raises(ValueError, match="shape"):
            geometry.to_image_like(array.T)

    def test_survives_json_exactly(self) -> None:
        image = image_around((5, 6, 7), (1 / 3, 2.5, 3.5), np.array([9.1, -4.2, 2.3]), TILTED)
        for kind in (VolumeGeometry, StackGrid):
            geometry = kind.from_image(image)
            again = kind.from_dict(json.loads(json.dumps(geometry.to_dict())))
            assert again == geometry
            assert type(again) is kind

    @pytest.mark.parametrize(
        ("key", "value"),
        [
            ("size", [1, 2]),
            ("size", [0, 2, 3]),
            ("size", None),
            ("spacing", [1, 2, -3]),
            ("spacing", [1, 2, float("nan")]),
            ("origin", ["a", "b", "c"]),
            ("origin", [0, 0, float("inf")]),
            ("direction", [1, 0, 0]),
        ],
    )
    def test_damaged_record_is_refused(self, key: str, value: object) -> None:
        record = dict(VolumeGeometry.from_image(axial()).to_dict())
        with pytest.raises(EvidenceError, match="damaged"):
            VolumeGeometry.from_dict({**record, key: value})
        del record[key]
        with pytest.raises(EvidenceError, match="damaged"):
            VolumeGeometry.from_dict(record)

    def test_two_dimensions_are_refused(self) -> None:
        with pytest.raises(ValueError, match="3-D"):
            VolumeGeometry.from_image(sitk.Image(4, 4, sitk.sitkFloat32))


class TestAxes:
    @pytest.mark.parametrize("tilt", [0.0, 12.0])
    def test_acquired_axes_are_kept_in_every_storage_order(self, tilt: float) -> None:
        """All 48 ways to store the same scan give the same stack axes."""
        scan = rotation((1, 0.2, 0.1), tilt)
        for order in all_axis_orders():
            image = image_around((20, 20, 20), (8.0, 8.0, 8.0), np.zeros(3), scan @ order)
            np.testing.assert_allclose(plan(image).direction_matrix, scan, atol=1e-12)

    def test_patient_plane_is_exactly_axial(self) -> None:
        image = image_around((20, 20, 20), (8.0, 8.0, 8.0), np.zeros(3), TILTED @ SAGITTAL)
        np.testing.assert_array_equal(plan(image, plane="patient").direction_matrix, np.eye(3))

    @pytest.mark.parametrize(("degrees", "kept"), [(29.5, True), (30.5, False)])
    def test_slices_tilted_too_far_are_not_kept(self, degrees: float, kept: bool) -> None:
        tilted = rotation((1, 0, 0), degrees)
        direction = plan(axial(direction=tilted)).direction_matrix
        np.testing.assert_allclose(direction, tilted if kept else np.eye(3), atol=1e-12)

    @settings(max_examples=25, deadline=None)
    @given(
        storage=st.sampled_from(all_axis_orders()),
        axis=st.tuples(*[st.integers(-5, 5)] * 3).filter(any),
        degrees=st.integers(0, 1800).map(lambda tenths: tenths / 10),
        noise=st.integers(0, 1000),
    )
    def test_axes_are_a_rotation_even_from_inexact_cosines(
        self, storage: FloatArray, axis: tuple[int, int, int], degrees: float, noise: int
    ) -> None:
        inexact = rotation(axis, degrees) @ storage + np.random.default_rng(noise).normal(0, 1e-3, (3, 3))
        frame = plan(image_around((20, 20, 20), (8.0, 8.0, 8.0), np.zeros(3), inexact)).direction_matrix
        np.testing.assert_allclose(frame.T @ frame, np.eye(3), atol=1e-12)
        assert np.linalg.det(frame) == pytest.approx(1)
        assert frame[2, 2] >= np.cos(np.radians(30)) - 1e-9
        assert frame[0, 0] > 0.5
        assert frame[1, 1] > 0.5


class TestSlices:
    @pytest.mark.parametrize("flip", [1.0, -1.0])
    def test_acquired_slices_are_kept_inferior_first(self, flip: float) -> None:
        direction = TILTED * np.array([1, 1, flip])
        image = axial(direction=direction)
        grid = plan(image)
        acquired = np.sort(voxel_centers(image)[:, 0, 0] @ TILTED[:, 2])
        np.testing.assert_allclose(grid.slice_centers @ TILTED[:, 2], acquired, atol=1e-9)
        assert grid.slice_spacing_mm == pytest.approx(5.0)
        assert (np.diff(grid.ras_s) > 0).all()

    @pytest.mark.parametrize(
        ("count", "spacing", "minimum", "kept"),
        [
            (20, 5.0, 5.0, list(range(20))),
            (20, 4.9999999, 5.0, list(range(20))),
            (7, 1.0, 3.0, [0, 3, 6]),
            (8, 1.0, 3.0, [0, 3, 6]),
            (9, 1.0, 3.0, [1, 4, 7]),
            (10, 2.0, 3.0, [0, 2, 4, 6, 8]),
            (3, 1.0, 50.0, [1]),
        ],
    )
    def test_thinning_keeps_acquired_slices_centered(
        self, count: int, spacing: float, minimum: float, kept: list[int]
    ) -> None:
        image = axial(count, spacing)
        grid = plan(image, minimum_slice_spacing_mm=minimum)
        expected = voxel_centers(image)[kept, 0, 0, 2]
        np.testing.assert_allclose(grid.slice_centers[:, 2], expected, atol=1e-6)
        assert grid.slice_spacing_mm >= minimum - 1e-5

    @pytest.mark.parametrize("direction", [SAGITTAL, CORONAL])
    def test_other_acquisitions_use_their_rows(self, direction: FloatArray) -> None:
        """`S` runs along the in-plane axis j: its spacing, thinned likewise."""
        image = image_around((40, 50, 12), (3.0, 2.0, 6.0), np.zeros(3), direction)
        assert plan(image).size[2] == 50
        assert plan(image).slice_spacing_mm == pytest.approx(2.0)
        thinned = plan(image, minimum_slice_spacing_mm=5.0)
        assert thinned.slice_spacing_mm == pytest.approx(6.0)
        assert thinned.size[2] == 17

    @pytest.mark.parametrize("spacing", [2.0, 5.0, 7.3])
    def test_given_spacing_covers_the_volume_symmetrically(self, spacing: float) -> None:
        image = axial(20, 5.0, TILTED)
        grid = plan(image, slice_spacing_mm=spacing)
        along = grid.slice_centers @ TILTED[:, 2]
        middle = VolumeGeometry.from_image(image).center @ TILTED[:, 2]
        np.testing.assert_allclose(along - middle, -(along - middle)[::-1], atol=1e-9)
        np.testing.assert_allclose(np.diff(along), spacing)
        assert grid.size[2] == int(np.ceil(100 / spacing))

    def test_oblique_volume_in_patient_planes_is_covered(self) -> None:
        image = axial(20, 5.0, rotation((1, 0, 0), 20))
        grid = plan(image, plane="patient")
        assert grid.slice_spacing_mm == pytest.approx(5.0)
        z = voxel_centers(image)[..., 2]
        assert grid.ras_s[0] - 2.5 <= z.min()
        assert grid.ras_s[-1] + 2.5 >= z.max()

    def test_single_slice(self) -> None:
        image = axial(1, 6.0, TILTED)
        grid = plan(image, minimum_slice_spacing_mm=4.0)
        assert grid.size[2] == 1
        assert grid.slice_spacing_mm == pytest.approx(6.0)
        middle = VolumeGeometry.from_image(image).center
        np.testing.assert_allclose(grid.slice_centers[0] @ TILTED[:, 2], middle @ TILTED[:, 2])


class TestCentering:
    def test_field_of_view(self) -> None:
        grid = plan(axial(), field_of_view_mm=200, matrix=64)
        assert grid.size[:2] == (64, 64)
        assert grid.pixel_mm == pytest.approx(200 / 64)

    def test_image_center(self) -> None:
        image = axial(direction=TILTED)
        mask = mask_like(image, 0)
        grid = plan_stack(image, mask, GridConfig(centring="image"))
        offset = grid.center - VolumeGeometry.from_image(image).center
        np.testing.assert_allclose(grid.direction_matrix.T @ offset, 0, atol=1e-6)

    @pytest.mark.parametrize("plane", ["acquired", "patient"])
    @pytest.mark.parametrize("direction", [TILTED, TILTED @ CORONAL, SAGITTAL * np.array([1, -1, 1])])
    def test_head_box_center(self, plane: str, direction: FloatArray) -> None:
        image = image_around((20, 24, 22), (8.0, 7.0, 9.0), np.array([3.0, 4.0, 5.0]), direction)
        mask = np.random.default_rng(5).random((22, 24, 20)) > 0.999
        mask[3:9, 5:8, 10:17] = True
        head = make_image(mask.astype(np.uint8), image.GetSpacing(), image.GetOrigin(), direction)
        grid = plan_stack(image, head, GridConfig(plane=plane))  # type: ignore[arg-type]
        points = voxel_centers(image)[mask] @ grid.direction_matrix
        expected = (points.min(axis=0) + points.max(axis=0)) / 2
        np.testing.assert_allclose((grid.center @ grid.direction_matrix)[:2], expected[:2], atol=1e-9)

    def test_no_head_is_refused(self) -> None:
        image = axial()
        with pytest.raises(InputError, match="No head"):
            plan_stack(image, mask_like(image, 0), GridConfig())

    def test_mask_on_another_grid_is_refused(self) -> None:
        with pytest.raises(ValueError, match="grid"):
            plan_stack(axial(20), mask_like(axial(21)), GridConfig())
