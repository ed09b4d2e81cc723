"""`anofpdm follow`: the bundled pair as the README shows it, two results, and what is refused."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest
import SimpleITK as sitk
from bundled_fixtures import SAMPLES

from anofpdm.cli.main import main
from anofpdm.core.errors import EvidenceError
from anofpdm.followup.changes import KINDS
from anofpdm.followup.document import check_follow_up, read_follow_up
from anofpdm.followup.files import FILES, FOLLOW_UP_FILE
from anofpdm.followup.schema import follow_up_schema, schema_text
from anofpdm.synthetic.head_pair import HeadPose
from anofpdm.synthetic.render_follow_up import BASELINE

SCHEMA_FILE = Path(__file__).resolve().parents[3] / "Resources" / "follow-up-schema.json"
COUNTED_ML = 0.5


@pytest.fixture(scope="module")
def document(followed: Path) -> dict[str, Any]:
    return read_follow_up(followed / FOLLOW_UP_FILE)


def test_each_lesion_of_the_sample_is_told_for_what_became_of_it(document: dict[str, Any]) -> None:
    large = [c for c in document["changes"] if max(c["baseline_ml"], c["later_ml"]) >= COUNTED_ML]
    assert sorted(change["kind"] for change in large) == ["gone", "grown", "new", "unchanged"]
    others = [change["kind"] for change in document["changes"] if change not in large]
    assert set(others) <= {"unchanged", "uncertain"}


def test_the_same_head_lying_otherwise_has_not_changed(followed_dates: Path, tmp_path: Path) -> None:
    """A short form of Testing/benchmarks/follow_up.py: the volume beside itself, turned, moved and resampled."""
    image = sitk.ReadImage(str(SAMPLES / BASELINE))
    motion = sitk.Euler3DTransform(HeadPose((7.0, -5.0, 9.0), (8.0, -6.0, 7.0)).transform)
    motion.SetCenter(image.TransformContinuousIndexToPhysicalPoint([(n - 1) / 2 for n in image.GetSize()]))
    moved, output = tmp_path / "moved.nii.gz", tmp_path / "out"
    sitk.WriteImage(sitk.Resample(image, image, motion.GetInverse(), sitk.sitkLinear), str(moved))
    told = ["--model", "student", "--progress", "none", "--no-overlay"]
    assert main(["follow", str(followed_dates / "baseline"), str(moved), "--output", str(output), *told]) == 0
    changes = read_follow_up(output / FOLLOW_UP_FILE)["changes"]
    large = [change for change in changes if min(change["baseline_ml"], change["later_ml"]) >= COUNTED_ML]
    assert [change["kind"] for change in large] == ["unchanged"] * 3, "each of the three lesions is found again"
    assert not [change for change in changes if change["kind"] in ("new", "gone", "grown", "shrunk")]
    assert not [change for change in changes if change["trend"] in ("grown", "shrunk")]


def test_all_files_are_there_and_agree(followed: Path, document: dict[str, Any]) -> None:
    assert {path.name for path in followed.iterdir()} == set(FILES)
    baseline = sitk.ReadImage(str(SAMPLES / BASELINE))
    registered = sitk.ReadImage(str(followed / "later-registered.nrrd"))
    assert registered.GetSize() == baseline.GetSize()
    np.testing.assert_allclose(registered.GetOrigin(), baseline.GetOrigin(), atol=1e-3)
    first, second = (sitk.GetArrayFromImage(image).astype(float) for image in (baseline, registered))
    inside = (first > 60) & (second > 60)
    assert np.corrcoef(first[inside], second[inside])[0, 1] > 0.6, "the head lies where the baseline's does"
    labels = sitk.GetArrayFromImage(sitk.ReadImage(str(followed / "changes.seg.nrrd")))
    for segment in document["segments"]:
        assert bool((labels == segment["label"]).any()) == bool(document["totals"][segment["kind"]]["count"])
    with (followed / "changes.csv").open(encoding="utf-8", newline="") as table:
        rows = list(csv.DictReader(table))
    assert [row["kind"] for row in rows] == [change["kind"] for change in document["changes"]]
    assert [float(row["change_ml"]) for row in rows] == [change["change_ml"] for change in document["changes"]]


def test_the_transform_is_that_of_the_document(followed: Path, document: dict[str, Any]) -> None:
    transform = sitk.ReadTransform(str(followed / "baseline-to-later.tfm"))
    matrix = np.array(document["registration"]["baseline_to_later_ras"])
    for point in ((10.0, -20.0, 30.0), (-40.0, 5.0, 0.0)):
        x, y, z = transform.TransformPoint((-point[0], -point[1], point[2]))
        np.testing.assert_allclose(matrix @ [*point, 1], [-x, -y, z, 1], atol=1e-3)
    new = next(change for change in document["changes"] if change["kind"] == "new")
    there = matrix @ [*new["center_ras_mm"], 1]
    np.testing.assert_allclose(there[:3], new["center_later_ras_mm"], atol=1e-3)


def test_the_schema_is_as_the_records_are(document: dict[str, Any]) -> None:
    assert SCHEMA_FILE.read_text(encoding="utf-8") == schema_text(), "it is stale: make findings-schema"
    jsonschema.Draft202012Validator.check_schema(follow_up_schema())
    jsonschema.Draft202012Validator(follow_up_schema()).validate(document)
    assert set(document["totals"]) == set(KINDS)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda d: d.update(schema="other"), "not a follow-up"),
        (lambda d: d.update(version=2), "has version 2"),
        (lambda d: d.pop("changes"), "damaged"),
        (lambda d: d["changes"].pop(), "totals"),
        (lambda d: d["changes"][0].update(kind="bigger"), "kind must be one of"),
        (lambda d: d["baseline"].update(findings=99), "every finding of baseline once"),
    ],
)
def test_a_damaged_document_is_refused(document: dict[str, Any], change: Any, words: str) -> None:
    damaged = json.loads(json.dumps(document))
    change(damaged)
    with pytest.raises(EvidenceError, match=words):
        check_follow_up(damaged, "follow-up.json")


def test_two_results_are_compared_as_they_are(
    finished: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = shutil.copytree(finished, tmp_path / "later")
    output = tmp_path / "out"
    assert main(["follow", str(finished), str(other), "--output", str(output), "--no-overlay", "--anonymous"]) == 0
    told = capsys.readouterr().out
    found = read_follow_up(output / FOLLOW_UP_FILE)
    assert not (output / "follow-up.png").exists() and found["summary"] in told
    assert {change["kind"] for change in found["changes"]} <= {"unchanged"}
    assert found["baseline"]["files"] == {"flair": ""} and found["registration"]["likeness"] > 0.99
    assert found["registration"]["shift_mm"] < 0.5


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["{result}"], "the later one is missing"),
        (["{result}", "{result}", "--model", "student"], "leave out --model"),
        (["{result}", "{result}", "--later", "flair=x.nii.gz"], "not both"),
        (["{result}", "no.nii.gz", "--model", "intensity"], "does not exist"),
    ],
)
def test_bad_input_is_told_in_a_sentence(
    finished: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], words: str
) -> None:
    output = tmp_path / "out"
    given = [text.format(result=finished) for text in arguments]
    assert main(["follow", *given, "--output", str(output), "--progress", "none"]) == 2
    said = capsys.readouterr().err.strip().splitlines()
    assert words in said[-1] and said[-1].startswith("anofpdm: ") and not output.exists()
