"""What `anofpdm evaluate` measures of these methods: as they detect, if the measured model is theirs; else tuned, each
on its own grid, with the measured model's network. Torch-free to import."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...core.errors import SettingsError
from ...diffusion.schedule import ScheduleConfig
from ...store.model_config import ModelConfig
from ...store.model_folder import ModelFolder
from ...store.noise_predictor_config import NoisePredictorConfig
from ..anofpdm.model_config import diffusion_config
from ..evaluated import AsDetected, Options, PlainEvaluated, folder_option
from ..knobs import Knob, whole
from .networks import trained_on_healthy

if TYPE_CHECKING:
    from ...evaluation.evaluation_run import EvaluationRun
    from ...evaluation.method_output import Method

GAUSSIAN, SIMPLEX, CLASSIFIER = "anoddpm-gaussian", "anoddpm-simplex", "classifier-guidance"
STEPS, GRID_SLICES = 25, 100


def _trained(name: str, method: str) -> Knob:
    return Knob(name, f"a model made by anofpdm train --method {method}", live=False, metavar="DIR", read=folder_option)


class ReconstructionEvaluated(PlainEvaluated):
    """See `methods.evaluated.Evaluated`."""

    title = "compared methods"
    names = (GAUSSIAN, SIMPLEX, CLASSIFIER, "ddib", "cg-cdm")
    knobs = (
        _trained(GAUSSIAN, GAUSSIAN),
        _trained(SIMPLEX, SIMPLEX),
        _trained("classifier", CLASSIFIER),
        Knob(
            "compared_steps",
            f"most noise levels visited one way (default: {STEPS})",
            live=False,
            metavar="N",
            read=whole,
        ),
        Knob(
            "grid_slices",
            f"slices on which a method's grid of settings is tried (default: {GRID_SLICES})",
            live=False,
            metavar="N",
            read=whole,
        ),
    )

    def check(self, names: Sequence[str], options: Options) -> None:
        """See `Evaluated`."""
        found = self.record(options)
        if not 2 <= found["compared_steps"] <= 1000:
            raise SettingsError(f"--compared-steps must lie between 2 and 1000, not {found['compared_steps']}.")
        if found["grid_slices"] < 2:
            raise SettingsError(f"--grid-slices must be at least 2, not {found['grid_slices']}.")

    def check_model(self, folder: ModelFolder, names: Sequence[str], options: Options) -> None:
        """They work on its network, unless it is their own model."""
        others = [name for name in names if name != folder.config.method]
        for name in others:
            if name in (GAUSSIAN, SIMPLEX) and name not in options:
                raise SettingsError(
                    f"The method {name} needs a network of its own: train one with anofpdm train --method {name} and "
                    f"give its folder as --{name}."
                )
            if name == CLASSIFIER and "classifier" not in options:
                raise SettingsError(
                    "Classifier guidance needs a classifier of noisy slices: train one with anofpdm train --method "
                    f"{CLASSIFIER} and give its folder as --classifier."
                )
        for name in (GAUSSIAN, SIMPLEX):
            if name in options and name not in names:
                raise SettingsError(f"--{name} is for the method of that name; add it to --methods.")
        if "classifier" in options and CLASSIFIER not in names:
            raise SettingsError(f"--classifier is for the method {CLASSIFIER}; add it to --methods.")
        if others:
            diffusion_config(folder)

    def record(self, options: Options) -> dict[str, Any]:
        """See `Evaluated`."""
        return {
            "compared_steps": options.get("compared_steps", STEPS),
            "grid_slices": options.get("grid_slices", GRID_SLICES),
        }

    def rows(self, name: str, run: EvaluationRun, options: Options) -> Sequence[Method]:
        """See `Evaluated`."""
        if name == run.folder.config.method:
            return AsDetected(name).rows(name, run, options)
        from ...diffusion.denoisers import NetworkPredictor
        from ...store.network_weights import read_network
        from ..anofpdm.network_runs import network_runs
        from .baselines import AnoDDPM, Classifier, Shared, baseline_of
        from .classifier_folder import load_classifier, open_classifier
        from .tuned_baseline import TunedBaseline

        runs, found = network_runs(run), self.record(options)
        config = runs.config
        steps = int(found["compared_steps"])
        shared = Shared(runs.schedule, config.healthy_label, config.unhealthy_label, config.used_channels, steps)
        predictor, weights, classifier = None, "", None
        if name in (GAUSSIAN, SIMPLEX):
            own, trained_as, form = trained_on_healthy(str(options[name]), name)
            check_alike(trained_as, form.schedule, config, own.path)
            network = read_network(own.weights, form.network, runs.device.device)
            predictor = NetworkPredictor(network, config.operating_point.precision)
            weights = own.weights_sha256
            baseline: Any = AnoDDPM(shared, simplex=name == SIMPLEX)
        else:
            if name == CLASSIFIER:
                trained = open_classifier(options["classifier"])
                check_alike(trained.config, trained.schedule, config, trained.path)
                weights = trained.weights_sha256
                follow: Classifier = load_classifier(trained, runs.device.device).log_healthy
                classifier = follow
            baseline = baseline_of(name, shared, classifier)
        return [
            TunedBaseline(
                name,
                runs,
                baseline,
                steps=steps,
                grid_slices=int(found["grid_slices"]),
                predictor=predictor,
                weights=weights,
            )
        ]


def check_alike(other: ModelConfig, schedule: ScheduleConfig, config: NoisePredictorConfig, path: Path) -> None:
    """Raises SettingsError unless what `other` was trained with, and its `schedule`, are those of `config`."""
    differing = [
        name for name in ("modalities", "grid", "preprocessing") if getattr(other, name) != getattr(config, name)
    ]
    if schedule != config.schedule:
        differing.append("schedule")
    if differing:
        raise SettingsError(
            f"{path} was trained with another {differing[0]} than the model; train it with the model's."
        )
