"""Run a model over labelled slices and calibrate it: range of the forward process first, then each preset."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from ...core.device import ChosenDevice
from ...core.errors import InputError, ModelError, SettingsError
from ...core.precision import Precision
from ...core.progress import CancelToken
from ...datasets.manifest import Split
from ...datasets.slice_cache import SliceCache
from ...diffusion.denoisers import NetworkPredictor
from ...diffusion.slices import Batching, SlicePredictor, smaller_batch
from ...store.model_folder import ModelFolder
from ...thresholds.map_statistic import TOP_MM2
from .accumulate import GuidedNetwork, accumulate_slices
from .calibrate import LabelledEvidence, calibrate
from .calibration import Calibration, short_point
from .evidence import require_finite
from .model_config import DiffusionConfig, diffusion_config
from .operating_point import Direction, OperatingPoint
from .presets import PRESETS, Preset

GUIDANCE = (0.0, 0.5, 1.0, 2.0, 3.0, 4.0, 6.0, 8.0, 12.0, 16.0)
"""Where accuracy has levelled off, the largest of these is chosen: beyond it healthy predictions are overdriven."""
RANGES = ((1, 200), (1, 300), (1, 400), (1, 500), (1, 600))


@dataclass(frozen=True)
class CalibrationPlan:
    """What is tried. Several ranges are compared at the steps of the first preset without a range of its own."""

    presets: tuple[Preset, ...] = (PRESETS["fast"], PRESETS["balanced"])
    """The first without a range of its own compares the ranges: the cheapest should."""
    ranges: tuple[tuple[int, int], ...] = RANGES
    guidance: tuple[float, ...] | None = None
    """None: the model's guidance bank, or GUIDANCE without the clamp."""
    top_mm2: float = TOP_MM2
    """Area of the largest map values that decide an image."""
    precision: Precision | None = None
    """None: the model's own."""
    further_precision: Precision | None = None
    """In which every preset is calibrated as well, over the range found in the first."""
    mirrored: bool | None = None
    """None: as each preset says."""
    direction: Direction | None = None
    """None: the model's own."""

    @property
    def costs(self) -> list[int]:
        """About how long each pass over the slices takes, in their order: its steps, twice those if mirrored."""
        compared = self.compared
        each = [preset.steps * (2 if self._mirrored(preset) else 1) for preset in self.presets]
        further = each if self.further_precision else []
        if compared is None:
            return each + further
        # The winner of the comparison is not computed again.
        place = self.presets.index(compared)
        return [each[place]] * len(self.ranges) + each[:place] + each[place + 1 :] + further

    def _mirrored(self, preset: Preset) -> bool:
        return preset.mirrored if self.mirrored is None else self.mirrored

    @property
    def compared(self) -> Preset | None:
        """The preset that the ranges are compared at; None where there is nothing to choose."""
        open_ended = [preset for preset in self.presets if preset.noise_range is None]
        return open_ended[0] if open_ended and len(self.ranges) > 1 else None

    def check(self, config: DiffusionConfig) -> None:
        """Raises SettingsError if a preset does not fit the model with each of the ranges it may get."""
        for preset in self.presets:
            for ends in self.ranges:
                self.point(config, preset, ends)

    def point(self, config: DiffusionConfig, preset: Preset, ends: tuple[int, int]) -> OperatingPoint:
        """The operating point of a preset, over its own range or the one that `ends` names. Raises SettingsError."""
        first, last = preset.noise_range or ends
        default, levels = config.operating_point, config.schedule.steps
        if last > levels:
            raise SettingsError(f"The range {first}..{last} goes beyond the model's {levels} noise levels.")
        bank = self.guidance if default.clamp and self.guidance else default.guidance_bank
        try:
            return dataclasses.replace(
                default,
                steps=preset.steps,
                first=first,
                last=last,
                guidance_bank=bank,
                mirrored=self._mirrored(preset),
                direction=self.direction or default.direction,
                precision=self.precision or default.precision,
            )
        except ModelError as error:
            reason = str(error).removeprefix("The model's configuration is wrong: ")
            raise SettingsError(f"These options do not fit together: {reason}") from error


@dataclass(frozen=True)
class CalibrationOutcome:
    """What a run found."""

    ranges: tuple[Calibration, ...]
    """One for each range compared; empty where there was nothing to choose."""
    presets: tuple[Calibration, ...]
    """In the order of the plan, then again in the further precision."""


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
        """`predictor` on `device`: see `ready_predictor`; in float32 if several precisions are to be calibrated.

        `on_progress(what, slices done, slices)`; `notice` is told about fallbacks, one sentence each. Raises InputError
        if the splits hold no slices.
        """
        self._folder = folder
        self._config: DiffusionConfig = diffusion_config(folder)
        self._device = device
        self._predictor = predictor
        self._prepared: tuple[Precision, SlicePredictor] | None = None
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
        self._slice_index = np.asarray(cache.slice_index[self._rows])
        self._subjects = len(set(cache.subject[self._rows]))

    def run(self, plan: CalibrationPlan, tell: Callable[[Calibration], None]) -> CalibrationOutcome:
        """Calibrate all presets, over the range that the labels prefer.

        That is the range with the largest image-level area under the ROC curve, by its own default decision at its
        default guidance strength; the first of equals. `tell` is given each calibration as it is found.

        Raises SettingsError for a plan that does not fit the model, before anything is computed.
        """
        plan.check(self._config)
        compared = plan.compared
        ranges = []
        if compared is not None:
            for ends in plan.ranges:
                ranges.append(self._calibrate("candidate", plan.point(self._config, compared, ends), plan))
                tell(ranges[-1])
        best = max(ranges, key=lambda calibration: calibration.default_auroc) if ranges else None
        chosen = (best.operating_point.first, best.operating_point.last) if best is not None else plan.ranges[0]
        presets = []
        for preset in plan.presets:
            if preset is compared and best is not None:
                presets.append(dataclasses.replace(best, name=preset.name))
            else:
                presets.append(self._calibrate(preset.name, plan.point(self._config, preset, chosen), plan))
            tell(presets[-1])
        if plan.further_precision is not None:
            for found in tuple(presets):
                point = dataclasses.replace(found.operating_point, precision=plan.further_precision)
                # A panel shows one strength a preset, whichever precision the device will choose.
                presets.append(self._calibrate(found.name, point, plan, found.default_guidance))
                tell(presets[-1])
        return CalibrationOutcome(tuple(ranges), tuple(presets))

    def _calibrate(
        self, name: str, point: OperatingPoint, plan: CalibrationPlan, default_guidance: float | None = None
    ) -> Calibration:
        """One pass over the slices for all guidance strengths."""
        pixel = self._config.grid.pixel_mm
        return calibrate(
            self._evidence(name, point),
            point.guidance_bank or plan.guidance or GUIDANCE,
            weights_sha256=self._folder.weights_sha256,
            name=name,
            top_pixels=max(1, round(plan.top_mm2 / pixel**2)),
            minimum_size_px=self._config.minimum_size_px,
            source=self._source,
            default_guidance=default_guidance,
        )

    def _evidence(self, name: str, point: OperatingPoint) -> LabelledEvidence:
        def report(done: float) -> None:
            self._cancel.raise_if_cancelled()
            self._on_progress(f"{name}, {short_point(point)}", done, len(self._x0))

        evidence = accumulate_slices(
            self._x0,
            self._level if self._config.network.level_embedding else None,
            GuidedNetwork.of(self._in_precision(point.precision), self._config),
            point,
            Batching(
                self._device.device,
                batch_size=self._batch_size,
                on_progress=report,
                on_smaller_batch=lambda size: self._notice(smaller_batch(size)),
                cancel=self._cancel,
            ),
        )
        require_finite(evidence, self._device.name)
        return LabelledEvidence(
            evidence, self._interior, self._unhealthy, self._volume, self._slice_index, self._subjects
        )

    def _in_precision(self, precision: Precision) -> SlicePredictor:
        """The last one asked for is kept, since passes of one precision follow one another."""
        if self._prepared is None or self._prepared[0] != precision:
            network = self._predictor
            prepared = network.in_precision(precision) if isinstance(network, NetworkPredictor) else network
            self._prepared = (precision, prepared)
        return self._prepared[1]
