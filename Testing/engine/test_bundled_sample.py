"""The main job as the README shows it: the bundled model on the bundled sample and on its lesion-free twin."""

from __future__ import annotations

import json
from pathlib import Path

import SimpleITK as sitk
from bundled_fixtures import SAMPLES

from anofpdm.cli.main import main
from anofpdm.store.model_search import BUNDLED_FOLDER, default_model_name, find_model


def test_the_planted_lesion_is_outlined(bundled_results: Path) -> None:
    found = sitk.ReadImage(str(bundled_results / "lesion" / "segmentation.seg.nrrd")) > 0
    planted = sitk.ReadImage(str(SAMPLES / "synthetic_flair_lesion_mask.nii.gz")) > 0
    measure = sitk.LabelOverlapMeasuresImageFilter()
    measure.Execute(found, planted)
    assert measure.GetDiceCoefficient() >= 0.5


def test_hardly_anything_is_found_in_the_twin(bundled_results: Path) -> None:
    findings = json.loads((bundled_results / "no_lesion" / "findings.json").read_text())
    with_lesion = json.loads((bundled_results / "lesion" / "findings.json").read_text())
    assert findings["totals"]["slices_examined"] >= 20
    assert findings["totals"]["volume_ml"] <= 0.1 * with_lesion["totals"]["volume_ml"]
    assert findings["totals"]["slices_unhealthy"] < with_lesion["totals"]["slices_unhealthy"]
    caution = find_model(default_model_name()).config.caution
    assert not caution or caution in findings["warnings"]


def test_samples_say_that_they_are_synthetic() -> None:
    assert default_model_name() in {folder.name for folder in BUNDLED_FOLDER.iterdir() if folder.is_dir()}
    assert all("synthetic" in file.name for file in SAMPLES.iterdir())


def test_adjusting_takes_back_to_the_same_result(bundled_results: Path, tmp_path: Path) -> None:
    first = sitk.ReadImage(str(bundled_results / "lesion" / "heatmap.nrrd"))
    for options in (["--guidance", "4"], []):
        assert main(["adjust", str(bundled_results / "lesion"), "--output", str(tmp_path / "out"), *options]) == 0
        again = sitk.ReadImage(str(tmp_path / "out" / "heatmap.nrrd"))
        same = sitk.Hash(again) == sitk.Hash(first)
        assert same is (options == [])
