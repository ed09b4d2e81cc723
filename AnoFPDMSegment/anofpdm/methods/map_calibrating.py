"""`anofpdm calibrate` where a model's answer is a map: its threshold, from image-level labels. Torch-free to import."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

from ..core.progress import ProgressClock
from ..store.model_folder import write_config
from ..store.user_calibrations import store_user_calibration
from .calibrating import CalibrationTask
from .map_calibrations import map_calibration_to_json


def calibrate_map_model(task: CalibrationTask, before: Any) -> Path:
    """See `Method.calibrate`. `before`: the model's own calibration, of which only the threshold is replaced."""
    folder, reporter = task.folder, task.reporter
    config: Any = folder.config
    task.check_place()
    manifest = task.manifest()
    from ..detect.detector import Detector
    from ..evaluation.examined_volumes import ExaminedVolumes
    from ..evaluation.map_calibration import calibrate_map
    from ..evaluation.slices import labelled_slices

    with task.slices(manifest) as cache:
        slices = labelled_slices(cache, (task.split,))
        clock = ProgressClock(len(slices), reporter.progress)
        detector = Detector.from_folder(folder, device=task.device, notice=reporter.notice)
        volumes = ExaminedVolumes(detector, cache, report=lambda done, _: clock.report(done), cancel=task.cancel)
        reporter.stage("calibrating")
        clock.report(0.0)
        found = calibrate_map(volumes, slices, before, minimum_size_px=config.minimum_size_px, source=task.source)
    task.cancel.raise_if_cancelled()
    reporter.stage("writing")
    reporter.partial(f"threshold {found.threshold:g}, {found.origin}")
    if task.name is None:
        return write_config(folder, dataclasses.replace(config, calibration=found)).path
    text = map_calibration_to_json(found, config.method, folder.weights_sha256)
    return store_user_calibration(folder.weights_sha256, task.name, text, replace=task.replace)
