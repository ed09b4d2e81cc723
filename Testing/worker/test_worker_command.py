"""Calls of the command line mean what the panel chose; the events it prints are understood."""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import io
import os
import sys
from pathlib import Path

import pytest
from fake_worker import MODULE

import anofpdm
from anofpdm.app.worker.command import WorkerCommand
from anofpdm.app.worker.detection_run import DetectionRun
from anofpdm.app.worker.events import Failed, Finished, Notice, Progress, Stage, Started, parse_line
from anofpdm.app.worker.run_options import RunOptions
from anofpdm.cli.main import build_parser
from anofpdm.cli.options import given_knobs, named_images
from anofpdm.core import progress
from anofpdm.core.errors import SettingsError
from anofpdm.core.reporting import JsonReporter
from anofpdm.methods.anofpdm import knobs
from anofpdm.methods.anofpdm.operating_point import OperatingPoint
from anofpdm.methods.anofpdm.settings import SelectionSettings
from anofpdm.methods.knobs import Knob
from anofpdm.methods.registry import find_method, methods
from anofpdm.thresholds.settings import MinimumSize, Threshold

COMMAND = WorkerCommand(sys.executable, MODULE)
EVERYTHING = RunOptions(
    model="/models/-strange name",
    calibration="clinic",
    preset="fast",
    chosen={
        "guidance": 0.1 + 0.2,
        "threshold": "quantile=0.97",
        "decision": "map",
        "decision_threshold": -1.5,
        "ungated": True,
        "scaling": (1e-7, 3.0),
        "minimum_size": "500mm3",
        "steps": 7,
        "range": (3, 250),
        "encoding": "ddpm",
        "mode": "reference",
        "end_step": 5,
        "precision": "bfloat16",
    },
    device="cuda:1",
    seed=11,
)


def parsed(options: RunOptions, inputs: dict[str, Path] | None = None, output: Path = Path("/out")):
    call = COMMAND.detect(inputs or {"flair": Path("/in.nrrd")}, output, options)
    assert call[:3] == [sys.executable, "-m", "anofpdm"]
    return build_parser().parse_args(call[3:])


def selection_settings(options: argparse.Namespace) -> SelectionSettings:
    return knobs.overlaid(SelectionSettings(), given_knobs(options, find_method("anofpdm"), live=True))


def operating_point(options: argparse.Namespace, default: OperatingPoint) -> OperatingPoint:
    return knobs.operating_point(given_knobs(options, find_method("anofpdm"), live=False), default)


def test_every_choice_arrives() -> None:
    options = parsed(EVERYTHING)
    assert selection_settings(options) == SelectionSettings(
        guidance=0.1 + 0.2,
        threshold=Threshold("quantile", 0.97),
        decision="map",
        decision_threshold=-1.5,
        ungated=True,
        scaling=(1e-7, 3.0),
        minimum_size=MinimumSize(mm3=500),
    )
    assert operating_point(options, OperatingPoint()) == OperatingPoint(
        steps=7, first=3, last=250, encoding="ddpm", mode="reference", precision="bfloat16", end_step=5
    )
    assert (options.model, options.device, options.seed) == ("/models/-strange name", "cuda:1", 11)
    assert (options.calibration, options.preset) == ("clinic", "fast")
    assert options.progress == "json" and options.watch_stdin and options.overlay is False


def test_what_is_left_open_is_as_the_model_says() -> None:
    options = parsed(RunOptions("m"))
    assert selection_settings(options) == SelectionSettings()
    default = OperatingPoint(end_step=4, steps=9)
    assert operating_point(options, default) == default
    assert options.calibration is None and options.device == "auto"


def test_the_bank_and_the_stopping_rule() -> None:
    bank = operating_point(parsed(RunOptions("m", {"guidance_bank": (0.0, 2.5)})), OperatingPoint())
    assert bank.guidance_bank == (0.0, 2.5) and bank.clamp
    none = operating_point(parsed(RunOptions("m", {"guidance_bank": ()})), bank)
    assert none.guidance_bank == () and not none.clamp
    assert (
        operating_point(parsed(RunOptions("m", {"end_step": "dynamic"})), OperatingPoint(end_step=3)).end_step is None
    )


def test_no_option_is_forgotten() -> None:
    """Each field changed alone changes the call."""
    plain = COMMAND.detect({}, Path("/o"), RunOptions("m"))
    for field in dataclasses.fields(RunOptions):
        if field.name != "method":  # which alone asks for nothing
            value = True if field.name == "overlay" else getattr(EVERYTHING, field.name)
            assert COMMAND.detect({}, Path("/o"), dataclasses.replace(RunOptions("m"), **{field.name: value})) != plain


@pytest.mark.parametrize("name", sorted(methods()))
def test_every_knob_of_every_method_arrives(name: str) -> None:
    """By its declaration alone: what a text means is what the worker's command line makes of the value."""
    for knob in methods()[name].knobs:
        for text in [*knob.entries, *SOME.get(knob.kind, ())] or [typed(knob)]:
            value = knob.chosen(text)
            options = parsed(RunOptions("m", {knob.name: value}, method=name))
            assert given_knobs(options, find_method(name), live=knob.live) == {knob.name: value}
            assert knob.chosen(knob.entry(value)) == value


def typed(knob: Knob) -> str:
    """Something that the knob can read."""
    for text in ("1..2", "0.5"):
        with contextlib.suppress(SettingsError):
            knob.chosen(text)
            return text
    raise AssertionError(f"What can be typed for {knob.name}?")


SOME = {
    "number": ("0.3",),
    "whole": ("4",),
    "threshold": ("value=0.25",),
    "size": ("3px", "500mm3"),
    "per modality": ("1.0,2.0",),
}
"""Texts by kind of knob, beside its entries."""


def test_an_option_of_another_method_is_refused() -> None:
    with pytest.raises(SettingsError, match="student has no option 'guidance'"):
        parsed(RunOptions("m", {"guidance": 2.0}, method="student"))


@pytest.mark.parametrize("name", ["a b/flair.nrrd", "Überblick = 2/T2'*\"$.nii", "-x", "名前/=.nrrd"])
def test_any_path_arrives_whole(name: str) -> None:
    inputs = {"flair": Path("/d", name), "t1ce": Path("/e", name)}
    options = parsed(RunOptions(f"/m/{name}"), inputs, Path("/o", name))
    assert named_images(options.named) == {modality: str(path) for modality, path in inputs.items()}
    assert options.input == [] and options.output == f"/o/{name}" and options.model == f"/m/{name}"


def test_calibration_is_called_with_its_name() -> None:
    call = COMMAND.calibrate("m", Path("/a b.csv"), "clinic-2", device="cpu")
    assert call[:4] == [sys.executable, "-m", "anofpdm", "calibrate"]
    options = build_parser().parse_args(call[3:])
    assert (options.model, options.manifest, options.name, options.replace) == ("m", "/a b.csv", "clinic-2", True)
    assert (options.first, options.second) == (None, None)
    assert (options.progress, options.watch_stdin, options.split, options.device) == ("json", True, "val", "cpu")


def test_the_environment_puts_the_engine_first() -> None:
    environment = COMMAND.environment({"PYTHONPATH": "/others", "HOME": "/home/me"})
    assert environment["PYTHONPATH"].split(os.pathsep) == [str(MODULE), "/others"]
    assert environment["PYTHONSAFEPATH"] == "1"
    assert environment["HOME"] == "/home/me" and environment["PYTHONUNBUFFERED"] == "1"
    assert COMMAND.environment({})["PYTHONPATH"] == str(MODULE)
    assert set(os.environ) <= set(COMMAND.environment())


def test_relative_folders_are_not_looked_for_elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The worker is started in another folder: modules from the current one it must not find, models there it must."""
    monkeypatch.chdir(tmp_path)
    given = {"PYTHONPATH": os.pathsep.join(["", ".", "lib", "/others", ""])}
    environment = COMMAND.environment({**given, "ANOFPDM_MODELS": os.pathsep.join(["mine", "~/models", "/m", ""])})
    assert environment["PYTHONPATH"].split(os.pathsep) == [str(MODULE), "/others"]
    assert environment["ANOFPDM_MODELS"].split(os.pathsep) == [str(tmp_path / "mine"), "~/models", "/m"]
    assert parsed(RunOptions("my model")).model == str(tmp_path / "my model")
    assert parsed(RunOptions("a/model")).model == str(tmp_path / "a" / "model")
    assert parsed(RunOptions("model")).model == "model", "a name, which the list of models knows"
    call = COMMAND.calibrate("./model", Path("table.csv"), "clinic")
    assert {f"--model={tmp_path / 'model'}", f"--manifest={tmp_path / 'table.csv'}"} <= set(call)


PATHS = ["../../x", "/abs", "a/b", "a\\b", "..", "."]
HOSTILE = [*PATHS, "--cases", "--cases=/etc/passwd", "-h", "", " ", "a\nb", "a=b", "a;b", "é"]


class TestHostileNames:
    """From the files of models, calibrations and scenes"""

    @pytest.mark.parametrize("name", HOSTILE)
    def test_none_becomes_part_of_a_call(self, name: str) -> None:
        for call in (
            lambda: COMMAND.detect({name: Path("/in.nrrd")}, Path("/o"), RunOptions("m")),
            lambda: COMMAND.detect({}, Path("/o"), RunOptions("m", calibration=name)),
            lambda: COMMAND.detect({}, Path("/o"), RunOptions("m", preset=name)),
            lambda: COMMAND.calibrate("m", Path("/t.csv"), name),
        ):
            with pytest.raises(SettingsError, match=r"cannot name a (modality|calibration|preset); use "):
                call()

    @pytest.mark.parametrize("name", HOSTILE)
    def test_a_modality_is_no_path(self, tmp_path: Path, name: str) -> None:
        written: list[Path] = []
        run = DetectionRun(COMMAND, tmp_path / "runs")
        (tmp_path / "runs").mkdir()
        with pytest.raises(SettingsError, match="cannot name a modality"):
            run.start({name: written.append}, RunOptions("m"))
        assert written == [] and [*tmp_path.iterdir()] == [tmp_path / "runs"] and [*(tmp_path / "runs").iterdir()] == []

    @pytest.mark.parametrize("name", HOSTILE)
    def test_folders_of_models_arrive_whole_and_alone(self, name: str) -> None:
        """Nothing but options with their values follows the command, whatever a model's folder or a table is called."""
        folder = f"/models/{name}"
        calls = [
            COMMAND.detect({"flair": Path(folder)}, Path("/o"), RunOptions(folder, {"threshold": name}, device=name)),
            COMMAND.calibrate(folder, Path(folder), "clinic", split="val", device=name),
        ]
        for call in calls:
            assert call[:3] == [sys.executable, "-m", "anofpdm"] and all(each.startswith("--") for each in call[4:])
            options = build_parser().parse_args(call[3:])
            assert options.model == str(Path(folder)) and options.device == name


def test_every_event_of_the_engine_is_understood() -> None:
    stream = io.StringIO()
    reporter = JsonReporter(stream)
    reporter.stage("detecting")
    reporter.progress(progress.Progress(1.5, 7, 2.25, None))
    reporter.progress(progress.Progress(2.0, 7, 2.25, 3.5, "fast, 5 of 1..400"))
    reporter.notice("Line one\nline two ü")
    reporter.result("Done.", {"output": "/o ü", "summary": "s", "warnings": ["a", "b"]})
    reporter.error("No.", 3)
    package = str(MODULE / "anofpdm")
    assert [parse_line(line) for line in stream.getvalue().splitlines()] == [
        Started(anofpdm.__version__, package),
        Stage("detecting"),
        Progress(1.5, 7, 2.25, None),
        Progress(2.0, 7, 2.25, 3.5, "fast, 5 of 1..400"),
        Notice("Line one line two ü"),
        Finished("/o ü", "Done.", ("a", "b")),
        Failed("No.", 3),
    ]


@pytest.mark.parametrize(
    "line",
    [
        "", "hello", "{", "{}", "[1]", "null", '{"event": "progress"}', '{"event": "error", "message": "x"}',
        '{"event": "start", "version": "1"}', '{"event": "unheard of"}', '{"event": ["start"]}', "{" * 5000,
        '{"event": "progress", "slices_done": "many", "slices_total": 1, "elapsed_s": 1, "remaining_s": 1}',
        '{"event": "result", "output": "/o", "text": "t", "warnings": 5}',
    ],
)  # fmt: skip
def test_what_is_no_event_is_none(line: str) -> None:
    assert parse_line(line) is None
