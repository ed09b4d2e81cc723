"""The README's commands on the real data give the calibration that ships, from the weights that ship."""

from __future__ import annotations

import dataclasses
import os
import shutil
from pathlib import Path

import numpy as np
import pytest

from anofpdm.cli.main import main
from anofpdm.methods.anofpdm.calibration import load_calibrations
from anofpdm.store.model_search import find_model

DATA = os.environ.get("ANOFPDM_TEST_DATA")
pytestmark = [
    pytest.mark.data,
    pytest.mark.skipif(not DATA, reason="ANOFPDM_TEST_DATA does not name the folder of real volumes"),
]

FAST = ("fast", "float32")
ROWS = (
    "accuracy",
    "auroc",
    "similarity_threshold",
    "map_threshold",
    "healthy_threshold",
    "scaling",
    "other_accuracy",
    "unguided_error",
)


def test_the_shipped_calibration_comes_back(tmp_path: Path) -> None:
    """The preset `fast` at the range that the labels chose: the others take minutes each."""
    bundled = find_model("brain-flair")
    (shipped,) = (c for c in load_calibrations(bundled.calibration) if (c.name, c.operating_point.precision) == FAST)
    model = shutil.copytree(bundled.path, tmp_path / bundled.config.name)
    manifest = tmp_path / "lgg.csv"
    assert main(["manifest", "lgg", str(Path(str(DATA)) / "lgg"), "--output", str(manifest)]) == 0
    point = shipped.operating_point
    asked = ["--presets", "fast", "--ranges", f"{point.first}..{point.last}", "--precision", "float32"]
    assert main(["calibrate", str(model), str(manifest), *asked, "--progress", "none"]) == 0
    (made,) = load_calibrations(model / "calibration.json")
    assert made.operating_point == point
    for field in dataclasses.fields(made):
        ours, theirs = getattr(made, field.name), getattr(shipped, field.name)
        if field.type in ("float", "float | None") or field.name in ROWS:
            np.testing.assert_allclose(ours, theirs, rtol=1e-3, err_msg=field.name)
        elif field.name != "other_consistency":
            assert ours == theirs, field.name
