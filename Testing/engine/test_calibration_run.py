"""What a calibration run tries, in which order, and what it makes of it."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

import pytest
from labelled_samples import labelled

from anofpdm.core.device import choose_device
from anofpdm.core.errors import InputError, ModelError, SettingsError
from anofpdm.datasets.build_slice_cache import build_slice_cache
from anofpdm.datasets.manifest import read_manifest
from anofpdm.datasets.slice_cache import SliceCache
from anofpdm.methods.anofpdm.calibration import Calibration
from anofpdm.methods.anofpdm.calibration_run import GUIDANCE, CalibrationPlan, CalibrationRun
from anofpdm.methods.anofpdm.operating_point import OperatingPoint
from anofpdm.methods.anofpdm.presets import PRESETS, Preset, default_calibration, parse_presets
from anofpdm.methods.anofpdm.ready_network import ready_predictor
from anofpdm.store.model_folder import ModelFolder, open_model_folder

RANGES = ((1, 100), (1, 200), (1, 300))
STRENGTH = {100: 0.02, 200: 0.4, 300: 0.05, 600: 0.3}
"""How bright the lesions are with each range."""


@pytest.fixture(scope="module")
def folder(tiny_model: Path) -> ModelFolder:
    return open_model_folder(tiny_model)


@pytest.fixture(scope="module")
def cache(folder: ModelFolder, labelled_data: Path, tmp_path_factory: pytest.TempPathFactory) -> SliceCache:
    place = tmp_path_factory.mktemp("prepared") / "slices"
    return build_slice_cache(read_manifest(labelled_data, ("flair",)), folder.config, place, brains=False)


@pytest.fixture
def passes(monkeypatch: pytest.MonkeyPatch) -> list[OperatingPoint]:
    """The passes over the slices, which are not computed but made up."""
    seen: list[OperatingPoint] = []

    def evidence(self: CalibrationRun, name: str, point: OperatingPoint) -> object:
        seen.append(point)
        return labelled(signal=STRENGTH[point.last], point=point)

    monkeypatch.setattr(CalibrationRun, "_evidence", evidence)
    return seen


@pytest.fixture
def run(folder: ModelFolder, cache: SliceCache) -> CalibrationRun:
    predictor, device = ready_predictor(folder, "cpu")
    return CalibrationRun(folder, cache, predictor, device, source="here")


def plan(presets: str = "balanced=4,fast=3", **changes: object) -> CalibrationPlan:
    values = {"presets": parse_presets(presets), "ranges": RANGES, "mirrored": False, **changes}
    return CalibrationPlan(**values)  # type: ignore[arg-type]


def test_the_labels_choose_the_range_once_for_all_presets(run: CalibrationRun, passes: list[OperatingPoint]) -> None:
    told: list[Calibration] = []
    found = run.run(plan(), told.append)
    assert [(p.steps, p.last) for p in passes] == [(4, 100), (4, 200), (4, 300), (3, 200)]
    assert [(c.name, c.operating_point.steps, c.operating_point.last) for c in found.presets] == [
        ("balanced", 4, 200),
        ("fast", 3, 200),
    ]
    assert [c.operating_point.last for c in found.ranges] == [100, 200, 300]
    assert told == [*found.ranges, *found.presets]
    assert found.presets[0] == dataclasses.replace(found.ranges[1], name="balanced")
    assert {c.source for c in told} == {"here"}
    assert plan().costs == [4, 4, 4, 3], "as many as there are passes"


def test_the_papers_preset_keeps_its_range(run: CalibrationRun, passes: list[OperatingPoint]) -> None:
    wanted = plan("paper=5,balanced=4")
    found = run.run(wanted, lambda _: None)
    assert [(c.name, c.operating_point.steps, c.operating_point.last) for c in found.presets] == [
        ("paper", 5, 600),
        ("balanced", 4, 200),
    ]
    assert [p.steps for p in passes] == wanted.costs == [4, 4, 4, 5]
    passes.clear()
    alone = run.run(plan("paper=5"), lambda _: None)
    assert alone.ranges == () and [(p.steps, p.last) for p in passes] == [(5, 600)] and plan("paper=5").costs == [5]


def test_presets_say_whether_the_mirrored_slice_is_seen_too(run: CalibrationRun, passes: list[OperatingPoint]) -> None:
    wanted = plan(mirrored=None)
    found = run.run(wanted, lambda _: None)
    assert [c.operating_point.mirrored for c in found.presets] == [True, False]
    assert [p.steps * (1 + p.mirrored) for p in passes] == wanted.costs == [8, 8, 8, 3]
    assert plan(mirrored=True).costs == [8, 8, 8, 6]


def test_a_single_range_is_not_compared(run: CalibrationRun, passes: list[OperatingPoint]) -> None:
    wanted = plan(ranges=((1, 300),))
    found = run.run(wanted, lambda _: None)
    assert found.ranges == () and [(p.steps, p.last) for p in passes] == [(4, 300), (3, 300)]
    assert wanted.costs == [4, 3]


@pytest.mark.parametrize(
    ("wanted", "words"),
    [
        (plan(ranges=((1, 200), (1, 1001))), r"1\.\.1001 goes beyond the model's 1000 noise levels"),
        (plan("balanced=4,fast=101"), r"do not fit together: 101 steps do not fit into the range 1\.\.100"),
        (plan("balanced=150"), r"150 steps do not fit into the range 1\.\.100"),
    ],
)
def test_a_plan_that_does_not_fit_is_refused_before_the_first_pass(
    run: CalibrationRun, passes: list[OperatingPoint], wanted: CalibrationPlan, words: str
) -> None:
    with pytest.raises(SettingsError, match=words):
        run.run(wanted, lambda _: None)
    assert passes == []


def test_the_guidance_strengths_are_the_plans_or_the_usual(run: CalibrationRun, passes: list[OperatingPoint]) -> None:
    usual = run.run(plan("fast=3", ranges=((1, 200),)), lambda _: None)
    assert usual.presets[0].guidance == GUIDANCE
    given = run.run(plan("fast=3", ranges=((1, 200),), guidance=(0.0, 5.0)), lambda _: None)
    assert given.presets[0].guidance == (0.0, 5.0)


def test_with_the_clamp_they_are_the_bank(folder: ModelFolder, cache: SliceCache) -> None:
    point = dataclasses.replace(folder.config.operating_point, clamp=True, guidance_bank=(1.0, 2.0))
    clamped = dataclasses.replace(folder, config=dataclasses.replace(folder.config, operating_point=point))
    predictor, device = ready_predictor(clamped, "cpu")
    run = CalibrationRun(clamped, cache, predictor, device)
    found = run.run(plan("fast=2", ranges=((1, 200),)), lambda _: None).presets[0]
    assert found.guidance == found.operating_point.guidance_bank == (1.0, 2.0)
    other = run.run(plan("fast=2", ranges=((1, 200),), guidance=(0.0, 4.0, 8.0)), lambda _: None).presets[0]
    assert other.guidance == other.operating_point.guidance_bank == (0.0, 4.0, 8.0)
    assert len(other.scaling) == 3


def test_a_split_without_slices(folder: ModelFolder, cache: SliceCache) -> None:
    predictor, device = ready_predictor(folder, "cpu")
    with pytest.raises(InputError, match="no slices in the split test"):
        CalibrationRun(folder, cache, predictor, device, splits=("test",))


def test_predictions_that_are_no_numbers_end_it(folder: ModelFolder, cache: SliceCache) -> None:
    class Broken:
        def for_slices(self, level: object) -> Callable[..., object]:
            return lambda x_t, t, label: x_t * float("nan")

    run = CalibrationRun(folder, cache, Broken(), choose_device("cpu"))  # type: ignore[arg-type]
    with pytest.raises(ModelError, match="not finite numbers on CPU"):
        run.run(plan("fast=2", ranges=((1, 200),)), lambda _: None)


def test_memory_that_runs_out_is_said(folder: ModelFolder, cache: SliceCache) -> None:
    predictor, device = ready_predictor(folder, "cpu")

    class Small:
        def for_slices(self, level: object) -> Callable[..., object]:
            predict = predictor.for_slices(level)  # type: ignore[arg-type]

            def limited(x_t, t, label):  # type: ignore[no-untyped-def]
                if len(x_t) > 8:
                    raise MemoryError
                return predict(x_t, t, label)

            return limited

    said: list[str] = []
    run = CalibrationRun(folder, cache, Small(), device, notice=said.append)  # type: ignore[arg-type]
    run.run(plan("fast=2", ranges=((1, 200),)), lambda _: None)
    assert said and all(text.startswith("Memory ran out; going on with batches of") for text in said)


class TestPresets:
    """What --presets takes"""

    def test_names(self) -> None:
        assert parse_presets("balanced, fast") == (PRESETS["balanced"], PRESETS["fast"])
        assert parse_presets("paper") == (Preset("paper", 600, (1, 600)),)
        assert parse_presets("fast=6,quick=3") == (Preset("fast", 6), Preset("quick", 3))
        assert [PRESETS[name].steps for name in ("fast", "balanced")] == [5, 8]

    @pytest.mark.parametrize(
        "text", ["", "quick", "fast=", "fast=1", "fast=x", "fast=-3", "=3", "fast,,balanced", "fast=2.5"]
    )
    def test_no_preset(self, text: str) -> None:
        with pytest.raises(SettingsError, match="--presets takes entries such as fast, balanced, paper or quick=3"):
            parse_presets(text)

    def test_one_twice(self) -> None:
        with pytest.raises(SettingsError, match="names 'fast' twice"):
            parse_presets("fast,fast=3")

    def test_the_default_is_balanced_wherever_it_stands(self) -> None:
        from tiny_model import tiny_calibration

        fast, balanced = (tiny_calibration("x", name=name) for name in ("fast", "balanced"))
        assert default_calibration([fast, balanced]) is default_calibration([balanced, fast]) is balanced
        assert default_calibration([fast]) is fast


def test_every_preset_in_a_further_precision(run: CalibrationRun, passes: list[OperatingPoint]) -> None:
    wanted = plan(further_precision="bfloat16")
    found = run.run(wanted, lambda _: None)
    assert [p.steps for p in passes] == wanted.costs == [4, 4, 4, 3, 4, 3]
    assert [p.precision for p in passes] == ["float32"] * 4 + ["bfloat16"] * 2
    assert [c.name for c in found.presets] == ["balanced", "fast"] * 2
    for exact, rounded in zip(found.presets[:2], found.presets[2:], strict=True):
        assert rounded.operating_point == dataclasses.replace(exact.operating_point, precision="bfloat16")
        assert rounded.default_guidance == exact.default_guidance
    rounded_only = run.run(plan(precision="bfloat16"), lambda _: None)
    assert {c.operating_point.precision for c in (*rounded_only.ranges, *rounded_only.presets)} == {"bfloat16"}
