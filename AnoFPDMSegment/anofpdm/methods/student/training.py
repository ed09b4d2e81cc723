"""How a student is trained: on rendered heads, then on real volumes as well. Torch-free to import."""

from __future__ import annotations

import functools
from pathlib import Path

from ...core.errors import Cancelled, SettingsError
from ...core.names import PLAIN_RULE, is_plain_name
from ..knobs import Knob, whole
from ..training import Stage, TrainingTask
from .run import StudentRun, train_student

RENDERED, SELF_TRAINING = "rendered", "self-training"
DEFAULT_STEPS = {RENDERED: 6000, SELF_TRAINING: 1500}
MOST_STEPS = 10_000_000
DEFAULT_NAME, DEFAULT_MODALITY, DEFAULT_CONTRAST = "student", "flair", "flair"


def _steps(text: str, option: str) -> int:
    steps = whole(text, option)
    if not 1 <= steps <= MOST_STEPS:
        raise SettingsError(f"{option} takes a number from 1 to {MOST_STEPS}, not {steps}.")
    return steps


def _name(text: str, option: str) -> str:
    if not is_plain_name(text):
        raise SettingsError(f"'{text}' cannot name a student; use {PLAIN_RULE}.")
    return text


SHARED_KNOBS = (
    Knob("labels", "CSV table of the label maps: label, structure", live=False, metavar="TABLE"),
    Knob("steps", "default: 6000 rendered, 1500 self-training", live=False, metavar="N", read=_steps),
    Knob("name", "the student's name (default: student)", live=False, metavar="NAME", read=_name),
    Knob("modality", "the manifest's column of images (default: flair)", live=False, metavar="NAME"),
    Knob(
        "contrast",
        "flair: heads rendered as FLAIR shows them; any: as T1, T2 and anything else do, too (default: flair)",
        live=False,
        choices=("flair", "any"),
    ),
)
REAL_KNOBS = (
    Knob("label_maps", "label maps for self-training, to keep rendering from", live=False, metavar="FOLDER"),
    Knob("teacher", "results of `anofpdm detect --cases` in the same volumes", live=False, metavar="DIR"),
)


def _train(task: TrainingTask, stage: str) -> str:
    """See `Fitter`."""
    given = task.values
    if task.device not in ("auto", "cpu"):
        raise SettingsError("A student is trained on the processor; leave --device out.")
    if "labels" not in given:
        raise SettingsError("A student needs --labels: the table that says what the label maps' numbers stand for.")
    if stage == SELF_TRAINING and "label_maps" not in given:
        raise SettingsError("Self-training needs --label-maps: the folder of label maps to keep rendering heads from.")
    if stage == SELF_TRAINING and task.start_from is None:
        raise SettingsError("Self-training needs --start-from: the student of the stage before.")
    import torch

    torch.set_num_threads(task.threads or 1)
    run = StudentRun(
        data=task.data,
        output=task.output,
        stage=stage,
        labels=Path(given["labels"]),
        label_maps=Path(given.get("label_maps", task.data)),
        start_from=task.start_from,
        teacher=Path(given["teacher"]) if "teacher" in given else None,
        steps=given.get("steps", DEFAULT_STEPS[stage]),
        name=given.get("name", DEFAULT_NAME),
        contrast=given.get("contrast", DEFAULT_CONTRAST),
        modality=given.get("modality", DEFAULT_MODALITY),
        seed=1,
        cache=task.cache,
    )
    try:
        written = train_student(run, task.cancel, task.message)
    except Cancelled as error:
        raise Cancelled("Training was stopped; run the same command to continue it.") from error
    return f"Trained. The student lies in {written}."


STAGES = (
    Stage(
        RENDERED,
        "MANIFEST is a folder of label maps, from which heads are rendered and painted while training runs",
        functools.partial(_train, stage=RENDERED),
        SHARED_KNOBS,
    ),
    Stage(
        SELF_TRAINING,
        "MANIFEST is a table of slices with image-level labels; continues from the student that --start-from names",
        functools.partial(_train, stage=SELF_TRAINING),
        (*SHARED_KNOBS, *REAL_KNOBS),
    ),
)
