"""The benchmark of the gate in short: a few real volumes through the whole detector, with the quickest model.

`ANOFPDM_TEST_DATA` names the folder that holds `lgg` and `ms3seg`; without it these tests are skipped. None of these
patients is in the reference.
"""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path

import pytest
import SimpleITK as sitk
from gate import look_at, table_of
from gate_versions import objects, upside_down

from anofpdm import Detector

DATA = os.environ.get("ANOFPDM_TEST_DATA")
real = pytest.mark.skipif(not DATA, reason="ANOFPDM_TEST_DATA is not set")
KNOWN = ("lgg/TCGA_CS_4942_19970222/flair", "lgg/TCGA_CS_6290_20000917/flair", "ms3seg/111008/flair")
OTHER_SEQUENCES = {"ms3seg/111008/t1": "T1-weighted", "ms3seg/104899/t2": "T2-weighted"}


@pytest.fixture(scope="module")
def detector() -> Detector:
    import torch

    torch.set_num_threads(1)
    return Detector.from_model("student", device="cpu")


def volume(name: str) -> sitk.Image:
    assert DATA is not None
    return sitk.ReadImage(str(Path(DATA) / f"{name}.nii.gz"), sitk.sitkFloat32)


@real
@pytest.mark.parametrize("name", KNOWN)
def test_known_sequences_are_not_red(detector: Detector, name: str) -> None:
    state, sentences = look_at(detector, volume(name))
    assert state in ("green", "amber"), sentences


@real
@pytest.mark.parametrize("name", OTHER_SEQUENCES)
def test_other_sequences_are_red_by_name(detector: Detector, name: str) -> None:
    state, sentences = look_at(detector, volume(name))
    assert state == "red" and f"This looks like a {OTHER_SEQUENCES[name]} image" in sentences


@real
def test_an_upside_down_head_is_red(detector: Detector) -> None:
    state, sentences = look_at(detector, upside_down(volume(KNOWN[-1])))
    assert state == "red" and "upside down" in sentences


@pytest.mark.parametrize("name", ["noise of a magnitude image", "knee"])
def test_objects_that_are_no_heads(detector: Detector, name: str) -> None:
    state, sentences = look_at(detector, dict(objects())[name])
    assert state in ("red", "refused") and sentences


def test_the_table() -> None:
    text = table_of({"lgg": Counter(green=7, amber=3), "t1": Counter(red=9)})
    assert text.splitlines()[2:] == ["| lgg | 7 | 3 | 0 | 0 |", "| t1 | 0 | 0 | 9 | 0 |"]
