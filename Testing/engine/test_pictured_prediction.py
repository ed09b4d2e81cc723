"""The healthy prediction in the picture: at a strength at which it looks like healthy tissue, and saying so."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import SimpleITK as sitk

from anofpdm import Detector, SelectionSettings, Threshold, build_detection
from anofpdm.methods.anofpdm.method import pictured_guidance
from anofpdm.results.case import CaseEvidence
from anofpdm.results.detection import Detection
from anofpdm.store.model_config import load_model_config


@pytest.fixture(scope="module")
def case(tiny_model: Path, head_image: sitk.Image) -> CaseEvidence:
    return Detector.from_model(tiny_model).examine(head_image)


def drawn(detection: Detection, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What the picture is made of."""
    given: dict[str, Any] = {}
    monkeypatch.setattr("anofpdm.results.detection.render_overlay", lambda path, **values: given.update(values))
    detection._write_overlay(Path("overlay.png"))
    return given


@pytest.mark.parametrize(
    ("used", "pictured", "words"),
    [
        (0.5, 0.5, "guidance strength 0.5"),
        (2.0, 2.0, "guidance strength 2"),
        (8.0, 2.0, "guidance strength 2 (at 8 it is overdriven)"),
    ],
)
def test_it_is_drawn_at_moderate_strength(
    case: CaseEvidence, monkeypatch: pytest.MonkeyPatch, used: float, pictured: float, words: str
) -> None:
    picture = drawn(build_detection(case, SelectionSettings(guidance=used)), monkeypatch)
    expected = case.evidence.healthy_prediction(pictured)[:, 0]
    np.testing.assert_array_equal(picture["healthy_prediction"][case.examined], expected)
    assert np.isnan(picture["healthy_prediction"][~case.examined]).all()
    assert picture["prediction"].endswith(words)
    assert f"guidance strength {used:g}" in picture["title"]


@pytest.mark.parametrize(("bank", "pictured"), [((0.5, 1.0, 8.0), 1.0), ((4.0, 8.0), 4.0), ((2.0, 8.0), 2.0)])
def test_of_a_bank_one_of_its_strengths_is_taken(
    tiny_model: Path, head_image: sitk.Image, bank: tuple[float, ...], pictured: float
) -> None:
    point = dataclasses.replace(load_model_config(tiny_model).operating_point, clamp=True, guidance_bank=bank)
    case = Detector.from_model(tiny_model, run=point).examine(head_image)
    settings = SelectionSettings(guidance=8, threshold=Threshold.parse("value=0.1"), ungated=True)
    detection = build_detection(case, settings)
    assert pictured_guidance(case, detection.answer) == pictured
    assert np.isfinite(detection.healthy_picture.values).all()


def test_every_slice_is_named_with_its_decision(case: CaseEvidence, monkeypatch: pytest.MonkeyPatch) -> None:
    detection = build_detection(case, SelectionSettings(ungated=True))
    labels = drawn(detection, monkeypatch)["labels"]
    for label, entry in zip(labels, detection.findings["slices"], strict=True):
        assert label.endswith("mm" if entry["decision"] is None else f"mm, {entry['decision']}")
    assert any(label.endswith("healthy") for label in labels) and any(label.endswith("mm") for label in labels)
