"""The way from a volume to the model's slices and back keeps everything in its place."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from volume_makers import (
    AXIAL,
    CORONAL,
    SAGITTAL,
    FloatArray,
    centroid,
    image_around,
    make_image,
    paint_ball,
    rotation,
    voxel_centers,
)

from anofpdm.volumes import resampling
from anofpdm.volumes.geometry import VolumeGeometry
from anofpdm.volumes.input_config import GridConfig
from anofpdm.volumes.reading import read_volume
from anofpdm.volumes.resampling import sample_stack, sample_stack_coverage, stack_to_volume
from anofpdm.volumes.stack_grid import StackGrid, plan_stack

SIDE_MM = 96.0
rotation_axes = st.tuples(*[st.integers(-5, 5)] * 3).filter(any)
ORIENTATIONS = {"axial": AXIAL, "sagittal": SAGITTAL, "coronal": CORONAL}


def everywhere(image: sitk.Image) -> sitk.Image:
    return sitk.Cast(image * 0 + 1, sitk.sitkUInt8)


def middle_third(image: sitk.Image) -> sitk.Image:
    mask = np.zeros(image.GetSize()[::-1], np.uint8)
    k, j, i = (slice(n // 3, n - n // 3) for n in mask.shape)
    mask[k, j, i] = 1
    result = sitk.GetImageFromArray(mask)
    result.CopyInformation(image)
    return result


@st.composite
def volumes(draw: st.DrawFn) -> sitk.Image:
    """Empty volumes about 96 mm wide: axial, sagittal, coronal or oblique, right- or left-handed."""
    direction = draw(st.sampled_from(list(ORIENTATIONS.values())))
    signs = draw(st.tuples(*[st.sampled_from((1.0, -1.0))] * 3))
    axis = draw(rotation_axes)
    angle = draw(st.sampled_from([0.0, 0.0, 3.0, 15.0, 40.0]))
    spacing = draw(st.tuples(*[st.sampled_from([1.5, 2.0, 3.1, 4.0, 6.0])] * 3))
    center = np.array(draw(st.tuples(*[st.floats(-150, 150)] * 3)))
    size = tuple(max(1, round(SIDE_MM / s)) for s in spacing)
    return image_around(size, spacing, center, rotation(axis, angle) @ direction * np.array(signs))


configs = st.builds(
    GridConfig,
    field_of_view_mm=st.just(128.0),
    matrix=st.sampled_from([32, 43, 64]),
    slice_spacing_mm=st.sampled_from([None, 2.0, 5.0]),
    minimum_slice_spacing_mm=st.sampled_from([0.0, 4.0]),
    plane=st.sampled_from(["acquired", "patient"]),
    centring=st.sampled_from(["head", "image"]),
)


def tolerance_mm(image: sitk.Image, grid: StackGrid) -> float:
    return 0.5 * max(grid.pixel_mm, grid.slice_spacing_mm, *image.GetSpacing())


@settings(max_examples=12, deadline=None)
@given(image=volumes(), config=configs, offset=st.tuples(*[st.floats(-18, 18)] * 3), extra=st.floats(0, 5))
def test_blob_comes_back_to_its_place(
    image: sitk.Image, config: GridConfig, offset: tuple[float, float, float], extra: float
) -> None:
    geometry = VolumeGeometry.from_image(image)
    grid = plan_stack(image, middle_third(image), config)
    center = geometry.center + np.array(offset)
    painted = paint_ball(image, center, max(2 * grid.pixel_mm, *grid.spacing, *geometry.spacing) + extra)

    stack = sample_stack(painted, grid, slab_average=True)
    on_stack = grid.to_image_like(stack)
    back = geometry.to_image_like(stack_to_volume(stack, grid, geometry))

    limit = tolerance_mm(image, grid)
    assert np.linalg.norm(centroid(on_stack) - centroid(painted)) < limit
    assert np.linalg.norm(centroid(back) - centroid(painted)) < limit
    assert VolumeGeometry.from_image(back) == geometry
    before = sitk.GetArrayFromImage(painted).astype(np.float64).sum() * geometry.voxel_volume_mm3
    assert stack.sum(dtype=np.float64) * grid.voxel_volume_mm3 == pytest.approx(before, rel=0.15)


@settings(max_examples=12, deadline=None)
@given(image=volumes(), config=configs, offset=st.tuples(*[st.floats(-18, 18)] * 3))
def test_blob_on_the_stack_lands_at_its_place_in_the_volume(
    image: sitk.Image, config: GridConfig, offset: tuple[float, float, float]
) -> None:
    geometry = VolumeGeometry.from_image(image)
    grid = plan_stack(image, middle_third(image), config)
    empty = grid.to_image_like(np.zeros(grid.array_shape, np.float32))
    center = geometry.center + np.array(offset)
    painted = paint_ball(empty, center, 2 * max(*grid.spacing, *geometry.spacing))
    volume = geometry.to_image_like(stack_to_volume(sitk.GetArrayFromImage(painted), grid, geometry))
    assert np.linalg.norm(centroid(volume) - center) < tolerance_mm(image, grid)


@settings(max_examples=12, deadline=None)
@given(image=volumes(), config=configs)
def test_a_linear_function_of_place_is_sampled_exactly(image: sitk.Image, config: GridConfig) -> None:
    """Catches any flip, swap or shift: each pixel holds its own coordinates."""
    slope = np.array([0.7, -1.3, 0.4])
    ramp = make_image(
        (voxel_centers(image) @ slope).astype(np.float32),
        image.GetSpacing(),
        image.GetOrigin(),
        np.asarray(image.GetDirection()).reshape(3, 3),
    )
    grid = plan_stack(image, middle_third(image), config)
    stack = sample_stack(ramp, grid, slab_average=True)
    points = voxel_centers(grid.to_image_like(stack))
    # Well inside: between voxel centers for every sample of the pixel.
    index = VolumeGeometry.from_image(image).to_index(points)
    margin = 1 + np.linalg.norm(grid.spacing) / min(image.GetSpacing()) / 2
    inside = np.all((index > margin) & (index < np.array(image.GetSize()) - 1 - margin), axis=-1)
    assume(inside.any())
    np.testing.assert_allclose(stack[inside], (points @ slope)[inside], atol=5e-3)


@pytest.mark.parametrize("orientation", ORIENTATIONS)
def test_patient_right_is_column_0_and_anterior_is_row_0(orientation: str) -> None:
    image = image_around((40, 40, 40), (3.0, 3.0, 3.0), np.zeros(3), ORIENTATIONS[orientation])
    right_anterior_superior = np.array([-30.0, -20.0, 35.0])  # in LPS
    painted = paint_ball(image, right_anterior_superior, 6.0)
    grid = plan_stack(image, everywhere(image), GridConfig(field_of_view_mm=120, matrix=40))
    stack = sample_stack(painted, grid, slab_average=True)
    k, j, i = np.unravel_index(int(stack.argmax()), stack.shape)
    assert i < 15, "right is not on the left of the picture"
    assert j < 15, "anterior is not at its top"
    assert k > 25, "superior is not among the last slices"


def test_pixels_are_area_averages() -> None:
    """A checkerboard finer than the model's pixels averages out instead of aliasing."""
    k, j, i = np.indices((9, 60, 60))
    image = make_image(((i + j + k) % 2).astype(np.float32) * 100, (1, 1, 1))
    grid = plan_stack(image, everywhere(image), GridConfig(field_of_view_mm=40, matrix=10, slice_spacing_mm=3))
    np.testing.assert_allclose(sample_stack(image, grid, slab_average=True), 50, atol=1)
    in_plane = sample_stack(image, grid, slab_average=False)
    np.testing.assert_allclose(in_plane, 50, atol=1e-3)


def test_slab_average_is_the_mean_of_the_slices_in_it() -> None:
    rng = np.random.default_rng(3)
    values = np.repeat(np.repeat(rng.random((9, 1, 1)), 20, 1), 20, 2).astype(np.float32)
    image = make_image(values, (2, 2, 1))
    config = GridConfig(field_of_view_mm=20, matrix=10, minimum_slice_spacing_mm=3)
    grid = plan_stack(image, everywhere(image), config)
    expected = values[:, 0, 0].reshape(3, 3)
    averaged = sample_stack(image, grid, slab_average=True)
    np.testing.assert_allclose(averaged[:, 5, 5], expected.mean(axis=1), rtol=1e-5)
    thin = sample_stack(image, grid, slab_average=False)
    np.testing.assert_allclose(thin[:, 5, 5], expected[:, 1], rtol=1e-4)


@settings(max_examples=12, deadline=None)
@given(
    orientation=st.sampled_from(list(ORIENTATIONS.values())),
    axis=rotation_axes,
    angle=st.integers(0, 250).map(lambda tenths: tenths / 10),
    origin=st.tuples(*[st.floats(-1000, 1000)] * 3),
    spacing=st.sampled_from([0.7, 0.9375, 1.2]),
    thinning=st.integers(1, 3),
)
def test_nothing_is_lost_at_the_border(
    orientation: FloatArray,
    axis: tuple[int, int, int],
    angle: float,
    origin: tuple[float, float, float],
    spacing: float,
    thinning: int,
) -> None:
    """Model pixels that tile the volume exactly are all full, however the cosines were rounded."""
    size = 18
    direction = (rotation(axis, angle) @ orientation).astype(np.float32).astype(np.float64)
    image = make_image(np.ones((size, size, size), np.float32), [spacing] * 3, origin, direction)
    config = GridConfig(field_of_view_mm=size * spacing, matrix=8, minimum_slice_spacing_mm=spacing * thinning)
    grid = plan_stack(image, everywhere(image), config)
    slices = -(-size // thinning)
    assert grid.size == (8, 8, slices)
    # The middle slices at least; with a remainder the outermost slabs reach beyond the volume.
    full = slice(None) if size % thinning == 0 and thinning % 2 == 1 else slice(1, -1)
    np.testing.assert_allclose(sample_stack(image, grid, slab_average=True)[full], 1, atol=1e-5)
    np.testing.assert_allclose(sample_stack(image, grid, slab_average=False), 1, atol=1e-5)
    np.testing.assert_allclose(sample_stack_coverage(image, grid)[full], 1, atol=1e-5)
    back = stack_to_volume(np.ones(grid.array_shape, np.float32), grid, VolumeGeometry.from_image(image))
    if full == slice(None):
        np.testing.assert_allclose(back, 1, atol=1e-5)


@settings(max_examples=12, deadline=None)
@given(
    axis=rotation_axes,
    angle=st.integers(0, 250).map(lambda tenths: tenths / 10),
    origin=st.tuples(*[st.floats(-1000, 1000)] * 3),
    spacing=st.sampled_from([1.0, 1.3, 1.7]),
)
def test_samples_exactly_on_the_border_count_as_inside(
    axis: tuple[int, int, int], angle: float, origin: tuple[float, float, float], spacing: float
) -> None:
    """Of 17 slices every second is kept: the outermost slabs are sampled on the outer faces of the volume."""
    image = make_image(np.ones((17, 17, 17), np.float32), [spacing] * 3, origin, rotation(axis, angle))
    config = GridConfig(field_of_view_mm=16 * spacing, matrix=16, minimum_slice_spacing_mm=2 * spacing)
    grid = plan_stack(image, everywhere(image), config)
    assert grid.size[2] == 9
    np.testing.assert_allclose(sample_stack(image, grid, slab_average=True), 1, atol=1e-5)
    # The outermost voxel centers lie on the outer edges of the outermost pixels.
    back = stack_to_volume(np.ones(grid.array_shape, np.float32), grid, VolumeGeometry.from_image(image))
    np.testing.assert_allclose(back, 1, atol=1e-5)


def test_samples_are_as_dense_as_the_axis_they_run_along() -> None:
    """A sagittal volume with thick slices: fine stripes along S average out across the slab."""
    stripes = (np.indices((24, 48, 96))[1] % 2).astype(np.float32) * 100
    image = make_image(stripes, (1, 1, 4), direction=SAGITTAL)
    grid = plan_stack(image, everywhere(image), GridConfig(field_of_view_mm=80, matrix=20, slice_spacing_mm=4))
    np.testing.assert_allclose(sample_stack(image, grid, slab_average=True)[1:-1], 50, atol=1e-3)


def test_border_slices_hold_their_own_values() -> None:
    values = np.arange(1, 8, dtype=np.float32)[:, None, None] * np.ones((7, 20, 20), np.float32)
    direction = rotation((3, 1, 2), 11.3)
    image = make_image(values, (2.0, 2.0, 4.3), (123.4, -56.7, 89.1), direction)
    grid = plan_stack(image, everywhere(image), GridConfig(field_of_view_mm=40, matrix=20))
    stack = sample_stack(image, grid, slab_average=True)
    np.testing.assert_allclose(stack, values, rtol=1e-4)
    np.testing.assert_allclose(stack_to_volume(stack, grid, VolumeGeometry.from_image(image)), values, rtol=1e-4)


@pytest.mark.parametrize("slab_average", [True, False])
def test_a_single_slice_works(slab_average: bool) -> None:
    rng = np.random.default_rng(0)
    image = make_image(rng.random((1, 24, 24)).astype(np.float32), (2, 2, 5), (1, 2, 3), rotation((1, 0, 0), 8))
    grid = plan_stack(image, everywhere(image), GridConfig(field_of_view_mm=48, matrix=24))
    assert grid.size == (24, 24, 1)
    stack = sample_stack(image, grid, slab_average=slab_average)
    np.testing.assert_allclose(stack, sitk.GetArrayFromImage(image), atol=1e-4)
    back = stack_to_volume(stack, grid, VolumeGeometry.from_image(image))
    np.testing.assert_allclose(back, sitk.GetArrayFromImage(image), atol=1e-4)


def test_beyond_the_grid_is_zero() -> None:
    image = make_image(np.ones((5, 40, 40), np.float32), (2, 2, 4))
    grid = plan_stack(image, everywhere(image), GridConfig(field_of_view_mm=40, matrix=10))
    back = stack_to_volume(np.ones(grid.array_shape, np.float32), grid, VolumeGeometry.from_image(image))
    assert (back[:, 10:30, 10:30] == 1).all()
    assert back.sum() == 5 * 20 * 20


def test_coverage_is_the_fraction_inside() -> None:
    image = make_image(np.ones((4, 28, 28), np.float32), (1, 1, 4))
    grid = plan_stack(image, everywhere(image), GridConfig(field_of_view_mm=32, matrix=8))
    coverage = sample_stack_coverage(image, grid)
    assert coverage.shape == (4, 8, 8)
    assert (coverage[:, 1:-1, 1:-1] == 1).all()
    np.testing.assert_allclose(coverage[:, 0, 2], 0.5)
    np.testing.assert_allclose(coverage[:, 0, 0], 0.25)


def test_chunks_do_not_show(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(1)
    image = make_image(rng.random((30, 30, 30)).astype(np.float32), (1, 1, 1), (5, 6, 7), rotation((1, 2, 0), 12))
    config = GridConfig(field_of_view_mm=30, matrix=10, slice_spacing_mm=2)
    grid = plan_stack(image, everywhere(image), config)
    whole = sample_stack(image, grid, slab_average=True)
    monkeypatch.setattr(resampling, "CHUNK_BYTES", 1)
    np.testing.assert_allclose(sample_stack(image, grid, slab_average=True), whole, atol=1e-5)


def test_integer_images_are_taken() -> None:
    values = np.random.default_rng(1).integers(0, 4000, (5, 20, 20)).astype(np.int16)
    image = make_image(values, (2, 2, 4))
    grid = plan_stack(image, everywhere(image), GridConfig(field_of_view_mm=40, matrix=20))
    stack = sample_stack(image, grid, slab_average=True)
    assert stack.dtype == np.float32
    np.testing.assert_allclose(stack, values, atol=0.1)


def test_a_stack_of_another_shape_is_refused() -> None:
    image = make_image(np.ones((5, 20, 20), np.float32), (2, 2, 4))
    grid = plan_stack(image, everywhere(image), GridConfig(field_of_view_mm=40, matrix=20))
    with pytest.raises(ValueError, match="shape"):
        stack_to_volume(np.ones((4, 20, 20), np.float32), grid, VolumeGeometry.from_image(image))


def mutual_information(first: np.ndarray, second: np.ndarray) -> float:
    """In nats, of the joint histogram of 48 x 48 bins."""
    joint = np.histogram2d(first.ravel(), second.ravel(), bins=48)[0]
    joint /= joint.sum()
    product = joint.sum(axis=1, keepdims=True) * joint.sum(axis=0, keepdims=True)
    filled = joint > 0
    return float((joint[filled] * np.log(joint[filled] / product[filled])).sum())


def shifted(stack: np.ndarray, step: tuple[int, int, int]) -> np.ndarray:
    return np.roll(stack, step, axis=(0, 1, 2))[2:-2, 8:-8, 8:-8]


@pytest.mark.data
@pytest.mark.parametrize("modality", ["T1W", "T2W"])
def test_modalities_on_different_grids_align(modality: str) -> None:
    """One oblique examination, each modality on its own grid: a shift by one pixel only makes things worse."""
    data = os.environ.get("ANOFPDM_TEST_DATA")
    if not data:
        pytest.skip("ANOFPDM_TEST_DATA is not set: no real volumes to align")
    folder = Path(data) / "open_ms"
    flair, other = (read_volume(folder / f"patient01_study1_{m}.nii.gz", m) for m in ("FLAIR", modality))
    assert VolumeGeometry.from_image(flair) != VolumeGeometry.from_image(other)
    grid = plan_stack(flair, everywhere(flair), GridConfig())
    reference = shifted(sample_stack(flair, grid, slab_average=True), (0, 0, 0))
    stack = sample_stack(other, grid, slab_average=True)
    aligned = mutual_information(reference, shifted(stack, (0, 0, 0)))
    for step in [(1, 0, 0), (-1, 0, 0), (0, 1, 0), (0, -1, 0), (0, 0, 1), (0, 0, -1)]:
        assert mutual_information(reference, shifted(stack, step)) < aligned - 0.01, step
