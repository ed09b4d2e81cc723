"""The student's calibration: on painted lesions in heads that it was not trained on; no mask that anybody drew."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ...errors import SettingsError
from ...progress import CancelToken
from .config import StudentCalibration
from .pool import Maker
from .predictor import BRAIN_FLOOR, StudentPredictor, probability_of

TEMPERATURES = np.geomspace(0.5, 3.0, 19)
BIASES = np.linspace(-2.0, 2.0, 21)
THRESHOLDS = np.round(np.arange(0.2, 0.81, 0.05), 2)
PIXELS = 1500
"""Taken of each slice at random."""
SMALLEST_PX = 20
"""Heads with fewer lesion pixels than this say nothing about the threshold."""
BINS = 15


@dataclass(frozen=True)
class CalibrationReport:
    """`error`: expected calibration error, before and after; `dice`: mean over painted heads at the threshold."""

    calibration: StudentCalibration
    error_before: float
    error: float
    dice: float


def calibrate_student(
    predictor: StudentPredictor,
    maker: Maker,
    heads: int,
    *,
    cancel: CancelToken | None = None,
    message: Callable[[str], None] = lambda _: None,
) -> CalibrationReport:
    """Fit temperature and bias to pixels of the brain, then take the threshold with the best mean Dice.

    `maker`: heads from maps kept for validation. Raises SettingsError if no head shows a lesion, and Cancelled.
    """
    rng = np.random.default_rng(3)
    logits, truth, volumes = [], [], []
    for number in range(heads):
        sample = maker(number)
        both, brain = predictor.logits(sample.image.astype(np.float32), sample.spacing_mm, cancel)
        lesion = sample.lesion >= 128
        inside = brain >= BRAIN_FLOOR
        chosen = rng.permutation(np.flatnonzero(inside))[: PIXELS * len(brain)]
        logits.append(both.reshape(2, -1)[:, chosen])
        truth.append(lesion.ravel()[chosen])
        if lesion.sum() >= SMALLEST_PX:
            volumes.append((both.astype(np.float16), inside, lesion))
    if not volumes:
        raise SettingsError(f"None of the {heads} heads to calibrate on shows a lesion; take more heads.")
    pixels, known = np.concatenate(logits, axis=1), np.concatenate(truth)
    fitted = min(
        (StudentCalibration(float(t), float(b)) for t in TEMPERATURES for b in BIASES),
        key=lambda one: _cross_entropy(probability_of(pixels, one).mean(0), known),
    )
    dices = np.mean(
        [_dices(both.astype(np.float32), inside, lesion, fitted) for both, inside, lesion in volumes], axis=0
    )
    best = int(np.argmax(dices))
    calibration = StudentCalibration(fitted.temperature, fitted.bias, float(THRESHOLDS[best]))
    report = CalibrationReport(
        calibration,
        calibration_error(probability_of(pixels, StudentCalibration()).mean(0), known),
        calibration_error(probability_of(pixels, calibration).mean(0), known),
        float(dices[best]),
    )
    message(
        f"Calibrated on {heads} rendered heads: temperature {calibration.temperature:.2f}, "
        f"bias {calibration.bias:+.2f}, threshold {calibration.threshold:.2f} "
        f"(Dice {report.dice:.3f}, calibration error {report.error:.4f})."
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


def _dices(
    logits: npt.NDArray[np.float32],
    inside: npt.NDArray[np.bool_],
    lesion: npt.NDArray[np.bool_],
    calibration: StudentCalibration,
) -> npt.NDArray[np.float64]:
    probability = probability_of(logits, calibration).mean(0) * inside
    found = [probability >= threshold for threshold in THRESHOLDS]
    return np.array([2 * (one & lesion).sum() / max(1, one.sum() + lesion.sum()) for one in found])
