"""From what the panel remembers to the options of a run; no widgets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from slicer.i18n import tr as _

from anofpdm.app.worker.run_options import RunOptions

if TYPE_CHECKING:
    from anofpdm.app.model_catalog.catalog_model import CatalogModel
    from anofpdm.methods.anofpdm.calibration import Calibration
    from anofpdm.methods.anofpdm.operating_point import OperatingPoint

    from ..parameters import AnoFPDMParameters

UNCALIBRATED_GUIDANCE = 2.0
UNCALIBRATED_THRESHOLD = "quantile=0.98"
"""The largest quantile of Algorithm 1, which flags the least."""


@dataclass(frozen=True)
class PlannedRun:
    """Options, and a sentence for the user where they are not simply the calibrated ones."""

    options: RunOptions
    note: str
    speedKey: str
    """Names what the time of a slice depends on, beside the model and the device."""
    calibrated: bool


def plannedRun(model: CatalogModel, parameters: AnoFPDMParameters) -> PlannedRun:
    """What a run with these parameters would be."""
    from anofpdm.methods.anofpdm.calibration import describe_point

    preset = model.preset(parameters.preset)
    fixed = parameters.fixedEndStep if parameters.noiseScale == "fixed" else None
    options = preset.apply(
        RunOptions(
            model=str(model.folder),
            device=parameters.device,
        ).choosing(
            encoding=None if parameters.encoding == "model" else parameters.encoding,
            end_step=min(fixed, preset.point.steps) if fixed else None,
        )
    )
    point = preset.point_of(options)
    calibration, warning = _calibration(model, point)
    notes = [warning] if warning else []
    guidance = None if parameters.useCalibratedGuidance and calibration else parameters.guidance
    options = options.choosing(guidance=guidance)
    ownScaling = not parameters.useCalibratedScaling
    if ownScaling:
        scaling = tuple(getattr(parameters, f"scaling{n}") for n in range(1, len(model.used) + 1))
        options = options.choosing(scaling=scaling, threshold="dynamic")
        notes.append(_("The scaling is your own, so the threshold is dynamic (Algorithm 1)."))
    if calibration is None:
        options = options.choosing(threshold=options.chosen.get("threshold", UNCALIBRATED_THRESHOLD), ungated=True)
        notes.append(
            _("No slice can be decided healthy, so all are shown: adjust the threshold on the result, or calibrate.")
        )
    return PlannedRun(options, " ".join(notes), describe_point(point), calibration is not None)


def _calibration(model: CatalogModel, point: OperatingPoint) -> tuple[Calibration | None, str]:
    """The calibration that the engine will take for this operating point, and its warning."""
    from anofpdm.methods.anofpdm.calibration import calibration_for

    known = [preset.calibration for preset in model.presets if preset.calibration is not None]
    return calibration_for(known, point, model.weights_sha256)
