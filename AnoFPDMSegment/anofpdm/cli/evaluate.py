"""`anofpdm evaluate`: methods and yardsticks against lesion masks, in one table."""

from __future__ import annotations

import argparse
import dataclasses
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..calibration import load_calibrations
from ..configuration import OperatingPoint
from ..datasets.manifest import SPLITS, read_manifest
from ..errors import SettingsError
from ..progress import CancelToken
from ..results.output_set import OutputSet
from ..store.model_folder import ModelFolder
from ..store.model_search import find_model
from .interruption import cancellation
from .options import numbers, output_folder

if TYPE_CHECKING:
    from ..evaluation.measure import Measured
    from ..evaluation.method_output import Method
    from ..evaluation.network_runs import NetworkRuns

YARDSTICKS = ("all-zero", "level-only", "intensity", "left-right")
NETWORK_METHODS = ("anofpdm", "anofpdm-ddpm", "anofpdm-reference")
DEFAULT_METHODS = "anofpdm," + ",".join(YARDSTICKS)
KEPT_FOLDER = "kept"


def add_parser(commands: Any) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "evaluate",
        help="measure a model and other methods against lesion masks",
        description="Measure methods on the slices of a manifest with lesion masks, which are read for measuring only. "
        "Writes results.json, table.md, methods.csv, slices.csv and volumes.csv; given again, it resumes.",
    )
    parser.add_argument("model", metavar="MODEL", help="model by name or folder")
    parser.add_argument("manifest", metavar="MANIFEST", help="CSV table of slices with labels and masks")
    parser.add_argument("--output", required=True, metavar="DIR", help="folder of the results")
    parser.add_argument(
        "--methods",
        default=DEFAULT_METHODS,
        metavar="NAME,...",
        help=f"of {', '.join((*NETWORK_METHODS, *YARDSTICKS))} (default: %(default)s)",
    )
    parser.add_argument("--split", choices=SPLITS, default="val", help="slices that are measured (default: val)")
    parser.add_argument(
        "--tuning-split", choices=SPLITS, help="slices whose labels tune thresholds (default: the measured ones)"
    )
    parser.add_argument("--presets", metavar="NAME,...", help="the model's calibrations to use (default: all)")
    parser.add_argument("--guidance", metavar="W,W,...", help="guidance strengths (default: as calibrated)")
    parser.add_argument("--thresholds", default="healthy,dynamic", metavar="KIND,...", help="default: %(default)s")
    parser.add_argument("--decisions", default="map,similarity", metavar="KIND,...", help="default: %(default)s")
    parser.add_argument("--maps", default="aggregated,last", metavar="KIND,...", help="default: %(default)s")
    parser.add_argument(
        "--erosion-mm", type=float, metavar="MM", help="margin of the eroded head (default: the model's)"
    )
    parser.add_argument("--resamplings", type=int, default=1000, metavar="N", help="of the subjects (default: 1000)")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="of noise and resampling (default: 0)")
    parser.add_argument("--cache", metavar="DIR", help="folder of the prepared slices (default: DIR/slices)")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:1 or mps (default: auto)")
    parser.add_argument("--batch-size", type=int, metavar="N", help="slices a batch (default: by device)")
    parser.set_defaults(run=run_evaluate)


def run_evaluate(options: argparse.Namespace) -> int:
    """Run the command."""
    names = _chosen(options.methods, (*NETWORK_METHODS, *YARDSTICKS), "--methods")
    folder = find_model(options.model)
    tuning_split = options.tuning_split or options.split
    splits = tuple(dict.fromkeys((options.split, tuning_split)))
    manifest = read_manifest(Path(options.manifest), folder.config.modalities, both_labels_in=splits)
    _check_numbers(options)
    from ..calibration_run import CalibrationPlan
    from ..datasets.build_slice_cache import build_slice_cache
    from ..evaluation.method_output import MethodInput
    from ..evaluation.runner import EvaluationSettings, describe_data, evaluate, write_results
    from ..evaluation.slices import labelled_slices, measured_slices

    place = output_folder(options.output)
    with cancellation() as cancel, OutputSet(place) as output:
        cache = build_slice_cache(
            manifest, folder.config, Path(options.cache) if options.cache else place / "slices", cancel=cancel
        )
        slices = labelled_slices(cache, (options.split,), options.erosion_mm)
        tuning = slices
        if tuning_split != options.split:
            tuning = labelled_slices(cache, (tuning_split,), options.erosion_mm)
        masked = measured_slices(cache, slices)
        given = MethodInput(
            slices,
            tuning,
            top_pixels=max(1, round(CalibrationPlan().top_mm2 / slices.pixel_mm**2)),
            minimum_size_px=folder.config.minimum_size_px,
            masked=masked,
        )
        methods = _methods(names, folder, options, place, cache.key, cancel)
        found = evaluate(methods, given, masked, EvaluationSettings(options.resamplings, options.seed), _tell)
        about = {
            "model": {
                "name": folder.config.name,
                "title": folder.config.title,
                "version": folder.config.version,
                "weights_sha256": folder.weights_sha256,
            },
            "data": describe_data(
                masked, manifest=Path(options.manifest).name, split=options.split, tuning_split=tuning_split
            ),
            "settings": {
                "seed": options.seed,
                "resamplings": options.resamplings,
                "erosion_mm": options.erosion_mm or folder.config.preprocessing.erosion_mm,
                "top_pixels": given.top_pixels,
                "minimum_size_px": given.minimum_size_px,
            },
        }
        cancel.raise_if_cancelled()
        for path in write_results(output, about, masked, found):
            print(f"Written: {path}")
    return 0


def _chosen(text: str, known: tuple[str, ...], option: str) -> tuple[str, ...]:
    names = tuple(dict.fromkeys(name.strip() for name in text.split(",") if name.strip()))
    unknown = [name for name in names if name not in known]
    if unknown or not names:
        what = f"'{unknown[0]}'" if unknown else "nothing"
        raise SettingsError(f"{option} takes some of {', '.join(known)}, not {what}.")
    return names


def _check_numbers(options: argparse.Namespace) -> None:
    if not 0 <= options.resamplings <= 100_000:
        raise SettingsError(f"--resamplings must lie between 0 and 100000, not {options.resamplings}.")
    if not 0 <= options.seed < 2**63:
        raise SettingsError(f"The seed must lie between 0 and 2^63 - 1, not {options.seed}.")
    if options.batch_size is not None and not 1 <= options.batch_size <= 4096:
        raise SettingsError(f"The batch size must lie between 1 and 4096, not {options.batch_size}.")
    if options.erosion_mm is not None and not 0 <= options.erosion_mm <= 50:
        raise SettingsError(f"--erosion-mm must lie between 0 and 50, not {options.erosion_mm:g}.")


def _methods(
    names: tuple[str, ...],
    folder: ModelFolder,
    options: argparse.Namespace,
    place: Path,
    data: str,
    cancel: CancelToken,
) -> list[Method]:
    from ..evaluation.yardsticks import AllZero, Intensity, LeftRight, LevelOnly

    modality = "flair" if "flair" in folder.config.used else folder.config.used[0]
    channel = folder.config.modalities.index(modality)
    methods: list[Method] = []
    if any(name in NETWORK_METHODS for name in names):
        runs = _runs(folder, options, place, data, cancel)
        for name in names:
            if name in NETWORK_METHODS:
                methods += _anofpdm(name, folder, options, runs)
    simple: dict[str, Method] = {
        "all-zero": AllZero(),
        "level-only": LevelOnly(),
        "intensity": Intensity(f"{modality} intensity", modality, channel),
        "left-right": LeftRight(f"{modality} left-right difference", modality, channel),
    }
    return methods + [simple[name] for name in names if name in simple]


def _runs(folder: ModelFolder, options: argparse.Namespace, place: Path, data: str, cancel: CancelToken) -> NetworkRuns:
    from ..diffusion.device import choose_device
    from ..evaluation.chunk_store import ChunkStore
    from ..evaluation.network_runs import NetworkRuns

    return NetworkRuns(
        folder,
        choose_device(options.device),
        ChunkStore(place / KEPT_FOLDER),
        data_key=data,
        seed=options.seed,
        batch_size=options.batch_size,
        report=_show if sys.stderr.isatty() else None,
        cancel=cancel,
    )


def _anofpdm(name: str, folder: ModelFolder, options: argparse.Namespace, runs: NetworkRuns) -> list[Method]:
    from ..evaluation.anofpdm_method import AnoFPDM, Variants

    calibrations = load_calibrations(folder.calibration) if folder.calibration else []
    changes: dict[str, Any] = {"anofpdm-ddpm": {"encoding": "ddpm"}, "anofpdm-reference": {"mode": "reference"}}.get(
        name, {}
    )
    known = {calibration.name: calibration.operating_point for calibration in calibrations}
    known = known or {"default": folder.config.operating_point}
    presets = tuple(known) if options.presets is None else _chosen(options.presets, tuple(known), "--presets")
    points: list[OperatingPoint] = [dataclasses.replace(known[preset], **changes) for preset in presets]
    variants = Variants(
        None if options.guidance is None else tuple(numbers(options.guidance, "--guidance")),
        _chosen(options.thresholds, ("healthy", "dynamic"), "--thresholds"),  # type: ignore[arg-type]
        _chosen(options.decisions, ("map", "similarity"), "--decisions"),  # type: ignore[arg-type]
        _chosen(options.maps, ("aggregated", "last"), "--maps"),  # type: ignore[arg-type]
    )
    return [AnoFPDM(runs, point, variants, calibrations, name=name) for point in points]


def _show(what: str, done: float, total: int) -> None:
    end = "\n" if done >= total else ""
    sys.stderr.write(f"\r{what}: {int(done)} of {total} slices\x1b[K{end}")
    sys.stderr.flush()


def _tell(row: Measured) -> None:
    def shown(name: str) -> str:
        return f"{row.figures[name].value:.3f}" if name in row.figures else "–"

    print(
        f"{row.output.name}: Dice mixed {shown('dice_mixed')}, unhealthy {shown('dice_unhealthy')}; "
        f"AUPRC {shown('auprc_all_slices')} / {shown('auprc_unhealthy_slices')}; "
        f"AUROC {shown('image_auroc')} / {shown('image_auroc_same_level')}",
        flush=True,
    )
