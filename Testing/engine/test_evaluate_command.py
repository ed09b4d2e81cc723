"""`anofpdm evaluate` on small heads with masks: files, determinism, resuming, refusals."""

from __future__ import annotations

import csv
import dataclasses
import json
import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import SimpleITK as sitk
from command_line import CommandLine
from evaluation_samples import write_masked_data
from tiny_model import POINT, tiny_calibration, tiny_config, write_tiny_model

from anofpdm.core.errors import Cancelled
from anofpdm.core.progress import CancelToken
from anofpdm.evaluation import chunk_store
from anofpdm.evaluation.pictures import CASES_FILE, CURVES_FILE, SIZES_FILE
from anofpdm.evaluation.request import EvaluationRequest
from anofpdm.evaluation.runner import run_evaluation
from anofpdm.methods.anofpdm import network_runs
from anofpdm.methods.anofpdm.calibration import calibrations_to_json
from anofpdm.methods.anofpdm.evaluated import AnoFPDM
from anofpdm.methods.anofpdm.evaluation import operating_points
from anofpdm.methods.anofpdm.variants import Variants
from anofpdm.store.model_folder import open_model_folder, write_calibration

FEW = ("--resamplings", "50", "--batch-size", "4", "--no-pictures")


@pytest.fixture
def command(prepared_command: CommandLine) -> CommandLine:
    return prepared_command


@pytest.fixture
def data(masked_data: Path) -> Path:
    return masked_data


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_model(tmp_path_factory.mktemp("model") / "tiny", tiny_config("tiny", matrix=16)).path


def results(folder: Path, *, timeless: bool = False) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "results.json").read_text(encoding="utf-8"))
    if timeless:
        for method in found["methods"]:
            method.pop("seconds_a_slice")
    return found


def test_the_tables_hold_every_method_slice_and_volume(
    command: CommandLine, model: Path, data: Path, tmp_path: Path
) -> None:
    outcome = command("evaluate", model, data, "--output", tmp_path / "out", "--metrics", "reference", *FEW[:-1])
    assert outcome.status == 0, outcome.err
    assert {path.name for path in (tmp_path / "out").glob("*.png")} == {CURVES_FILE, SIZES_FILE, CASES_FILE}
    found = results(tmp_path / "out")
    names = [method["name"] for method in found["methods"]]
    assert len(set(names)) == len(names)
    assert {m["family"] for m in found["methods"]} == {
        "anofpdm", "all-zero", "level-only", "flair intensity", "flair left-right difference",
    }  # fmt: skip
    slices = found["data"]["slices"]
    assert found["data"]["subjects"] == 3 and 30 < slices <= 72
    assert found["data"]["not_examined_slices"] == 72 - slices
    assert found["data"]["same_level_pairs"] > 10
    (caution,) = found["warnings"]
    assert caution.startswith("Except where the model's own") and "of the measured slices themselves" in caution
    with (tmp_path / "out" / "slices.csv").open() as stream:
        assert len(list(csv.DictReader(stream))) == slices * len(names)
    with (tmp_path / "out" / "volumes.csv").open() as stream:
        with_masks = [m for m in found["methods"] if "dice_volume" in m["figures"]]
        assert len(list(csv.DictReader(stream))) == 3 * len(with_masks)
    with (tmp_path / "out" / "methods.csv").open() as stream:
        rows = {row["method"]: row for row in csv.DictReader(stream)}
    assert list(rows) == names
    dice = found["methods"][0]["figures"]["dice_mixed"]
    assert float(rows[names[0]]["dice_mixed"]) == dice["value"] and dice["interval"] is not None
    assert found["methods"][0]["reference_figures"]["dice"] == pytest.approx(dice["value"], abs=1e-5)
    table = (tmp_path / "out" / "table.md").read_text(encoding="utf-8")
    assert all(name in table for name in names) and caution in table
    network = found["methods"][0]
    assert network["network_evaluations_a_slice"] == 7 and network["seconds_a_slice"] > 0
    assert command("evaluate", model, data, "--output", tmp_path / "out", "--methods", "all-zero", *FEW).status == 0
    assert not list((tmp_path / "out").glob("*.png")), "pictures of another run do not stay beside new tables"
    assert results(tmp_path / "out")["warnings"] == [], "nothing is tuned"


def test_a_calibration_with_the_measured_labels_is_named(
    command: CommandLine, model: Path, data: Path, tmp_path: Path
) -> None:
    folder = open_model_folder(Path(shutil.copytree(model, tmp_path / "tiny")))
    call = ("evaluate", folder.path, data, "--output", tmp_path / "out", "--methods", "anofpdm", *FEW)
    assert command(*call).status == 0
    slices = results(tmp_path / "out")["data"]["slices"]
    for source, expected in ((f"{data.name}, split val", 1), (f"{data.name}, split test", 0)):
        calibration = tiny_calibration(folder.weights_sha256, source=source, slices=slices)
        write_calibration(folder, calibrations_to_json([calibration]))
        assert command(*call).status == 0
        found = results(tmp_path / "out")
        assert len(found["warnings"]) == expected
        assert source in found["methods"][0]["parameters"]["calibration"]


def test_slices_are_decided_as_a_detection_decides_them(
    command: CommandLine, model: Path, data: Path, tmp_path: Path
) -> None:
    folder = open_model_folder(Path(shutil.copytree(model, tmp_path / "tiny")))
    call = ("evaluate", folder.path, data, "--output", tmp_path / "out", "--methods", "anofpdm", "--maps", "aggregated",
            "--thresholds", "healthy", "--decisions", "map", *FEW)  # fmt: skip

    def slices() -> list[dict[str, str]]:
        assert command(*call).status == 0
        with (tmp_path / "out" / "slices.csv").open() as stream:
            return [row for row in csv.DictReader(stream) if row["subject"] == "p0"]

    # An untrained network's own threshold would decide all slices alike.
    middle = float(np.median([float(row["image_score"]) for row in slices()]))
    calibration = tiny_calibration(folder.weights_sha256, map_threshold=(middle,) * 3)
    write_calibration(folder, calibrations_to_json([calibration]))
    decided = {int(row["slice"]): row["decided_unhealthy"] == "1" for row in slices()}
    assert len(set(decided.values())) == 2

    image = data.parent / "p0" / "flair.nii.gz"
    output = tmp_path / "one"
    assert command("detect", image, "--model", folder.path, "--output", output, "--progress", "none").status == 0
    findings = json.loads((output / "findings.json").read_text(encoding="utf-8"))
    assert decided == {s["index"]: s["decision"] == "unhealthy" for s in findings["slices"] if s["examined"]}


def test_the_default_preset_comes_first_unless_others_are_named(tmp_path: Path) -> None:
    folder = write_tiny_model(tmp_path / "tiny", calibrated=False)
    assert operating_points(None, folder) == [folder.config.operating_point]
    points = {name: dataclasses.replace(POINT, steps=steps) for name, steps in (("fast", 2), ("balanced", 4))}
    found = [tiny_calibration(folder.weights_sha256, point=point, name=name) for name, point in points.items()]
    folder = write_calibration(folder, calibrations_to_json(found))
    assert [point.steps for point in operating_points(None, folder)] == [4, 2]
    assert [point.steps for point in operating_points(("fast", "balanced"), folder)] == [2, 4]


def test_one_run_of_the_network_answers_for_both_directions(
    command: CommandLine, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = tiny_config("tiny", matrix=16)
    config = dataclasses.replace(config, operating_point=dataclasses.replace(POINT, direction="brighter"))
    folder = write_tiny_model(tmp_path / "tiny", config).path
    seen: list[int] = []
    run = network_runs.accumulate_slices

    def counted(*arguments: Any, **options: Any) -> Any:
        seen.append(len(arguments[0]))
        return run(*arguments, **options)

    monkeypatch.setattr(network_runs, "accumulate_slices", counted)
    call = ("evaluate", folder, data, "--methods", "anofpdm,anofpdm-both-directions", *FEW)
    assert command(*call, "--output", tmp_path / "out").status == 0
    document = results(tmp_path / "out")
    assert sum(seen) == document["data"]["slices"], "each slice once"
    found = {m["family"]: m for m in document["methods"]}
    one, both = found["anofpdm"], found["anofpdm-both-directions"]
    assert ", brighter only, " in one["name"] and "only" not in both["name"].partition(", w")[0]
    assert one["figures"]["auprc_all_slices"] != both["figures"]["auprc_all_slices"]


def test_an_interrupted_run_resumes_and_ends_like_an_uninterrupted_one(
    command: CommandLine, model: Path, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chunk_store, "CHUNK_SLICES", 8)
    call = ("evaluate", model, data, "--methods", "anofpdm,anofpdm-ddpm", *FEW)
    assert command(*call, "--output", tmp_path / "whole").status == 0

    run, left = network_runs.accumulate_slices, [3]

    def interrupted(*arguments: Any, **options: Any) -> Any:
        left[0] -= 1
        if left[0] < 0:
            raise KeyboardInterrupt
        return run(*arguments, **options)

    monkeypatch.setattr(network_runs, "accumulate_slices", interrupted)
    assert command(*call, "--output", tmp_path / "part").status == 130
    assert not (tmp_path / "part" / "results.json").exists()
    assert len(list((tmp_path / "part" / "kept").glob("*.npz"))) == 3
    left[0] = 10_000
    assert command(*call, "--output", tmp_path / "part").status == 0
    chunks = len(list((tmp_path / "whole" / "kept").glob("*.npz")))
    assert 10_000 - left[0] == chunks - 3, "what was done already is not done again"
    assert results(tmp_path / "part", timeless=True) == results(tmp_path / "whole", timeless=True)
    for name in ("slices.csv", "volumes.csv"):
        assert (tmp_path / "part" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()


def test_a_stopped_run_says_that_it_continues(model: Path, data: Path, tmp_path: Path) -> None:
    cancel = CancelToken()
    cancel.cancel()
    request = EvaluationRequest(str(model), data, tmp_path / "out", methods=("all-zero",), pictures=False)
    with pytest.raises(Cancelled, match="same command again to continue"):
        run_evaluation(request, cancel=cancel)
    assert not (tmp_path / "out" / "results.json").exists()


def test_a_damaged_chunk_is_computed_again(command: CommandLine, model: Path, data: Path, tmp_path: Path) -> None:
    call = ("evaluate", model, data, "--methods", "anofpdm", "--output", tmp_path / "out", *FEW)
    assert command(*call).status == 0
    before = results(tmp_path / "out", timeless=True)
    for path in (tmp_path / "out" / "kept").glob("*.npz"):
        path.write_bytes(path.read_bytes()[:500])
    assert command(*call).status == 0
    assert results(tmp_path / "out", timeless=True) == before


def test_thresholds_can_be_tuned_on_another_split(command: CommandLine, data: Path, tmp_path: Path) -> None:
    # In fewer pixels both splits' best thresholds are the same.
    model = write_tiny_model(tmp_path / "tiny", tiny_config("tiny", matrix=32)).path
    text = data.read_text(encoding="utf-8").splitlines()
    mixed = [line.replace(",val,", ",test,") if line.startswith("p2,") else line for line in text]
    manifest = data.parent / "two_splits.csv"
    manifest.write_text("\n".join(mixed) + "\n", encoding="utf-8")
    call = ("evaluate", model, manifest, "--methods", "intensity", "--split", "test", *FEW)
    assert command(*call, "--output", tmp_path / "own").status == 0
    assert command(*call, "--tuning-split", "val", "--output", tmp_path / "other").status == 0
    own, other = results(tmp_path / "own"), results(tmp_path / "other")
    assert own["data"]["subjects"] == other["data"]["subjects"] == 1
    assert (own["data"]["tuning_split"], other["data"]["tuning_split"]) == ("test", "val")
    assert own["methods"][0]["parameters"]["threshold"] != other["methods"][0]["parameters"]["threshold"]
    assert own["methods"][1]["parameters"]["threshold"] == other["methods"][1]["parameters"]["threshold"]


@pytest.fixture(scope="module")
def vanishing(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Lesions too small for the model's grid."""
    data = write_masked_data(tmp_path_factory.mktemp("vanishing"), subjects=2)
    for path in data.parent.glob("*/lesion.nii.gz"):
        mask = sitk.ReadImage(str(path))
        values = np.zeros_like(sitk.GetArrayFromImage(mask))
        values[:, values.shape[1] // 2, values.shape[2] // 2] = 1
        one = sitk.GetImageFromArray(values)
        one.CopyInformation(mask)
        sitk.WriteImage(one, str(path))
    return data


@pytest.mark.parametrize("erosion", ["0", "50"])
def test_nothing_to_outline_leaves_out_what_masks_would_tune(
    command: CommandLine, model: Path, vanishing: Path, tmp_path: Path, erosion: str
) -> None:
    """With a wide margin no head is left either."""
    call = ("evaluate", model, vanishing, "--output", tmp_path / "out", "--methods", "ddib,intensity", *FEW)
    outcome = command(*call, "--compared-steps", "2", "--grid-slices", "4", "--erosion-mm", erosion)
    assert outcome.status == 0, outcome.err
    found = results(tmp_path / "out")
    assert found["data"]["vanished_slices"] == found["data"]["unhealthy_slices"] > 0
    assert [m["tuned_with"] for m in found["methods"]] == ["image labels"] * 2
    assert all(m["best_threshold_with_masks"] == {} for m in found["methods"])


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--methods", "magic"), "'magic'"),
        (("--methods", ""), "--methods takes"),
        (("--resamplings", "-1"), "--resamplings"),
        (("--erosion-mm", "-3"), "--erosion-mm"),
        (("--erosion-mm", "nan"), "--erosion-mm"),
        (("--seed", "-1"), "seed"),
        (("--batch-size", "0"), "batch size"),
        (("--guidance", "1,x"), "--guidance"),
        (("--guidance", "5000"), "guidance"),
        (("--guidance", "9"), "0 to 8"),
        (("--methods", "anofpdm-ddpm", "--guidance", "31"), "0 to 16"),
        (("--maps", "last", "--thresholds", "healthy"), "--thresholds dynamic"),
        (("--consistency", "volume", "--decisions", "similarity"), "No variant is left to measure"),
        (("--consistency", "volume"), "a calibration that holds them"),
        (("--consistency", "both"), "--consistency takes some of slice, volume"),
        (("--presets", "slow"), "--presets"),
        (("--thresholds", "magic"), "--thresholds"),
        (("--device", "abacus"), "device"),
        (("--split", "test"), "split 'test'"),
    ],
)
def test_wrong_options_are_refused_in_one_sentence(
    command: CommandLine, model: Path, data: Path, tmp_path: Path, options: tuple[str, ...], words: str
) -> None:
    outcome = command("evaluate", model, data, "--output", tmp_path / "out", *options)
    assert outcome.status == 2 and words in outcome.err and "Traceback" not in outcome.err, outcome
    assert not list((tmp_path / "out").rglob("*.npz")), "it is said before the network runs"
    assert not (tmp_path / "out" / "results.json").exists()


def test_a_missing_or_misplaced_mask_is_said(
    command: CommandLine, model: Path, masked_pair: Path, tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(masked_pair.parent, tmp_path / "data"))
    (folder / "p1" / "lesion.nii.gz").unlink()
    call = ("evaluate", model, folder / "manifest.csv", "--output", tmp_path / "out", "--methods", "all-zero")
    outcome = command(*call)
    assert outcome.status == 2 and "p1" in outcome.err and "does not exist" in outcome.err
    text = (folder / "manifest.csv").read_text(encoding="utf-8")
    (folder / "manifest.csv").write_text(text.replace("p1/lesion.nii.gz", ""), encoding="utf-8")
    outcome = command(*call)
    assert outcome.status == 2 and "p1 has no mask" in outcome.err


def test_two_runs_do_not_write_to_one_folder(command: CommandLine, model: Path, data: Path, tmp_path: Path) -> None:
    from anofpdm.core.output_set import OutputSet

    with OutputSet(tmp_path / "out"):
        outcome = command("evaluate", model, data, "--output", tmp_path / "out", "--methods", "all-zero")
    assert outcome.status == 4 and "Another run" in outcome.err


def test_the_public_code_s_mode_goes_with_a_model_that_is_calibrated_otherwise() -> None:
    point = dataclasses.replace(POINT, mode="reference", clamp=True, guidance_bank=(0.0, 2.0))
    runs = SimpleNamespace(weights_sha256="0" * 64)
    method = AnoFPDM(runs, point, Variants(consistencies=("slice",)), [tiny_calibration("0" * 64)])  # type: ignore[arg-type]
    method.check(None)  # type: ignore[arg-type]
