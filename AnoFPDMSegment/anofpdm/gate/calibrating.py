"""Makes a model's reference: from healthy rendered heads, and from volumes that it was trained on. No masks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..core.errors import InputError, SettingsError
from ..core.output_set import check_output_directory
from ..core.progress import CancelToken, ProgressClock
from ..core.reporting import Reporter
from ..datasets.manifest import read_manifest
from ..store.model_folder import CALIBRATION_FILE, ModelFolder
from .examined_examples import ExaminedExample, ExaminedExamples
from .fit import fit_reference
from .model_reference import write_reference
from .reference import GateReference
from .rendered_examples import FLAIR_LIKE, OTHER_SEQUENCES, plan_examples, render_example

MAP_ENDINGS = (".nii.gz", ".nii", ".nrrd", ".mha")
MOST_HEADS = 10_000


@dataclass(frozen=True)
class GateTask:
    """What `calibrate-gate` was asked for. `manifests`: tables whose volumes of the split `train` are known ones;
    `others`: volumes of other sequences (t1, t2), by name. Raises SettingsError."""

    folder: ModelFolder
    maps: Path
    labels: Path
    manifests: tuple[Path, ...] = ()
    others: tuple[tuple[str, Path], ...] = ()
    heads: int = 120
    other_heads: int = 24
    seed: int = 20
    cache: Path | None = None
    device: str = "auto"

    def __post_init__(self) -> None:
        if len(self.folder.config.modalities) != 1:
            raise SettingsError("A gate can be made for models of one image; this one takes several.")
        if not 24 <= self.heads <= MOST_HEADS or not 0 <= self.other_heads <= MOST_HEADS:
            raise SettingsError(f"--heads must lie between 24 and {MOST_HEADS}, --other-heads between 0 and that.")
        for name, _ in self.others:
            if name not in OTHER_SEQUENCES:
                raise SettingsError(f"--other takes {' or '.join(OTHER_SEQUENCES)}=FILE, not '{name}'.")


def calibrate_gate(task: GateTask, reporter: Reporter, cancel: CancelToken) -> Path:
    """Look at every example, fit the reference and put it into the model's folder; returns its calibration file.

    Raises the engine's errors.
    """
    from ..detect.detector import Detector

    check_output_directory(task.folder.path)
    maps = find_maps(task.maps)
    known = {path: f"known-{path.parent.name}-{path.name.split('.')[0]}" for path in _known(task)}
    detector = Detector.from_folder(task.folder, device=task.device, notice=reporter.notice)
    examples = ExaminedExamples(detector, task.cache, cancel)
    reporter.stage("calibrating")
    clock = ProgressClock(task.heads + task.other_heads + len(known) + len(task.others), reporter.progress)
    done = 0

    def looked(found: ExaminedExample) -> ExaminedExample:
        nonlocal done
        done += 1
        clock.report(float(done))
        return found

    healthy = [
        looked(examples.look_at(each.name, lambda each=each: render_example(each, task.labels)))  # type: ignore[misc]
        for each in plan_examples(maps, FLAIR_LIKE, task.heads, task.seed)
    ]
    real = [looked(examples.look_at(name, lambda path=path: path)) for path, name in known.items()]  # type: ignore[misc]
    others: dict[str, tuple[list[ExaminedExample], list[ExaminedExample]]]
    others = {name: ([], []) for name in OTHER_SEQUENCES}
    for each in plan_examples(maps, OTHER_SEQUENCES, task.other_heads, task.seed + 2):
        image = looked(examples.look_at(each.name, lambda each=each: render_example(each, task.labels)))  # type: ignore[misc]
        others[each.prior][0].append(image)
    for name, path in task.others:
        key = f"{name}-{path.parent.name}-{path.name.split('.')[0]}"
        others[name][1].append(looked(examples.look_at(key, lambda path=path: path)))  # type: ignore[misc]
    reference = reference_of(healthy, real, others, _source(task, len(real)))
    return write_reference(task.folder, reference).path / CALIBRATION_FILE


def reference_of(
    healthy: Sequence[ExaminedExample],
    real: Sequence[ExaminedExample],
    others: Mapping[str, Sequence[Sequence[ExaminedExample]]],
    source: str,
) -> GateReference:
    """`healthy`: rendered heads; `real`: volumes that may hold lesions; `others`: rendered and
    real ones. Raises InputError."""
    digests = {each.calibration_sha256 for each in healthy if each.measures}
    if not digests:
        raise InputError("The model refused every rendered head; name label maps of whole heads with --maps.")
    return fit_reference(
        [each.measures for each in (*healthy, *real) if each.measures],
        {
            name: [[each.measures for each in group if each.measures] for group in groups]
            for name, groups in others.items()
        },
        source=source,
        calibration_sha256=digests.pop(),
        healthy=[each.strongest for each in healthy if each.measures],
    )


def find_maps(folder: Path) -> list[Path]:
    """Label maps, by name. Raises InputError."""
    if not folder.is_dir():
        raise InputError(f"{folder} is not a folder; name the one that holds the label maps.")
    paths = sorted(path for path in folder.iterdir() if path.name.endswith(MAP_ENDINGS))
    if not paths:
        raise InputError(f"{folder} holds no label map.")
    return paths


def _known(task: GateTask) -> list[Path]:
    """Each volume of the tables' training split once."""
    found: dict[Path, None] = {}
    for table in task.manifests:
        for row in read_manifest(table, task.folder.config.modalities).of_split("train").rows:
            found.setdefault(row.images[0])
    return list(found)


def _source(task: GateTask, real: int) -> str:
    tables = ", ".join(table.name for table in task.manifests)
    text = f"{task.heads} healthy heads rendered from {task.maps.name}"
    return f"{text}; {real} volumes of {tables}, split train" if real else text
