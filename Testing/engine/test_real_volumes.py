"""The main job on real MRI: every file, on the grid of the input. The networks here know no patients."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from tiny_model import tiny_config, write_tiny_model

from anofpdm.cli.main import main
from anofpdm.results.detection import PROBABILITY_FILE, RESULT_FILES

DATA = os.environ.get("ANOFPDM_TEST_DATA")
pytestmark = [
    pytest.mark.data,
    pytest.mark.skipif(not DATA, reason="ANOFPDM_TEST_DATA does not name the folder of real volumes"),
]


def check_result(folder: Path, volume: Path, *more: str) -> dict:
    assert {file.name for file in folder.iterdir() if not file.name.startswith(".")} == {*RESULT_FILES, *more}
    image = sitk.ReadImage(str(volume))
    for name in ("heatmap.nrrd", "segmentation.seg.nrrd"):
        result = sitk.ReadImage(str(folder / name))
        assert result.GetSize() == image.GetSize()
        for ours, theirs in (
            (result.GetSpacing(), image.GetSpacing()),
            (result.GetOrigin(), image.GetOrigin()),
            (result.GetDirection(), image.GetDirection()),
        ):
            assert np.allclose(ours, theirs, atol=1e-5)
    return json.loads((folder / "findings.json").read_text())


def test_the_bundled_model_on_a_glioma_patient(tmp_path: Path) -> None:
    volume = Path(str(DATA)) / "lgg" / "TCGA_HT_7686_19950629" / "flair.nii.gz"
    options = ["--preset", "fast", "--progress", "none"]
    assert main(["detect", str(volume), "--output", str(tmp_path / "out"), *options]) == 0
    findings = check_result(tmp_path / "out", volume, PROBABILITY_FILE)
    assert findings["totals"]["slices"] == sitk.ReadImage(str(volume)).GetSize()[2]
    assert findings["input"]["skull_stripped"] is False
    assert findings["warnings"] == []
    # A patient it was trained on, so this says only that nothing on the way from volume to segmentation is lost.
    found = sitk.ReadImage(str(tmp_path / "out" / "segmentation.seg.nrrd")) > 0
    lesion = sitk.ReadImage(str(volume.parent / "lesion.nii.gz")) > 0
    lesion.CopyInformation(found)
    measure = sitk.LabelOverlapMeasuresImageFilter()
    measure.Execute(found, lesion)
    assert measure.GetDiceCoefficient() > 0.7


def test_three_modalities_on_different_grids(tmp_path: Path) -> None:
    model = write_tiny_model(tmp_path / "three", tiny_config("three", ("flair", "t1", "t2")))
    folder = Path(str(DATA)) / "open_ms"
    names = {"flair": "FLAIR", "t1": "T1W", "t2": "T2W"}
    files = {modality: folder / f"patient01_study1_{name}.nii.gz" for modality, name in names.items()}
    inputs = [f"{modality}={path}" for modality, path in files.items()]
    options = ["--output", str(tmp_path / "out"), "--model", str(model.path), "--progress", "none"]
    assert main(["detect", *inputs, *options]) == 0
    findings = check_result(tmp_path / "out", files["flair"])
    assert findings["warnings"] == []
    assert set(findings["input"]["files"]) == {"flair", "t1", "t2"}
