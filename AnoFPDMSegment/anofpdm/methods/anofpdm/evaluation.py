"""What `anofpdm evaluate` measures of AnoFPDM: its variants and the ablations. Torch-free to import."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from ...core.errors import SettingsError
from ...store.model_folder import ModelFolder
from ..evaluated import Extras, Options, PlainEvaluated
from .calibration import Calibration, load_calibrations
from .model_config import diffusion_config
from .operating_point import OperatingPoint
from .presets import default_calibration
from .variants import ABLATIONS, KNOBS, variants_of

if TYPE_CHECKING:
    from ...evaluation.evaluation_run import EvaluationRun
    from ...evaluation.method_output import Method
    from ...evaluation.slices import MeasuredSlices

LABEL_FREE, REFERENCE = "label-free", "anofpdm-reference"
ABLATIONS_FILE, ABLATIONS_PICTURE = "ablations.csv", "ablations.png"


class AnoFPDMEvaluated(PlainEvaluated):
    """See `methods.evaluated.Evaluated`."""

    title = "variants of anofpdm"
    names = ("anofpdm", "anofpdm-both-directions", "anofpdm-ddpm", REFERENCE, LABEL_FREE)
    knobs = KNOBS
    files = (ABLATIONS_FILE, ABLATIONS_PICTURE)

    def check(self, names: Sequence[str], options: Options) -> None:
        """See `Evaluated`."""
        variants_of(options)

    def check_model(self, folder: ModelFolder, names: Sequence[str], options: Options) -> None:
        """See `Evaluated`."""
        if names or options.get(ABLATIONS):
            operating_points(variants_of(options).presets, folder)

    def record(self, options: Options) -> dict[str, Any]:
        """See `Evaluated`."""
        return {"variants": dataclasses.asdict(variants_of(options))}

    def rows(self, name: str, run: EvaluationRun, options: Options) -> Sequence[Method]:
        """See `Evaluated`."""
        from .calibration_run import GUIDANCE
        from .evaluated import AnoFPDM
        from .label_free import LabelFree
        from .network_runs import network_runs

        runs, variants = network_runs(run), variants_of(options)
        calibrations, points = calibrations_of(run.folder), operating_points(variants.presets, run.folder)
        if name == LABEL_FREE:
            base = AnoFPDM(runs, dataclasses.replace(points[0], mirrored=False), variants, calibrations)
            return [LabelFree(runs, base, variants.guidance[0] if variants.guidance else None)]
        changes: dict[str, dict[str, Any]] = {
            "anofpdm-both-directions": {"direction": "both"},
            "anofpdm-ddpm": {"encoding": "ddpm"},
            # All but steps and range.
            REFERENCE: {
                "mode": "reference",
                "mirrored": False,
                "direction": "both",
                "clamp": True,
                "guidance_bank": GUIDANCE,
            },
        }
        if name == REFERENCE:
            # The public code looks at each slice alone.
            variants = dataclasses.replace(variants, consistencies=("slice",))
        changed = [dataclasses.replace(point, **changes.get(name, {})) for point in points]
        return [AnoFPDM(runs, point, variants, calibrations, name=name) for point in changed]

    def extras(self, run: EvaluationRun, options: Options, masked: MeasuredSlices) -> Extras:
        """The ablations at the first preset."""
        if not options.get(ABLATIONS):
            return Extras()
        from .ablation_report import ablations_json, draw_ablations, write_ablations_csv
        from .ablations import AblationRun
        from .network_runs import network_runs

        point = operating_points(variants_of(options).presets, run.folder)[0]
        found = AblationRun(network_runs(run), run.given, masked, point).run(run.cancel.raise_if_cancelled)
        return Extras(
            {"ablations": ablations_json(found)},
            {
                ABLATIONS_FILE: partial(write_ablations_csv, found=found),
                ABLATIONS_PICTURE: partial(draw_ablations, found=found),
            },
        )


def calibrations_of(folder: ModelFolder) -> list[Calibration]:
    """The model's own."""
    return load_calibrations(folder.calibration) if folder.calibration else []


def operating_points(presets: Sequence[str] | None, folder: ModelFolder) -> list[OperatingPoint]:
    """Those of the named calibrations; where none is named of all, the default one's first; without any the model's.

    Raises SettingsError for a name the model does not have, ModelError for a model of another method.
    """
    config = diffusion_config(folder)
    known: dict[str, OperatingPoint] = {}
    calibrations = calibrations_of(folder)
    for calibration in calibrations:
        # A preset may be calibrated in a second precision as well; the first is the model's own.
        known.setdefault(calibration.name, calibration.operating_point)
    known = known or {"default": config.operating_point}
    for preset in presets or ():
        if preset not in known:
            raise SettingsError(f"--presets takes some of {', '.join(known)}, not '{preset}'.")
    if presets is None and calibrations:
        default = default_calibration(calibrations).name
        presets = sorted(known, key=lambda name: name != default)
    return [known[preset] for preset in presets or known]
