"""Files of a result: segmentation, heatmap, findings, report. All of a choice are written, or none.

Everything lies in the input's own coordinates, as in the input's file: a parent transform is not applied.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable, Collection
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import slicer
import vtk

from anofpdm.app.findings_tables import Column, component_columns, slice_columns

from . import segmentation_node
from .output_frame import geometryOf
from .report import reportPage
from .voxels import voxelsOf

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .result import Result
    from .subject_hierarchy import Place

KINDS = ("segmentation", "labelmap", "surface", "heatmap", "csv", "json", "report")
REVIEW_SCHEMA = "anofpdm-reviewed-findings"
_FILES = {
    "segmentation": ("segmentation.seg.nrrd",),
    "labelmap": ("labelmap.nii.gz",),
    "surface": ("surface.stl",),
    "heatmap": ("heatmap.nrrd",),
    "csv": ("findings.csv", "slices.csv"),
    "json": ("findings.json",),
    "report": ("report.html",),
}
_OF_SEGMENTATION = ("segmentation", "labelmap", "surface")
_LONGEST_NAME = 80


def exportResult(
    result: Result, folder: Path, kinds: Collection[str], modelCard: str = "", place: Place | None = None
) -> list[Path]:
    """Write the files of `kinds` (of KINDS) into a folder, which is made if needed; older ones are replaced.

    modelCard: Markdown, for the report. place: whose the result is, for report and findings; None: no file names the
    patient. Returns the files. Raises anofpdm's OutputError with a sentence; nothing is
    left half written.
    """
    from anofpdm.core.output_set import write_output_set

    unknown = set(kinds) - set(KINDS)
    if unknown:
        raise ValueError(f"no such kind of file: {sorted(unknown)}")
    if set(kinds) & set(_OF_SEGMENTATION):
        requireOutline(result)
    writers: dict[str, Callable[[Path], object]] = {
        "segmentation.seg.nrrd": lambda path: _writeSegmentation(result, path),
        "labelmap.nii.gz": lambda path: _writeLabelmap(result, path),
        "surface.stl": lambda path: _writeSurface(result, path),
        "heatmap.nrrd": lambda path: _writeHeatmap(result, path),
        "findings.csv": lambda path: _writeTable(path, _components(result)),
        "slices.csv": lambda path: _writeTable(path, slice_columns(result.detection.findings)),
        "findings.json": lambda path: _writeDocument(result, path, place),
        "report.html": lambda path: path.write_text(reportPage(result, modelCard, place), encoding="utf-8"),
    }
    names = fileNames(result, kinds)
    return list(write_output_set(folder, {name: writers[_kindOf(name)] for name in names}))


def requireOutline(result: Result) -> None:
    """Raises anofpdm's OutputError, with a sentence, where there is no outline to write."""
    from anofpdm.core.errors import OutputError

    if result.segmentationNode is None:
        raise OutputError("The segmentation was removed from the scene; export the heatmap and the findings alone.")
    if result.showsNothing:
        raise OutputError(
            "The findings are withheld, and an empty segmentation would read as nothing found: export the heatmap and "
            "the findings alone, or click 'Show anyway' first."
        )


def fileNames(result: Result, kinds: Collection[str]) -> list[str]:
    """The files that `exportResult` writes, for asking before older ones are replaced."""
    stem = re.sub(r"[^\w .()-]+", "_", result.name).strip(" .")[:_LONGEST_NAME] or "volume"
    return [f"{stem} anomaly {name}" for kind in KINDS if kind in kinds for name in _FILES[kind]]


def _kindOf(fileName: str) -> str:
    return next(name for names in _FILES.values() for name in names if fileName.endswith(f" {name}"))


def _writeSegmentation(result: Result, path: Path) -> None:
    storage = slicer.vtkMRMLSegmentationStorageNode()
    storage.SetFileName(str(path))
    if not storage.WriteData(result.segmentationNode):
        raise _notWritten(path)
    _check(path)


def _writeLabelmap(result: Result, path: Path) -> None:
    """The segments as labels from 1 in their order; where they overlap the later one counts."""
    import SimpleITK as sitk

    frame, shape = result.frame, result.case.geometry.array_shape
    labels = np.zeros(shape, dtype=np.uint8)
    ids = result.segmentationNode.GetSegmentation().GetSegmentIDs()
    for number, segmentId in enumerate(ids, start=1):
        labels[segmentation_node.readMask(result.segmentationNode, frame, shape, segmentId)] = number
    image = geometryOf(frame.nodeIJKToRAS, result.case.geometry.size).to_image_like(
        np.ascontiguousarray(frame.ordered(labels))
    )
    image.SetMetaData("ITK_FileNotes", result.case.gate_words)
    try:
        sitk.WriteImage(image, str(path), True)
    except RuntimeError as error:
        raise _notWritten(path) from error
    _check(path)


def _writeSurface(result: Result, path: Path) -> None:
    """All segments in one mesh, in LPS as programs for such files expect."""
    from anofpdm.core.errors import OutputError

    append = vtk.vtkAppendPolyData()
    logic = slicer.vtkSlicerSegmentationsModuleLogic
    for segmentId in result.segmentationNode.GetSegmentation().GetSegmentIDs():
        surface = vtk.vtkPolyData()
        made = logic.GetSegmentClosedSurfaceRepresentation(result.segmentationNode, segmentId, surface, False)
        if made and surface.GetNumberOfPolys():
            append.AddInputData(surface)
    if not append.GetNumberOfInputConnections(0):
        raise OutputError("The segmentation is empty, so there is no surface; leave the STL file out.")
    mirror = vtk.vtkTransform()
    mirror.Scale(-1, -1, 1)
    inLPS = vtk.vtkTransformPolyDataFilter()
    inLPS.SetInputConnection(append.GetOutputPort())
    inLPS.SetTransform(mirror)
    triangles = vtk.vtkTriangleFilter()
    triangles.SetInputConnection(inLPS.GetOutputPort())
    writer = vtk.vtkSTLWriter()
    writer.SetInputConnection(triangles.GetOutputPort())
    writer.SetFileTypeToBinary()
    writer.SetHeader(f"AnoFPDM, LPS, research use only, {result.case.gate_words}")
    writer.SetFileName(str(path))
    if not writer.Write() or writer.GetErrorCode():
        raise _notWritten(path)
    header, triangle = 84, 50
    if not path.is_file() or path.stat().st_size != header + triangle * triangles.GetOutput().GetNumberOfPolys():
        raise _notWritten(path)


def _writeHeatmap(result: Result, path: Path) -> None:
    from anofpdm.volumes.nrrd_file import write_nrrd

    voxels: NDArray[Any] = voxelsOf(result.heatmapNode.GetImageData())
    geometry = geometryOf(result.frame.nodeIJKToRAS, result.case.geometry.size)
    write_nrrd(path, voxels, geometry, {"gate": result.case.gate_words})


def _components(result: Result) -> list[Column]:
    return component_columns(result.detection.findings["components"], result.accepted)


def _writeTable(path: Path, columns: list[Column]) -> None:
    from anofpdm.core.plain_text import table_cell

    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow([title for title, _, _ in columns])
        for row in zip(*(values for _, _, values in columns), strict=True):
            writer.writerow([table_cell(value) if isinstance(value, str) else value for value in row])


def _writeDocument(result: Result, path: Path, place: Place | None) -> None:
    """The findings as detected, with the review beside them (Resources/findings-schema.md)."""
    segmentation = result.segmentationNode
    document = {
        "schema": REVIEW_SCHEMA,
        "version": 1,
        **({"patient": place.patient, "study": place.study} if place is not None else {}),
        "accepted": result.accepted,
        "segmentation_edited": result.wasEdited,
        "segmentation_volume_ml": segmentation_node.segmentVolume(segmentation) / 1000 if segmentation else None,
        "findings": result.detection.findings,
    }
    path.write_text(json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False) + "\n", encoding="utf-8")


def _check(path: Path) -> None:
    """Read a written image to its end: its writers do not notice every failure."""
    import SimpleITK as sitk

    try:
        sitk.ReadImage(str(path))
    except RuntimeError as error:
        raise _notWritten(path) from error


def _notWritten(path: Path) -> Exception:
    from anofpdm.core.errors import OutputError

    return OutputError(
        f"{path.name} could not be written; check the disk and its permissions, or choose another folder."
    )
