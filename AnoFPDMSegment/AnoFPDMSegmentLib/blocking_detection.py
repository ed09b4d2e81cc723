"""A detection for scripts: waits for the worker, and keeps the application alive meanwhile."""

from __future__ import annotations

import dataclasses
import functools
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from anofpdm.app.worker.detection_run import DetectionRun
from anofpdm.app.worker.events import Event, Failed, Finished
from anofpdm.app.worker.run_options import RunOptions

if TYPE_CHECKING:
    from .mrml.result import Result
    from .panel.services import PanelServices

POLL_S = 0.05


def detect(
    services: PanelServices,
    inputs: Any | Mapping[str, Any],
    options: RunOptions | None,
    idle: Callable[[], object],
) -> Result:
    """Detect in volume nodes, by modality or the only one; `idle` is called while waiting.

    The result is in the scene, but in no view before `Result.show`. Raises RuntimeError with a sentence, or anofpdm's
    InputError.
    """
    from .mrml.examined_inputs import ExaminedInputs
    from .mrml.input_volumes import exportVolume
    from .mrml.result import Result

    chosen = _model(services, options)
    if not isinstance(inputs, Mapping):
        inputs = {chosen.inputs[0]: inputs}
    options = dataclasses.replace(options or RunOptions(chosen.name), method=chosen.config.method)
    run = DetectionRun(services.command)
    try:
        run.start({name: functools.partial(exportVolume, node) for name, node in inputs.items()}, options)
        examined = ExaminedInputs.now({name: inputs[name] for name in chosen.inputs if name in inputs})
        last = _wait(run, idle)
        if isinstance(last, Finished):
            detection = run.detection(examined.names)
            return Result.create(services.context, examined.first, detection, examined=examined)
        raise RuntimeError(last.sentence if isinstance(last, Failed) else "The run was cancelled.")
    finally:
        run.close()


def _model(services: PanelServices, options: RunOptions | None) -> Any:
    name = options.model if options is not None else services.catalog.default_name()
    for model in services.catalog.models():
        if name in (model.name, str(model.folder)):
            if model.error:
                raise RuntimeError(model.error)
            return model
    raise RuntimeError(f"There is no model '{name}'; add it first, or name one of the catalog.")


def _wait(run: DetectionRun, idle: Callable[[], object]) -> Event:
    events: list[Event] = []
    while run.running:
        events = run.poll() or events
        idle()
        time.sleep(POLL_S)
    return events[-1]
