"""`anofpdm calibrate`: under a user's name, its plot, and what it can do without."""

from __future__ import annotations

import dataclasses
import io
import shutil
from pathlib import Path

import numpy as np
import pytest
from command_line import CommandLine, run_python, snapshot
from PIL import Image
from tiny_model import POINT, tiny_calibration
from training_samples import with_unreadable_masks

from anofpdm.methods.anofpdm import calibration_plot as plots
from anofpdm.methods.anofpdm.calibration import load_calibrations
from anofpdm.methods.anofpdm.user_calibrations import store_user_calibrations, user_calibrations
from anofpdm.results.line_chart import BLUE, GRAY, HEIGHT, MARGIN, RED, WIDTH, Chart, Curve, draw_charts
from anofpdm.store.model_folder import open_model_folder
from anofpdm.store.user_calibrations import user_calibration_names

QUICK = ("--presets", "fast=2,balanced=3", "--ranges", "1..100,1..200", "--guidance", "0,2,8", "--progress", "none")
QUICK = (*QUICK, "--precision", "float32")  # else it depends on the machine
EXTRAS = ("lightning", "lightning_fabric", "tensorboard", "pandas", "matplotlib", "PIL", "scipy", "sklearn")
WITHOUT_EXTRAS = f"""
import sys
for name in {EXTRAS!r}:
    sys.modules[name] = None
from anofpdm.cli.main import main
sys.exit(main(sys.argv[1:]))
"""


@pytest.fixture
def command(prepared_command: CommandLine) -> CommandLine:
    return prepared_command


@pytest.fixture(scope="module")
def manifest(labelled_data: Path) -> Path:
    return labelled_data


@pytest.fixture
def model(tiny_model: Path, tmp_path: Path) -> Path:
    """A copy of the tiny model, to be calibrated."""
    return Path(shutil.copytree(tiny_model, tmp_path / "models" / "tiny"))


def test_under_a_name_the_model_stays_and_detect_uses_it(
    command: CommandLine, model: Path, manifest: Path, head_file: Path, user_data: Path, tmp_path: Path
) -> None:
    before = snapshot(model)
    outcome = command("calibrate", model, manifest, *QUICK, "--name", "clinic")
    assert outcome.status == 0, outcome.err
    assert snapshot(model) == before
    weights = open_model_folder(model).weights_sha256
    assert user_calibration_names(weights) == ["clinic"]
    fast, balanced = user_calibrations(weights, "clinic")
    assert (fast.label, fast.operating_point.steps) == ("clinic/fast", 2)
    assert (balanced.label, balanced.operating_point.steps) == ("clinic/balanced", 3)
    (path,) = user_data.rglob("clinic.json")
    assert f"Written to {path}." in outcome.out
    with Image.open(path.with_suffix(".png")) as picture:
        assert picture.size == (3 * WIDTH, HEIGHT), "two presets, then the ranges"
    call = ("detect", head_file, "--model", model, "--output", tmp_path / "o", "--progress", "none")
    detected = command(*call, "--calibration", "clinic", "--preset", "fast")
    assert detected.status == 0 and "calibration clinic/fast." in detected.out


def test_the_models_own_default_is_the_balanced_preset(command: CommandLine, model: Path, manifest: Path) -> None:
    assert command("calibrate", model, manifest, *QUICK).status == 0
    folder = open_model_folder(model)
    assert folder.calibration is not None
    fast, balanced = load_calibrations(folder.calibration)
    assert folder.config.operating_point == balanced.operating_point != fast.operating_point
    assert "calibration.png" in folder.checksums


def test_it_needs_none_of_the_extras(model: Path, manifest: Path, user_data: Path) -> None:
    """Slicer's Python has torch, numpy, SimpleITK and safetensors."""
    before = snapshot(model)
    done = run_python("-c", WITHOUT_EXTRAS, "calibrate", model, manifest, *QUICK, "--name", "clinic")
    assert done.returncode == 0, done.stderr
    assert done.stderr == "anofpdm: No plot was drawn: it needs Pillow ('pip install Pillow').\n"
    assert snapshot(model) == before and not list(user_data.rglob("*.png"))
    assert user_calibration_names(open_model_folder(model).weights_sha256) == ["clinic"]


def test_an_older_plot_does_not_stay(command: CommandLine, model: Path, manifest: Path) -> None:
    assert command("calibrate", model, manifest, *QUICK).status == 0
    assert (model / "calibration.png").exists()
    assert run_python("-c", WITHOUT_EXTRAS, "calibrate", model, manifest, *QUICK).returncode == 0
    assert not (model / "calibration.png").exists()
    assert "calibration.png" not in open_model_folder(model).checksums


def test_one_of_that_name_is_kept_unless_it_is_to_be_replaced(
    command: CommandLine, model: Path, manifest: Path, user_data: Path, tmp_path: Path
) -> None:
    weights = open_model_folder(model).weights_sha256
    store_user_calibrations([tiny_calibration(weights)], "clinic")
    command.refuses(
        "calibrate", model, manifest, *QUICK, "--name", "clinic", words="already; add --replace", folder=tmp_path
    )
    outcome = command("calibrate", model, manifest, *QUICK, "--name", "clinic", "--replace")
    assert outcome.status == 0 and len(user_calibrations(weights, "clinic")) == 2


def test_pixel_masks_are_never_opened(command: CommandLine, model: Path, manifest: Path, user_data: Path) -> None:
    """Calibration with masks that cannot be read gives what it gives without any."""
    masked = with_unreadable_masks(manifest)
    for name, table in (("with", masked), ("without", manifest)):
        assert command("calibrate", model, table, *QUICK, "--name", name).status == 0
    weights = open_model_folder(model).weights_sha256
    tables = [
        [(c.accuracy, c.map_threshold, c.healthy_threshold) for c in user_calibrations(weights, name)]
        for name in ("with", "without")
    ]
    assert tables[0] == tables[1]


class TestPlot:
    """The picture itself"""

    def test_both_decisions_and_the_chosen_strength_are_drawn(self) -> None:
        found = tiny_calibration("x", accuracy=(0.6, 0.9, 0.8), other_accuracy=(0.5, 0.7, 0.7))
        with Image.open(io.BytesIO(plots.calibration_plot([found]))) as picture:
            pixels = np.asarray(picture.convert("RGB"))
        plot = pixels[MARGIN : HEIGHT - MARGIN, 2 * MARGIN + 5 :]
        assert (plot == RED).all(axis=2).any() and (plot == BLUE).all(axis=2).any()
        column = np.flatnonzero((plot == GRAY).all(axis=2).sum(axis=0) > 0.5 * len(plot))
        chosen = np.log1p(found.default_guidance) / np.log1p(found.guidance[-1])
        assert column.mean() == pytest.approx(chosen * (WIDTH - 3 * MARGIN) - 5, abs=2)

    def test_a_range_is_marked_where_the_auroc_is_largest(self) -> None:
        candidates = [tiny_calibration("x", auroc=(value,) * 3, other_accuracy=(0.8,) * 3) for value in (0.7, 0.9, 0.8)]
        with Image.open(io.BytesIO(plots.calibration_plot(candidates[:1], candidates))) as picture:
            pixels = np.asarray(picture.convert("RGB"))[:, WIDTH:]
        line = np.flatnonzero((pixels == GRAY).all(axis=2).sum(axis=0) > 100)
        assert line.mean() == pytest.approx(2 * MARGIN + (WIDTH - 3 * MARGIN) / 2, abs=2)

    def test_mirrored_slices_and_averaged_maps_are_named(self, monkeypatch: pytest.MonkeyPatch) -> None:
        drawn: list[Chart] = []
        monkeypatch.setattr(plots, "charts_as_png", lambda charts: drawn.extend(charts) or b"")
        point = dataclasses.replace(POINT, mirrored=True)
        values = {"other_accuracy": (0.5,) * 3}
        plots.calibration_plot([tiny_calibration("x", **values)])
        plots.calibration_plot([tiny_calibration("x", point=point, consistency="volume", **values)])
        assert [chart.title for chart in drawn] == [
            "default, 3 of 1..300: accuracy",
            "default, 3 x 2 of 1..300: accuracy",
        ]
        assert [[curve.name for curve in chart.curves] for chart in drawn] == [
            ["similarity", "map"],
            ["similarity", "averaged map"],
        ]

    def test_a_curve_runs_from_axis_to_axis(self) -> None:
        pixels = draw_charts([Chart([Curve([0, 1], [0.2, 0.8])], "", 0.2, 0.8)])
        drawn = np.argwhere((pixels == BLUE).all(axis=2))
        assert drawn[:, 0].min() == MARGIN and abs(drawn[:, 0].max() - (HEIGHT - MARGIN)) <= 1
        assert drawn[0, 1] > drawn[-1, 1], "it rises to the right"

    def test_equal_values_are_drawn(self) -> None:
        assert plots.calibration_plot([tiny_calibration("x", accuracy=(1.0,) * 3)])
