"""The student and AnoFPDM as witnesses of one answer: each alone comes back from it, and settings act on both."""

from __future__ import annotations

import dataclasses
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from command_line import CommandLine
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from method_models import MAKERS

from anofpdm import Detector, SelectionSettings
from anofpdm.core.errors import EvidenceError, ModelError, SettingsError
from anofpdm.methods.fused.evidence import FusedEvidence
from anofpdm.methods.fused.fusion import agreement, joined_probability
from anofpdm.methods.fused.settings import FusedSettings
from anofpdm.methods.fused.witness_case import witness_case
from anofpdm.methods.registry import find_method
from anofpdm.results.case import CaseEvidence
from anofpdm.results.case_storage import put_together, take_apart
from anofpdm.results.detection import build_detection
from anofpdm.thresholds.settings import Threshold
from anofpdm.volumes.resized_maps import resized

shares = arrays(np.float32, (2, 3, 4), elements=st.floats(0, 1, width=32))


@given(shares, shares, st.floats(0, 20))
def test_a_witness_only_adds(probability: Any, witnessed: Any, weight: float) -> None:
    joined = joined_probability(probability, witnessed, weight)
    assert joined.shape == probability.shape and ((joined >= 0) & (joined <= 1)).all()
    assert (joined >= probability - 2e-6).all()
    assert (joined[probability == 0] == 0).all(), "nothing is where the finder sees no brain"


@given(shares, shares)
def test_at_weight_0_the_finder_is_alone(probability: Any, witnessed: Any) -> None:
    assert np.array_equal(joined_probability(probability, witnessed, 0), probability)


def test_agreement_is_the_share_of_what_is_marked() -> None:
    finder = np.float32([[[0.9, 0.0], [0.06, 0.01]]])
    marked = np.float32([[[1.0, 1.0], [0.0, 2.0]]])
    assert agreement(finder, marked, 0.05) == pytest.approx(0.25)
    assert agreement(finder, np.zeros_like(marked), 0.05) is None


def test_log_odds_add_up() -> None:
    joined = joined_probability(np.float32([[[0.1]]]), np.float32([[[0.5]]]), 3)
    expected = np.log(0.1 / 0.9) + 1.5
    assert np.log(joined / (1 - joined)) == pytest.approx(expected, abs=1e-4)


@given(st.integers(1, 9), st.integers(1, 30), st.floats(0, 1, width=32))
def test_what_is_level_stays_level(size: int, wanted: int, value: float) -> None:
    maps = np.full((1, size, size), value, dtype=np.float32)
    np.testing.assert_allclose(resized(maps, wanted, wanted + 1), value, atol=1e-6)


def test_pixels_stay_where_they_are() -> None:
    ramp = np.arange(8, dtype=np.float32)[None, None].repeat(8, axis=1)
    np.testing.assert_allclose(resized(ramp, 8, 8), ramp)
    np.testing.assert_allclose(resized(ramp, 8, 4)[0, 0], [0.5, 2.5, 4.5, 6.5])
    np.testing.assert_allclose(resized(ramp, 8, 16)[0, 0, 1:-1], np.arange(14) / 2 + 0.25)


@pytest.fixture(scope="module")
def case(models: dict[str, Path], head_image: Any) -> CaseEvidence:
    """One examined head."""
    return Detector.from_model(models["fused"]).examine(head_image)


def test_the_parts_come_back(case: CaseEvidence, models: dict[str, Path], head_image: Any) -> None:
    student = Detector.from_model(models["fused"].parent / "fused-finder").detect(head_image)
    alone = build_detection(case, FusedSettings(witness=0))
    assert np.array_equal(alone.answer.probability, student.case.evidence.map[:, 0])
    assert np.array_equal(alone.mask, student.mask)
    own = Detector.from_model(models["fused"].parent / "fused-witness").detect(head_image)
    part = build_detection(witness_case(case))
    assert np.array_equal(part.score, own.score) and part.answer.choices == own.answer.choices


def test_settings_of_the_witness_act_on_the_joint_answer(case: CaseEvidence) -> None:
    usual = build_detection(case).answer
    weak = build_detection(case, FusedSettings(guidance=0.5, ungated=True)).answer
    assert weak.witness.choices.guidance == 0.5 and not np.array_equal(usual.probability, weak.probability)
    scaled = build_detection(case, FusedSettings(scaling=(0.02,))).answer.witness.choices
    assert scaled.threshold.kind == "dynamic" and scaled.scaling == (0.02,)


def test_a_live_option_changes_nothing_else(case: CaseEvidence) -> None:
    method = find_method("fused")
    knobs = {knob.name: knob for knob in method.knobs}
    before = method.overlaid(FusedSettings(), {"guidance": 3.0, "witness": 1.5}, case.calibration)
    after = method.overlaid(before, {"witness_threshold": knobs["witness_threshold"].value("quantile=0.9")})
    assert (after.guidance, after.witness, str(after.witness_threshold)) == (3.0, 1.5, "quantile=0.9")
    again = method.overlaid(after, {"witness_threshold": knobs["witness_threshold"].value("calibrated")})
    assert again == before


def test_only_some_slices_have_both_witnesses(case: CaseEvidence) -> None:
    evidence: FusedEvidence = case.evidence
    seen = evidence.witnessed.copy()
    gone, here = np.flatnonzero(seen)[:2]
    seen[gone] = False
    rows = seen[evidence.witnessed]
    own = find_method("anofpdm")
    kept = {name: values[rows] for name, values in own.evidence_arrays(evidence.witness).items()}
    witness = own.evidence_from(own.evidence_record(evidence.witness), kept)
    part = FusedEvidence(evidence.finder, witness, evidence.interior[rows], seen, evidence.model)
    found = build_detection(dataclasses.replace(case, evidence=part))
    assert np.array_equal(found.answer.probability[gone], evidence.finder.map[gone, 0])
    assert found.curves(gone) is None and found.curves(here) is not None
    assert found.findings["slices"] and found.healthy_picture is not None
    record, kept_arrays = take_apart(found.case)
    back = put_together(json.loads(json.dumps(record)), kept_arrays)
    assert np.array_equal(build_detection(back).score, found.score)
    with pytest.raises(EvidenceError):
        FusedEvidence(evidence.finder, witness, evidence.interior[rows], evidence.witnessed, evidence.model)


def test_a_witness_that_marks_what_the_finder_rules_out_does_not_count(case: CaseEvidence) -> None:
    sure = dataclasses.replace(case.calibration, fusion=dataclasses.replace(case.calibration.fusion, possible=0.99))
    other = dataclasses.replace(
        case, calibration=sure, settings=FusedSettings(witness_threshold=Threshold("value", 1e-6), ungated=True)
    )
    found = build_detection(other)
    assert found.answer.agreement == 0 and found.answer.weight == 0
    assert any("its word does not count here" in text for text in found.findings["warnings"])
    assert np.array_equal(found.answer.probability, case.evidence.finder.map[:, 0])
    asked = build_detection(other, dataclasses.replace(other.settings, witness=2.0))
    assert asked.answer.weight == 2 and not any("count here" in text for text in asked.findings["warnings"])
    assert not np.array_equal(asked.answer.probability, found.answer.probability)


@pytest.mark.parametrize("change", [{"witnessed": [True]}, {"pixels": [0, 16]}, {"pixels": [10**9, 16]}, {"model": {}}])
def test_a_damaged_record_asks_for_no_arrays(case: CaseEvidence, change: dict[str, Any]) -> None:
    method, (count, _, height, width) = find_method("fused"), case.evidence.shape
    record = method.evidence_record(case.evidence)
    assert method.evidence_shapes(record, count, 1, height, width)["map"] == (count, 1, height, width)
    with pytest.raises((ValueError, ModelError)):
        method.evidence_shapes({**record, **change}, count, 1, height, width)


def test_settings_of_another_method_are_refused(case: CaseEvidence) -> None:
    with pytest.raises(SettingsError, match="The method fused has settings of its own"):
        build_detection(case, SelectionSettings(guidance=2.0))


def test_settings_out_of_range() -> None:
    for wrong in ({"threshold": 1.0}, {"witness": -1}, {"guidance": -1}, {"scaling": (0.0,)}):
        with pytest.raises(SettingsError):
            FusedSettings(**wrong)


def test_a_part_that_is_not_there(tmp_path: Path) -> None:
    MAKERS["fused"](tmp_path / "fused")
    shutil.rmtree(tmp_path / "fused-witness")
    with pytest.raises(ModelError, match="fused needs the model fused-witness, which cannot be used"):
        Detector.from_model(tmp_path / "fused")


def test_a_part_that_is_another(tmp_path: Path) -> None:
    MAKERS["fused"](tmp_path / "fused")
    shutil.rmtree(tmp_path / "fused-finder")
    shutil.copytree(tmp_path / "fused-witness", tmp_path / "fused-finder")
    with pytest.raises(ModelError, match="fused needs the model fused-finder"):
        Detector.from_model(tmp_path / "fused")


def test_a_preset_is_the_witness_s(command: CommandLine, models: dict[str, Path], head_file: Path, tmp_path: Path):
    outcome = command("detect", head_file, "--model", models["fused"], "--output", tmp_path / "o", "--preset", "odd")
    assert outcome.status == 2 and "not calibrated for the preset 'odd'" in outcome.err
    call = ("detect", head_file, "--model", models["fused"], "--output", tmp_path / "o", "--steps", "4", "--no-overlay")
    outcome = command(*call, "--guidance", "2", "--witness-threshold", "value=0.1", "--ungated")
    assert outcome.status == 0, outcome.err
    assert (tmp_path / "o" / "probability.nrrd").is_file()


def test_specks_are_dropped(case: CaseEvidence) -> None:
    usual = build_detection(case)
    voxel = float(np.prod(case.geometry.spacing))
    smallest = min(part.volume_ml for part in usual.components) * 1000
    assert smallest < 100 * voxel, "the untrained models mark specks"
    fusion = dataclasses.replace(case.calibration.fusion, minimum_mm3=smallest + voxel)
    fewer = build_detection(dataclasses.replace(case, calibration=dataclasses.replace(case.calibration, fusion=fusion)))
    assert 0 < len(fewer.components) < len(usual.components)
    assert all(part.volume_ml * 1000 > smallest for part in fewer.components)
