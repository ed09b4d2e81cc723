"""Image-level and pixel-level figures of a model against the number of steps: what the presets are chosen from.

    python Testing/benchmarks/preset_curve.py MODEL MANIFEST [--cache DIR]

writes presets.json, presets.md and presets.png into Resources/benchmarks. Every number of steps is calibrated as such,
by the labels of the very slices it is measured on; the masks are looked at for measuring alone. Few steps are measured
on some slices of the split, many (50 and more) on fewer of these, and all once more on those few. The guidance strength
is the model's, found on many more slices, and then the one that these few prefer.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import math
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from preset_table import preset_page

from anofpdm.core.device import choose_device, fastest_precision
from anofpdm.core.precision import Precision
from anofpdm.core.records import record_to_dict
from anofpdm.datasets.build_slice_cache import build_slice_cache
from anofpdm.datasets.manifest import read_manifest
from anofpdm.evaluation.chunk_store import ChunkStore
from anofpdm.evaluation.measure import Measured, Measuring
from anofpdm.evaluation.method_output import Cost, MethodInput
from anofpdm.evaluation.request import EvaluationRequest
from anofpdm.evaluation.runner import method_input
from anofpdm.evaluation.slices import LabelledSlices, MeasuredSlices
from anofpdm.methods.anofpdm.calibration_run import RANGES
from anofpdm.methods.anofpdm.evaluated import AnoFPDM
from anofpdm.methods.anofpdm.evidence import Evidence
from anofpdm.methods.anofpdm.forward_process import network_evaluations
from anofpdm.methods.anofpdm.network_runs import NetworkRuns
from anofpdm.methods.anofpdm.operating_point import OperatingPoint
from anofpdm.methods.anofpdm.presets import PRESETS, default_calibration
from anofpdm.methods.anofpdm.user_calibrations import calibrations_of
from anofpdm.methods.anofpdm.variants import Variants
from anofpdm.results.line_chart import BLUE, RED, Chart, Curve, charts_as_png
from anofpdm.store.model_folder import ModelFolder
from anofpdm.store.model_search import find_model

FIGURES = Path(__file__).resolve().parents[2] / "Resources" / "benchmarks"
MANY_STEPS = 50
PAST_PEAK = 0.9
"""M_t below this share of its largest value so far is clearly past its peak."""
SHOWN = (
    "image_auroc",
    "image_auroc_same_level",
    "image_accuracy",
    "auprc_all_slices",
    "auprc_unhealthy_slices",
    "dice_unhealthy",
    "dice_mixed",
)


class KeptRuns:
    """Runs of the network, each kept in memory: what was computed for many slices also answers for some of them."""

    def __init__(self, runs: NetworkRuns) -> None:
        self._runs = runs
        self._kept: dict[OperatingPoint, tuple[np.ndarray, Evidence, Cost]] = {}
        self.config = runs.config
        self.weights_sha256 = runs.weights_sha256

    def evidence(self, slices: LabelledSlices, point: OperatingPoint, what: str) -> tuple[Evidence, Cost]:
        """As of `NetworkRuns`; the cost is processor time."""
        if point in self._kept:
            rows, evidence, cost = self._kept[point]
            if np.isin(slices.row, rows).all():
                return evidence.subset(np.searchsorted(rows, slices.row)), cost
        start = time.process_time()
        evidence, cost = self._runs.evidence(slices, point, what)
        cost = dataclasses.replace(cost, seconds=(time.process_time() - start) / len(slices))
        self._kept[point] = np.asarray(slices.row), evidence, cost
        return evidence, cost


def steps_of(text: str) -> list[tuple[int, bool]]:
    """`5,8m` as steps and whether mirrored slices are predicted, too."""
    return [(int(entry.removesuffix("m")), entry.endswith("m")) for entry in text.split(",")]


def points_of(folder: ModelFolder, asked: Sequence[tuple[int, bool]], precision: Precision) -> list[OperatingPoint]:
    """The default preset's operating point with other steps; the paper's own range where it has the paper's number."""
    calibrations = calibrations_of(folder)
    default = default_calibration(calibrations).operating_point if calibrations else folder.config.operating_point
    paper = PRESETS["paper"]
    points = []
    for steps, mirrored in asked:
        first, last = (default.first, default.last) if steps < paper.steps else (paper.noise_range or RANGES[-1])
        point = dataclasses.replace(default, steps=steps, first=first, last=last, mirrored=mirrored)
        points.append(dataclasses.replace(point, precision=precision))
    return points


def thinned(given: MethodInput, every: int) -> MethodInput:
    """Every so many-th of the slices."""
    assert given.masked is not None
    chosen = np.arange(every // 2, len(given.measured), every)
    slices = given.measured.subset(chosen)
    masked = MeasuredSlices(slices, given.masked.lesion[chosen])
    return dataclasses.replace(given, measured=slices, tuning=slices, masked=masked)


def early_end(evidence: Evidence, w: float) -> dict[str, float]:
    """What ending a slice where M_t is clearly past its peak would save of its steps, and in how many it would err."""
    divergence = evidence.divergence(w).mean(axis=2)
    steps = divergence.shape[1]
    past = divergence < PAST_PEAK * np.maximum.accumulate(divergence, axis=1)
    end = np.where(past.any(axis=1), past.argmax(axis=1), steps - 1)
    peak = divergence.argmax(axis=1)
    return {
        "mean_end_step": float(peak.mean() + 1),
        "steps_saved": float(1 - (end + 1).mean() / steps),
        "other_end_step": float((peak > end).mean()),
    }


def measure(
    runs: KeptRuns, given: MethodInput, point: OperatingPoint, guidance: float | None, resamplings: int
) -> dict[str, Any]:
    """A row of the table; without `guidance` the labels choose it."""
    variants = Variants(
        guidance=None if guidance is None else (guidance,),
        thresholds=("healthy",),
        decisions=("map",),
        maps=("aggregated",),
        consistencies=("slice",),
    )
    (output,) = AnoFPDM(runs, point, variants).outputs(given)  # type: ignore[arg-type]
    assert given.masked is not None
    measured: Measured = Measuring(given.masked, resamplings=resamplings).measure(output)
    evidence, cost = runs.evidence(given.measured, point, "")
    w = float(output.parameters["guidance"])
    return {
        "operating_point": record_to_dict(point),
        "evaluations": network_evaluations(point),
        "processor_seconds_a_slice": cost.seconds,
        "guidance": w,
        "guidance_by_labels": guidance is None,
        "figures": {name: dataclasses.asdict(measured.figures[name]) for name in SHOWN},
        "early_end": early_end(evidence, w),
    }


def curve(
    runs: KeptRuns, given: MethodInput, points: Sequence[OperatingPoint], guidance: float, resamplings: int
) -> dict[str, Any]:
    """A table: all `points` on the same slices."""
    return {
        "slices": len(given.measured),
        "unhealthy_slices": int(given.measured.unhealthy.sum()),
        "subjects": given.measured.subjects,
        "rows": [
            measure(runs, given, point, strength, resamplings) for strength in (guidance, None) for point in points
        ],
    }


def picture(document: dict[str, Any]) -> bytes:
    """Image-level and pixel-level figures against steps, for both sets of slices."""
    charts = []
    for table in document["tables"]:
        plain = [row for row in table["rows"] if not (row["operating_point"]["mirrored"] or row["guidance_by_labels"])]
        at = [math.log(row["operating_point"]["steps"]) for row in plain]
        names = (("image_auroc", "image AUROC", BLUE), ("auprc_all_slices", "pixel AUPRC, all slices", RED))
        charts.append(
            Chart(
                [Curve(at, [r["figures"][n]["value"] for r in plain], c, title, points=True) for n, title, c in names],
                f"{table['slices']} slices",
                0.5,
                1.0,
                "steps",
                [(x, str(row["operating_point"]["steps"])) for x, row in zip(at, plain, strict=True)],
                [(y, f"{y:.1f}") for y in (0.5, 0.6, 0.7, 0.8, 0.9, 1.0)],
            )
        )
    return charts_as_png(charts)


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", help="by name or folder")
    parser.add_argument("manifest", type=Path, help="CSV table of slices with labels and masks")
    parser.add_argument("--cache", type=Path, help="folder of the prepared slices")
    parser.add_argument("--steps", default="3,5,8,8m,12,20,50,600", help="8m: mirrored, too (default: %(default)s)")
    parser.add_argument("--guidance", type=float, help="strength (default: of the model's own default calibration)")
    parser.add_argument("--every", type=int, default=3, metavar="N", help="few steps: each Nth slice (default: 3)")
    parser.add_argument(
        "--many-every", type=int, default=5, metavar="N", help="50 steps or more: each Nth of these (default: 5)"
    )
    parser.add_argument("--resamplings", type=int, default=500)
    parser.add_argument("--output", type=Path, default=FIGURES)
    options = parser.parse_args()
    folder = find_model(options.model)
    device = choose_device("cpu")
    points = points_of(folder, steps_of(options.steps), fastest_precision(device.device))
    calibrations = calibrations_of(folder)
    if options.guidance is None and not calibrations:
        parser.error("the model has no calibration; give --guidance")
    guidance = options.guidance
    if guidance is None:
        guidance = default_calibration(calibrations).default_guidance
    with tempfile.TemporaryDirectory() as temporary:
        request = EvaluationRequest(model=options.model, manifest=options.manifest, output=Path(temporary))
        manifest = read_manifest(options.manifest, folder.config.modalities, both_labels_in=request.splits)
        cache = build_slice_cache(manifest, folder.config, options.cache or Path(temporary) / "slices", brains=False)
        given, _ = method_input(request, folder, cache)
        runs = KeptRuns(
            NetworkRuns(folder, device, ChunkStore(Path(temporary) / "kept"), data_key=cache.key, report=_tell)
        )
        few = [point for point in points if point.steps < MANY_STEPS]
        some = thinned(given, options.every)
        tables = [
            curve(runs, some, few, guidance, options.resamplings),
            curve(runs, thinned(some, options.many_every), points, guidance, options.resamplings),
        ]
    document = {
        "kind": "anofpdm preset curve",
        "model": {"name": folder.config.name, "version": folder.config.version, "weights": folder.weights_sha256},
        "manifest": options.manifest.name,
        "split": request.split,
        "split_slices": len(given.measured),
        "threads": torch.get_num_threads(),
        "tables": tables,
    }
    options.output.mkdir(parents=True, exist_ok=True)
    (options.output / "presets.json").write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8", newline="\n")
    (options.output / "presets.md").write_text(preset_page(document), encoding="utf-8", newline="\n")
    (options.output / "presets.png").write_bytes(picture(document))
    print(preset_page(document))


def _tell(what: str, done: float, count: int) -> None:
    if sys.stderr.isatty():
        sys.stderr.write(f"\r{what} {done:.0f} of {count} slices \x1b[K")
        sys.stderr.flush()


if __name__ == "__main__":
    main()
