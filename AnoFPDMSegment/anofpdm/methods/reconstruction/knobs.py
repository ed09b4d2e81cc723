"""The options of these methods: what acts on a finished result, and the fields of `Sampling`. Torch-free."""

from __future__ import annotations

from ..knobs import Knob, number, whole
from ..map_evidence import MAP_KNOBS
from ..offers import Scale

LEVEL = Knob(
    "level",
    "noise level up to which slices are encoded",
    live=False,
    metavar="N",
    read=whole,
    title="Noise level",
    form="whole",
    scale=Scale(2, 1000),
    advanced=True,
    told=True,
)
STEPS = Knob(
    "steps",
    "most noise levels visited one way",
    live=False,
    metavar="N",
    read=whole,
    title="Steps",
    form="whole",
    scale=Scale(2, 1000),
    advanced=True,
)
GUIDANCE = Knob(
    "guidance",
    "guidance strength w toward healthy",
    live=False,
    metavar="W",
    read=number,
    title="Guidance strength",
    scale=Scale(0, 1000, 2),
    advanced=True,
    told=True,
)
SCALE = Knob(
    "scale",
    "scale of the classifier's gradient toward healthy",
    live=False,
    metavar="S",
    read=number,
    title="Scale of the gradient",
    scale=Scale(0, 1e6, 2),
    advanced=True,
    told=True,
)

PLAIN = (*MAP_KNOBS, LEVEL, STEPS)
GUIDED = (*MAP_KNOBS, LEVEL, STEPS, GUIDANCE)
SCALED = (*MAP_KNOBS, LEVEL, STEPS, SCALE)
