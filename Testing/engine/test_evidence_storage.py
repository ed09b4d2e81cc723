"""Evidence survives the disk unchanged, and batches joined equal the whole."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from phantom import phantom_volume
from tiny_model import tiny_config, write_tiny_model
from volume_makers import make_image

from anofpdm.core.errors import SettingsError
from anofpdm.detect.detector import Detector, DetectorOptions
from anofpdm.methods.anofpdm.evidence import evidence_arrays, join_evidence
from anofpdm.methods.anofpdm.operating_point import OperatingPoint
from anofpdm.methods.anofpdm.settings import SelectionSettings
from anofpdm.results.case import CaseEvidence
from anofpdm.results.case_storage import load_evidence, put_together, save_evidence, take_apart
from anofpdm.results.detection import build_detection
from anofpdm.thresholds.settings import Threshold

BANK = OperatingPoint(steps=3, last=300, clamp=True, guidance_bank=(0.0, 2.0, 8.0))


@pytest.fixture(scope="module", params=["quadratic", "bank"])
def case(request, tmp_path_factory) -> CaseEvidence:
    config = tiny_config()
    if request.param == "bank":
        config = dataclasses.replace(config, operating_point=BANK)
    folder = write_tiny_model(tmp_path_factory.mktemp("models") / "tiny", config)
    image = make_image(phantom_volume(3, lesion=True).image, (3.75, 3.75, 6.0))
    return Detector.from_folder(folder).examine(image, DetectorOptions(seed=7))


def test_a_case_comes_back_as_it_was(case: CaseEvidence, tmp_path: Path) -> None:
    save_evidence(tmp_path / "evidence.npz", case)
    again = load_evidence(tmp_path / "evidence.npz")
    for name, array in evidence_arrays(case.evidence).items():
        assert np.array_equal(evidence_arrays(again.evidence)[name], array), name
    for field in dataclasses.fields(case):
        if field.name == "evidence":
            assert again.evidence.point == case.evidence.point
        elif isinstance(getattr(case, field.name), np.ndarray):
            assert np.array_equal(getattr(again, field.name), getattr(case, field.name), equal_nan=True), field.name
        else:
            assert getattr(again, field.name) == getattr(case, field.name), field.name


def test_evidence_of_before_mirrored_slices_and_averaged_maps_is_read(case: CaseEvidence) -> None:
    record, arrays = take_apart(case)
    record |= {"schema": 2, "operating_point": record.pop("evidence")["operating_point"]}
    del record["method"]
    for place, names in {
        "operating_point": ["mirrored", "direction"],
        "settings": ["consistency"],
        "calibration": ["consistency", "other_consistency"],
    }.items():
        for name in names:
            del record[place][name]
    for name in ("mirrored", "direction"):
        del record["calibration"]["operating_point"][name]
    again = put_together(record, arrays)
    assert (again.evidence.point, again.settings, again.calibration) == (
        case.evidence.point,
        case.settings,
        case.calibration,
    )
    parameters = build_detection(again).findings["parameters"]
    assert (parameters["mirrored"], parameters["direction"]) == (False, "both")
    assert parameters["consistency"] == "slice"


def test_the_same_case_gives_the_same_bytes(case: CaseEvidence, tmp_path: Path) -> None:
    for name in ("a.npz", "b.npz"):
        save_evidence(tmp_path / name, case)
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()


def test_stored_evidence_gives_the_same_result(case: CaseEvidence, tmp_path: Path) -> None:
    save_evidence(tmp_path / "evidence.npz", case)
    settings = SelectionSettings(guidance=8.0, threshold=Threshold("dynamic"))
    first, second = build_detection(case, settings), build_detection(load_evidence(tmp_path / "evidence.npz"), settings)
    assert np.array_equal(first.score, second.score) and first.score.any()
    assert {**first.findings, "created": 0} == {**second.findings, "created": 0}


def test_joined_slices_equal_the_whole(case: CaseEvidence) -> None:
    whole = case.evidence
    joined = join_evidence([whole.subset(slice(0, 5)), whole.subset(slice(5, None))])
    for name, array in evidence_arrays(whole).items():
        assert np.array_equal(evidence_arrays(joined)[name], array)


def test_a_bank_answers_only_for_its_own_strengths(case: CaseEvidence) -> None:
    settings = SelectionSettings(guidance=3.0)
    if case.evidence.point.clamp:
        with pytest.raises(SettingsError, match="0, 2, 8"):
            build_detection(case, settings)
    else:
        assert build_detection(case, settings).answer.choices.guidance == 3.0
