"""The methods of an evaluation, made from its request."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..core.errors import SettingsError
from ..datasets.slice_cache import SliceCache
from ..diffusion.denoisers import NetworkPredictor
from ..methods.anofpdm.calibration import Calibration, load_calibrations
from ..methods.anofpdm.calibration_run import GUIDANCE
from ..methods.anofpdm.evaluated import AnoFPDM
from ..methods.anofpdm.label_free import LabelFree
from ..methods.anofpdm.model_config import DiffusionConfig, diffusion_config
from ..methods.anofpdm.operating_point import OperatingPoint
from ..methods.anofpdm.presets import default_calibration
from ..methods.reconstruction.baselines import DDIB, AnoDDPM, Baseline, ClassifierGuidance, ConditionDifference, Shared
from ..methods.reconstruction.classifier_folder import load_classifier, open_classifier
from ..methods.reconstruction.tuned_baseline import TunedBaseline
from ..methods.yardsticks.yardsticks import AllZero, Intensity, LeftRight, LevelOnly
from ..store.model_folder import ModelFolder
from ..store.model_search import find_model
from ..store.network_weights import load_network
from .method_output import Method, MethodInput
from .network_runs import NetworkRuns
from .ready_results import ReadyResults
from .request import ANOFPDM, COMPARED, EvaluationRequest

CHANGES: dict[str, dict[str, Any]] = {
    "anofpdm": {},
    "anofpdm-both-directions": {"direction": "both"},
    "anofpdm-ddpm": {"encoding": "ddpm"},
    "anofpdm-reference": {
        "mode": "reference",
        "mirrored": False,
        "direction": "both",
        "clamp": True,
        "guidance_bank": GUIDANCE,
    },
}
"""What of the model's operating points each kind of AnoFPDM changes; `anofpdm-reference`: all but steps and range."""


def methods_of(
    request: EvaluationRequest,
    folder: ModelFolder,
    cache: SliceCache,
    runs: NetworkRuns | None,
    given: MethodInput,
) -> list[Method]:
    """The methods in the order asked for, then ready results. `runs` is needed for those that run the network.

    Raises SettingsError, InputError or ModelError for what would fail later.
    """
    methods: list[Method] = []
    for name in request.methods:
        if name in ANOFPDM:
            assert runs is not None
            methods += _anofpdm(name, request, folder, runs)
        elif name in COMPARED:
            assert runs is not None
            methods.append(_compared(name, request, folder, runs))
        elif name == "label-free":
            assert runs is not None
            methods.append(_label_free(request, folder, runs))
        else:
            methods.append(_yardstick(name, folder))
    for name in dict.fromkeys((*request.ready_masks, *request.ready_maps)):
        masks, maps = request.ready_masks.get(name), request.ready_maps.get(name)
        splits = request.splits if masks is None else (request.split,)
        methods.append(ReadyResults(name, cache, splits, masks, maps))
    for method in methods:
        method.check(given)
    return methods


def _yardstick(name: str, folder: ModelFolder) -> Method:
    config = folder.config
    modality = "flair" if "flair" in config.used else config.used[0]
    channel = config.modalities.index(modality)
    if name == "intensity":
        return Intensity(f"{modality} intensity", modality, channel)
    if name == "left-right":
        return LeftRight(f"{modality} left-right difference", modality, channel)
    return AllZero() if name == "all-zero" else LevelOnly()


def _anofpdm(name: str, request: EvaluationRequest, folder: ModelFolder, runs: NetworkRuns) -> list[Method]:
    calibrations = _calibrations(folder)
    variants = request.variants
    if name == "anofpdm-reference":
        # The public code looks at each slice alone.
        variants = dataclasses.replace(variants, consistencies=("slice",))
    points = [
        dataclasses.replace(point, **CHANGES[name]) for point in operating_points(request.variants.presets, folder)
    ]
    return [AnoFPDM(runs, point, variants, calibrations, name=name) for point in points]


def _compared(name: str, request: EvaluationRequest, folder: ModelFolder, runs: NetworkRuns) -> Method:
    config = diffusion_config(folder)
    shared = Shared(
        runs.schedule, config.healthy_label, config.unhealthy_label, config.used_channels, request.compared_steps
    )
    baseline: Baseline
    predictor, weights = None, ""
    simplex = name == "anoddpm-simplex"
    if name in request.anoddpm:
        own = find_model(request.anoddpm[name])
        _check_alike(diffusion_config(own, "anoddpm-simplex" if simplex else "anoddpm-gaussian"), config, own.path)
        network = load_network(own, runs.device.device)
        predictor = NetworkPredictor(network, config.operating_point.precision)
        weights = own.weights_sha256
        baseline = AnoDDPM(shared, simplex=simplex)
    elif name == "classifier-guidance":
        assert request.classifier is not None
        classifier = open_classifier(request.classifier)
        _check_alike(classifier.config, config, classifier.path)
        weights = classifier.weights_sha256
        baseline = ClassifierGuidance(shared, load_classifier(classifier, runs.device.device).log_healthy)
    else:
        baseline = DDIB(shared) if name == "ddib" else ConditionDifference(shared)
    return TunedBaseline(
        name,
        runs,
        baseline,
        steps=request.compared_steps,
        grid_slices=request.grid_slices,
        predictor=predictor,
        weights=weights,
    )


def _check_alike(other: DiffusionConfig, config: DiffusionConfig, path: Path) -> None:
    """Raises SettingsError unless both see the same input on the same schedule."""
    for name in ("modalities", "grid", "preprocessing", "schedule"):
        if getattr(other, name) != getattr(config, name):
            raise SettingsError(f"{path} was trained with another {name} than the model; train it with the model's.")


def _label_free(request: EvaluationRequest, folder: ModelFolder, runs: NetworkRuns) -> Method:
    """At the first operating point and strength asked for."""
    variants = request.variants
    point = operating_points(variants.presets, folder)[0].without_mirror_image
    base = AnoFPDM(runs, point, variants, _calibrations(folder))
    return LabelFree(runs, base, variants.guidance[0] if variants.guidance else None)


def _calibrations(folder: ModelFolder) -> list[Calibration]:
    return load_calibrations(folder.calibration) if folder.calibration else []


def operating_points(presets: Sequence[str] | None, folder: ModelFolder) -> list[OperatingPoint]:
    """Those of the named calibrations; where none is named of all, the default one's first; without any the model's.

    Raises SettingsError for a name the model does not have.
    """
    known: dict[str, OperatingPoint] = {}
    calibrations = _calibrations(folder)
    for calibration in calibrations:
        # A preset may be calibrated in a second precision as well; the first is the model's own.
        known.setdefault(calibration.name, calibration.operating_point)
    known = known or {"default": diffusion_config(folder).operating_point}
    for preset in presets or ():
        if preset not in known:
            raise SettingsError(f"--presets takes some of {', '.join(known)}, not '{preset}'.")
    if presets is None and calibrations:
        default = default_calibration(calibrations).name
        presets = sorted(known, key=lambda name: name != default)
    return [known[preset] for preset in presets or known]
