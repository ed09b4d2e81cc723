"""Options shared by commands, and their translation into settings."""

from __future__ import annotations

import argparse
import dataclasses
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

from ..calibration import Calibration
from ..configuration import Direction, OperatingPoint
from ..errors import InputError, ModelError, SettingsError
from ..selection.settings import MinimumSize, SelectionSettings, Threshold

_NAMED = re.compile(r"([A-Za-z][A-Za-z0-9_]*)=(.+)", re.DOTALL)
CALIBRATED = "calibrated"
"""Takes a single option back to what the model's calibration says."""


def add_selection_options(
    parser: argparse.ArgumentParser,
    title: str = "selection (as calibrated where left out; can be changed later with adjust)",
) -> None:
    """What can be chosen without a rerun; every option also takes the value 'calibrated'."""
    group = parser.add_argument_group(title, "Options that take a value also take 'calibrated'.")
    group.add_argument("--guidance", type=_float_or_calibrated, metavar="W", help="guidance strength w toward healthy")
    group.add_argument(
        "--threshold",
        metavar="KIND",
        help="pixel threshold: dynamic (Algorithm 1 of the paper), healthy (calibrated on healthy slices), "
        "quantile=Q or value=V",
    )
    group.add_argument("--decision", choices=("similarity", "map", CALIBRATED), help="image-level decision")
    group.add_argument(
        "--decision-threshold", type=_float_or_calibrated, metavar="X", help="replaces its calibrated threshold"
    )
    gate = group.add_mutually_exclusive_group()
    gate.add_argument("--ungated", action="store_const", const=True, help="show the maps of slices decided healthy too")
    gate.add_argument(
        "--gated", dest="ungated", action="store_const", const=False, help="show them as healthy (default)"
    )
    kind = group.add_mutually_exclusive_group()
    kind.add_argument(
        "--last-sam",
        dest="map",
        action="store_const",
        const="last",
        help="use the last sub-anomaly map, not the aggregated one",
    )
    kind.add_argument(
        "--aggregated", dest="map", action="store_const", const="aggregated", help="use the aggregated map (default)"
    )
    group.add_argument(
        "--scaling", metavar="M[,M...]", help="dataset-calibrated scaling M_max, one value per used modality"
    )
    group.add_argument("--region", choices=("interior", "frame", CALIBRATED), help="where anomalies are accepted")
    group.add_argument(
        "--consistency",
        choices=("slice", "volume", CALIBRATED),
        help="maps count alone (slice) or averaged over neighbouring pixels and slices (volume)",
    )
    group.add_argument("--min-size", metavar="SIZE", help="smallest component kept: 40px (per slice) or 500mm3")


def add_overlay_option(parser: Any) -> None:
    """Whether overlay.png is drawn."""
    parser.add_argument(
        "--no-overlay", dest="overlay", action="store_false", help="leave out overlay.png, the only file to need Pillow"
    )


def overlaid_settings(
    options: argparse.Namespace, before: SelectionSettings, calibration: Calibration | None = None
) -> SelectionSettings:
    """The settings `before` with the options put over them. Raises SettingsError.

    An image-level threshold belongs to one of the decisions: another decision without a threshold of its
    own takes the calibrated one. `calibration` tells which decision an open setting means.
    """
    given: dict[str, Any] = {}
    readers: dict[str, tuple[Any, Callable[[Any], Any]]] = {
        "guidance": (options.guidance, lambda value: _finite(value, "--guidance")),
        "threshold": (options.threshold, Threshold.parse),
        "decision": (options.decision, str),
        "decision_threshold": (options.decision_threshold, lambda value: _finite(value, "--decision-threshold")),
        "ungated": (options.ungated, bool),
        "map": (options.map, str),
        "scaling": (options.scaling, lambda text: tuple(numbers(text, "--scaling"))),
        "region": (options.region, str),
        "consistency": (options.consistency, str),
        "minimum_size": (options.min_size, MinimumSize.parse),
    }
    for name, (value, read) in readers.items():
        if value is not None:
            given[name] = None if value == CALIBRATED else read(value)
    usual = calibration.decision if calibration else "similarity"
    if "decision" in given and (given["decision"] or usual) != (before.decision or usual):
        given.setdefault("decision_threshold", None)
    return dataclasses.replace(before, **given)


def selection_settings(options: argparse.Namespace) -> SelectionSettings:
    """The options alone, as calibrated where left out. Raises SettingsError."""
    return overlaid_settings(options, SelectionSettings())


def add_process_options(parser: argparse.ArgumentParser) -> None:
    """How the forward process is run."""
    group = parser.add_argument_group("forward process (the model's own where left out)")
    group.add_argument("--steps", type=int, metavar="N", help="how many noise levels are visited")
    group.add_argument("--range", metavar="A..B", help="noise levels between which they lie, such as 1..400")
    group.add_argument("--encoding", choices=("ddim", "ddpm"), help="DDIM inversion or fresh noise")
    group.add_argument("--mode", choices=("paper", "reference"), help="the paper's equations or the public code's")
    group.add_argument(
        "--mirrored",
        action=argparse.BooleanOptionalAction,
        help="average predictions with those of the mirrored slice: twice the time",
    )
    group.add_argument(
        "--direction",
        choices=get_args(Direction),
        help="count only what is brighter, or darker, than the healthy prediction, or both",
    )
    group.add_argument("--end-step", metavar="N", help="fixed noise scale: visited steps aggregated, or 'dynamic'")
    group.add_argument(
        "--guidance-bank",
        metavar="W,W,...",
        help="clamp the predictions to [-1, 1] and compute these guidance strengths; 'none' for no clamp",
    )
    group.add_argument(
        "--precision",
        choices=("float32", "bfloat16"),
        help="of the network (default: bfloat16 where the device has units for it and the model is calibrated in it)",
    )


def operating_point(options: argparse.Namespace, default: OperatingPoint) -> OperatingPoint:
    """The model's operating point with the options put over it. Raises SettingsError."""
    changes: dict[str, Any] = {}
    for name in ("steps", "encoding", "mode", "precision", "mirrored", "direction"):
        if getattr(options, name) is not None:
            changes[name] = getattr(options, name)
    if options.range is not None:
        changes["first"], changes["last"] = _range(options.range)
    if options.end_step is not None:
        changes["end_step"] = None if options.end_step == "dynamic" else _whole(options.end_step, "--end-step")
    if options.guidance_bank is not None:
        bank = () if options.guidance_bank == "none" else tuple(numbers(options.guidance_bank, "--guidance-bank"))
        changes |= {"guidance_bank": bank, "clamp": bool(bank)}
    try:
        return dataclasses.replace(default, **changes)
    except ModelError as error:
        # The same checks serve the configuration file; here the user's options are to blame.
        reason = str(error).removeprefix("The model's configuration is wrong: ")
        raise SettingsError(f"These options do not fit together: {reason}") from error


def named_images(texts: list[str]) -> dict[str, str]:
    """The volumes of --input, a path by modality, each NAME=PATH. Raises InputError."""
    images: dict[str, str] = {}
    for text in texts:
        match = _NAMED.fullmatch(text)
        if match is None:
            raise InputError(f"--input takes a modality and its volume, as in flair=a.nii.gz, not '{text}'.")
        modality = match.group(1).lower()
        if modality in images:
            raise InputError(f"The modality {modality} is given twice; name each modality once.")
        images[modality] = match.group(2)
    return images


def input_images(texts: list[str]) -> str | dict[str, str]:
    """The volumes of the command line: one path, or a path by modality from NAME=PATH. Raises InputError."""
    if not all(texts):
        raise InputError("An INPUT is empty; give the path of a volume.")
    for text in texts:
        if text.endswith("=") and not Path(text).exists():
            raise InputError(f"No file is named after '{text}'; write it as in flair=a.nii.gz.")
    if len(texts) == 1 and (Path(texts[0]).exists() or not _NAMED.fullmatch(texts[0])):
        return texts[0]
    for text in texts:
        if _NAMED.fullmatch(text) is None:
            raise InputError(f"With several inputs each needs its modality, as in flair={text}.")
    return named_images(texts)


def output_folder(text: str) -> Path:
    """The folder of --output. Raises SettingsError if it is empty, as from an unset variable."""
    if not text.strip():
        raise SettingsError("--output is empty; name a folder for the results.")
    return Path(text)


def numbers(text: str, option: str) -> list[float]:
    """Comma-separated finite numbers. Raises SettingsError."""
    try:
        values = [float(part) for part in text.split(",")]
    except ValueError:
        raise SettingsError(f"{option} takes numbers separated by commas, not '{text}'.") from None
    for value in values:
        _finite(value, option)
    return values


def _float_or_calibrated(text: str) -> float | str:
    if text == CALIBRATED:
        return text
    try:
        return float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"invalid float value: '{text}'") from None


def _range(text: str) -> tuple[int, int]:
    parts = text.split("..")
    if len(parts) != 2:
        raise SettingsError(f"--range takes two noise levels such as 1..400, not '{text}'.")
    return _whole(parts[0], "--range"), _whole(parts[1], "--range")


def _whole(text: str, option: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise SettingsError(f"{option} takes whole numbers, not '{text}'.") from None


def _finite(value: float | None, option: str) -> float | None:
    if value is not None and not float("-inf") < value < float("inf"):
        raise SettingsError(f"{option} takes a finite number, not {value}.")
    return value
