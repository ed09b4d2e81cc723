"""Results as DICOM series: what Slicer's plugins would write of them."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
from tree_makers import keep_tree, put_in_study

sys.path.insert(0, str(Path(__file__).parent / "standin"))

import slicer
from slicer_dicom import ScalarVolumePlugin, SegmentationPlugin, written_tags

from AnoFPDMSegmentLib.mrml.dicom_series import describeSeries
from AnoFPDMSegmentLib.mrml.result import Result


@pytest.fixture
def study(scene: Any, sample_volume: Any, monkeypatch: pytest.MonkeyPatch) -> int:
    """The drawn head as series 5 of a patient, in a tree as the application keeps it."""
    monkeypatch.setattr(slicer, "mrmlScene", scene.scene, raising=False)
    sample_volume.SetName("5: Ax T2 FLAIR fs")
    keep_tree(scene)
    return put_in_study(scene, sample_volume)


def tags(scene: Any, node: Any) -> dict[str, str]:
    plugin = SegmentationPlugin if node.IsA("vtkMRMLSegmentationNode") else ScalarVolumePlugin
    return written_tags(plugin, scene.subjectHierarchy.GetItemByDataNode(node))


def test_series_of_a_result(scene: Any, sample_volume: Any, detection: Any, study: int) -> None:
    result = Result.create(scene, sample_volume, detection)
    written = [
        tags(scene, node) for node in (result.heatmapNode, result.segmentationNode, result.healthyPredictionNode)
    ]
    assert [series["Modality"] for series in written] == ["MR", "SEG", "MR"]
    assert [series["SeriesDescription"] for series in written] == [
        "5: Ax T2 FLAIR fs heatmap, gate unknown, research use only",
        "5: Ax T2 FLAIR fs segmentation, gate unknown, research use only",
        "5: Ax T2... healthy prediction, gate unknown, research use only",
    ]
    numbers = [int(series["SeriesNumber"]) for series in written]
    again = Result.create(scene, sample_volume, detection)
    numbers += [int(tags(scene, node)["SeriesNumber"]) for node in (again.heatmapNode, again.segmentationNode)]
    assert len(set(numbers)) == 5 and set(numbers) <= set(range(5901, 5920))
    assert scene.subjectHierarchy.GetItemParent(scene.subjectHierarchy.GetItemByDataNode(again.heatmapNode)) == study


def test_what_the_user_has_set_stays(scene: Any, sample_volume: Any, detection: Any, study: int) -> None:
    """Slicer's dialog keeps the tags that were edited in it with the item."""
    result = Result.create(scene, sample_volume, detection)
    hierarchy = scene.subjectHierarchy
    item = hierarchy.GetItemByDataNode(result.segmentationNode)
    hierarchy.SetItemAttribute(item, "DICOM.SeriesDescription", "mine")
    hierarchy.SetItemAttribute(item, "DICOM.SeriesNumber", "77")
    describeSeries(scene, sample_volume, [result.segmentationNode])
    written = tags(scene, result.segmentationNode)
    assert (written["SeriesDescription"], written["SeriesNumber"]) == ("mine", "77")


@pytest.mark.parametrize("name", ["t2_tirm_tra_dark-fluid_" * 5, r"head\neck " * 9, "Kopf äöü " * 12])
def test_long_names(scene: Any, sample_volume: Any, detection: Any, study: int, name: str) -> None:
    sample_volume.SetName(name)
    result = Result.create(scene, sample_volume, detection)
    for node, last in ((result.heatmapNode, "heatmap"), (result.segmentationNode, "segmentation")):
        text = tags(scene, node)["SeriesDescription"]
        assert len(text) <= 64 and "\\" not in text
        assert text.startswith(name[:4]) and text.endswith(f" {last}, gate unknown, research use only")


@pytest.mark.parametrize("number", ["", "n/a", " 12 "])
def test_odd_numbers(scene: Any, sample_volume: Any, detection: Any, study: int, number: str) -> None:
    hierarchy = scene.subjectHierarchy
    hierarchy.SetItemAttribute(hierarchy.GetItemByDataNode(sample_volume), "DICOM.SeriesNumber", number)
    result = Result.create(scene, sample_volume, detection)
    assert int(tags(scene, result.heatmapNode)["SeriesNumber"]) == (12901 if "12" in number else 901)
