"""The student's calibration: on painted lesions in heads that it was not trained on; no mask that anybody drew."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ...core.errors import SettingsError
from ...core.progress import CancelToken
from ...synthetic.head_sample import HeadSample
from ...synthetic.material_pool import Maker
from .config import StudentCalibration, StudentConfig
from .predictor import BRAIN_FLOOR, StudentPredictor, probability_of

TEMPERATURES = np.geomspace(0.5, 3.0, 19)
BIASES = np.linspace(-4.0, 2.0, 31)
THRESHOLDS = np.round(np.arange(0.1, 0.91, 0.05), 2)
PIXELS = 300
"""Taken of each slice at random."""
SMALLEST_ML = 1.0
"""Heads with less than this painted say little about the threshold: a Dice of a few pixels is mostly chance."""
MOST_FALSE_ML = 1.5
"""Heads without lesions, of the whole mixture of contrasts, may show this much on average."""
BINS = 15


@dataclass(frozen=True)
class CalibrationReport:
    """`error`: expected calibration error, before and after.

    At the threshold: `dice`, the mean over heads with lesions, and `false_ml`, what heads without any show on average.
    """

    calibration: StudentCalibration
    error_before: float
    error: float
    dice: float
    false_ml: float


@dataclass(frozen=True)
class _Answer:
    """One head: logits [2, S, H, W] float16, where brain is, the painted lesion, and millilitres a voxel."""

    logits: npt.NDArray[np.float16]
    inside: npt.NDArray[np.bool_]
    lesion: npt.NDArray[np.bool_]
    voxel_ml: float


def calibrate_student(
    predictor: StudentPredictor,
    maker: Maker[HeadSample],
    heads: int,
    config: StudentConfig,
    *,
    cancel: CancelToken | None = None,
    message: Callable[[str], None] = lambda _: None,
) -> CalibrationReport:
    """Fit temperature and bias to pixels of the brain; then take the threshold with the best mean Dice among those at
    which heads without lesions show little.

    `maker`: heads from maps kept for validation, some painted and some not. Raises SettingsError if either kind is
    missing among `heads`, and Cancelled.
    """
    rng = np.random.default_rng(3)
    answers = []
    for number in range(heads):
        sample = maker(number)
        logits, brain = predictor.logits(sample.image.astype(np.float32), sample.spacing_mm, cancel)
        voxel_ml = config.pixel_mm**2 * sample.spacing_mm / 1000
        answers.append(_Answer(logits.astype(np.float16), brain >= BRAIN_FLOOR, sample.lesion >= 128, voxel_ml))
    painted = [one for one in answers if one.lesion.sum() * one.voxel_ml >= SMALLEST_ML]
    healthy = [one for one in answers if not one.lesion.any()]
    if not painted or not healthy:
        raise SettingsError(f"{heads} heads to calibrate on hold no painted or no healthy one; take more.")
    chosen = [rng.permutation(np.flatnonzero(one.inside))[: PIXELS * len(one.lesion)] for one in answers]
    pairs = list(zip(answers, chosen, strict=True))
    pixels = np.concatenate([one.logits.reshape(2, -1)[:, some].astype(np.float32) for one, some in pairs], axis=1)
    known = np.concatenate([one.lesion.ravel()[some] for one, some in pairs])
    fitted = min(
        (StudentCalibration(temperature=float(t), bias=float(b)) for t in TEMPERATURES for b in BIASES),
        key=lambda one: _cross_entropy(probability_of(pixels, one).mean(0), known),
    )
    dices = np.mean([_by_threshold(one, fitted, _dice) for one in painted], axis=0)
    false = np.mean([_by_threshold(one, fitted, _volume) for one in healthy], axis=0)
    allowed = np.flatnonzero(false <= MOST_FALSE_ML)
    if len(allowed):
        best = int(allowed[np.argmax(dices[allowed])])
    else:
        best = len(THRESHOLDS) - 1
        message(f"At no threshold do heads without lesions show less than {MOST_FALSE_ML:g} mL; the highest is taken.")
    calibration = dataclasses.replace(fitted, threshold=float(THRESHOLDS[best]))
    report = CalibrationReport(
        calibration,
        calibration_error(probability_of(pixels, StudentCalibration()).mean(0), known),
        calibration_error(probability_of(pixels, calibration).mean(0), known),
        float(dices[best]),
        float(false[best]),
    )
    message(
        f"Calibrated on {heads} rendered heads: temperature {calibration.temperature:.2f}, "
        f"bias {calibration.bias:+.2f}, threshold {calibration.threshold:.2f} (Dice {report.dice:.3f}; "
        f"{report.false_ml:.2f} mL in heads without lesions; calibration error {report.error:.4f})."
    )
    return report


def calibration_error(probability: npt.NDArray[np.float32], truth: npt.NDArray[np.bool_]) -> float:
    """Expected calibration error over bins of equal width (Guo et al. 2017, equation 5)."""
    bins = np.minimum((probability * BINS).astype(int), BINS - 1)
    error = 0.0
    for number in range(BINS):
        here = bins == number
        if here.any():
            error += here.mean() * abs(float(truth[here].mean()) - float(probability[here].mean()))
    return float(error)


def _cross_entropy(probability: npt.NDArray[np.float32], truth: npt.NDArray[np.bool_]) -> float:
    p = np.clip(probability, 1e-6, 1 - 1e-6)
    return float(-np.where(truth, np.log(p), np.log1p(-p)).mean())


def _by_threshold(
    answer: _Answer, calibration: StudentCalibration, measure: Callable[[_Answer, npt.NDArray[np.bool_]], float]
) -> npt.NDArray[np.float64]:
    probability = probability_of(answer.logits.astype(np.float32), calibration).mean(0) * answer.inside
    return np.array([measure(answer, probability >= threshold) for threshold in THRESHOLDS])


def _dice(answer: _Answer, found: npt.NDArray[np.bool_]) -> float:
    return float(2 * (found & answer.lesion).sum() / (found.sum() + answer.lesion.sum()))


def _volume(answer: _Answer, found: npt.NDArray[np.bool_]) -> float:
    return float(found.sum() * answer.voxel_ml)
