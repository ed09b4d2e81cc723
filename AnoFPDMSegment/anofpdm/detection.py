"""A finished detection: heatmap, segmentation and findings built from evidence, without the network.

The same functions serve `detect`, `adjust` and a live panel. Torch-free.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from .arrays import BoolArray, FloatArray
from .calibrate import typical_error
from .calibration import calibration_for, describe_point
from .diffusion.schedule import visited_levels
from .errors import OutputError
from .evidence.case import CaseEvidence
from .evidence.storage import EVIDENCE_FILE, save_evidence
from .progress import CancelToken
from .results.checksums import CHECKSUMS_FILE, write_checksums
from .results.components import Component, find_components, limit_small_components
from .results.findings import FINDINGS_FILE, EndStep, ModelRecord, SliceFinding, findings_document, write_findings
from .results.findings_text import describe_settings
from .results.output_set import OutputSet, Writer
from .results.overlay import render_overlay, require_pillow
from .results.segmentation import HEATMAP_FILE, SEGMENTATION_FILE, write_heatmap, write_segmentation
from .results.slice_share import slice_areas_mm2
from .selection.neighbours import runs_of_slices
from .selection.select import Selection, resolve, select
from .selection.settings import MinimumSize, SelectionSettings
from .volumes.bounding_box import Box
from .volumes.score_volume import score_in_box, score_in_volume, score_to_volume

OVERLAY_FILE = "overlay.png"
RESULT_FILES = (HEATMAP_FILE, SEGMENTATION_FILE, FINDINGS_FILE, EVIDENCE_FILE, OVERLAY_FILE, CHECKSUMS_FILE)
PICTURED_GUIDANCE = 2.0
"""The strongest guidance at which the healthy prediction is drawn, the paper's for BraTS21.

What finds lesions best (20 and more) drives the prediction beyond healthy tissue: black where the lesion was.
"""


@dataclass(frozen=True)
class Detection:
    """What the user gets, on the grid of the input."""

    case: CaseEvidence
    selection: Selection
    score: FloatArray
    """[k, j, i]: the anomaly map over the threshold, 1 at the border of the mask; 0 where nothing is accepted."""
    slice_score: FloatArray
    """[S, H, W]: the same on the model grid; below 1 where the mask has nothing."""
    components: tuple[Component, ...]

    @property
    def mask(self) -> BoolArray:
        """The segmentation [k, j, i]."""
        return np.asarray(self.score >= 1)

    @functools.cached_property
    def findings(self) -> dict[str, Any]:
        """The document of `findings.json` (Resources/findings-schema.md)."""
        return _findings(self)

    def healthy_prediction(self, guidance: float | None = None) -> FloatArray:
        """HGP at t_e of the first used modality on the model grid [S, H, W]; NaN where not examined.

        At the guidance strength in use unless another one is given.
        """
        case = self.case
        width, height, count = case.grid.size
        stack = np.full((count, height, width), np.nan, dtype=np.float32)
        w = self.selection.choices.guidance if guidance is None else guidance
        stack[case.examined] = case.evidence.healthy_prediction(w)[:, 0]
        return stack

    @property
    def pictured_guidance(self) -> float:
        """The guidance strength in use, or PICTURED_GUIDANCE if that is less; of a bank its largest up to there."""
        most = min(self.selection.choices.guidance, PICTURED_GUIDANCE)
        bank = self.case.evidence.point.guidance_bank
        return max((w for w in bank if w <= most), default=min(bank)) if bank else most

    def write(
        self,
        directory: str | Path | OutputSet,
        *,
        overlay: bool = True,
        request: str | None = None,
        beside: Mapping[str, Writer] | None = None,
        cancel: CancelToken | None = None,
    ) -> None:
        """Write all files of the result into `directory`, whole or not at all. Raises OutputError or Cancelled.

        An OutputSet is held already (`claimed_folder`). Without `overlay` its picture is left out, and that of an
        older result in the directory is removed. `request` replaces the evidence's; it is kept with the evidence and
        in the findings' parameters, so that a later run can tell what was asked for. `beside` are further files.
        """
        case = self.case if request is None else dataclasses.replace(self.case, request=request)
        findings = {**self.findings, "parameters": {**self.findings["parameters"], "request": case.request}}
        writers: dict[str, Writer] = {
            HEATMAP_FILE: lambda path: write_heatmap(path, self.score, case.geometry),
            SEGMENTATION_FILE: lambda path: write_segmentation(path, self.mask, case.geometry),
            FINDINGS_FILE: lambda path: write_findings(path, findings),
            EVIDENCE_FILE: lambda path: save_evidence(path, case),
        }
        if overlay:
            writers[OVERLAY_FILE] = self._write_overlay
        names = tuple(writers)
        writers[CHECKSUMS_FILE] = lambda path: write_checksums(path, names)
        writers |= beside or {}
        if cancel is not None:
            writers = {name: _cancellable(writer, cancel) for name, writer in writers.items()}
        without = () if overlay else (OVERLAY_FILE,)
        if isinstance(directory, OutputSet):
            directory.write(writers, without=without)
        else:
            with OutputSet(directory) as output:
                output.write(writers, without=without)

    def _write_overlay(self, path: Path) -> None:
        case = self.case
        marked = [int(i) for i in np.flatnonzero((self.slice_score >= 1).any(axis=(1, 2)))]
        weak, used = self.pictured_guidance, self.selection.choices.guidance
        prediction = f"the healthy prediction at the end step, guidance strength {weak:g}"
        if weak < used:
            prediction += f" (at {used:g} it is overdriven)"
        render_overlay(
            path,
            display=case.display,
            score=self.slice_score,
            healthy_prediction=self.healthy_prediction(weak),
            marked=marked,
            examined=case.examined,
            labels=[_slice_label(entry) for entry in self.findings["slices"]],
            title=f"{case.model.title}: {describe_settings(self.findings['parameters'])}",
            prediction=prediction,
            footer=self.findings["statement"],
        )


def _slice_label(entry: Mapping[str, Any]) -> str:
    decision = f", {entry['decision']}" if entry["decision"] else ""
    return f"S {entry['level_ras_s_mm']:+.1f} mm{decision}"


def _cancellable(writer: Writer, cancel: CancelToken) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        cancel.raise_if_cancelled()
        writer(path)

    return write


def result_files(*, overlay: bool = True) -> tuple[str, ...]:
    """Names of the files of a result."""
    return RESULT_FILES if overlay else tuple(name for name in RESULT_FILES if name != OVERLAY_FILE)


@contextlib.contextmanager
def claimed_folder(
    directory: str | Path, inputs: Iterable[str | Path] = (), *, overlay: bool = True
) -> Iterator[OutputSet]:
    """Hold the folder of a result from before the long run until it is written; leaves no trace if nothing is.

    Raises OutputInUse if another run holds it, OutputError if the result could not be written or one of its files
    would replace one of the `inputs`.
    """
    if overlay:
        require_pillow()
    with OutputSet(directory) as output:
        for target in (Path(directory) / name for name in RESULT_FILES):
            if target.is_dir():
                raise OutputError(f"{target} is a folder; move it away or choose another output folder.")
            if target.exists() and any(Path(path).exists() and target.samefile(path) for path in inputs):
                raise OutputError(f"The result would replace the input {target}; choose another output folder.")
        yield output


def build_detection(case: CaseEvidence, settings: SelectionSettings | None = None) -> Detection:
    """Apply settings to evidence; None applies those kept with it.

    Raises SettingsError for settings the evidence cannot answer.
    """
    if settings is not None:
        case = dataclasses.replace(case, settings=settings)
    selection = _select(case)
    stack, accepted = _stack_of_scores(case, selection)
    score = score_to_volume(stack, accepted, case.grid, case.geometry)
    if selection.choices.minimum_size.mm3:
        score = limit_small_components(score, case.geometry, selection.choices.minimum_size.mm3)
    slice_score = score_in_volume(stack, accepted, score, case.grid, case.geometry)
    midline = midline_ras_r_mm(case) if case.side_known else None
    components = tuple(find_components(score, case.geometry, case.grid, midline))
    return Detection(case, selection, score, slice_score, components)


def preview_scores(case: CaseEvidence, settings: SelectionSettings, boxes: Sequence[Box]) -> list[FloatArray]:
    """The score volume of `build_detection` in some boxes of its voxels alone: much faster where they are thin.

    A minimum size in mm3 is not applied, and findings that reach no voxel do not show. Raises SettingsError.
    """
    case = dataclasses.replace(case, settings=settings)
    stack, accepted = _stack_of_scores(case, _select(case))
    return [score_in_box(stack, accepted, case.grid, case.geometry, box) for box in boxes]


def _select(case: CaseEvidence) -> Selection:
    choices = resolve(
        case.evidence.point,
        len(case.model.used),
        case.settings,
        case.calibration,
        MinimumSize(pixels=case.model.minimum_size_px),
    )
    stack_index = np.flatnonzero(case.examined)
    runs = runs_of_slices(np.zeros_like(stack_index), stack_index)
    return select(case.evidence, case.interior[case.examined], choices, runs)


def _stack_of_scores(case: CaseEvidence, selection: Selection) -> tuple[FloatArray, BoolArray]:
    """Scores of all slices of the stack and where they are accepted, both [S, H, W].

    A slice that was not examined is accepted nowhere and repeats the scores of the nearest one that
    was, so that it pulls none of them down in the interpolation.
    """
    distance = np.abs(np.arange(len(case.examined))[:, None] - np.flatnonzero(case.examined))
    nearest = distance.argmin(axis=1)
    return selection.score[nearest], selection.accepted[nearest] & case.examined[:, None, None]


def midline_ras_r_mm(case: CaseEvidence) -> float:
    """RAS R coordinate of the middle of the head, which tells left from right."""
    columns = np.flatnonzero(case.head.any(axis=(0, 1)))
    rows = np.flatnonzero(case.head.any(axis=(0, 2)))
    slices = np.flatnonzero(case.head.any(axis=(1, 2)))
    middle = [(float(found[0]) + float(found[-1])) / 2 for found in (columns, rows, slices)]
    return float(-case.grid.to_physical(middle)[0])


def _findings(detection: Detection) -> dict[str, Any]:
    case, choices = detection.case, detection.selection.choices
    point = case.evidence.point
    parameters: Mapping[str, Any] = {
        "steps": point.steps,
        "range": [point.first, point.last],
        "encoding": point.encoding,
        "mode": point.mode,
        "clamp": point.clamp,
        "guidance_bank": list(point.guidance_bank),
        "precision": point.precision,
        "fixed_end_step": point.end_step,
        "mirrored": point.mirrored,
        "direction": point.direction,
        "guidance": choices.guidance,
        "threshold": str(choices.threshold),
        "decision": choices.decision,
        "decision_threshold": choices.decision_threshold,
        "ungated": choices.ungated,
        "map": "last" if choices.last_sam_only else "aggregated",
        "scaling": list(choices.scaling) if choices.scaling else None,
        "region": choices.region,
        "consistency": choices.consistency,
        "minimum_size": str(choices.minimum_size),
        "operating_point": describe_point(point),
        "batch_size": case.run.batch_size,
        "network_evaluations_per_slice": case.run.network_evaluations,
    }
    return findings_document(
        files=dict(case.run.files),
        geometry=case.geometry,
        midline_ras_r_mm=midline_ras_r_mm(case),
        skull_stripped=case.skull_stripped,
        slices=_slice_findings(detection),
        components=detection.components,
        model=ModelRecord(
            name=case.model.name,
            version=case.model.version,
            title=case.model.title,
            licence=case.model.licence,
            weights_sha256=case.model.weights_sha256,
            calibration=case.calibration.label if case.calibration else None,
        ),
        parameters=parameters,
        warnings=[*case.warnings, *_calibration_warnings(case), *_missing_map_warnings(detection)],
        software=dict(case.run.software),
        seed=case.run.seed,
        device=case.run.device,
        run_time_s=case.run.run_time_s,
    )


def _missing_map_warnings(detection: Detection) -> list[str]:
    case = detection.case
    empty = np.isnan(case.evidence.aam(detection.selection.choices.guidance)).any(axis=(1, 2, 3)).sum()
    if not empty:
        return []
    return [f"In {empty} slice(s) the divergence is largest at the very first step, where the public code has no map."]


def _calibration_warnings(case: CaseEvidence) -> list[str]:
    calibrations = [case.calibration] if case.calibration else []
    _, warning = calibration_for(calibrations, case.evidence.point, case.model.weights_sha256)
    return [text for text in (warning, _unguided_warning(case)) if text]


def _unguided_warning(case: CaseEvidence) -> str:
    calibration = case.calibration
    # A borrowed calibration saw other steps, whose errors differ.
    if calibration is None or not calibration.unguided_error or calibration.operating_point != case.evidence.point:
        return ""
    low, high = calibration.unguided_error
    typical = typical_error(case.evidence)
    if low <= typical <= high:
        return ""
    return (
        f"The model's unguided prediction of this volume is off by {typical:.3g}, outside the {low:.3g} to {high:.3g} "
        "seen in calibration: the input may be of a kind the model does not know, so read the result with caution."
    )


def _slice_findings(detection: Detection) -> list[SliceFinding]:
    case, selection = detection.case, detection.selection
    levels = visited_levels(case.evidence.point) + 1
    inclusive = case.evidence.point.includes_end_step
    areas = slice_areas_mm2(detection.mask, case.geometry, case.grid)
    rows = iter(range(len(selection.score)))
    found = []
    for index, examined in enumerate(case.examined):
        level = float(case.level[index])
        place: dict[str, Any] = {
            "index": index,
            "level_ras_s_mm": float(case.grid.ras_s[index]),
            "relative_level": level if np.isfinite(level) else None,
        }
        if not examined:
            reason = case.not_examined_reason[index]
            found.append(SliceFinding(**place, examined=False, not_examined_reason=reason))
            continue
        row = next(rows)
        ends = selection.end_index[row]
        found.append(
            SliceFinding(
                **place,
                examined=True,
                similarity=float(selection.similarity[row]),
                map_statistic=float(selection.map_statistic[row]),
                decision=_decision(selection, row),
                largest_divergence=_by_modality(case, selection.largest_divergence[row]),
                end_step={
                    name: EndStep(step=int(end) + inclusive, noise_level=int(levels[max(end - (not inclusive), 0)]))
                    for name, end in zip(case.model.used, ends, strict=True)
                },
                quantile=_by_modality(case, selection.quantile[row]),
                threshold=float(selection.threshold[row]),
                area_mm2=float(areas[index]),
            )
        )
    return found


def _decision(selection: Selection, row: int) -> Any:
    if selection.choices.decision is None:
        return None
    return "unhealthy" if selection.unhealthy[row] else "healthy"


def _by_modality(case: CaseEvidence, values: FloatArray) -> dict[str, Any]:
    pairs = zip(case.model.used, values, strict=True)
    return {name: float(value) if np.isfinite(value) else None for name, value in pairs}
