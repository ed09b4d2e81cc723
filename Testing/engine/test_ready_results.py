"""Masks and maps of other tools: found by subject, brought to the grid, measured like any other."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path
from typing import Any

import dataset_makers as make
import numpy as np
import pytest
import SimpleITK as sitk
from command_line import CommandLine
from tiny_model import tiny_config, write_tiny_model

from anofpdm.methods.anofpdm import network_runs

FEW = ("--resamplings", "20", "--methods", "none", "--no-pictures")


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_model(tmp_path_factory.mktemp("model") / "tiny", tiny_config("tiny", matrix=16)).path


@pytest.fixture
def command(prepared_command: CommandLine) -> CommandLine:
    return prepared_command


@pytest.fixture
def data(masked_pair: Path) -> Path:
    return masked_pair


def measured(folder: Path) -> list[dict[str, Any]]:
    methods: list[dict[str, Any]] = json.loads((folder / "results.json").read_text(encoding="utf-8"))["methods"]
    return methods


def test_the_lesions_themselves_score_one(command: CommandLine, model: Path, data: Path, tmp_path: Path) -> None:
    for number in range(2):
        (tmp_path / "truth").mkdir(exist_ok=True)
        shutil.copy(data.parent / f"p{number}" / "lesion.nii.gz", tmp_path / "truth" / f"p{number}.nii.gz")
    outcome = command("evaluate", model, data, "--masks", tmp_path / "truth", "--output", tmp_path / "out", *FEW)
    assert outcome.status == 0, outcome.err
    (row,) = measured(tmp_path / "out")
    assert row["name"] == "truth" and row["tuned_with"] == "unknown"
    for name in ("dice_mixed", "dice_unhealthy", "dice_volume", "pixel_recall", "pixel_precision"):
        assert row["figures"][name]["value"] == 1, name


def test_maps_are_thresholded_like_any_map_and_masks_of_the_same_name_join_them(
    command: CommandLine, model: Path, data: Path, tmp_path: Path
) -> None:
    for number in range(2):
        lesion = sitk.ReadImage(str(data.parent / f"p{number}" / "lesion.nii.gz"), sitk.sitkFloat32)
        noise = make.to_image(np.random.default_rng(number).random(make.SIZE[::-1]).astype(np.float32))
        noise.CopyInformation(lesion)
        for folder, image in (("maps", 3 * lesion + noise), ("masks", lesion)):
            (tmp_path / folder).mkdir(exist_ok=True)
            sitk.WriteImage(image, str(tmp_path / folder / f"p{number}.nrrd"))
    call = ("evaluate", model, data, "--score-maps", f"tool={tmp_path / 'maps'}", *FEW)
    assert command(*call, "--output", tmp_path / "out").status == 0
    by_labels, by_masks = measured(tmp_path / "out")
    assert by_masks["tuned_with"] == "pixel masks" and by_masks["figures"]["dice_unhealthy"]["value"] > 0.9
    assert by_labels["figures"]["auprc_all_slices"]["value"] > 0.97
    assert by_labels["figures"]["image_auroc"]["value"] > 0.95
    assert command(*call, "--masks", f"tool={tmp_path / 'masks'}", "--output", tmp_path / "both").status == 0
    (row,) = measured(tmp_path / "both")
    assert row["figures"]["auprc_all_slices"] == by_labels["figures"]["auprc_all_slices"]
    assert row["figures"]["dice_mixed"]["value"] == 1


def test_another_grid_is_found_before_anything_is_computed(
    command: CommandLine, model: Path, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "masks").mkdir()
    for number in range(2):
        lesion = sitk.ReadImage(str(data.parent / f"p{number}" / "lesion.nii.gz"))
        sitk.WriteImage(lesion[1:], str(tmp_path / "masks" / f"p{number}.nii.gz"))
    monkeypatch.setattr(network_runs, "accumulate_slices", lambda *_, **__: pytest.fail("the network ran"))
    call = ("evaluate", model, data, "--masks", tmp_path / "masks", "--output", tmp_path / "out", *FEW)
    outcome = command(*call[:-3], "--methods", "anofpdm", "--no-pictures")
    assert outcome.status == 2 and "bring it to the image's grid" in outcome.err


def test_results_of_detect_are_read_where_they_lie(
    command: CommandLine, model: Path, data: Path, tmp_path: Path
) -> None:
    for number in range(2):
        image, output = data.parent / f"p{number}" / "flair.nii.gz", tmp_path / "found" / f"p{number}"
        assert command("detect", image, "--model", model, "--output", output, "--progress", "none").status == 0
    call = ("evaluate", model, data, "--masks", tmp_path / "found", "--score-maps", tmp_path / "found")
    assert command(*call, "--output", tmp_path / "out", *FEW).status == 0
    (row,) = measured(tmp_path / "out")
    assert "auprc_all_slices" in row["figures"] and "dice_volume" in row["figures"]
    with (tmp_path / "out" / "slices.csv").open() as stream:
        found = sum(float(line["predicted_mm2"]) for line in csv.DictReader(stream))
    masks = [
        sitk.GetArrayFromImage(sitk.ReadImage(str(tmp_path / "found" / f"p{n}" / "segmentation.seg.nrrd")))
        for n in range(2)
    ]
    inplane = make.SPACING[0] * make.SPACING[1]
    assert found == pytest.approx(sum(mask.sum() for mask in masks) * inplane, rel=0.15)


def test_refusals_name_the_file(command: CommandLine, model: Path, data: Path, tmp_path: Path) -> None:
    folder = tmp_path / "tool"
    folder.mkdir()

    def refused(*words: str, option: str = "--masks") -> None:
        outcome = command("evaluate", model, data, option, folder, "--output", tmp_path / "out", *FEW)
        assert outcome.status == 2 and "Traceback" not in outcome.err
        assert all(word in outcome.err for word in words), outcome.err
        assert not (tmp_path / "out" / "results.json").exists()

    refused("no mask of subject p0")
    refused("no map of subject p0", option="--score-maps")
    lesion = data.parent / "p0" / "lesion.nii.gz"
    shutil.copy(lesion, folder / "p0.nii.gz")
    refused("no mask of subject p1")
    shutil.copy(data.parent / "p1" / "lesion.nii.gz", folder / "p1.nii.gz")
    sitk.WriteImage(sitk.ReadImage(str(lesion)), str(folder / "p0.nrrd"))
    refused("has both p0.nii.gz and p0.nrrd")
    (folder / "p0.nrrd").write_text("nonsense", encoding="utf-8")
    (folder / "p0.nii.gz").unlink()
    refused("p0.nrrd is damaged")
    smaller = sitk.RegionOfInterest(sitk.ReadImage(str(lesion)), (40, 40, 20), (0, 0, 0))
    sitk.WriteImage(smaller, str(folder / "p0.nrrd"))
    refused("differ in size or position")
    values = np.full(make.SIZE[::-1], np.nan, dtype=np.float32)
    sitk.WriteImage(make.to_image(values), str(folder / "p0.nrrd"))
    refused("infinite, undefined", option="--score-maps")
    shutil.rmtree(folder)
    refused("is not a folder")
