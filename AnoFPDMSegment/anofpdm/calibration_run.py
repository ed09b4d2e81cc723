"""Run a model over labelled slices and calibrate it: range of the forward process first, then each preset."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from .calibrate import LabelledEvidence, calibrate
from .calibration import Calibration
from .configuration import ModelConfig, OperatingPoint
from .datasets.manifest import Split
from .datasets.slice_cache import SliceCache
from .diffusion.device import ChosenDevice
from .diffusion.schedule import NoiseSchedule
from .diffusion.slices import SlicePredictor, accumulate_slices, smaller_batch
from .errors import InputError
from .evidence.maps import require_finite
from .progress import CancelToken
from .store.model_folder import ModelFolder

GUIDANCE = (0.0, 0.5, 1.0, 2.0, 3.0, 4.0, 6.0, 8.0, 12.0, 16.0, 20.0, 30.0)
RANGES = ((1, 200), (1, 300), (1, 400), (1, 500), (1, 600))


@dataclass(frozen=True)
class CalibrationPlan:
    """What is tried; the ranges are compared at the first preset's number of steps."""

    presets: tuple[tuple[str, int], ...] = (("balanced", 12), ("fast", 5))
    """(name, steps)."""
    ranges: tuple[tuple[int, int], ...] = RANGES
    guidance: tuple[float, ...] = GUIDANCE
    top_mm2: float = 280.0
    """Area of the largest map values that decide an image."""

    @property
    def costs(self) -> list[int]:
        """Steps of each pass over the slices, in their order."""
        candidates = [self.presets[0][1]] * len(self.ranges) if len(self.ranges) > 1 else []
        return [*candidates, *(steps for _, steps in self.presets)]


class CalibrationRun:
    """One model on the labelled slices of a cache; only image-level labels are looked at."""

    def __init__(
        self,
        folder: ModelFolder,
        cache: SliceCache,
        predictor: SlicePredictor,
        device: ChosenDevice,
        *,
        splits: Sequence[Split] = ("val",),
        source: str = "",
        batch_size: int | None = None,
        on_progress: Callable[[str, float, int], None] | None = None,
        notice: Callable[[str], None] | None = None,
        cancel: CancelToken | None = None,
    ) -> None:
        """`predictor` on `device`: see `ready_predictor`.

        `on_progress(what, slices done, slices)`; `notice` is told about fallbacks, one sentence each. Raises InputError
        if the splits hold no slices.
        """
        self._folder = folder
        self._config: ModelConfig = folder.config
        self._device = device
        self._predictor = predictor
        self._source = source
        self._batch_size = batch_size
        self._on_progress = on_progress or (lambda *_: None)
        self._notice = notice or (lambda _: None)
        self._cancel = cancel or CancelToken()
        if device.warning:
            self._notice(device.warning)
        self._rows = cache.indices(*splits)
        if len(self._rows) == 0:
            raise InputError(f"The manifest has no slices in the split {' or '.join(splits)}; calibration needs some.")
        self._x0 = cache.x0(self._rows)
        self._interior = cache.interior(self._rows)
        self._level = cache.level[self._rows]
        self._unhealthy = np.asarray(cache.unhealthy[self._rows], dtype=bool)
        self._volume = np.asarray(cache.volume[self._rows])
        self._subjects = len(set(cache.subject[self._rows]))

    def choose_range(self, plan: CalibrationPlan, tell: Callable[[Calibration], None]) -> tuple[int, int]:
        """The range with the largest image-level area under the ROC curve at its default guidance strength.

        `tell` is given each candidate's calibration.
        """
        _, steps = plan.presets[0]
        found = []
        for first, last in plan.ranges:
            calibration = self.calibrate("candidate", self._point(steps, first, last), plan)
            tell(calibration)
            found.append((calibration.auroc[calibration.guidance.index(calibration.default_guidance)], (first, last)))
        return max(found, key=lambda pair: pair[0])[1]

    def run(self, plan: CalibrationPlan, tell: Callable[[Calibration], None]) -> list[Calibration]:
        """Calibrations of all presets, over the range that the labels prefer."""
        first, last = self.choose_range(plan, tell) if len(plan.ranges) > 1 else plan.ranges[0]
        found = []
        for name, steps in plan.presets:
            calibration = self.calibrate(name, self._point(steps, first, last), plan)
            tell(calibration)
            found.append(calibration)
        return found

    def calibrate(self, name: str, point: OperatingPoint, plan: CalibrationPlan) -> Calibration:
        """Calibrate one operating point: one pass over the slices for all guidance strengths."""
        guidance = point.guidance_bank if point.clamp else plan.guidance
        pixel = self._config.grid.pixel_mm
        return calibrate(
            self._evidence(name, point),
            guidance,
            weights_sha256=self._folder.weights_sha256,
            name=name,
            top_pixels=max(1, round(plan.top_mm2 / pixel**2)),
            minimum_size_px=self._config.minimum_size_px,
            source=self._source,
        )

    def _point(self, steps: int, first: int, last: int) -> OperatingPoint:
        return dataclasses.replace(self._config.operating_point, steps=steps, first=first, last=last)

    def _evidence(self, name: str, point: OperatingPoint) -> LabelledEvidence:
        def report(done: float) -> None:
            self._cancel.raise_if_cancelled()
            self._on_progress(f"{name}, {point.steps} of {point.first}..{point.last}", done, len(self._x0))

        evidence = accumulate_slices(
            self._x0,
            self._level if self._config.network.level_embedding else None,
            self._predictor,
            NoiseSchedule.linear(self._config.schedule),
            point,
            used_channels=self._config.used_channels,
            healthy_label=self._config.healthy_label,
            device=self._device.device,
            batch_size=self._batch_size,
            on_progress=report,
            on_smaller_batch=lambda size: self._notice(smaller_batch(size)),
            cancel=self._cancel,
        )
        require_finite(evidence, self._device.name)
        return LabelledEvidence(evidence, self._interior, self._unhealthy, self._volume, self._subjects)
