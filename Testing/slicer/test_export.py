"""Files of a result: they hold what the scene shows, lie where the input lies, and are written whole or not at all."""

from __future__ import annotations

import csv
import json
import re
import struct
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import SimpleITK as sitk
from evidence_makers import make_case
from made_results import LARGE, SMALL, current_mask, made_result, paint
from scene_makers import add_transform, add_volume
from test_result_geometry import GRIDS, SIZE, TRANSFORMS

from anofpdm.core.errors import OutputError
from anofpdm.results.detection import build_detection
from anofpdm.results.findings_check import check_document
from AnoFPDMSegmentLib.mrml.export import KINDS, exportResult, fileNames
from AnoFPDMSegmentLib.mrml.input_volumes import worldGeometry
from AnoFPDMSegmentLib.mrml.result import Result

IMAGES = {"segmentation", "labelmap", "surface", "heatmap"}


def file_of(paths: list[Path], ending: str) -> Path:
    (path,) = (path for path in paths if path.name.endswith(ending))
    return path


def ras_points(image: sitk.Image) -> np.ndarray:
    """RAS [n, 3] of the voxels that are at least 1."""
    voxels = np.argwhere(sitk.GetArrayViewFromImage(image) >= 1)[:, ::-1]
    return np.array([image.TransformContinuousIndexToPhysicalPoint(v.tolist()) for v in voxels]) * [-1, -1, 1]


def test_every_file_holds_the_result(scene: Any, tmp_path: Path) -> None:
    result = made_result(scene)
    paths = exportResult(result, tmp_path / "new" / "folder", KINDS)
    assert sorted(path.name for path in paths) == sorted(fileNames(result, KINDS))
    assert sorted(path.name for path in (tmp_path / "new" / "folder").iterdir()) == sorted(p.name for p in paths)
    assert all(path.name.startswith("head anomaly ") for path in paths)
    heatmap = sitk.ReadImage(str(file_of(paths, "heatmap.nrrd")))
    assert np.array_equal(sitk.GetArrayFromImage(heatmap), result.detection.score)
    labels = sitk.ReadImage(str(file_of(paths, "labelmap.nii.gz")))
    assert np.array_equal(sitk.GetArrayFromImage(labels) == 1, result.detection.mask)
    loaded = scene.moduleLogic("Segmentations").LoadSegmentationFromFile(str(file_of(paths, ".seg.nrrd")), True)
    assert loaded.GetSegmentation().GetNthSegment(0).GetName() == "Anomaly"
    center = np.array(loaded.GetSegmentCenterRAS(loaded.GetSegmentation().GetNthSegmentID(0)))
    assert np.allclose(center, result.segmentationNode.GetSegmentCenterRAS("Anomaly"), atol=1e-3)


@pytest.mark.parametrize("grid", ["oblique", "left-handed", "left-handed oblique"])
@pytest.mark.parametrize("transform", ["none", "turned"])
def test_files_lie_where_the_inputs_file_lies(scene: Any, tmp_path: Path, grid: str, transform: str) -> None:
    """A transform over the input is the scene's, not the file's."""
    node = add_volume(scene, np.ones(SIZE[::-1], np.float32), GRIDS[grid], "head")
    ball = np.array([*LARGE[0], 1.0])
    world = ball
    if TRANSFORMS[transform] is not None:
        add_transform(scene, TRANSFORMS[transform], node)
        world = TRANSFORMS[transform] @ ball
    case = make_case(worldGeometry(node), [(world[:3], LARGE[1])])
    result = Result.create(scene, node, build_detection(case))
    paths = exportResult(result, tmp_path, IMAGES)
    for ending in ("heatmap.nrrd", "labelmap.nii.gz", ".seg.nrrd"):
        points = ras_points(sitk.ReadImage(str(file_of(paths, ending))))
        assert np.linalg.norm(points.mean(axis=0) - ball[:3]) < 4, ending
    corners = stl_corners(file_of(paths, ".stl")) * [-1, -1, 1]
    assert np.linalg.norm((corners.min(axis=0) + corners.max(axis=0)) / 2 - ball[:3]) < 6


def stl_corners(path: Path) -> np.ndarray:
    """Corners [n, 3] of a binary STL file."""
    content = path.read_bytes()
    (count,) = struct.unpack("<I", content[80:84])
    assert count > 100 and len(content) == 84 + 50 * count
    triangles = np.frombuffer(content[84:], dtype=np.dtype([("corners", "<f4", (4, 3)), ("rest", "<u2")]))
    return np.asarray(triangles["corners"][:, 1:].reshape(-1, 3))


def test_tables_and_documents_carry_the_review(scene: Any, tmp_path: Path) -> None:
    result = made_result(scene)
    result.setAccepted(2, False)
    paths = exportResult(result, tmp_path, {"csv", "json"})
    with file_of(paths, "findings.csv").open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert [row["Accepted"] for row in rows] == ["yes", "no"] and [row["Side"] for row in rows] == ["right", "left"]
    assert float(rows[0]["Volume [mL]"]) == pytest.approx(result.detection.components[0].volume_ml, rel=1e-5)
    with file_of(paths, "slices.csv").open(encoding="utf-8", newline="") as stream:
        slices = list(csv.DictReader(stream))
    assert len(slices) == len(result.case.examined)
    assert slices[0]["Decision"] == "not examined: no head in this slice" and slices[0]["Area [mm2]"] == ""
    document = json.loads(file_of(paths, "findings.json").read_text(encoding="utf-8"))
    assert document["accepted"] == [True, False] and document["segmentation_edited"] is False
    first = result.detection.components[0].volume_ml
    assert document["segmentation_volume_ml"] == pytest.approx(first, rel=1e-5)
    check_document(document["findings"], "the exported findings")


@pytest.mark.parametrize("asked", [False, True])
def test_patient_and_study_are_named_only_when_asked(scene: Any, tmp_path: Path, asked: bool) -> None:
    from AnoFPDMSegmentLib.mrml.subject_hierarchy import Place

    result = made_result(scene)
    place = Place("Rosa <1>", "Head (2024)") if asked else None
    paths = exportResult(result, tmp_path, KINDS, place=place)
    named = {path.name for path in paths if b"Rosa" in path.read_bytes() or b"Head (2024)" in path.read_bytes()}
    assert named == ({"head anomaly findings.json", "head anomaly report.html"} if asked else set())
    document = json.loads(file_of(paths, "findings.json").read_text(encoding="utf-8"))
    assert (document.get("patient"), document.get("study")) == (("Rosa <1>", "Head (2024)") if asked else (None, None))
    assert ("Rosa &lt;1&gt; · Head (2024)" in file_of(paths, "report.html").read_text(encoding="utf-8")) is asked


def test_slices_are_numbered_from_1_beside_their_level(scene: Any, tmp_path: Path) -> None:
    result = made_result(scene)
    paths = exportResult(result, tmp_path, {"csv", "report"})
    with file_of(paths, "slices.csv").open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert [int(row["Slice"]) for row in rows] == list(range(1, len(rows) + 1))
    captions = re.findall(r"<figcaption>(.*?)<", file_of(paths, "report.html").read_text(encoding="utf-8"))
    known = [f"Slice {number}, S {level:+.1f} mm" for number, level in enumerate(result.case.grid.ras_s, 1)]
    assert captions and set(captions) <= set(known)


def test_files_hold_the_edited_segmentation_with_all_its_segments(scene: Any, tmp_path: Path) -> None:
    result = made_result(scene)
    paint(result, np.s_[5:9, 5:9, 5:9])
    result.segmentationNode.GetSegmentation().AddEmptySegment("mine", "mine")
    paths = exportResult(result, tmp_path, {"labelmap", "json", "report"})
    labels = sitk.GetArrayFromImage(sitk.ReadImage(str(file_of(paths, "labelmap.nii.gz"))))
    assert np.array_equal(labels == 1, current_mask(result)) and labels[6, 6, 6] == 1
    document = json.loads(file_of(paths, "findings.json").read_text(encoding="utf-8"))
    assert document["segmentation_edited"] is True
    assert "edited by hand" in file_of(paths, "report.html").read_text(encoding="utf-8")


class Page(HTMLParser):
    """Counts what a report holds, and refuses unbalanced tags."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.pictures: list[str] = []
        self.links: list[str] = []
        self.rejected = 0
        self._open: list[str] = []
        self.feed(text)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        assert tag not in ("script", "link", "iframe", "object", "embed", "base")
        if tag == "img":
            self.pictures.append(values["src"] or "")
        elif tag != "meta":
            self._open.append(tag)
        self.links += [value or "" for name, value in attrs if name in ("href", "src")]
        self.rejected += values.get("class") == "rejected"

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag


def test_the_report_is_one_file_with_everything(scene: Any, tmp_path: Path) -> None:
    result = made_result(scene, name='<b>"Head" & co</b>')
    result.setAccepted(2, False)
    (path,) = exportResult(result, tmp_path, {"report"}, "# Card <script>of the model</script>")
    text = path.read_text(encoding="utf-8")
    page = Page(text)
    assert page.pictures and all(link.startswith("data:image/png;base64,") for link in page.links)
    assert page.rejected == 1 and "1 finding(s) were rejected" in text
    for words in (
        "Research use only",
        "&lt;b&gt;",
        "Made-up model",
        "CC0-1.0",
        "Card &lt;script&gt;",
        "guidance",
        "value=0.5",
    ):
        assert words in text, words
    assert "not examined: no head in this slice" in text
    assert "finding 1 (" in text and "@media print" in text and "color scale" in text


def test_the_reports_pictures_color_and_outline_the_finding(scene: Any, tmp_path: Path) -> None:
    import base64

    from vtk import vtkPNGReader
    from vtk.util.numpy_support import vtk_to_numpy

    from anofpdm.results.heat_colors import OUTLINE_RGB

    result = made_result(scene, balls=[LARGE, SMALL])
    result.setAccepted(2, False)
    (path,) = exportResult(result, tmp_path, {"report"})
    colored, outlined = [], []
    for number, source in enumerate(Page(path.read_text(encoding="utf-8")).pictures):
        picture = tmp_path / f"{number}.png"
        picture.write_bytes(base64.b64decode(source.partition(",")[2]))
        reader = vtkPNGReader()
        reader.SetFileName(str(picture))
        reader.Update()
        width, height, _ = reader.GetOutput().GetDimensions()
        pixels = vtk_to_numpy(reader.GetOutput().GetPointData().GetScalars()).reshape(height, width, 3)[::-1]
        outline = (pixels == OUTLINE_RGB).all(axis=2)
        heat = (pixels[..., 0].astype(int) > pixels[..., 2].astype(int) + 20) & ~outline
        colored.append([heat[:, :128].any(), heat[:, 128:].any()])
        outlined.append([outline[:, :128].any(), outline[:, 128:].any()])
    # Patient right is on the left, where the accepted finding lies; the rejected one is colored but not outlined.
    assert np.any(colored, axis=0).tolist() == [True, True]
    assert np.any(outlined, axis=0).tolist() == [True, False]


def test_a_result_without_findings_is_reported_too(scene: Any, tmp_path: Path) -> None:
    result = made_result(scene, balls=[])
    paths = exportResult(result, tmp_path, set(KINDS) - {"surface"})
    text = file_of(paths, "report.html").read_text(encoding="utf-8")
    assert "No slice was flagged" in text and Page(text).pictures
    assert not sitk.GetArrayFromImage(sitk.ReadImage(str(file_of(paths, "labelmap.nii.gz")))).any()


@pytest.mark.parametrize("case", ["no surface", "no segmentation", "file in the way", "stl lost", "write refused"])
def test_what_cannot_be_written_leaves_nothing(
    scene: Any, tmp_path: Path, case: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    import vtk

    result = made_result(scene, balls=[] if case == "no surface" else [LARGE])
    kinds, folder, words = set(KINDS), tmp_path / "out", case
    if case == "no surface":
        words = "leave the STL file out"
    elif case == "no segmentation":
        scene.removeNode(result.segmentationNode)
        words = "was removed"
    elif case == "file in the way":
        folder.write_text("x")
        words = "is a file"
    elif case == "stl lost":
        # Slicer's and vtk's writers may report success and write nothing.
        monkeypatch.setattr(vtk, "vtkSTLWriter", _writerThatLies())
        words = "could not be written"
    else:
        monkeypatch.setattr("AnoFPDMSegmentLib.mrml.export.reportPage", _full_disk)
        words = "disk"
    with pytest.raises(OutputError, match=words) as refusal:
        exportResult(result, folder, kinds)
    assert str(refusal.value).endswith(".") and "\n" not in str(refusal.value)
    assert folder.is_file() if case == "file in the way" else not folder.exists()


def _full_disk(*_: Any) -> str:
    raise OSError(28, "No space left on device")


def _writerThatLies() -> Any:  # noqa: N802 - stands for a class
    import vtk

    class Writer(vtk.vtkSTLWriter):
        def Write(self) -> int:  # noqa: N802
            return 1

    return Writer


def test_older_files_are_replaced_and_others_stay(scene: Any, tmp_path: Path) -> None:
    result = made_result(scene)
    (tmp_path / "notes.txt").write_text("mine")
    for _ in range(2):
        (path,) = exportResult(result, tmp_path, {"csv"})[:1]
        path.write_text("old")
    paths = exportResult(result, tmp_path, {"csv"})
    assert "Side" in paths[0].read_text() and (tmp_path / "notes.txt").read_text() == "mine"


@pytest.mark.parametrize("name", ["a/b\\c:d", "..", "Überblick 1", "x" * 300, '"?*<>|'])
def test_any_name_of_an_input_gives_a_name_of_a_file(scene: Any, tmp_path: Path, name: str) -> None:
    result = made_result(scene, name=name)
    (path,) = exportResult(result, tmp_path, {"heatmap"})
    assert path.parent == tmp_path and path.is_file() and len(path.name) < 120
    assert not set(path.name) & set('/\\:*?"<>|')
