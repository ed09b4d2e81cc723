"""Result volumes: bytes, geometry, and what Slicer's own reader makes of the segmentation."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import SimpleITK as sitk

from anofpdm.core.errors import EvidenceError
from anofpdm.results.segmentation import (
    SEGMENT_COLOR,
    TERMINOLOGY_ENTRY,
    read_heatmap,
    read_segmentation,
    write_heatmap,
    write_segmentation,
)
from anofpdm.volumes.geometry import VolumeGeometry

SHAPE = (6, 9, 12)


def rotation(flip_axis: int | None) -> tuple[float, ...]:
    a, b = 0.35, -0.2
    about_z = np.array([[math.cos(a), -math.sin(a), 0], [math.sin(a), math.cos(a), 0], [0, 0, 1]])
    about_x = np.array([[1, 0, 0], [0, math.cos(b), -math.sin(b)], [0, math.sin(b), math.cos(b)]])
    matrix = about_z @ about_x
    if flip_axis is not None:
        matrix[:, flip_axis] *= -1
    return tuple(matrix.ravel().tolist())


GEOMETRIES = {
    "axial": VolumeGeometry(SHAPE[::-1], (0.5, 0.75, 3.0), (-3.25, 4.0, 1e-3), (1.0, 0, 0, 0, 1.0, 0, 0, 0, 1.0)),
    "left-handed": VolumeGeometry(SHAPE[::-1], (1.0, 1.0, 2.0), (10.0, -7.0, 5.0), (1.0, 0, 0, 0, 1.0, 0, 0, 0, -1.0)),
    "sagittal": VolumeGeometry(SHAPE[::-1], (1.0, 0.9, 1.2), (1.0, 2.0, 3.0), (0, 0, -1.0, 1.0, 0, 0, 0, -1.0, 0)),
    "oblique": VolumeGeometry(SHAPE[::-1], (0.9, 1.1, 2.7), (-31.7, 11.1, 4.4), rotation(None)),
    "oblique, left-handed": VolumeGeometry(SHAPE[::-1], (0.9, 1.1, 2.7), (3.1, -11.1, 0.7), rotation(1)),
}


def sample_mask() -> np.ndarray:
    mask = np.zeros(SHAPE, bool)
    mask[1:4, 2:7, 5:9] = True
    mask[1, 2, 5] = False
    mask[4, 7, 10] = True
    return mask


@pytest.mark.parametrize("name", GEOMETRIES)
def test_both_volumes_come_back_whole(tmp_path: Path, name: str) -> None:
    geometry = GEOMETRIES[name]
    score = np.random.default_rng(0).standard_normal(SHAPE).astype(np.float32)
    write_heatmap(tmp_path / "heatmap.nrrd", score, geometry)
    write_segmentation(tmp_path / "s.seg.nrrd", sample_mask(), geometry)
    values, found = read_heatmap(tmp_path / "heatmap.nrrd")
    assert values.dtype == np.float32
    assert (values == score).all()
    mask, mask_geometry = read_segmentation(tmp_path / "s.seg.nrrd")
    assert (mask == sample_mask()).all()
    for other in (found, mask_geometry):
        assert other.size == geometry.size
        assert other.spacing == pytest.approx(geometry.spacing, abs=1e-9)
        assert other.origin == pytest.approx(geometry.origin, abs=1e-9)
        assert other.direction == pytest.approx(geometry.direction, abs=1e-9)


def test_array_memory_order_and_type_do_not_matter(tmp_path: Path) -> None:
    geometry = GEOMETRIES["axial"]
    score = np.random.default_rng(0).standard_normal(SHAPE).astype(np.float32)
    write_heatmap(tmp_path / "a.nrrd", score, geometry)
    write_heatmap(tmp_path / "b.nrrd", np.asfortranarray(score.astype(">f4")), geometry)
    assert (tmp_path / "a.nrrd").read_bytes() == (tmp_path / "b.nrrd").read_bytes()


def test_equal_input_gives_equal_bytes_in_a_standard_gzip_stream(tmp_path: Path) -> None:
    geometry = GEOMETRIES["oblique"]
    for name in ("a.seg.nrrd", "b.seg.nrrd"):
        write_segmentation(tmp_path / name, sample_mask(), geometry)
    first = (tmp_path / "a.seg.nrrd").read_bytes()
    assert first == (tmp_path / "b.seg.nrrd").read_bytes()
    stream = first[first.index(b"\n\n") + 2 :]
    assert stream[:2] == b"\x1f\x8b"
    assert stream[4:8] == b"\0\0\0\0"  # no time stamp


def test_a_shape_that_does_not_fit_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="does not fit"):
        write_heatmap(tmp_path / "h.nrrd", np.zeros((9, 6, 12), np.float32), GEOMETRIES["axial"])
    assert not (tmp_path / "h.nrrd").exists()


def test_paths_with_any_letters(tmp_path: Path) -> None:
    folder = tmp_path / "prüfung 检查"
    folder.mkdir()
    write_segmentation(folder / "s.seg.nrrd", sample_mask(), GEOMETRIES["axial"])
    assert read_segmentation(folder / "s.seg.nrrd")[0].sum() == sample_mask().sum()


def test_missing_damaged_and_foreign_files_are_told_apart(tmp_path: Path) -> None:
    geometry = GEOMETRIES["axial"]
    with pytest.raises(EvidenceError, match="does not exist"):
        read_heatmap(tmp_path / "heatmap.nrrd")
    path = tmp_path / "heatmap.nrrd"
    write_heatmap(path, np.random.default_rng(0).standard_normal(SHAPE).astype(np.float32), geometry)
    path.write_bytes(path.read_bytes()[:-1200])
    with pytest.raises(EvidenceError, match="damaged"):
        read_heatmap(path)
    path.write_bytes(b"NRRD0004\n")
    with pytest.raises(EvidenceError, match="damaged"):
        read_segmentation(path)
    write_segmentation(path, sample_mask(), geometry)
    with pytest.raises(EvidenceError, match="not a heatmap"):
        read_heatmap(path)
    write_heatmap(path, np.full(SHAPE, np.nan, np.float32), geometry)
    with pytest.raises(EvidenceError, match="not a heatmap"):
        read_heatmap(path)
    with pytest.raises(EvidenceError, match="not a segmentation"):
        read_segmentation(path)
    sitk.WriteImage(sitk.GetImageFromArray(np.zeros((3, 4, 5, 2), np.uint8), isVector=True), str(path))
    with pytest.raises(EvidenceError, match="not a single volume"):
        read_segmentation(path)


@pytest.fixture(scope="module")
def slicer() -> Any:
    """Slicer's own data model; the test is skipped where it is not installed."""
    module = pytest.importorskip("slicer", reason="slicer-core is not installed")
    if not hasattr(module, "vtkMRMLSegmentationStorageNode"):
        pytest.skip("the installed package 'slicer' is not slicer-core")
    # Registers the conversions between representations.
    module.vtkSlicerSegmentationsModuleLogic().SetMRMLScene(module.vtkMRMLScene())
    return module


def load_in_slicer(slicer: Any, path: Path) -> Any:
    scene = slicer.vtkMRMLScene()
    node = scene.AddNewNodeByClass("vtkMRMLSegmentationNode")
    node.CreateDefaultDisplayNodes()
    storage = scene.AddNewNodeByClass("vtkMRMLSegmentationStorageNode")
    storage.SetFileName(str(path))
    assert storage.ReadData(node) == 1
    node.scene_kept_alive = scene
    return node


def labelmap_voxels_ras(node: Any) -> np.ndarray:
    """RAS coordinates [n, 3] of all voxels of the segment, from the node's own geometry."""
    import vtk
    from vtk.util.numpy_support import vtk_to_numpy

    segment = node.GetSegmentation().GetNthSegment(0)
    image = segment.GetRepresentation("Binary labelmap")
    if image.IsEmpty() or image.GetPointData().GetScalars() is None:
        return np.zeros((0, 3))
    i0, i1, j0, j1, k0, k1 = image.GetExtent()
    values = vtk_to_numpy(image.GetPointData().GetScalars()).reshape(k1 - k0 + 1, j1 - j0 + 1, i1 - i0 + 1)
    matrix = vtk.vtkMatrix4x4()
    image.GetImageToWorldMatrix(matrix)
    to_ras = np.array([[matrix.GetElement(r, c) for c in range(4)] for r in range(4)])
    ijk = np.argwhere(values == segment.GetLabelValue())[:, ::-1] + [i0, j0, k0]
    return ijk @ to_ras[:3, :3].T + to_ras[:3, 3]


@pytest.mark.parametrize("name", GEOMETRIES)
def test_slicer_shows_the_segment_where_it_is(slicer: Any, tmp_path: Path, name: str) -> None:
    geometry = GEOMETRIES[name]
    path = tmp_path / "case.seg.nrrd"
    write_segmentation(path, sample_mask(), geometry)
    node = load_in_slicer(slicer, path)
    found = labelmap_voxels_ras(node)
    expected = geometry.to_physical(np.argwhere(sample_mask())[:, ::-1]) * [-1, -1, 1]
    assert len(found) == len(expected)
    order_found, order_expected = (np.lexsort(np.rint(points * 100).T) for points in (found, expected))
    assert np.allclose(found[order_found], expected[order_expected], atol=1e-4)


def test_slicer_reads_name_color_and_codes(slicer: Any, tmp_path: Path) -> None:
    import vtk

    path = tmp_path / "case.seg.nrrd"
    write_segmentation(path, sample_mask(), GEOMETRIES["oblique"])
    node = load_in_slicer(slicer, path)
    segmentation = node.GetSegmentation()
    assert segmentation.GetNumberOfSegments() == 1
    segment = segmentation.GetNthSegment(0)
    assert segment.GetName() == "Anomaly"
    assert segment.GetColor() == pytest.approx(SEGMENT_COLOR)
    assert not segment.GetNameAutoGenerated()
    assert not segment.GetColorAutoGenerated()
    assert segmentation.GetSourceRepresentationName() == "Binary labelmap"
    tags = {}
    for key in ("TerminologyEntry", "DICOM.SegmentAlgorithmType", "DICOM.SegmentAlgorithmName"):
        value = vtk.reference("")
        assert segment.GetTag(key, value), key
        tags[key] = str(value)
    assert tags == {
        "TerminologyEntry": TERMINOLOGY_ENTRY,
        "DICOM.SegmentAlgorithmType": "AUTOMATIC",
        "DICOM.SegmentAlgorithmName": "AnoFPDM",
    }


def test_slicer_takes_the_terminology_apart(slicer: Any) -> None:
    entry = slicer.vtkSlicerTerminologyEntry()
    assert slicer.vtkSlicerTerminologiesModuleLogic().DeserializeTerminologyEntry(TERMINOLOGY_ENTRY, entry)
    codes = [
        (item.GetCodingSchemeDesignator(), item.GetCodeValue(), item.GetCodeMeaning())
        for item in (entry.GetCategoryObject(), entry.GetTypeObject(), entry.GetRegionObject())
    ]
    altered = ("SCT", "49755003", "Morphologically Altered Structure")
    assert codes == [altered, altered, ("SCT", "12738006", "Brain")]
    assert not entry.GetTypeModifierObject().GetCodeValue()


def test_slicer_opens_an_empty_segmentation(slicer: Any, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "case.seg.nrrd"
    write_segmentation(path, np.zeros(SHAPE, bool), GEOMETRIES["left-handed"])
    node = load_in_slicer(slicer, path)
    assert node.GetSegmentation().GetNumberOfSegments() == 1
    assert node.GetSegmentation().GetNthSegment(0).GetName() == "Anomaly"
    assert len(labelmap_voxels_ras(node)) == 0
    output = capfd.readouterr()
    assert "ERR" not in (output.out + output.err).upper()


def test_slicer_can_edit_save_and_show_it_in_3d(slicer: Any, tmp_path: Path) -> None:
    path = tmp_path / "case.seg.nrrd"
    write_segmentation(path, sample_mask(), GEOMETRIES["oblique"])
    node = load_in_slicer(slicer, path)
    assert node.CreateClosedSurfaceRepresentation()
    surface = node.GetSegmentation().GetNthSegment(0).GetRepresentation("Closed surface")
    assert surface.GetNumberOfPoints() > 0
    storage = slicer.vtkMRMLSegmentationStorageNode()
    saved = tmp_path / "saved.seg.nrrd"
    storage.SetFileName(str(saved))
    storage.SetScene(node.GetScene())
    assert storage.WriteData(node) == 1
    mask, geometry = read_segmentation(saved)
    points = geometry.to_physical(np.argwhere(mask)[:, ::-1])
    expected = GEOMETRIES["oblique"].to_physical(np.argwhere(sample_mask())[:, ::-1])
    assert np.allclose(points, expected, atol=1e-4)


@pytest.mark.parametrize("name", GEOMETRIES)
def test_slicer_places_the_heatmap(slicer: Any, tmp_path: Path, name: str) -> None:
    import vtk

    geometry = GEOMETRIES[name]
    score = np.zeros(SHAPE, np.float32)
    score[2, 3, 7] = 5.0
    path = tmp_path / "heatmap.nrrd"
    write_heatmap(path, score, geometry)
    scene = slicer.vtkMRMLScene()
    logic = slicer.vtkSlicerVolumesLogic()
    logic.SetMRMLScene(scene)
    volume = logic.AddArchetypeVolume(str(path), "heatmap")
    matrix = vtk.vtkMatrix4x4()
    volume.GetIJKToRASMatrix(matrix)
    to_ras = np.array([[matrix.GetElement(r, c) for c in range(4)] for r in range(4)])
    from vtk.util.numpy_support import vtk_to_numpy

    size_i, size_j, size_k = volume.GetImageData().GetDimensions()
    values = vtk_to_numpy(volume.GetImageData().GetPointData().GetScalars()).reshape(size_k, size_j, size_i)
    (index,) = np.argwhere(values == 5.0)
    found = to_ras[:3, :3] @ index[::-1] + to_ras[:3, 3]
    assert found == pytest.approx(geometry.to_physical((7, 3, 2)) * [-1, -1, 1], abs=1e-4)
