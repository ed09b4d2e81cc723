"""What every method must do, the engine's own and those of other packages: nothing here knows one by name."""

from __future__ import annotations

import contextlib
import csv
import dataclasses
import html
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import SimpleITK as sitk
from command_line import CommandLine
from method_models import MAKERS
from report_samples import page_of

from anofpdm import Detector
from anofpdm.app.report import Reported, report_page
from anofpdm.core.errors import SettingsError
from anofpdm.core.progress import CancelToken, Progress
from anofpdm.followup.document import follow_up_document
from anofpdm.followup.follow_up import follow_up
from anofpdm.gate.opinion import GateCheck, GateOpinion
from anofpdm.methods import registry
from anofpdm.methods.knobs import Knob
from anofpdm.results.case import CaseEvidence
from anofpdm.results.case_storage import load_evidence, save_evidence
from anofpdm.results.detection import OF_SOME_METHODS, PROBABILITY_FILE, build_detection, preview_scores
from anofpdm.results.findings import read_findings
from anofpdm.results.findings_text import describe_settings, format_findings
from anofpdm.results.segmentation import ANATOMY_FILE, SEGMENTATION_FILE, read_heatmap, read_segmentation

every = pytest.mark.parametrize("name", sorted(MAKERS))
FILES = {"heatmap.nrrd", "segmentation.seg.nrrd", "findings.json", "evidence.npz", "overlay.png", "checksums.json"}


@pytest.fixture(scope="session")
def cases(models: dict[str, Path], head_image: Any) -> dict[str, CaseEvidence]:
    """One examined head by method."""
    return {name: Detector.from_model(path).examine(head_image) for name, path in models.items()}


def other_threshold(case: CaseEvidence) -> Any:
    """Settings whose threshold lies above what is in use: fewer pixels reach it. Of a method without, those in use."""
    method = registry.find_method(case.method)
    knob = next((knob for knob in method.knobs if knob.name == "threshold"), None)
    if knob is None:
        return case.settings
    largest = float(np.median(np.atleast_1d(build_detection(case).answer.threshold))) * 1.5
    return method.overlaid(case.settings, {"threshold": knob.value(f"value={largest!r}")}, case.calibration)


def test_the_tests_know_every_method() -> None:
    assert set(registry.methods()) == set(MAKERS)


@every
def test_detection_on_the_command_line(
    command: CommandLine, models: dict[str, Path], head_file: Path, tmp_path: Path, name: str
) -> None:
    outcome = command("detect", head_file, "--model", models[name], "--output", tmp_path / "out")
    assert outcome.status == 0, outcome.err
    written = {path.name for path in (tmp_path / "out").iterdir()}
    assert written == FILES | (written & set(OF_SOME_METHODS))
    findings = read_findings(tmp_path / "out" / "findings.json")
    assert {segment["file"] for segment in findings["segments"]} == {SEGMENTATION_FILE} | (written & {ANATOMY_FILE})
    probabilities = [entry["probability"] for entry in findings["components"]]
    assert all((each is not None) == (PROBABILITY_FILE in written) for each in probabilities)
    assert findings["method"]["name"] == name and findings["model"]["name"] == models[name].name
    score, geometry = read_heatmap(tmp_path / "out" / "heatmap.nrrd")
    mask, _ = read_segmentation(tmp_path / "out" / "segmentation.seg.nrrd")
    assert np.array_equal(mask, score >= 1) and list(geometry.size) == findings["geometry"]["size_ijk"]
    assert f"Model {models[name].name}" in outcome.out


@every
def test_a_table_of_cases(
    command: CommandLine, models: dict[str, Path], head_file: Path, tmp_path: Path, name: str
) -> None:
    table = tmp_path / "cases.csv"
    with table.open("w", newline="") as stream:
        csv.writer(stream).writerows([("case", "flair"), ("a", head_file)])
    call = ("detect", "--cases", table, "--output", tmp_path / "out", "--model", models[name], "--no-overlay")
    assert command(*call).status == 0
    again = command(*call)
    assert again.status == 0 and again.out.count("finished earlier") == 1


@every
def test_adjusting_acts_without_the_network(
    command: CommandLine, cases: dict[str, CaseEvidence], tmp_path: Path, name: str
) -> None:
    out = tmp_path / "out"
    detection = build_detection(cases[name])
    detection.write(out, overlay=False)
    limit = float(np.median(np.atleast_1d(detection.answer.threshold))) * 1.5
    cut = any(knob.name == "threshold" for knob in registry.find_method(name).knobs)
    options = (*(("--threshold", f"value={limit!r}") if cut else ()), "--no-overlay")
    assert command("adjust", out, "--output", tmp_path / "new", *options).status == 0
    before, _ = read_heatmap(out / "heatmap.nrrd")
    after, _ = read_heatmap(tmp_path / "new" / "heatmap.nrrd")
    assert (after <= before + 1e-5).all() and (after.max() < before.max()) == cut
    assert {path.name for path in out.iterdir()} == {path.name for path in (tmp_path / "new").iterdir()}


@every
def test_two_of_its_results_are_followed(cases: dict[str, CaseEvidence], tmp_path: Path, name: str) -> None:
    """The same examination twice, lying where it lay: whatever was found is there still."""
    save_evidence(tmp_path / "evidence.npz", cases[name])
    before, later = build_detection(cases[name]), build_detection(load_evidence(tmp_path / "evidence.npz"))
    document = follow_up_document(follow_up(before, later, align=lambda *_: sitk.Euler3DTransform()))
    assert document["baseline"]["method"] == document["later"]["method"] == name
    assert {change["kind"] for change in document["changes"]} <= {"unchanged", "uncertain"}
    for date in ("baseline", "later"):
        listed = [number for change in document["changes"] for number in change[f"{date}_findings"]]
        assert sorted(listed) == [entry.number for entry in before.components]


@every
def test_evidence_comes_back(cases: dict[str, CaseEvidence], tmp_path: Path, name: str) -> None:
    case = dataclasses.replace(cases[name], settings=other_threshold(cases[name]))
    save_evidence(tmp_path / "evidence.npz", case)
    again = load_evidence(tmp_path / "evidence.npz")
    assert (again.method, again.settings, again.calibration) == (name, case.settings, case.calibration)
    expected, found = build_detection(case), build_detection(again)
    assert np.array_equal(expected.score, found.score)
    assert {**expected.findings, "created": ""} == {**found.findings, "created": ""}


@every
def test_the_preview_is_the_result(cases: dict[str, CaseEvidence], name: str) -> None:
    settings = other_threshold(cases[name])
    whole = build_detection(cases[name], settings).score
    box = (slice(10, 12), slice(0, whole.shape[1]), slice(0, whole.shape[2]))
    (seen,) = preview_scores(cases[name], settings, [box])
    np.testing.assert_allclose(seen, whole[box], atol=1e-5)


@every
def test_a_red_gate_withholds_it(cases: dict[str, CaseEvidence], tmp_path: Path, name: str) -> None:
    red = GateOpinion("red", (GateCheck("made up", "red", 2.0, "The image is of another kind."),))
    case = dataclasses.replace(cases[name], gate=red)
    found = build_detection(case)
    found.write(tmp_path / "out", overlay=False)
    stored = read_findings(tmp_path / "out" / "findings.json")
    assert stored["withheld"] and stored["components"] == [] and not found.mask.any() and page_of(found)
    lifted = build_detection(dataclasses.replace(case, forced=True))
    assert lifted.findings["components"] == build_detection(cases[name]).findings["components"]


@every
def test_both_ends_of_a_threshold_s_slider_are_thresholds(cases: dict[str, CaseEvidence], name: str) -> None:
    """What a slider offers is never refused."""
    case = cases[name]
    found = build_detection(case)
    offers = found.method.offers(case, found.answer, case.settings)
    for knob in found.method.knobs:
        for kind, scale in (offers[knob.name].scales if knob.name in offers else {}).items():
            for number in (scale.high, max(scale.low, offers[knob.name].starts[kind] / 10)):
                value = knob.chosen(f"{kind}={number!r}")
                build_detection(case, found.method.moved(case, case.settings, knob.name, value))


@every
def test_it_is_reported(cases: dict[str, CaseEvidence], name: str) -> None:
    found = build_detection(cases[name])
    page = page_of(found)
    predicted, segments = found.healthy_picture is not None, found.findings["segments"][1:]
    shown = re.findall(r"<figure>(.*?)</figure>", page)
    assert shown and {figure.count("<img") for figure in shown} <= ({2, 3} if predicted else {2})
    assert ("healthy prediction" in page) is predicted and ("<h2>Structures</h2>" in page) is bool(segments)
    assert all(segment["name"] in page for segment in segments)


@every
def test_progress_is_told_and_a_run_can_be_ended(models: dict[str, Path], head_image: Any, name: str) -> None:
    from anofpdm.core.errors import Cancelled

    seen: list[Progress] = []
    stages: list[str] = []
    detector = Detector.from_model(models[name])
    detector.detect(head_image, on_progress=seen.append, on_stage=stages.append)
    assert seen[0].slices_done == 0 and seen[-1].slices_done == seen[-1].slices_total
    assert stages == ["reading", "preparing", "detecting", "building"]
    token = CancelToken()
    token.cancel()
    with pytest.raises(Cancelled):
        detector.detect(head_image, cancel=token)


@every
def test_its_options_stand_in_the_help(command: CommandLine, name: str) -> None:
    text = command("detect", "--help-all").out
    for knob in registry.find_method(name).knobs:
        for flag in [f"--{switch.option}" for switch in knob.switches] or [knob.flag]:
            assert flag in text
    adjust = command("adjust", "--help").out
    assert all(knob.switches or knob.flag in adjust for knob in registry.find_method(name).knobs if knob.live)


def readable(knob: Knob) -> str:
    """A text that the knob takes."""
    for text in ("2", "quantile=0.9"):
        with contextlib.suppress(SettingsError):
            knob.value(text)
            return text
    raise AssertionError(f"{knob.name} takes none of the texts of these tests")


@every
def test_an_option_of_another_method_is_refused(
    command: CommandLine, models: dict[str, Path], head_file: Path, tmp_path: Path, name: str
) -> None:
    own = {knob.name for knob in registry.find_method(name).knobs}
    foreign = [
        (method.name, knob)
        for method in registry.methods().values()
        for knob in method.knobs
        if knob.name not in own and not knob.switches
    ]
    for owner, knob in foreign[:3]:
        value = knob.choices[0] if knob.choices else readable(knob)
        outcome = command(
            "detect", head_file, "--model", models[name], "--output", tmp_path / "o", f"{knob.flag}={value}"
        )
        assert outcome.status == 2 and f"{knob.flag} is an option of" in outcome.err and owner in outcome.err
        assert not (tmp_path / "o").exists()


@every
def test_it_can_be_measured(
    prepared_command: CommandLine, models: dict[str, Path], masked_pair: Path, tmp_path: Path, name: str
) -> None:
    few = ("--resamplings", "5", "--no-pictures", "--output", tmp_path / "out")
    outcome = prepared_command("evaluate", models[name], masked_pair, "--methods", name, *few)
    assert outcome.status == 0, outcome.err
    rows = json.loads((tmp_path / "out" / "results.json").read_text())["methods"]
    assert rows and all(name in row["family"] and row["figures"]["dice_mixed"]["value"] >= 0 for row in rows)


def words(knob: Knob) -> str:
    return knob.name.replace("_", " ")


@every
def test_its_settings_are_told_in_the_words_of_its_options(
    cases: dict[str, CaseEvidence], monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """Whatever the options' titles are, findings, report and overlay have no others."""
    method, detection = registry.find_method(name), build_detection(cases[name])
    parameters = detection.findings["parameters"]
    knobs = [dataclasses.replace(knob, title=f"Title of {words(knob)}", unit="parsecs") for knob in method.knobs]
    monkeypatch.setattr(method, "knobs", tuple(knobs))
    values = method.settings_in_use(parameters).values
    assert {knob.name for knob in knobs if knob.live} <= set(values)
    shown = {knob.title: knob.shown(values[knob.name]) for knob in knobs if values.get(knob.name) is not None}
    told = [knob for knob in knobs if knob.told and values.get(knob.name) not in (None, knob.tacit)]

    line = describe_settings(detection.findings)
    assert len(line.split(", ")) == max(len(told), 1) and bool(line) == bool(told)
    for knob in told:
        assert f"title of {words(knob)}" in line and shown[knob.title][1:] in line
    assert line in format_findings(detection.findings)

    whole = np.asarray(detection.score >= 1)
    reviewed = [True] * len(detection.findings["components"])
    page = report_page(Reported(cases[name], detection, "Result", reviewed, whole, "", False), lambda picture: b"")
    for title, text in shown.items():
        assert f"<th>{title}</th><td>{html.escape(text)}</td>" in page
    assert page.count("<th>Title of ") == len(shown)
    assert f"<th>batch size</th><td>{parameters['batch_size']}</td>" in page
    assert not any(f"<th>{words(knob)}</th>" in page for knob in knobs)


def test_every_choice_has_its_title_in_words() -> None:
    for method in registry.methods().values():
        for knob in method.knobs:
            for switch in knob.switches:
                assert knob.shown(switch.value) == knob.entries[switch.option]
            for text in knob.choices:
                assert knob.shown(text) == knob.titles.get(text, text)


def test_a_method_that_is_not_there_is_named(command: CommandLine, head_file: Path, tmp_path: Path) -> None:
    outcome = command("detect", head_file, "--method", "nothing", "--output", tmp_path / "o")
    assert outcome.status == 3 and "There is no method 'nothing' here; there are " in outcome.err
