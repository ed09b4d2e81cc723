"""From what the panel remembers to the options of a run; no widgets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from slicer.i18n import tr as _

from anofpdm.app.knob_choices import chosen_values, read_choices
from anofpdm.app.worker.run_options import RunOptions

if TYPE_CHECKING:
    from anofpdm.app.model_catalog.catalog_model import CatalogModel
    from anofpdm.methods.offers import Plan, Preset

    from ..parameters import AnoFPDMParameters


@dataclass(frozen=True)
class PlannedRun:
    """Options, and what its method makes of what was chosen."""

    options: RunOptions
    plan: Plan
    problem: str = ""
    """Why it cannot be run, a sentence; empty if it can."""

    @property
    def note(self) -> str:
        """For the user where the run is not simply the calibrated one."""
        return " ".join(self.plan.notes)

    @property
    def speedKey(self) -> str:
        """Names what the time of a slice depends on, beside the model and the device."""
        return self.plan.speed_key

    @property
    def calibrated(self) -> bool:
        """Whether a calibration holds for it."""
        return self.plan.calibrated


def plannedRun(model: CatalogModel, parameters: AnoFPDMParameters, preset: Preset | None = None) -> PlannedRun:
    """What a run with these parameters would be, or with another preset in place of theirs. Only of a sound model."""
    from anofpdm.app.model_catalog.catalog_model import OWN
    from anofpdm.core.errors import SettingsError

    method, preset = model.method, preset or model.preset(parameters.preset)
    assert method is not None
    chosen, problem = chosen_values(read_choices(parameters.knobs).get(method.name, {}), method)
    try:
        plan = preset.plan(chosen)
        begun = {name: plan.offers[name].start for name in plan.missing if name in plan.offers}
        if begun:
            plan = preset.plan({**chosen, **begun})
    except SettingsError as error:
        plan, problem = preset.plan({}), str(error)
    if plan.missing and not problem:
        problem = _("This run needs a value for {options}.").format(options=", ".join(plan.missing))
    options = RunOptions(
        model=str(model.folder),
        method=method.name,
        chosen=plan.chosen,
        calibration=None if model.calibration == OWN else model.calibration,
        preset=preset.name or None,
        device=parameters.device,
    )
    return PlannedRun(options, plan, problem)
