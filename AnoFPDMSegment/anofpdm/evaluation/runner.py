"""One evaluation: slices and lesions, methods one by one, figures, files. Given again, it resumes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from .. import __version__
from ..core.device import choose_device
from ..core.errors import Cancelled
from ..core.output_set import OutputSet, Writer
from ..core.progress import CancelToken, ProgressCallback
from ..datasets.build_slice_cache import build_slice_cache
from ..datasets.manifest import read_manifest
from ..datasets.slice_cache import SliceCache
from ..store.model_folder import ModelFolder
from ..store.model_search import find_model
from ..thresholds.map_statistic import TOP_MM2
from . import method_list, metrics
from .cautions import tuning_cautions
from .evaluation_run import EvaluationRun, Report
from .measure import Measured, Measuring
from .method_output import MethodInput
from .pictures import CASES_FILE, CURVES_FILE, SIZES_FILE, check_matplotlib, draw_cases, draw_curves, draw_sizes
from .report import (
    markdown_report,
    results_json,
    write_json,
    write_methods_csv,
    write_slices_csv,
    write_volumes_csv,
)
from .request import EvaluationRequest
from .slices import MeasuredSlices, labelled_slices, measured_slices

RESULTS_FILE, TABLE_FILE = "results.json", "table.md"
METHODS_FILE, SLICES_FILE, VOLUMES_FILE = "methods.csv", "slices.csv", "volumes.csv"
ALL_FILES = (
    *(RESULTS_FILE, TABLE_FILE, METHODS_FILE, SLICES_FILE, VOLUMES_FILE),
    *(CURVES_FILE, SIZES_FILE, CASES_FILE),
)
KEPT_FOLDER, CACHE_FOLDER = "kept", "slices"


def run_evaluation(
    request: EvaluationRequest,
    *,
    tell: Callable[[Measured], None] | None = None,
    report: Report | None = None,
    progress: ProgressCallback | None = None,
    cancel: CancelToken | None = None,
) -> list[Path]:
    """Measure every method and write the files; returns their paths.

    What the network computes is kept in the output folder, so that the same call resumes an interrupted run.

    Args:
        tell: given each row of the table as soon as it is there.
        report: told about the network's progress.
        progress: told of the volumes whose slices are prepared.

    Raises the engine's errors: InputError, SettingsError, ModelError, OutputError, ResourceError, Cancelled.
    """
    try:
        return _run(request, tell, report, progress, cancel or CancelToken())
    except Cancelled as error:
        raise Cancelled("The evaluation was stopped; run the same command again to continue it.") from error


def _run(
    request: EvaluationRequest,
    tell: Callable[[Measured], None] | None,
    report: Report | None,
    progress: ProgressCallback | None,
    cancel: CancelToken,
) -> list[Path]:
    folder = find_model(request.model)
    wanted = method_list.usual_names(folder) if request.methods is None else request.methods
    method_list.check_model(folder, wanted, request)
    manifest = read_manifest(request.manifest, folder.config.modalities, both_labels_in=request.splits)
    if request.pictures:
        check_matplotlib()
    choose_device(request.device)
    with OutputSet(request.output) as output:
        cache = build_slice_cache(
            manifest,
            folder.config,
            request.cache or request.output / CACHE_FOLDER,
            progress=progress,
            cancel=cancel,
            brains=False,
        )
        given, masked = method_input(request, folder, cache)
        run = EvaluationRun(
            folder,
            cache,
            given,
            request.splits,
            request.output / KEPT_FOLDER,
            request.device,
            request.seed,
            request.batch_size,
            report,
            cancel,
        )
        measuring = Measuring(
            masked,
            resamplings=request.resamplings,
            seed=request.seed,
            minimum_size_px=given.minimum_size_px,
            reference_batch=request.reference_batch if request.metrics == "reference" else None,
        )
        measured: list[Measured] = []
        for method in method_list.methods_of(wanted, request, run):
            for found in method.outputs(given):
                cancel.raise_if_cancelled()
                row = measuring.measure(found)
                measured.append(row)
                if tell is not None:
                    tell(row)
        warnings = tuning_cautions(request, given, [row.output for row in measured])
        document = results_json(_about(request, folder, cache, given, masked), measured, warnings=warnings)
        writers = _writers(request, document, masked, measured)
        for extras in method_list.extras_of(request, run, masked):
            document |= extras.document
            writers |= {
                name: write for name, write in extras.files.items() if request.pictures or not name.endswith(".png")
            }
        return output.write(
            writers, without=[name for name in (*ALL_FILES, *method_list.extra_files()) if name not in writers]
        )


def method_input(
    request: EvaluationRequest, folder: ModelFolder, cache: SliceCache
) -> tuple[MethodInput, MeasuredSlices]:
    """What methods are given, and the measured slices with their lesions. Raises InputError."""
    slices = labelled_slices(cache, (request.split,), request.erosion_mm)
    tuning = slices
    if request.tuning_split not in (None, request.split):
        tuning = labelled_slices(cache, (request.tuning_split,), request.erosion_mm)
    masked = measured_slices(cache, slices)
    top_pixels = max(1, round(TOP_MM2 / slices.pixel_mm**2))
    return MethodInput(slices, tuning, top_pixels, folder.config.minimum_size_px, masked), masked


def _about(
    request: EvaluationRequest, folder: ModelFolder, cache: SliceCache, given: MethodInput, masked: MeasuredSlices
) -> dict[str, Any]:
    """What was measured, and how; no path beyond its last part."""
    config = folder.config
    slices, lesion = masked.slices, masked.lesion
    erosion = config.preprocessing.erosion_mm if request.erosion_mm is None else request.erosion_mm
    return {
        "version": __version__,
        "model": {
            "name": config.name,
            "title": config.title,
            "version": config.version,
            "weights_sha256": folder.weights_sha256,
        },
        "data": {
            "manifest": request.manifest.name,
            "split": request.split,
            "tuning_split": request.tuning_split or request.split,
            "subjects": slices.subjects,
            "volumes": len(set(slices.volume.tolist())),
            "slices": len(slices),
            "unhealthy_slices": int(slices.unhealthy.sum()),
            "not_examined_slices": sum(v.not_examined for v in cache.volumes if v.split == request.split),
            "same_level_pairs": metrics.pairs_of_labels(slices.unhealthy, metrics.level_stratum(slices.level)),
            "vanished_slices": int((slices.unhealthy & ~lesion.any(axis=(1, 2))).sum()),
            "pixel_mm": slices.pixel_mm,
            "matrix": int(lesion.shape[-1]),
            "lesion_outside_interior": float((lesion & ~slices.interior).sum() / max(1, lesion.sum())),
            "masks_on": "the model's grid",
        },
        "settings": {
            "seed": request.seed,
            "resamplings": request.resamplings,
            "erosion_mm": erosion,
            "top_pixels": given.top_pixels,
            "minimum_size_px": given.minimum_size_px,
            "metrics": request.metrics,
            "reference_batch": request.reference_batch if request.metrics == "reference" else None,
            **method_list.record(request),
        },
    }


def _writers(
    request: EvaluationRequest, document: Mapping[str, Any], masked: MeasuredSlices, measured: Sequence[Measured]
) -> dict[str, Writer]:
    writers: dict[str, Writer] = {
        RESULTS_FILE: partial(write_json, document=document),
        TABLE_FILE: lambda path: path.write_text(markdown_report(document, measured), encoding="utf-8"),
        METHODS_FILE: partial(write_methods_csv, measured=measured),
        SLICES_FILE: partial(write_slices_csv, data=masked, measured=measured),
        VOLUMES_FILE: partial(write_volumes_csv, measured=measured),
    }
    if request.pictures:
        writers |= {
            CURVES_FILE: partial(draw_curves, measured=measured),
            SIZES_FILE: partial(draw_sizes, measured=measured, data=masked),
            CASES_FILE: partial(draw_cases, measured=measured, data=masked),
        }
    return writers
