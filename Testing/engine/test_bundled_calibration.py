"""The README's commands on the real data give the calibration that ships, from the weights that ship.

On two of its ten patients, whose unguided predictions are the best and the worst of all: the range that ships must come
back, and the rest as it came when the whole did. Testing/benchmarks/compare_calibration.py takes all ten.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).resolve().parents[1] / "benchmarks"))
from compare_calibration import calibrate, differences, shipped

from anofpdm.methods.anofpdm.calibration import load_calibrations

DATA = os.environ.get("ANOFPDM_TEST_DATA")
pytestmark = [
    pytest.mark.data,
    pytest.mark.skipif(not DATA, reason="ANOFPDM_TEST_DATA does not name the folder of real volumes"),
]
SUBJECTS = ("TCGA_CS_6290_20000917", "TCGA_HT_8018_19970411")
OF_TWO = Path(__file__).with_name("calibration_of_two_patients.json")


def test_the_shipped_calibration_comes_back(tmp_path: Path) -> None:
    """The preset `fast` at the range that the labels chose."""
    whole = shipped("fast", "float32")
    made = calibrate(Path(str(DATA)), whole, tmp_path, SUBJECTS)
    assert made.operating_point == whole.operating_point and made.weights_sha256 == whole.weights_sha256
    assert made.unguided_error == pytest.approx(whole.unguided_error, rel=1e-3)
    (expected,) = load_calibrations(OF_TWO)
    assert differences(made, expected) == []
