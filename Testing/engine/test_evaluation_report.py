"""The public code's figures, the documented fields, and the pictures of an evaluation."""

from __future__ import annotations

import dataclasses
import json
import re
from pathlib import Path

import numpy as np
import pytest
from evaluation_samples import method_input, planted, yardstick
from PIL import Image
from sklearn.metrics import average_precision_score

from anofpdm.core.errors import SettingsError
from anofpdm.evaluation import pictures
from anofpdm.evaluation.floors import AllZero, LevelOnly
from anofpdm.evaluation.measure import Measuring
from anofpdm.evaluation.method_output import MethodOutput
from anofpdm.evaluation.reference_metrics import reference_figures
from anofpdm.evaluation.report import markdown_table, results_json, write_json
from anofpdm.evaluation.slices import MeasuredSlices

SCHEMA = Path(__file__).parents[2] / "Resources" / "evaluation-schema.md"


@pytest.fixture(scope="module")
def data() -> MeasuredSlices:
    return planted(brightness=0.2)


def noisy(data: MeasuredSlices) -> MethodOutput:
    rng = np.random.default_rng(8)
    maps = data.lesion + rng.random(data.lesion.shape)
    called = rng.random(len(maps)) < 0.5
    return MethodOutput("m", "m", "nothing", {}, maps, maps > 0.95, called.astype(float), called)


def test_reference_overlap_counts_empty_and_empty_as_one_and_does_not_gate_unhealthy(data: MeasuredSlices) -> None:
    output = noisy(data)
    assert output.masks is not None and output.gated_masks is not None
    found = reference_figures(output, data)

    def dice(a: np.ndarray, b: np.ndarray) -> float:
        return float(
            np.mean([(2 * (x & y).sum() + 1e-6) / (x.sum() + y.sum() + 1e-6) for x, y in zip(a, b, strict=True)])
        )

    sick = data.slices.unhealthy
    assert found["dice"] == pytest.approx(dice(output.gated_masks, data.lesion))
    assert found["dice_unhealthy"] == pytest.approx(dice(output.masks[sick], data.lesion[sick]))
    empty = dataclasses.replace(output, masks=np.zeros_like(output.masks))
    assert reference_figures(empty, data)["dice"] == pytest.approx((~sick).mean(), abs=1e-6)


def test_reference_precision_is_recall_and_the_other_way_round(data: MeasuredSlices) -> None:
    output = noisy(data)
    found, ours = reference_figures(output, data), Measuring(data, resamplings=0).measure(output).figures
    assert found["cls_precision"] == pytest.approx(ours["image_recall"].value, abs=1e-6)
    assert found["cls_recall"] == pytest.approx(ours["image_precision"].value, abs=1e-6)
    assert found["cls_precision"] != pytest.approx(found["cls_recall"], abs=1e-3)


def test_reference_auprc_pools_the_foreground_batch_by_batch(data: MeasuredSlices) -> None:
    output = noisy(data)
    assert output.maps is not None
    scores, weights = [], []
    for first in range(0, len(output.maps), 10):
        here = np.arange(first, min(first + 10, len(output.maps)))
        foreground = data.slices.x0[here].mean(axis=1) > -0.95
        scores.append(average_precision_score(data.lesion[here][foreground], output.maps[here][foreground]))
    found = reference_figures(output, data, batch=10)
    assert found["auprc"] == pytest.approx(np.mean(scores))
    scores = []
    for first in range(0, len(output.maps), 10):
        here = np.arange(first, min(first + 10, len(output.maps)))
        here = here[data.slices.unhealthy[here]]
        foreground = data.slices.x0[here].mean(axis=1) > -0.95
        scores.append(average_precision_score(data.lesion[here][foreground], output.maps[here][foreground]))
        weights.append(len(here))
    assert found["auprc_unhealthy"] == pytest.approx(np.average(scores, weights=weights))


def test_every_field_of_the_results_is_described(data: MeasuredSlices, tmp_path: Path) -> None:
    measuring = Measuring(data, resamplings=5, reference_batch=8)
    rows = [measuring.measure(output) for output in (noisy(data), next(LevelOnly().outputs(method_input(data))))]
    document = results_json({}, rows)
    write_json(tmp_path / "results.json", document)
    text = SCHEMA.read_text(encoding="utf-8")
    described = set(re.findall(r"`([a-z0-9_]+)`", text))
    method = json.loads((tmp_path / "results.json").read_text(encoding="utf-8"))["methods"][0]
    names = {*document, *method, *method["figures"], *method["reference_figures"], *method["best_threshold_with_masks"]}
    assert names - described == set()


def test_what_is_undefined_is_null_and_a_dash(data: MeasuredSlices) -> None:
    called = np.zeros(len(data.slices), dtype=bool)
    row = Measuring(data, resamplings=5).measure(dataclasses.replace(noisy(data), unhealthy=called))
    entry = results_json({}, [row])["methods"][0]["figures"]["image_precision"]
    assert entry == {"value": None, "interval": None}
    assert "| – |" in markdown_table([row])


def test_pictures_are_drawn_alike_every_time_and_cases_are_the_right_slices(
    data: MeasuredSlices, tmp_path: Path
) -> None:
    measuring = Measuring(data, resamplings=5)
    given = method_input(data)
    rows = [
        measuring.measure(o)
        for m in (yardstick("intensity", "i", "flair"), AllZero(), LevelOnly())
        for o in m.outputs(given)
    ]
    for name, draw in (
        ("curves", lambda path: pictures.draw_curves(path, rows)),
        ("sizes", lambda path: pictures.draw_sizes(path, rows, data)),
        ("cases", lambda path: pictures.draw_cases(path, rows, data)),
    ):
        draw(tmp_path / f"{name}1.png")
        draw(tmp_path / f"{name}2.png")
        first, second = (tmp_path / f"{name}{n}.png" for n in (1, 2))
        assert first.read_bytes() == second.read_bytes()
        with Image.open(first) as image:
            assert len(image.convert("L").getcolors(256) or []) > 20
    found = dict(pictures.cases(rows[0], data))
    dice = np.asarray(rows[0].slices["dice_ungated"], dtype=float)
    sick = data.slices.unhealthy
    assert dice[found["best"]] == dice[sick].max() and dice[found["worst"]] == dice[sick].min()
    assert not sick[found["largest false alarm"]]


def test_without_matplotlib_it_is_said_before_anything_is_computed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pictures.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(SettingsError, match="no-pictures"):
        pictures.check_matplotlib()
