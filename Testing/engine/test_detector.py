"""The Python API: same results as the command line, on the input's grid, whatever the batch."""

from __future__ import annotations

import dataclasses
import functools
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
import torch
from gaussian_predictor import GaussianPredictor
from phantom import phantom_volume
from tiny_model import tiny_calibration, tiny_config, write_tiny_model
from volume_makers import make_image

from anofpdm import Detector, DetectorOptions, SelectionSettings, Threshold, build_detection
from anofpdm.cli.main import main
from anofpdm.core.device import choose_device
from anofpdm.core.errors import Cancelled, InputError
from anofpdm.core.progress import CancelToken, Progress, ProgressClock
from anofpdm.diffusion.schedule import NoiseSchedule, ScheduleConfig
from anofpdm.methods.anofpdm.ready_network import ready_predictor
from anofpdm.methods.anofpdm.runner import AnoFPDMRunner
from anofpdm.results.segmentation import read_heatmap, read_segmentation
from anofpdm.thresholds.settings import MinimumSize

SPACING = (3.75, 3.75, 6.0)


@pytest.fixture(scope="module")
def head() -> sitk.Image:
    return make_image(phantom_volume(3, lesion=True).image, SPACING, origin=(-120, -110, -60))


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return write_tiny_model(tmp_path_factory.mktemp("models") / "tiny")


def test_the_command_line_gives_the_same_result(head, model, tmp_path: Path) -> None:
    sitk.WriteImage(head, str(tmp_path / "head.nii.gz"))
    out = tmp_path / "out"
    options = [
        "--guidance",
        "8",
        "--threshold",
        "quantile=0.8",
        "--ungated",
        "--region",
        "frame",
        "--seed",
        "3",
        "--progress",
        "none",
    ]
    assert (
        main(["detect", str(tmp_path / "head.nii.gz"), "--output", str(out), "--model", str(model.path), *options]) == 0
    )
    settings = SelectionSettings(guidance=8, threshold=Threshold.parse("quantile=0.8"), ungated=True, region="frame")
    detector = Detector.from_model(model.path)
    detection = detector.detect(tmp_path / "head.nii.gz", settings, DetectorOptions(seed=3))
    score, geometry = read_heatmap(out / "heatmap.nrrd")
    mask, _ = read_segmentation(out / "segmentation.seg.nrrd")
    assert np.array_equal(score, detection.score) and np.array_equal(mask, detection.mask) and mask.any()
    assert (geometry.size, geometry.spacing) == (head.GetSize(), pytest.approx(head.GetSpacing()))


def test_results_lie_on_the_grid_of_the_input(head, model) -> None:
    detection = Detector.from_model(model.path).detect(head, SelectionSettings(ungated=True))
    assert detection.score.shape == head.GetSize()[::-1]
    assert detection.case.geometry.origin == head.GetOrigin()
    assert detection.findings["totals"]["slices"] == len(detection.case.examined)


def test_the_batch_size_does_not_matter(head, model) -> None:
    detector = Detector.from_model(model.path)
    scores = [
        detector.detect(head, SelectionSettings(ungated=True), DetectorOptions(batch_size=size)).score
        for size in (1, 5)
    ]
    assert scores[0].max() > 0
    assert np.abs(scores[0] - scores[1]).max() <= 1e-4 * scores[0].max()


def test_adjusting_needs_no_rerun(head, model) -> None:
    detector = Detector.from_model(model.path)
    first = detector.detect(head, SelectionSettings(guidance=2, ungated=True))
    settings = SelectionSettings(guidance=8, ungated=True)
    assert np.array_equal(build_detection(first.case, settings).score, detector.detect(head, settings).score)


def test_a_trained_predictor_outlines_the_lesion() -> None:
    """The whole path with an exact predictor: two Gaussian classes that differ by a lesion."""
    config = tiny_config(matrix=64)
    config = dataclasses.replace(config, operating_point=dataclasses.replace(config.operating_point, steps=8))
    plain, lesion = (
        phantom_volume(5, lesion=on, size=(64, 64, 10), spacing_mm=(3.75, 3.75, 12.0)) for on in (False, True)
    )
    images = [make_image(volume.image, (3.75, 3.75, 12.0)) for volume in (plain, lesion)]
    from anofpdm.volumes.preparation import prepare_case

    healthy, unhealthy = (prepare_case({"flair": image}, config) for image in images)
    assert healthy.examined.tolist() == unhealthy.examined.tolist()
    schedule = NoiseSchedule.linear(ScheduleConfig())

    class PerSlice:
        """Each slice has its own pair of Gaussians; the batch is one slice, in order."""

        def __init__(self) -> None:
            self.next = 0

        def for_slices(self, level):
            pair = [torch.from_numpy(case.x0[self.next]) for case in (healthy, unhealthy)]
            self.next += 1
            return GaussianPredictor(*pair, 0.1, schedule.alpha_bar)

    calibration = tiny_calibration("x", point=config.operating_point, decision="map")
    detector = Detector(
        "anofpdm",
        AnoFPDMRunner(config, PerSlice(), choose_device("cpu"), weights_sha256="x", calibrations=[calibration]),
    )
    settings = SelectionSettings(guidance=0.0, threshold=Threshold.parse("value=0.02"), ungated=True, region="frame")
    detection = detector.detect(images[1], settings, DetectorOptions(batch_size=1))
    truth = lesion.lesion
    overlap = 2 * (detection.mask & truth).sum() / (detection.mask.sum() + truth.sum())
    assert overlap > 0.6
    component = detection.components[0]
    where = np.argwhere(truth).mean(axis=0)[::-1] * (3.75, 3.75, 12.0)
    assert np.allclose(component.centroid_ras_mm, where * (-1, -1, 1), atol=9)


def test_several_modalities_must_be_named(head, tmp_path: Path) -> None:
    folder = write_tiny_model(tmp_path / "two", tiny_config("two", ("flair", "t2")))
    detector = Detector.from_folder(folder)
    with pytest.raises(InputError, match="flair=FILE t2=FILE"):
        detector.detect(head)
    with pytest.raises(InputError, match="flair, t2"):
        detector.detect({"flair": head, "t1": head})
    detection = detector.detect({"t2": head, "flair": head}, SelectionSettings(ungated=True))
    assert set(detection.findings["slices"][10]["method"]["largest_divergence"]) == {"flair", "t2"}


def test_an_unfamiliar_input_is_pointed_out(head, model, tmp_path: Path) -> None:
    calibration = tiny_calibration(model.weights_sha256, unguided_error=(1e-9, 2e-9))
    runner = AnoFPDMRunner(
        model.config,
        ready_predictor(model)[0],
        choose_device("cpu"),
        weights_sha256=model.weights_sha256,
        calibrations=[calibration],
    )
    detector = Detector("anofpdm", runner)
    warnings = detector.detect(head).findings["warnings"]
    assert any("unguided prediction" in warning for warning in warnings)


def test_time_left_is_right_within_a_third_after_a_fifth_of_a_steady_run() -> None:
    seen: list[Progress] = []
    now = [0.0]
    clock = ProgressClock(100, seen.append, clock=lambda: now[0])
    clock.report(0)
    # The first step is slow, as first steps are.
    now[0] = 5.0
    clock.report(1)
    for done in range(2, 101):
        now[0] += 1.0
        clock.report(done)
    at_a_fifth = next(p for p in seen if p.slices_done == 20)
    assert at_a_fifth.remaining_s == pytest.approx(80, rel=0.3)
    assert seen[-1].remaining_s == 0


class Steady:
    """A predictor that takes the same time at every evaluation, whatever the batch, and longer at the first."""

    def __init__(self, clock: list[float], every: float, first: float) -> None:
        self._clock, self._every, self._first = clock, every, first

    def for_slices(self, level):
        def predict(x_t: torch.Tensor, t: torch.Tensor, label: torch.Tensor) -> torch.Tensor:
            self._clock[0] += self._first or self._every
            self._first = 0.0
            return torch.zeros_like(x_t)

        return predict


@pytest.mark.parametrize("batch_size", [1, 4, 7, 16, 20])
def test_time_left_is_right_within_a_third_after_a_fifth_of_a_detection(head, model, monkeypatch, batch_size) -> None:
    """Batches of any size, evaluations as long for a ragged batch as for a full one, a slow first one."""
    now = [0.0]
    # The seconds of the clock are the predictor's: how busy the machine is does not matter.
    clock = functools.partial(ProgressClock, clock=lambda: now[0])
    monkeypatch.setattr("anofpdm.methods.slice_runner.ProgressClock", clock)
    seen: list[tuple[float, float | None]] = []
    config = dataclasses.replace(
        model.config, operating_point=dataclasses.replace(model.config.operating_point, steps=12)
    )
    detector = Detector(
        "anofpdm", AnoFPDMRunner(config, Steady(now, 1.0, 4.0), choose_device("cpu"), weights_sha256="x")
    )
    detector.examine(
        head, DetectorOptions(batch_size=batch_size), on_progress=lambda p: seen.append((now[0], p.remaining_s))
    )
    total = now[0]
    after_a_fifth = [(at, left) for at, left in seen if 0.2 * total <= at < 0.9 * total]
    assert len(after_a_fifth) > 5
    for at, left in after_a_fifth:
        assert left == pytest.approx(total - at, rel=0.3)


def test_time_left_includes_the_results(head, model, monkeypatch) -> None:
    """From a fifth of the run on the estimate holds to the end of the building."""
    now = [0.0]
    clock = functools.partial(ProgressClock, clock=lambda: now[0])
    monkeypatch.setattr("anofpdm.methods.slice_runner.ProgressClock", clock)
    seen: list[tuple[float, float | None]] = []
    config = dataclasses.replace(
        model.config, operating_point=dataclasses.replace(model.config.operating_point, steps=12)
    )

    def build(*arguments):
        # As long as was expected at the end of the slices.
        now[0] += seen[-1][1]
        return build_detection(*arguments)

    monkeypatch.setattr("anofpdm.detect.detector.build_detection", build)
    runner = AnoFPDMRunner(config, Steady(now, 0.01, 0.01), choose_device("cpu"), weights_sha256="x")
    detector = Detector("anofpdm", runner)
    settings = SelectionSettings(guidance=1, threshold=Threshold("value", 1.0), ungated=True)
    detector.detect(
        head, settings, DetectorOptions(batch_size=8), on_progress=lambda p: seen.append((now[0], p.remaining_s))
    )
    total = now[0]
    assert seen[-1][0] < 0.9 * total
    after_a_fifth = [(at, left) for at, left in seen if at >= total / 5]
    for at, left in after_a_fifth:
        assert left == pytest.approx(total - at, rel=0.1)


def test_a_run_ends_at_the_next_evaluation(head, model) -> None:
    token, calls = CancelToken(), []

    class Counting:
        def for_slices(self, level):
            def predict(x_t: torch.Tensor, t: torch.Tensor, label: torch.Tensor) -> torch.Tensor:
                calls.append(len(x_t))
                token.cancel()
                return torch.zeros_like(x_t)

            return predict

    runner = AnoFPDMRunner(model.config, Counting(), choose_device("cpu"), weights_sha256="x")
    detector = Detector("anofpdm", runner)
    with pytest.raises(Cancelled):
        detector.examine(head, cancel=token)
    # The step that the first evaluation belongs to needs another one.
    assert len(calls) == 1


@pytest.mark.parametrize("function", ["read_noted_volume", "check_noted_volume", "find_head", "sample_stack_coverage"])
def test_a_run_ends_between_the_modalities(head, tmp_path: Path, monkeypatch, function: str) -> None:
    """While reading or preparing, the modality under way is the last."""
    import anofpdm.detect.detector
    import anofpdm.volumes.preparation

    home = anofpdm.detect.detector if hasattr(anofpdm.detect.detector, function) else anofpdm.volumes.preparation
    original, token, calls = getattr(home, function), CancelToken(), []

    def cancelling(*arguments, **options):
        calls.append(function)
        token.cancel()
        return original(*arguments, **options)

    monkeypatch.setattr(home, function, cancelling)
    detector = Detector.from_folder(write_tiny_model(tmp_path / "two", tiny_config("two", ("flair", "t2"))))
    sitk.WriteImage(head, str(tmp_path / "head.nii"))
    image = tmp_path / "head.nii" if function == "read_noted_volume" else head
    with pytest.raises(Cancelled):
        detector.examine({"flair": image, "t2": image}, cancel=token)
    assert len(calls) == 1


def painted(monkeypatch: pytest.MonkeyPatch, score: np.ndarray, accepted: np.ndarray | None = None) -> None:
    """Every later selection has this score on the stack [S, H, W], accepted where given, before any size limit."""
    from anofpdm.methods.anofpdm import method

    original = method.select

    def paint(evidence, interior, choices, runs):
        selection = original(evidence, interior, choices, runs)
        where = np.ones(score.shape, bool) if accepted is None else accepted
        return dataclasses.replace(selection, score=score, accepted=where)

    monkeypatch.setattr(method, "select", paint)


@pytest.fixture(scope="module")
def case(head, model):
    return Detector.from_model(model.path).examine(head)


def test_a_limit_of_volume_acts_on_everything(case, monkeypatch, tmp_path: Path) -> None:
    """Mask, components, areas and overlay agree on what was dropped and what was kept."""
    rows = np.flatnonzero(case.examined)
    score = np.full((len(rows), *case.grid.size[1::-1]), 0.2, np.float32)
    score[4, 3:5, 3:5] = 2  # 15 mm pixels: some 2 mL
    score[9:13, 6:11, 6:11] = 2
    painted(monkeypatch, score)
    drawn = {}
    monkeypatch.setattr("anofpdm.results.detection.render_overlay", lambda path, **given: drawn.update(given))
    settings = SelectionSettings(guidance=2, ungated=True, minimum_size=MinimumSize.parse("9000mm3"))
    both = build_detection(case, dataclasses.replace(settings, minimum_size=None))
    kept = build_detection(case, settings)
    assert len(both.components) == 2 and kept.components == (both.components[0],)
    for detection, flagged in ((both, [4, 9, 10, 11, 12]), (kept, [9, 10, 11, 12])):
        detection._write_overlay(tmp_path / "overlay.png")
        expected = [int(rows[n]) for n in flagged]
        assert drawn["marked"] == expected
        assert np.flatnonzero((drawn["score"] >= 1).any(axis=(1, 2))).tolist() == expected
        areas = np.array([entry["area_mm2"] for entry in detection.findings["slices"]])
        assert np.flatnonzero(areas).tolist() == expected
        # Slices and voxel layers are the same in this volume.
        assert areas == pytest.approx(detection.mask.sum(axis=(1, 2)) * 3.75**2, rel=1e-3)
        volume = detection.findings["totals"]["volume_ml"] * 1000
        assert areas.sum() * case.grid.slice_spacing_mm == pytest.approx(volume, rel=1e-3)
        first, last = detection.components[0].slice_range
        assert [first, last] == [expected[-4], expected[-1]]


def test_the_slice_scores_and_the_mask_follow_the_acceptance(case, monkeypatch) -> None:
    """Two accepted slices among others with the same score."""
    rows = np.flatnonzero(case.examined)
    score = np.zeros((len(rows), *case.grid.size[1::-1]), np.float32)
    score[:, 6:9, 6:9] = 1.3
    accepted = np.zeros(score.shape, bool)
    accepted[[2, 5]] = True
    painted(monkeypatch, score, accepted)
    detection = build_detection(case, SelectionSettings(guidance=2, ungated=True))
    assert np.array_equal(detection.mask, detection.score >= 1)
    expected = [int(rows[2]), int(rows[5])]
    assert np.flatnonzero(detection.mask.any(axis=(1, 2))).tolist() == expected
    assert np.flatnonzero(detection.slice_score.any(axis=(1, 2))).tolist() == expected
    assert [c.slice_range for c in detection.components] == [(n, n) for n in expected]


def test_slices_not_examined_pull_no_finding_down(model, monkeypatch) -> None:
    """Six layers of 1 mm to a slice: the finding fills its slab on the side of a slice that was not examined too."""
    volume = np.pad(phantom_volume(3, lesion=True).image, ((3, 3), (0, 0), (0, 0)))
    fine = make_image(np.repeat(volume, 6, axis=0), (3.75, 3.75, 1.0))
    config = dataclasses.replace(
        model.config, grid=dataclasses.replace(model.config.grid, minimum_slice_spacing_mm=6.0)
    )
    predictor = ready_predictor(model)[0]
    runner = AnoFPDMRunner(config, predictor, choose_device("cpu"), weights_sha256="x")
    case = Detector("anofpdm", runner).examine(fine)
    first = int(np.flatnonzero(case.examined)[0])
    assert first > 0
    score = np.zeros((int(case.examined.sum()), *case.grid.size[1::-1]), np.float32)
    score[:2, 6:9, 6:9] = 1.2
    painted(monkeypatch, score)
    detection = build_detection(
        case, SelectionSettings(guidance=2, threshold=Threshold("value", 1.0), ungated=True, region="frame")
    )
    center = case.geometry.to_index(case.grid.slice_centers[first])[2]
    layers = np.flatnonzero(detection.mask.any(axis=(1, 2)))
    assert layers[0] == np.ceil(center - 3.001)
    assert not any(entry["area_mm2"] for entry in detection.findings["slices"][:first])
