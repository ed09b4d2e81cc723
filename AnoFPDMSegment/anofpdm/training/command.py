"""`anofpdm train`: a manifest and a configuration in, a model folder out."""

from __future__ import annotations

import argparse
import functools

from ..core.errors import SettingsError
from ..core.progress import CancelToken
from ..methods.student.command import add_student_arguments, run_student
from .config import load_training_config, shipped_configs
from .purposes import PURPOSES, for_purpose

METHODS = ("anofpdm", "student")


def add_train_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments to its parser."""
    parser.add_argument("manifest", metavar="MANIFEST", help="CSV table of slices with image-level labels")
    parser.add_argument(
        "--method", choices=METHODS, default="anofpdm", help="what to train (default: anofpdm); see below for a student"
    )
    parser.add_argument("--output", required=True, metavar="DIR", help="folder of the run; given again, it continues")
    parser.add_argument(
        "--config",
        default="compact",
        metavar="FILE",
        help=f"JSON file, or one of those shipped: {', '.join(shipped_configs())} (default: compact)",
    )
    parser.add_argument(
        "--purpose",
        choices=PURPOSES,
        default="anofpdm",
        help="train what a method of evaluate needs instead: AnoDDPM's network (healthy slices alone) or a classifier "
        "of noisy slices",
    )
    parser.add_argument("--start-from", metavar="MODEL", help="model folder to fine-tune (default: random weights)")
    parser.add_argument("--cache", metavar="DIR", help="folder of the cached slices (default: DIR/slices)")
    parser.add_argument("--workers", type=int, default=1, metavar="N", help="processes to prepare slices (default: 1)")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:1 or mps (default: auto)")
    parser.add_argument("--threads", type=int, metavar="N", help="processor threads (default: all)")
    parser.add_argument("--no-tensorboard", action="store_true", help="write losses.csv alone")
    parser.add_argument(
        "--export", metavar="FOLDER", help="do not train: write the model of the run's last checkpoint to FOLDER"
    )
    add_student_arguments(parser)


def run(options: argparse.Namespace, cancel: CancelToken | None = None) -> int:
    """Run the command. Raises the errors of `run_training`."""
    for name in ("workers", "threads"):
        value = getattr(options, name)
        if value is not None and not 1 <= value <= 1024:
            raise SettingsError(f"--{name} takes a number from 1 to 1024, not {value}.")
    if not options.output.strip():
        raise SettingsError("--output is empty; name a folder for the run.")
    if options.method == "student":
        return run_student(options, cancel)
    config = for_purpose(load_training_config(options.config), options.purpose)
    import torch

    from .run import export_checkpoint, run_training

    if options.threads is not None:
        torch.set_num_threads(options.threads)
    message = functools.partial(print, flush=True)
    if options.export is not None:
        folder = export_checkpoint(options.manifest, options.output, config, options.export, cache_dir=options.cache)
        message(f"Written to {folder.path}.")
        return 0
    written = run_training(
        options.manifest,
        options.output,
        config,
        start_from=options.start_from,
        cache_dir=options.cache,
        device=options.device,
        tensorboard=not options.no_tensorboard,
        workers=options.workers,
        cancel=cancel,
        message=message,
    )
    if written is not None:
        following = "; calibrate it next" if options.purpose == "anofpdm" else ""
        message(f"Trained. The model lies in {written.path}{following}.")
    return 0
