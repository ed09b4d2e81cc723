"""`anofpdm models`: which models there are, what they are, adding and removing them, importing public weights."""

from __future__ import annotations

import argparse
import math
from pathlib import Path
from typing import Any

from ..core.errors import ModelError, SettingsError
from ..core.reporting import one_line, say
from ..gate.model_reference import load_reference
from ..methods.registry import find_method
from ..store.model_folder import ModelFolder, open_model_folder
from ..store.model_install import install_model, remove_model
from ..store.model_search import default_model_name, find_model, list_models, search_places
from ..store.weights_file import check_weights_file


def add_parser(commands: Any) -> None:
    """Add the command and its own commands to the parser."""
    parser = commands.add_parser("models", help="list, inspect, check, add, remove and import models")
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")

    listing = actions.add_parser("list", help="the models found, with the places searched")
    listing.set_defaults(run=run_list)

    info = actions.add_parser("info", help="configuration, calibrations and model card of a model")
    info.add_argument("model", nargs="?", metavar="NAME", help="name or folder (default: the default model)")
    info.set_defaults(run=run_info)

    verify = actions.add_parser("verify", help="check files, checksums and weights of a model")
    verify.add_argument("model", nargs="?", metavar="NAME", help="name or folder (default: the default model)")
    verify.set_defaults(run=run_verify)

    add = actions.add_parser("add", help="copy a model folder, or a zip file of one, to the user's models")
    add.add_argument("source", metavar="PATH", help="the folder or zip file")
    add.add_argument("--name", help="what to call it there (default: its own name)")
    add.set_defaults(run=run_add)

    remove = actions.add_parser("remove", help="delete a model from the user's models")
    remove.add_argument("model", metavar="NAME", help="its name there")
    remove.set_defaults(run=run_remove)

    official = actions.add_parser(
        "import-official",
        help="make a model folder from a checkpoint of the public AnoFPDM code",
        description="Load an EMA checkpoint of the public AnoFPDM code and write it as a model folder. "
        "The new model is not calibrated.",
    )
    official.add_argument("checkpoint", metavar="CKPT", help="the .pt file")
    official.add_argument("-o", "--output", metavar="DIR", required=True, help="the model folder to write")
    official.add_argument("--modalities", required=True, metavar="A,B,...", help="input channels in training order")
    official.add_argument("--use", metavar="A,B,...", help="modalities whose maps are used (default: all)")
    official.add_argument("--name", help="name of the model (default: that of the folder)")
    official.add_argument("--title", default="", help="one line for people")
    official.add_argument("--image-size", type=int, default=128, metavar="PX", help="default: 128")
    official.add_argument("--heads", type=int, default=4, help="attention heads (default: 4)")
    official.add_argument("--healthy-label", type=int, choices=(0, 1), default=0, help="default: 0")
    official.add_argument("--field-of-view", type=float, default=240.0, metavar="MM", help="default: 240")
    official.add_argument("--anatomy", choices=("whole_head", "skull_stripped", "both"), default="skull_stripped")
    official.add_argument("--trained-on", default="", help="the training data")
    official.add_argument("--licence", default="unspecified", help="licence of the weights")
    official.add_argument("--non-commercial", action="store_true", help="the licence forbids commercial use")
    official.add_argument("--dtype", choices=("float32", "bfloat16", "float16"), default="float32")
    official.set_defaults(run=run_import_official)


def run_list(options: argparse.Namespace) -> int:
    """Print the models found."""
    entries = list_models()
    for entry in entries:
        state = entry.error or _state_of(entry.path)
        say(f"{one_line(entry.name)}: {one_line(entry.title)} ({one_line(state)})\n    {entry.path}")
    if not entries:
        say("No models found.")
    say("Searched: " + ", ".join(str(place) for place in search_places()))
    return 0


def _state_of(path: Path) -> str:
    """Whether a model is calibrated, and whether its gate tells images that it does not know."""
    try:
        folder = open_model_folder(path, verify_weights=False)
        calibrated = find_method(folder.config.method).is_calibrated(folder)
        reference = load_reference(folder.calibration)
    except ModelError as error:
        return str(error)
    return f"{'calibrated' if calibrated else 'not calibrated'}, {'without' if reference is None else 'with'} a gate"


def _gate_line(folder: ModelFolder) -> str:
    reference = load_reference(folder.calibration)
    told = "none: it is not checked whether it knows an image" if reference is None else reference.source
    return f"  gate        {told}"


def run_info(options: argparse.Namespace) -> int:
    """Print what a model is."""
    folder = find_model(options.model or default_model_name())
    config = folder.config
    lines = [
        one_line(f"{config.name} {config.version}: {config.title}"),
        f"  folder      {folder.path}",
        f"  weights     SHA-256 {folder.weights_sha256}",
        f"  modalities  {', '.join(config.modalities)} (maps from {', '.join(config.used)})",
        f"  trained on  {config.trained_on or 'not stated'}",
        f"  licence     {config.licence}{' (non-commercial)' if config.non_commercial else ''}",
        f"  slices      {config.grid.matrix} x {config.grid.matrix} over {config.grid.field_of_view_mm:g} mm",
        *find_method(config.method).model_lines(folder),
        _gate_line(folder),
    ]
    say("\n".join(lines) + "\n\n" + folder.model_card.strip())
    return 0


def run_verify(options: argparse.Namespace) -> int:
    """Check everything that can be checked without running the network."""
    folder = find_model(options.model or default_model_name())
    method = find_method(folder.config.method)
    notes = method.check_model(folder)
    check_weights_file(folder)
    for note in notes:
        say(f"Note: {note}")
    parameters = sum(math.prod(shape) for shape in method.parameter_shapes(folder.config).values())
    say(f"{folder.config.name}: files, checksums and {parameters:,} weights are sound.")
    return 0


def run_add(options: argparse.Namespace) -> int:
    """Add a model."""
    folder = install_model(options.source, name=options.name, check=check_weights_file)
    say(f"Added {folder.path.name} to {folder.path.parent}.")
    return 0


def run_remove(options: argparse.Namespace) -> int:
    """Remove a model."""
    say(f"Removed {remove_model(options.model)}.")
    return 0


def run_import_official(options: argparse.Namespace) -> int:
    """Import a checkpoint."""
    modalities = _names(options.modalities, "--modalities")
    used = _names(options.use, "--use") if options.use is not None else modalities
    output = Path(options.output)
    from ..methods.anofpdm.import_official import import_official

    import_official(
        options.checkpoint,
        output,
        name=options.name or output.name,
        modalities=modalities,
        used=used,
        image_size=options.image_size,
        heads=options.heads,
        healthy_label=options.healthy_label,
        field_of_view_mm=options.field_of_view,
        anatomy=options.anatomy,
        title=options.title,
        trained_on=options.trained_on,
        licence=options.licence,
        non_commercial=options.non_commercial,
        dtype=options.dtype,
    )
    folder = open_model_folder(output)
    say(f"Written to {folder.path}. It has no calibration yet: calibrate it, or detect with --guidance, ")
    say("--threshold quantile=Q or value=V, and --ungated.")
    return 0


def _names(text: str, option: str) -> list[str]:
    names = [name.strip().lower() for name in text.split(",")]
    if not all(names):
        raise SettingsError(f"{option} takes names separated by commas, such as flair,t2.")
    return names
