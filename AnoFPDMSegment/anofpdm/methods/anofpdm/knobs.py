"""The options of AnoFPDM: what needs a rerun (the operating point), and what acts on a finished result."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, get_args

from ...core.errors import ModelError, SettingsError
from ...core.precision import Precision
from ...thresholds.settings import MinimumSize, Threshold
from ..knobs import CALIBRATED, Knob, Switch, as_text, number, numbers, whole
from .calibration import Calibration
from .operating_point import Direction, OperatingPoint
from .settings import SelectionSettings

DYNAMIC, NO_BANK = "dynamic", "none"
AS_CALIBRATED = "As calibrated"


def _range(text: str, option: str) -> tuple[int, int]:
    parts = text.split("..")
    if len(parts) != 2:
        raise SettingsError(f"{option} takes two noise levels such as 1..400, not '{text}'.")
    first, last = (_levels(part, option) for part in parts)
    return first, last


def _levels(text: str, option: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise SettingsError(f"{option} takes whole numbers, not '{text}'.") from None


SELECTION = (
    Knob(
        "guidance",
        "guidance strength w toward healthy",
        live=True,
        metavar="W",
        read=number,
        usual=CALIBRATED,
        title="Guidance strength",
        form="number",
        advanced=True,
        told=True,
    ),
    Knob(
        "threshold",
        "pixel threshold: dynamic (Algorithm 1 of the paper), healthy (calibrated on healthy slices), quantile=Q, "
        "value=V or own=K (K spreads above the median of the volume's own map)",
        live=True,
        metavar="KIND",
        read=lambda text, option: Threshold.parse(text),
        write=lambda value: value.kind if value.number is None else f"{value.kind}={value.number!r}",
        usual=CALIBRATED,
        title="Threshold",
        form="threshold",
        told=True,
    ),
    Knob(
        "decision",
        "image-level decision",
        live=True,
        choices=("similarity", "map", CALIBRATED),
        usual=CALIBRATED,
        title="Decision about a slice",
        titles={"similarity": "By similarity", "map": "By the map statistic", CALIBRATED: AS_CALIBRATED},
        advanced=True,
        told=True,
    ),
    Knob(
        "decision_threshold",
        "replaces its calibrated threshold",
        live=True,
        metavar="X",
        read=number,
        usual=CALIBRATED,
        title="Decision threshold",
        advanced=True,
    ),
    Knob(
        "ungated",
        "",
        live=True,
        switches=(
            Switch("ungated", True, "show the maps of slices decided healthy too", "Shown too"),
            Switch("gated", False, "show them as healthy (default)", "Left out"),
        ),
        title="Slices decided healthy",
        advanced=True,
        told=True,
        tacit=False,
    ),
    Knob(
        "map",
        "",
        live=True,
        switches=(
            Switch("last-sam", "last", "use the last sub-anomaly map, not the aggregated one", "The last one"),
            Switch("aggregated", "aggregated", "use the aggregated map (default)", "Aggregated"),
        ),
        title="Map",
        advanced=True,
        told=True,
        tacit="aggregated",
    ),
    Knob(
        "scaling",
        "dataset-calibrated scaling M_max, one value per used modality",
        live=True,
        metavar="M[,M...]",
        read=numbers,
        usual=CALIBRATED,
        title="Scaling M_max",
        form="per modality",
        advanced=True,
    ),
    Knob(
        "region",
        "where anomalies are accepted",
        live=True,
        choices=("interior", "frame", CALIBRATED),
        usual=CALIBRATED,
        title="Region",
        titles={"interior": "Inside the head", "frame": "The whole slice", CALIBRATED: AS_CALIBRATED},
        advanced=True,
    ),
    Knob(
        "consistency",
        "maps count alone (slice) or averaged over neighbouring pixels and slices (volume)",
        live=True,
        choices=("slice", "volume", CALIBRATED),
        usual=CALIBRATED,
        title="Neighbours",
        titles={"slice": "Each map alone", "volume": "Averaged over neighbours", CALIBRATED: AS_CALIBRATED},
        advanced=True,
        told=True,
        tacit="slice",
    ),
    Knob(
        "minimum_size",
        "smallest component kept: 40px (per slice) or 500mm3",
        live=True,
        option="min-size",
        metavar="SIZE",
        read=lambda text, option: MinimumSize.parse(text),
        usual=CALIBRATED,
        title="Minimum size",
        form="size",
        advanced=True,
    ),
)
"""Fields of `SelectionSettings`; these come first where options are listed."""

PROCESS = (
    Knob(
        "steps",
        "how many noise levels are visited",
        live=False,
        metavar="N",
        read=whole,
        title="Steps",
        form="whole",
        advanced=True,
    ),
    Knob(
        "range",
        "noise levels between which they lie, such as 1..400",
        live=False,
        metavar="A..B",
        read=_range,
        write=lambda ends: f"{ends[0]}..{ends[1]}",
        title="Noise levels",
        advanced=True,
    ),
    Knob(
        "encoding",
        "DDIM inversion or fresh noise",
        live=False,
        choices=("ddim", "ddpm"),
        title="Encoding",
        titles={"ddim": "DDIM inversion", "ddpm": "Fresh noise (DDPM)"},
        advanced=True,
    ),
    Knob(
        "mode",
        "the paper's equations or the public code's",
        live=False,
        choices=("paper", "reference"),
        title="Equations",
        titles={"paper": "The paper's", "reference": "The public code's"},
        advanced=True,
    ),
    Knob(
        "mirrored",
        "",
        live=False,
        switches=(
            Switch("mirrored", True, "average predictions with those of the mirrored slice: twice the time", "Both"),
            Switch("no-mirrored", False, "predict each slice once", "As it is alone"),
        ),
        title="Slice and mirror image",
        advanced=True,
        told=True,
        tacit=False,
    ),
    Knob(
        "direction",
        "count only what is brighter, or darker, than the healthy prediction, or both",
        live=False,
        choices=get_args(Direction),
        title="What counts",
        titles={"both": "Brighter and darker", "brighter": "Brighter only", "darker": "Darker only"},
        advanced=True,
        told=True,
        tacit="both",
    ),
    Knob(
        "end_step",
        f"fixed noise scale: visited steps aggregated, or '{DYNAMIC}'",
        live=False,
        metavar="N",
        read=_levels,
        usual=DYNAMIC,
        title="Noise scale",
        form="whole",
        words=(DYNAMIC,),
        titles={DYNAMIC: "Dynamic: end at the largest divergence"},
        advanced=True,
    ),
    Knob(
        "guidance_bank",
        f"clamp the predictions to [-1, 1] and compute these guidance strengths; '{NO_BANK}' for no clamp",
        live=False,
        metavar="W,W,...",
        read=lambda text, option: () if text == NO_BANK else numbers(text, option),
        write=lambda bank: as_text(bank) if bank else NO_BANK,
        title="Bank of strengths",
        advanced=True,
    ),
    Knob(
        "precision",
        "of the network (default: bfloat16 where the device has units for it and the model is calibrated in it)",
        live=False,
        choices=get_args(Precision),
        title="Precision",
        advanced=True,
    ),
)
"""Fields of `OperatingPoint`; `range` stands for `first` and `last`."""

KNOBS = (*SELECTION, *PROCESS)


def operating_point(given: Mapping[str, Any], default: OperatingPoint) -> OperatingPoint:
    """The default with values of `PROCESS` put over it. Raises SettingsError."""
    changes = dict(given)
    if "range" in changes:
        changes["first"], changes["last"] = changes.pop("range")
    if "guidance_bank" in changes:
        changes["clamp"] = bool(changes["guidance_bank"])
    try:
        return dataclasses.replace(default, **changes)
    except ModelError as error:
        # The same checks serve the configuration file; here the user's options are to blame.
        reason = str(error).removeprefix("The model's configuration is wrong: ")
        raise SettingsError(f"These options do not fit together: {reason}") from error


def overlaid(
    before: SelectionSettings, given: Mapping[str, Any], calibration: Calibration | None = None
) -> SelectionSettings:
    """The settings `before` with values of `SELECTION` put over them. Raises SettingsError.

    An image-level threshold belongs to one of the decisions: another decision without a threshold of its own takes the
    calibrated one. `calibration` tells which decision an open setting means.
    """
    changes = dict(given)
    usual = calibration.decision if calibration else "similarity"
    if "decision" in changes and (changes["decision"] or usual) != (before.decision or usual):
        changes.setdefault("decision_threshold", None)
    return dataclasses.replace(before, **changes)
