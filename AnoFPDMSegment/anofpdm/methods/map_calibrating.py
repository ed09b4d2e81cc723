"""`anofpdm calibrate` where a model's answer is a map: its threshold, from image-level labels. Torch-free to import."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..core.progress import ProgressClock
from ..store.model_folder import write_config
from ..store.user_calibrations import store_user_calibration
from .calibrating import CalibrationTask
from .map_calibrations import map_calibration_to_json

if TYPE_CHECKING:
    from ..core.arrays import FloatArray
    from ..datasets.slice_cache import SliceCache
    from ..evaluation.slices import LabelledSlices


@dataclass(frozen=True)
class Trial:
    """One way to run the model: as it is, unless it says otherwise."""

    run: Any = None
    """As of `Method.load`."""
    changes: Mapping[str, Any] = field(default_factory=dict)
    """What of the model's configuration follows if this way is taken."""
    name: str = ""
    """In words, where there are several."""


def calibrate_map_model(task: CalibrationTask, before: Any, trials: Sequence[Trial] = (Trial(),)) -> Path:
    """See `Method.calibrate`. `before`: the model's own calibration, of which only the threshold is replaced.

    Of several trials that is taken whose map's largest values tell unhealthy slices best, by image-level AUROC; among
    equals the first.
    """
    folder, reporter = task.folder, task.reporter
    config: Any = folder.config
    task.check_place()
    manifest = task.manifest()
    from ..evaluation.map_calibration import calibration_of_maps
    from ..evaluation.slices import labelled_slices

    with task.slices(manifest) as cache:
        slices = labelled_slices(cache, (task.split,))
        reporter.stage("calibrating")
        taken, maps = _best(task, cache, slices, trials)
        found = calibration_of_maps(maps, slices, before, minimum_size_px=config.minimum_size_px, source=task.source)
    task.cancel.raise_if_cancelled()
    reporter.stage("writing")
    chosen = f"{taken.name}, " if taken.name else ""
    reporter.partial(f"{chosen}threshold {found.threshold:g}, {found.origin}")
    if task.name is None:
        return write_config(folder, dataclasses.replace(config, calibration=found, **taken.changes)).path
    text = map_calibration_to_json(found, config.method, folder.weights_sha256)
    return store_user_calibration(folder.weights_sha256, task.name, text, replace=task.replace)


def _best(
    task: CalibrationTask, cache: SliceCache, slices: LabelledSlices, trials: Sequence[Trial]
) -> tuple[Trial, FloatArray]:
    """The trial that is taken, and its maps [N, H, W]."""
    from ..detect.detector import Detector
    from ..evaluation.examined_volumes import ExaminedVolumes
    from ..evaluation.map_calibration import image_auroc, maps_of

    clock = ProgressClock(len(slices) * len(trials), task.reporter.progress)
    clock.report(0.0)

    def report_from(before: int) -> Callable[[float, int], None]:
        return lambda done, _: clock.report(before + done)

    best: tuple[float, Trial, FloatArray] | None = None
    for number, trial in enumerate(trials):
        detector = Detector.from_folder(
            task.folder, device=task.device, run=trial.run, notice=task.reporter.notice if number == 0 else None
        )
        volumes = ExaminedVolumes(detector, cache, report=report_from(number * len(slices)), cancel=task.cancel)
        maps = maps_of(volumes, slices)
        auroc = image_auroc(maps, slices)
        if len(trials) > 1:
            task.reporter.partial(f"{trial.name}: image-level AUROC {auroc:.3f}")
        if best is None or auroc > best[0]:
            best = (auroc, trial, maps)
    assert best is not None
    return best[1], best[2]
