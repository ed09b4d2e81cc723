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

from ..core.arrays import BoolArray, FloatArray
from ..core.checksums import CHECKSUMS_FILE, write_checksums
from ..core.errors import OutputError, SettingsError
from ..core.output_set import OutputSet, Writer
from ..core.progress import CancelToken
from ..methods.method import Curves, Method, Picture
from ..methods.registry import find_method
from ..methods.settings_text import settings_line
from ..methods.structures import Structures
from ..volumes.bounding_box import Box
from ..volumes.resampling import labels_to_volume, stack_to_volume
from ..volumes.score_volume import score_in_box, score_in_volume, score_to_volume
from .case import CaseEvidence
from .case_storage import EVIDENCE_FILE, save_evidence
from .component_findings import component_findings
from .components import Component, find_components, limit_small_components
from .findings import FINDINGS_FILE, findings_document, write_findings
from .findings_record import MethodRecord, ModelRecord, Segment, SliceFinding
from .notebook import html_of
from .overlay import overlay_png, render_overlay, require_pillow
from .segmentation import (
    ANATOMY_FILE,
    HEATMAP_FILE,
    SEGMENTATION_FILE,
    write_heatmap,
    write_segmentation,
    write_structures,
)
from .slice_share import slice_areas_mm2
from .stack_scores import stack_of_scores

OVERLAY_FILE = "overlay.png"
RESULT_FILES = (HEATMAP_FILE, SEGMENTATION_FILE, FINDINGS_FILE, EVIDENCE_FILE, OVERLAY_FILE, CHECKSUMS_FILE)
"""Of every method."""
PROBABILITY_FILE = "probability.nrrd"
"""Of methods that yield a calibrated probability of a lesion: that, on the input's grid."""
OF_SOME_METHODS = (PROBABILITY_FILE, ANATOMY_FILE)
"""Files of a result that only some methods write."""
WITHHELD_FILES = (HEATMAP_FILE, FINDINGS_FILE, EVIDENCE_FILE, CHECKSUMS_FILE)
"""What is written of a result that the gate withholds."""


@dataclass(frozen=True, repr=False)
class Detection:
    """What the user gets, on the grid of the input.

    Where the gate withholds it (`case.withheld`), the mask is empty and there are no components: whoever shows a
    detection shows nothing of what was found. The score stays.
    """

    case: CaseEvidence
    answer: Any
    """The method's own (`methods.method.Answer`): what its evidence says at the settings in use."""
    score: FloatArray
    """[k, j, i]: the anomaly map over the threshold, 1 at the border of the mask; 0 where nothing is accepted."""
    slice_score: FloatArray
    """[S, H, W]: the same on the model grid; below 1 where the mask has nothing."""
    components: tuple[Component, ...]

    def __repr__(self) -> str:
        return f"<Detection by {self.case.model.name}: {self.findings['summary']}>"

    def _repr_html_(self) -> str:
        """For notebooks: the findings and, where Pillow is there, the overlay."""
        if self.case.withheld:
            return html_of(self.findings, None)
        with contextlib.suppress(OutputError):
            return html_of(self.findings, overlay_png(**self._drawn()))
        return html_of(self.findings, None)

    @property
    def mask(self) -> BoolArray:
        """The segmentation [k, j, i]."""
        if self.case.withheld:
            return np.zeros(self.score.shape, dtype=bool)
        return np.asarray(self.score >= 1)

    @property
    def shown_score(self) -> FloatArray:
        """The score as views may show it: nothing where the gate withholds it."""
        return np.zeros_like(self.score) if self.case.withheld else self.score

    @functools.cached_property
    def findings(self) -> dict[str, Any]:
        """The document of `findings.json` (Resources/findings-schema.md)."""
        return _findings(self)

    @property
    def method(self) -> Method:
        """The method whose evidence this is."""
        return find_method(self.case.method)

    @functools.cached_property
    def healthy_picture(self) -> Picture | None:
        """What the examined slices would look like if they were healthy, as far as pictures go; None if the method
        does not predict it."""
        return self.method.healthy_picture(self.case, self.answer)

    def curves(self, row: int) -> Curves | None:
        """Those of examined slice `row`; None if the method has none."""
        return self.method.curves(self.case, self.answer, row)

    def stack_of(self, values: FloatArray) -> FloatArray:
        """Values of the examined slices [N, H, W] on the model grid [S, H, W]; NaN where not examined."""
        width, height, count = self.case.grid.size
        stack = np.full((count, height, width), np.nan, dtype=np.float32)
        stack[self.case.examined] = values
        return stack

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
        older result in the directory is removed. Of a withheld result only heatmap, findings and evidence are written.
        `request` replaces the evidence's; it is kept with the evidence and
        in the findings' parameters, so that a later run can tell what was asked for. `beside` are further files.
        """
        case = self.case if request is None else dataclasses.replace(self.case, request=request)
        findings = {**self.findings, "parameters": {**self.findings["parameters"], "request": case.request}}
        writers: dict[str, Writer] = {
            HEATMAP_FILE: lambda path: write_heatmap(path, self.score, case.geometry, case.gate_words),
            SEGMENTATION_FILE: lambda path: write_segmentation(path, self.mask, case.geometry, case.gate_words),
            FINDINGS_FILE: lambda path: write_findings(path, findings),
            EVIDENCE_FILE: lambda path: save_evidence(path, case),
        }
        probability = self.probability
        if probability is not None:
            writers[PROBABILITY_FILE] = lambda path: write_heatmap(path, probability, case.geometry, case.gate_words)
        structures = self.structures
        if structures is not None:
            labels, named = structures.labels, structures.names
            writers[ANATOMY_FILE] = lambda path: write_structures(path, labels, named, case.geometry, case.gate_words)
        if overlay:
            writers[OVERLAY_FILE] = self._write_overlay
        if case.withheld:
            writers = {name: writer for name, writer in writers.items() if name in WITHHELD_FILES}
        names = tuple(writers)
        # Those of an older result of another kind go.
        without = [name for name in (SEGMENTATION_FILE, OVERLAY_FILE, *OF_SOME_METHODS) if name not in names]
        writers[CHECKSUMS_FILE] = lambda path: write_checksums(path, names)
        writers |= beside or {}
        if cancel is not None:
            writers = {name: _cancellable(writer, cancel) for name, writer in writers.items()}
        if isinstance(directory, OutputSet):
            directory.write(writers, without=without)
        else:
            with OutputSet(directory) as output:
                output.write(writers, without=without)

    @property
    def probability(self) -> FloatArray | None:
        """[k, j, i]: the calibrated probability of a lesion, 0 where nothing was examined; None if the method yields
        none."""
        stack = self.probability_stack
        if stack is None:
            return None
        return np.asarray(stack_to_volume(stack, self.case.grid, self.case.geometry), dtype=np.float32)

    @property
    def probability_stack(self) -> FloatArray | None:
        """[S, H, W]: the same on the model grid."""
        values = self.method.probability(self.case, self.answer)
        return None if values is None else np.nan_to_num(self.stack_of(values))

    @functools.cached_property
    def structures(self) -> Structures | None:
        """The named segments beside the findings, labels [k, j, i]; None if the method outlines none."""
        found, case = self.method.structures(self.case), self.case
        if found is None:
            return None
        stack = np.zeros((len(case.examined), *found.labels.shape[1:]), dtype=np.uint8)
        stack[case.examined] = found.labels
        return Structures(labels_to_volume(stack, case.grid, case.geometry), found.names)

    def _write_overlay(self, path: Path) -> None:
        render_overlay(path, **self._drawn())

    def _drawn(self) -> dict[str, Any]:
        """What `overlay_png` draws."""
        case, picture = self.case, self.healthy_picture
        settings = settings_line(self.method, self.findings["parameters"])
        return {
            "display": case.display,
            "score": self.slice_score,
            "healthy_prediction": None if picture is None else self.stack_of(picture.values),
            "marked": [int(i) for i in np.flatnonzero((self.slice_score >= 1).any(axis=(1, 2)))],
            "examined": case.examined,
            "labels": [_slice_label(entry) for entry in self.findings["slices"]],
            "title": f"{case.model.title}{settings and f': {settings}'}",
            "prediction": "" if picture is None else picture.caption,
            "case": ", ".join(dict.fromkeys(name for _, name in case.run.files if name)),
            "footer": self.findings["statement"],
        }


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
    directory: str | Path,
    inputs: Iterable[str | Path] = (),
    *,
    overlay: bool = True,
    names: Sequence[str] = (*RESULT_FILES, *OF_SOME_METHODS),
) -> Iterator[OutputSet]:
    """Hold the folder of a result from before the long run until it is written; leaves no trace if nothing is.

    `overlay`: whether a picture is drawn; `names`: of the result's files. Raises OutputInUse if another run holds it,
    OutputError if the result could not be written or one of its files would replace one of the `inputs`.
    """
    if overlay:
        require_pillow()
    with OutputSet(directory) as output:
        for target in (Path(directory) / name for name in names):
            if target.is_dir():
                raise OutputError(f"{target} is a folder; move it away or choose another output folder.")
            if target.exists() and any(Path(path).exists() and target.samefile(path) for path in inputs):
                raise OutputError(f"The result would replace the input {target}; choose another output folder.")
        yield output


def build_detection(case: CaseEvidence, settings: Any = None) -> Detection:
    """Apply settings, a record of the case's method, to evidence; None applies those kept with it.

    Raises SettingsError for settings the evidence cannot answer.
    """
    method = find_method(case.method)
    if settings is not None:
        if not isinstance(settings, method.settings_type):
            raise SettingsError(
                f"The method {method.name} has settings of its own: change those of the case, as in "
                "dataclasses.replace(detection.case.settings, ...)."
            )
        case = dataclasses.replace(case, settings=settings)
    answer = method.answer(case)
    stack, accepted = stack_of_scores(case, answer)
    score = score_to_volume(stack, accepted, case.grid, case.geometry)
    if answer.minimum_mm3:
        score = limit_small_components(score, case.geometry, answer.minimum_mm3)
    slice_score = score_in_volume(stack, accepted, score, case.grid, case.geometry)
    midline = midline_ras_r_mm(case) if case.side_known else None
    components = () if case.withheld else tuple(find_components(score, case.geometry, case.grid, midline))
    return Detection(case, answer, score, slice_score, components)


def preview_scores(case: CaseEvidence, settings: Any, boxes: Sequence[Box]) -> list[FloatArray]:
    """The score volume of `build_detection` in some boxes of its voxels alone: much faster where they are thin.

    A minimum size in mm3 is not applied, and findings that reach no voxel do not show. Raises SettingsError.
    """
    case = dataclasses.replace(case, settings=settings)
    stack, accepted = stack_of_scores(case, find_method(case.method).answer(case))
    return [score_in_box(stack, accepted, case.grid, case.geometry, box) for box in boxes]


def midline_ras_r_mm(case: CaseEvidence) -> float:
    """RAS R coordinate of the middle of the head, which tells left from right."""
    columns = np.flatnonzero(case.head.any(axis=(0, 1)))
    rows = np.flatnonzero(case.head.any(axis=(0, 2)))
    slices = np.flatnonzero(case.head.any(axis=(1, 2)))
    middle = [(float(found[0]) + float(found[-1])) / 2 for found in (columns, rows, slices)]
    return float(-case.grid.to_physical(middle)[0])


def _findings(detection: Detection) -> dict[str, Any]:
    case, answer, method = detection.case, detection.answer, detection.method
    return findings_document(
        files=dict(case.run.files),
        geometry=case.geometry,
        midline_ras_r_mm=midline_ras_r_mm(case),
        skull_stripped=case.skull_stripped,
        slices=_slice_findings(detection),
        components=component_findings(case, answer, detection.score, detection.components, detection.probability_stack),
        model=ModelRecord(
            name=case.model.name,
            version=case.model.version,
            title=case.model.title,
            licence=case.model.licence,
            weights_sha256=case.model.weights_sha256,
            calibration=method.calibration_label(case),
        ),
        method=MethodRecord(method.name, method.title, dataclasses.asdict(method.volume_facts(case, answer))),
        parameters={
            **method.parameters(case, answer),
            "batch_size": case.run.batch_size,
            "network_evaluations_per_slice": case.run.network_evaluations,
        },
        warnings=[*case.warnings, *method.warnings(case, answer)],
        software=dict(case.run.software),
        seed=case.run.seed,
        device=case.run.device,
        run_time_s=case.run.run_time_s,
        structures=_segments(detection),
        gate=case.gate,
        withheld=case.withheld,
    )


def _segments(detection: Detection) -> list[Segment]:
    """Beside that of the findings."""
    found = detection.structures
    if found is None:
        return []
    voxels = np.bincount(found.labels.ravel(), minlength=len(found.names) + 1)[1:]
    voxel_ml = detection.case.geometry.voxel_volume_mm3 / 1000
    return [
        Segment(name, ANATOMY_FILE, number, float(count * voxel_ml))
        for number, (name, count) in enumerate(zip(found.names, voxels, strict=True), start=1)
    ]


def _slice_findings(detection: Detection) -> list[SliceFinding]:
    case, answer = detection.case, detection.answer
    areas = slice_areas_mm2(detection.mask, case.geometry, case.grid)
    thresholds = np.broadcast_to(np.asarray(answer.threshold, dtype=float), len(answer.decisions))
    facts = iter(zip(answer.decisions, thresholds, detection.method.slice_facts(case, answer), strict=True))
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
        decision, threshold, own = next(facts)
        if case.withheld:
            decision = None
        found.append(
            SliceFinding(
                **place,
                examined=True,
                decision=decision,
                threshold=float(threshold),
                area_mm2=float(areas[index]),
                method=dataclasses.asdict(own),
            )
        )
    return found
