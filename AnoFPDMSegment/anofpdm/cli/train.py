"""`anofpdm train`: hooks the training package to the command line."""

from __future__ import annotations

import argparse
from typing import Any

from ..training.command import add_train_arguments
from ..training.command import run as run_command
from .interruption import cancellation


def add_parser(commands: Any) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "train",
        help="train a model from image-level labels",
        description="Train a model on slices labelled healthy or unhealthy; given again, a run continues. "
        "Needs the extra 'train', except with --method student.",
    )
    add_train_arguments(parser)
    parser.set_defaults(run=run_train)


def run_train(options: argparse.Namespace) -> int:
    """Run the command."""
    with cancellation() as cancel:
        return run_command(options, cancel)
