"""Ablations: any stopping rule and subset of steps from one run that keeps every step, and what is reported of them."""

from __future__ import annotations

import csv
import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from command_line import CommandLine
from evaluation_samples import planted
from tiny_model import POINT, tiny_config, write_tiny_model

from anofpdm.core.device import choose_device
from anofpdm.evaluation import metrics
from anofpdm.evaluation.chunk_store import ChunkStore
from anofpdm.methods.anofpdm import ablations
from anofpdm.methods.anofpdm.evidence import evidence_arrays
from anofpdm.methods.anofpdm.network_runs import NetworkRuns
from anofpdm.methods.anofpdm.operating_point import OperatingPoint
from anofpdm.methods.anofpdm.step_maps import StepMaps, step_maps
from anofpdm.methods.anofpdm.visited_levels import visited_levels
from anofpdm.store.model_folder import open_model_folder

STEPS = OperatingPoint(steps=6, first=1, last=400)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.set_num_threads(1)
    return write_tiny_model(tmp_path_factory.mktemp("model") / "tiny", tiny_config("tiny", matrix=16)).path


@pytest.fixture(scope="module")
def runs(model: Path, tmp_path_factory: pytest.TempPathFactory) -> NetworkRuns:
    store = ChunkStore(tmp_path_factory.mktemp("kept"))
    return NetworkRuns(open_model_folder(model), choose_device("cpu"), store, data_key="planted")


@pytest.fixture(scope="module")
def maps(runs: NetworkRuns) -> StepMaps:
    return step_maps(runs, planted(12, 3).slices, STEPS, "test")


@pytest.mark.parametrize("end_step", [None, 1, 4])
def test_step_maps_give_the_evidence_of_the_streamed_run(
    runs: NetworkRuns, maps: StepMaps, end_step: int | None
) -> None:
    point = dataclasses.replace(STEPS, end_step=end_step)
    streamed, _ = runs.evidence(planted(12, 3).slices, point, "test")
    kept = evidence_arrays(maps.evidence(end_step=end_step))
    for name, array in evidence_arrays(streamed).items():
        np.testing.assert_allclose(kept[name], array, rtol=2e-4, atol=1e-6, err_msg=name)


def test_the_gradient_s_map_has_no_residual_and_every_second_step_leaves_steps_out(maps: StepMaps) -> None:
    w = 3.0
    gradient = maps.evidence(gradient=True, end_step=6).aam(w)
    np.testing.assert_allclose(gradient, 16 * np.square(maps.difference).mean(axis=1), rtol=1e-4)
    halved = maps.evidence(every=2, end_step=3).aam(w)
    np.testing.assert_allclose(halved, maps.sam(w)[:, ::2].mean(axis=1), rtol=1e-4, atol=1e-7)


def test_correlations_are_scipys() -> None:
    from scipy.stats import pearsonr, spearmanr

    rng = np.random.default_rng(0)
    a = rng.integers(0, 9, 60).astype(float)
    b = np.exp(a / 2) + rng.normal(size=60)
    assert metrics.correlation(a, b) == pytest.approx(pearsonr(a, b).statistic)
    assert metrics.correlation(metrics.ranks(a), metrics.ranks(b)) == pytest.approx(spearmanr(a, b).statistic)
    assert np.isnan(metrics.correlation(a, np.ones(60)))


def test_ablations_run_without_the_clamp_and_with_few_steps() -> None:
    point = OperatingPoint(steps=300, last=600, mode="reference", clamp=True, guidance_bank=(1.0,), end_step=4)
    found = ablations.ablation_point(point)
    assert (found.steps, found.mode, found.clamp, found.end_step) == (25, "paper", False, None)
    assert (found.first, found.last) == (1, 600)


def test_the_command_writes_every_study(
    prepared_command: CommandLine, model: Path, masked_pair: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, values in (("GUIDANCE", (0.0, 4.0)), ("END_RATIOS", (0.4, 1.0)), ("QUANTILES", (0.95,))):
        monkeypatch.setattr(ablations, name, values)
    call = ("evaluate", model, masked_pair, "--methods", "all-zero", "--ablations", "--resamplings", "10")
    outcome = prepared_command(*call, "--output", tmp_path / "out")
    assert outcome.status == 0, outcome.err
    found = json.loads((tmp_path / "out" / "results.json").read_text(encoding="utf-8"))["ablations"]
    studies = {entry["study"] for entry in found["settings"]}
    assert studies == {"guidance strength", "end step", "threshold", "sub-anomaly map", "interval of the steps"}
    settings = [(entry["study"], entry["setting"]) for entry in found["settings"]]
    assert len(set(settings)) == len(settings)
    by_name = {setting: entry["figures"] for setting, entry in zip(settings, found["settings"], strict=True)}
    # Of three steps; as shares of the steps that ran.
    assert {setting for study, setting in settings if study == "end step"} == {"dynamic", 1 / 3, 1.0}
    # The same thing, said in three studies.
    same = by_name["sub-anomaly map", "from HGP"]
    assert by_name["end step", "dynamic"] == same == by_name["interval of the steps", 1]
    assert by_name["guidance strength", found["guidance"]] == same
    assert by_name["threshold", "dynamic"]["dice_mixed"] == same["dice_mixed_dynamic"]
    assert by_name["threshold", "healthy slices"]["dice_unhealthy"] == same["dice_unhealthy_healthy"]
    assert [entry["level"] for entry in found["signal_ratio"]] == (visited_levels(POINT) + 1).tolist()
    assert (tmp_path / "out" / "ablations.png").stat().st_size > 10_000
    with (tmp_path / "out" / "ablations.csv").open() as stream:
        assert {row["study"] for row in csv.DictReader(stream)} == studies | {"lesion size and max M_t", "signal ratio"}
