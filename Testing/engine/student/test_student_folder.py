"""A student on disk."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from anofpdm.core.errors import ModelError, OutputError, SettingsError
from anofpdm.methods.student.calibrate import calibrate_student, calibration_error
from anofpdm.methods.student.config import StudentCalibration, StudentConfig
from anofpdm.methods.student.model_config import PREPROCESSING, StudentModelConfig, grid_of
from anofpdm.methods.student.network import StudentNetwork
from anofpdm.methods.student.network_weights import folded
from anofpdm.methods.student.parameter_shapes import parameter_shapes
from anofpdm.methods.student.predictor import StudentPredictor
from anofpdm.methods.student.student_folder import open_student, write_student
from anofpdm.store.weights_file import check_weights_file


def _network(config, seed=0):
    torch.manual_seed(seed)
    network = StudentNetwork(config.channels, config.widths)
    network.train()
    with torch.no_grad():
        for _ in range(3):  # statistics that folding must take in
            network(torch.rand(4, config.channels, 64, 64))
    return network.eval()


@pytest.fixture
def folder(config, tmp_path):
    model = StudentModelConfig(
        name="tiny",
        title="Tiny",
        modalities=("flair",),
        used=("flair",),
        network=config,
        grid=grid_of(config),
        preprocessing=PREPROCESSING,
        calibration=StudentCalibration(temperature=1.5, bias=0.2, threshold=0.4),
    )
    return write_student(tmp_path / "tiny", model, _network(config).state_dict(), "# Tiny\n")


def test_it_comes_back_as_it_was_written(folder, config):
    again = open_student(folder.path)
    assert again.config == folder.config
    inputs = torch.rand(2, config.channels, 64, 64)
    with torch.inference_mode():
        torch.testing.assert_close(again.network()(inputs), _network(config)(inputs), rtol=0.05, atol=0.1)


def test_the_shapes_are_known_without_building_it(folder, config):
    state = {name: tuple(value.shape) for name, value in _network(config).state_dict().items()}
    assert parameter_shapes(config) == {k: shape for k, shape in state.items() if not k.endswith("num_batches_tracked")}
    check_weights_file(folder.folder)


def test_folding_changes_nothing(folder, config):
    inputs = torch.rand(2, config.channels, 64, 64)
    with torch.inference_mode():
        expected = folder.network()(inputs)
        network = folded(folder.network())
        torch.testing.assert_close(network(inputs), expected, rtol=1e-4, atol=1e-4)
    assert not any(isinstance(module, torch.nn.BatchNorm2d) for module in network.modules())


def test_it_is_written_once(folder):
    with pytest.raises(OutputError, match="exists already"):
        write_student(folder.path, folder.config, folder.network().state_dict(), "# Tiny\n")


@pytest.mark.parametrize("name", ["config.json", "weights.safetensors", "MODEL_CARD.md"])
def test_damage_is_noticed(folder, name):
    path = folder.path / name
    path.write_bytes(path.read_bytes() + b" ")
    with pytest.raises(ModelError, match="changed or is damaged"):
        open_student(folder.path)
    path.unlink()
    with pytest.raises(ModelError, match=f"lacks {name}"):
        open_student(folder.path)


def test_weights_of_another_network_are_refused(folder, config, tmp_path):
    other = StudentConfig(matrix=64, widths=(8, 12, 24))
    state = _network(other).state_dict()
    with pytest.raises(ModelError, match="do not fit"):
        write_student(tmp_path / "other", folder.config, state, "# Other\n").network()


def test_weights_that_are_no_numbers_are_refused(folder, tmp_path):
    state = folder.network().state_dict()
    state["head.weight"][0, 0, 0, 0] = float("nan")
    with pytest.raises(ModelError, match="not finite"):
        write_student(tmp_path / "nan", folder.config, state, "# Other\n")
    assert not (tmp_path / "nan").exists()


def test_an_unknown_student_is_named():
    with pytest.raises(ModelError, match="no model named 'nobody'"):
        open_student("nobody")


@pytest.mark.parametrize("values", [(0.0, 0, 0.5), (1, 0, 0), (1, 0, 1.0), (1, 99, 0.5)])
def test_impossible_calibrations_are_refused(values):
    with pytest.raises(ModelError, match="out of range"):
        StudentCalibration(**dict(zip(("temperature", "bias", "threshold"), values, strict=True)))


def test_both_ways_round_are_averaged_and_their_difference_is_told(folder):
    predictor = folder.predictor()
    slices = np.random.default_rng(0).uniform(0, 2, (3, 64, 64)).astype(np.float32)
    found = predictor.predict(slices, 5.0)
    turned = predictor.predict(slices[:, :, ::-1], 5.0)
    np.testing.assert_allclose(turned.probability, found.probability[:, :, ::-1], atol=1e-5)
    np.testing.assert_allclose(turned.uncertainty, found.uncertainty[:, :, ::-1], atol=1e-5)
    assert found.uncertainty.max() > 0


class Oracle(StudentPredictor):
    """Knows the truth with an overconfident logit three times too large."""

    def __init__(self, samples):
        self._samples = samples
        self.calibration = StudentCalibration()
        self._number = -1

    def logits(self, slices, spacing_mm, cancel=None):
        self._number += 1
        logit = 3 * self._samples[self._number]
        return np.stack([logit, logit]), np.ones(slices.shape, np.float32)


def _answers(heads, config, make_logit):
    """Four heads with lesions drawn as their true logits say, and one without any that shows a little."""
    rng = np.random.default_rng(0)
    true_logits, samples = [], []
    for number in range(5):
        sample = heads(number)
        logit = make_logit(rng, sample.image.shape) if number < 4 else np.full(sample.image.shape, -9, np.float32)
        lesion = (rng.random(logit.shape) < 1 / (1 + np.exp(-logit))).astype(np.uint8) * 255
        true_logits.append(logit)
        samples.append(
            type(sample)(sample.image, lesion if number < 4 else lesion * 0, sample.brain, 5.0, sample.usable)
        )
    return true_logits, samples


def test_overconfidence_is_measured_and_taken_back(heads, config):
    true_logits, samples = _answers(heads, config, lambda rng, shape: rng.normal(-1, 2, shape).astype(np.float32))
    report = calibrate_student(Oracle(true_logits), lambda number: samples[number], 5, config)
    assert report.calibration.temperature == pytest.approx(3, rel=0.15)
    assert report.error < 0.02 < report.error_before
    assert 0.2 <= report.calibration.threshold <= 0.5, "the best Dice of calibrated probabilities lies below one half"


def test_a_threshold_at_which_healthy_heads_show_much_is_not_taken(heads, config):
    true_logits, samples = _answers(heads, config, lambda rng, shape: rng.normal(-1, 2, shape).astype(np.float32))
    true_logits[4][:, 20:40, 20:40] = 0.5
    report = calibrate_student(Oracle(true_logits), lambda number: samples[number], 5, config)
    assert report.calibration.threshold > 0.5
    assert report.false_ml == 0


def test_where_no_threshold_keeps_healthy_heads_clean_that_is_said(heads, config):
    true_logits, samples = _answers(heads, config, lambda rng, shape: rng.normal(-1, 2, shape).astype(np.float32))
    true_logits[4][:] = 9
    said: list[str] = []
    report = calibrate_student(Oracle(true_logits), lambda number: samples[number], 5, config, message=said.append)
    assert report.calibration.threshold == 0.9
    assert "At no threshold" in said[0]


def test_heads_of_one_kind_are_not_enough(heads, config):
    true_logits, samples = _answers(heads, config, lambda rng, shape: rng.normal(-1, 2, shape).astype(np.float32))
    with pytest.raises(SettingsError, match="no painted or no healthy"):
        calibrate_student(Oracle(true_logits), lambda number: samples[number], 4, config)


def test_the_calibration_error_of_what_is_always_right_or_wrong():
    truth = np.array([True, False] * 50)
    assert calibration_error(truth.astype(np.float32), truth) == 0
    assert calibration_error((~truth).astype(np.float32), truth) == 1
