"""The parameters of a student's network, without building it. Torch-free."""

from __future__ import annotations

import itertools

from .config import StudentConfig

OUTPUTS = 2
"""Lesion and brain."""
PATCH = 2
"""The stem folds this many pixels each way into channels; convolutions never run at full resolution."""
Shapes = dict[str, tuple[int, ...]]


def parameter_shapes(form: StudentConfig) -> Shapes:
    """Shape of every tensor in the file of such a network (see `network.StudentNetwork`)."""
    widths = form.widths
    pairs = list(itertools.pairwise(widths))
    shapes = _conv_block("stem", form.channels * PATCH**2, widths[0])
    for level, (a, b) in enumerate(pairs):
        shapes |= {f"down.{level}.0.weight": (b, a, 2, 2), **_norm(f"down.{level}.1", b)}
        shapes |= _conv_block(f"down.{level}.3", b, b)
        shapes |= {f"sides.{level + 1}.mix.weight": (b, 2 * b, 1, 1), **_norm(f"sides.{level + 1}.norm", b)}
        shapes[f"up.{level}.weight"] = (a, b, 1, 1)
        shapes |= _conv_block(f"merge.{level}", 2 * a, a)
    last = OUTPUTS * PATCH**2
    return shapes | {"head.weight": (last, widths[0], 3, 3), "head.bias": (last,)}


def _conv_block(name: str, inputs: int, outputs: int) -> Shapes:
    shapes: Shapes = {
        f"{name}.first.weight": (outputs, inputs, 3, 3),
        **_norm(f"{name}.first_norm", outputs),
        f"{name}.second.weight": (outputs, outputs, 3, 3),
        **_norm(f"{name}.second_norm", outputs),
    }
    if inputs != outputs:
        shapes[f"{name}.carry.weight"] = (outputs, inputs, 1, 1)
    return shapes


def _norm(name: str, channels: int) -> Shapes:
    return {f"{name}.{part}": (channels,) for part in ("weight", "bias", "running_mean", "running_var")}
