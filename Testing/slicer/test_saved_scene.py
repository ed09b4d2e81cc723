"""A saved scene (.mrb) reopens with everything live."""

from __future__ import annotations

import dataclasses
import json
import random
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from evidence_makers import BANK, POINT, SETTINGS, make_case
from scene_makers import add_transform, add_volume
from test_result_geometry import GRIDS, RADIUS_MM, SIZE, check_places

from anofpdm.detection import Detection, build_detection
from anofpdm.errors import EvidenceError
from anofpdm.selection.settings import Threshold

BALLS = [((28.0, -14.0, 21.0), RADIUS_MM), ((-30.0, 20.0, -10.0), 12.0)]
SHIFT = np.array([[1.0, 0, 0, 30], [0, 1, 0, -10], [0, 0, 1, 5], [0, 0, 0, 1]])


def make_result(scene: Any, grid: str = "axial", transform: np.ndarray | None = None, **case: Any) -> Any:
    from AnoFPDMSegmentLib.mrml.input_volumes import worldGeometry
    from AnoFPDMSegmentLib.mrml.result import Result

    node = add_volume(scene, np.arange(np.prod(SIZE), dtype=np.float32).reshape(SIZE[::-1]), GRIDS[grid], "head")
    node.CreateDefaultDisplayNodes()
    balls = BALLS
    if transform is not None:
        add_transform(scene, transform, node)
        balls = [((transform @ [*center, 1.0])[:3], radius) for center, radius in BALLS]
    return Result.create(scene, node, build_detection(make_case(worldGeometry(node), balls, **case)))


@contextmanager
def reopened(scene: Any, path: Path) -> Iterator[Any]:
    """The only result of the scene after saving it and opening it in another one."""
    from AnoFPDMSegmentLib.mrml.headless import headlessScene
    from AnoFPDMSegmentLib.mrml.result import Result

    assert scene.scene.WriteToMRB(str(path))
    with headlessScene() as other:
        assert other.scene.ReadFromMRB(str(path), True)
        (result,) = Result.all(other)
        yield result


def same_findings(first: Detection, second: Detection) -> bool:
    """Apart from the time at which they were made."""
    return {**first.findings, "created": ""} == {**second.findings, "created": ""}


@pytest.mark.parametrize("grid", ["axial", "oblique", "left-handed", "left-handed oblique"])
@pytest.mark.parametrize("transform", [None, SHIFT], ids=["", "shifted"])
def test_places_and_findings_come_back(scene: Any, grid: str, transform: Any, tmp_path: Path) -> None:
    result = make_result(scene, grid, transform)
    with reopened(scene, tmp_path / "case.mrb") as again:
        assert np.array_equal(again.detection.score, result.detection.score)
        assert same_findings(again.detection, result.detection)
        assert again.name == "head" and again.inputNode.GetName() == "head" and not again.wasEdited
        again.setAccepted(2, False)
        assert_first_finding_alone(again)
        again.update(dataclasses.replace(SETTINGS, guidance=2.2))
        assert_first_finding_alone(again)
        assert not again.wasEdited


def assert_first_finding_alone(result: Any) -> None:
    from AnoFPDMSegmentLib.mrml.segmentation_node import SEGMENT_ID

    finding = np.array(result.frame.toWorld(result.heatmapNode, result.detection.components[0].centroid_ras_mm))
    # The middle of the segment's box, not its centroid.
    assert np.linalg.norm(np.array(result.segmentationNode.GetSegmentCenterRAS(SEGMENT_ID)) - finding) < 6


@pytest.mark.parametrize("transform", [None, SHIFT], ids=["", "shifted"])
def test_an_adjusted_reopened_result_lies_at_the_anomaly(scene: Any, transform: Any, tmp_path: Path) -> None:
    from AnoFPDMSegmentLib.mrml.input_volumes import worldGeometry
    from AnoFPDMSegmentLib.mrml.result import Result

    node = add_volume(scene, np.ones(SIZE[::-1], np.float32), GRIDS["left-handed oblique"], "head")
    ball = np.array([28.0, -14.0, 21.0])
    if transform is not None:
        add_transform(scene, transform, node)
        ball = (transform @ [*ball, 1.0])[:3]
    Result.create(scene, node, build_detection(make_case(worldGeometry(node), [(ball, RADIUS_MM)])))
    with reopened(scene, tmp_path / "case.mrb") as again:
        before = np.array(again.detection.mask).sum()
        again.update(dataclasses.replace(SETTINGS, guidance=3.0))
        assert again.detection.mask.sum() > before
        check_places(again, ball, 5.0)


@pytest.mark.parametrize(
    ("point", "modalities"), [(POINT, ("flair",)), (POINT, ("flair", "t2")), (BANK, ("flair", "t2"))]
)
def test_the_evidence_comes_back_exactly(scene: Any, tmp_path: Path, point: Any, modalities: Any) -> None:
    from anofpdm.evidence.maps import evidence_arrays

    result = make_result(scene, point=point, modalities=modalities)
    with reopened(scene, tmp_path / "case.mrb") as again:
        arrays = evidence_arrays(again.case.evidence)
        for name, array in evidence_arrays(result.case.evidence).items():
            assert np.array_equal(arrays[name], array) and arrays[name].dtype == array.dtype, name
        for field in dataclasses.fields(result.case):
            ours, theirs = getattr(result.case, field.name), getattr(again.case, field.name)
            if isinstance(ours, np.ndarray):
                assert np.array_equal(ours, theirs), field.name
            elif field.name != "evidence":
                assert ours == theirs, field.name
        again.update(dataclasses.replace(SETTINGS, guidance=8.0))
        assert len(again.detection.components) == 2


def test_settings_review_and_display_come_back(scene: Any, tmp_path: Path) -> None:
    from AnoFPDMSegmentLib.mrml.heatmap_node import showFrom, shownFrom

    result = make_result(scene)
    result.update(dataclasses.replace(SETTINGS, guidance=3.0))
    result.setAccepted(2, False)
    showFrom(result.heatmapNode, 1.5)
    with reopened(scene, tmp_path / "case.mrb") as again:
        assert again.settings.guidance == 3.0
        assert again.accepted == [True, False] and not again.wasEdited
        assert shownFrom(again.heatmapNode) == 1.5
        assert again.heatmapNode.GetDisplayNode().GetColorNode().GetName() == "AnoFPDM heat"
        segment = again.segmentationNode.GetSegmentation().GetNthSegment(0)
        assert segment.GetName() == "Anomaly"
        assert all(node.GetHideFromEditors() for node in again.volumeNodes[3:])
        assert np.array_equal(again.review.mask(again.detection), result.review.mask(result.detection))


def test_a_scaling_of_ones_own_comes_back(scene: Any, tmp_path: Path) -> None:
    result = make_result(scene)
    result.update(dataclasses.replace(SETTINGS, threshold=Threshold("dynamic"), scaling=(0.05,)))
    with reopened(scene, tmp_path / "case.mrb") as again:
        assert again.settings == result.settings and again.settings.scaling == (0.05,)
        assert np.array_equal(again.detection.score, result.detection.score)


def test_an_edit_is_still_known_after_saving(scene: Any, tmp_path: Path) -> None:
    from AnoFPDMSegmentLib.mrml.segmentation_node import readMask, writeMask

    result = make_result(scene)
    mask = readMask(result.segmentationNode, result.frame, result.detection.mask.shape)
    mask[:4, :4, :4] = True
    writeMask(result.segmentationNode, result.frame, mask)
    with reopened(scene, tmp_path / "case.mrb") as again:
        assert again.wasEdited
        edited = again.segmentationNode
        again.update(dataclasses.replace(SETTINGS, guidance=3.0))
        assert again.segmentationNode is not edited and not again.wasEdited
        assert np.array_equal(readMask(edited, again.frame, mask.shape), mask)


@pytest.mark.parametrize("damage", ["volume", "record", "text", "size"])
def test_damaged_evidence_is_refused_in_a_sentence(scene: Any, tmp_path: Path, damage: str) -> None:
    from AnoFPDMSegmentLib.mrml.evidence_nodes import RECORD_ROLE, VOLUME_ROLE
    from AnoFPDMSegmentLib.mrml.voxels import setVoxels

    result = make_result(scene)
    volume, record = (result.node.GetNodeReference(role) for role in (VOLUME_ROLE, RECORD_ROLE))
    if damage == "volume":
        scene.removeNode(volume)
    elif damage == "record":
        scene.removeNode(record)
    elif damage == "text":
        record.SetText(record.GetText()[:-100])
    else:
        setVoxels(volume, np.zeros((3, 4, 5), np.float32))
    with reopened(scene, tmp_path / "case.mrb") as again, pytest.raises(EvidenceError, match="detect again"):
        again.detection  # noqa: B018


CHANGED = [None, True, -1, 0, 3, 1e300, 10**400, "", "x", "\\ud800", [], {}, [[]], [1, 2], {"a": 1}]


def test_any_changed_record_is_read_or_refused(scene: Any) -> None:
    """Whatever the text of the scene says, and wherever: evidence, or EvidenceError and nothing else."""
    from AnoFPDMSegmentLib.mrml.evidence_nodes import RECORD_ROLE, loadEvidence

    result = make_result(scene)
    record = result.node.GetNodeReference(RECORD_ROLE)
    whole, chance, outcomes = record.GetText(), random.Random(3), Counter[str]()
    for _ in range(400):
        content = json.loads(whole)
        entry, places = content, []
        while isinstance(entry, dict | list) and entry:
            key = chance.choice(list(entry) if isinstance(entry, dict) else range(len(entry)))
            places.append((entry, key))
            entry = entry[key]
        holder, key = chance.choice(places)
        if chance.random() < 0.2:
            del holder[key]
        else:
            holder[key] = chance.choice(CHANGED)
        record.SetText(json.dumps(content).replace("\\\\ud800", "\\ud800"))
        try:
            loadEvidence(result.node)
            outcomes["read"] += 1
        except EvidenceError as error:
            outcomes["refused"] += 1
            assert str(error).endswith(".")
    assert outcomes["refused"] > 100 and outcomes["read"] > 0
    record.SetText(whole)
    assert len(loadEvidence(result.node).evidence) > 0
