"""The options of these methods: what acts on a finished result, and the fields of `Sampling`. Torch-free."""

from __future__ import annotations

from ..knobs import Knob, number, whole
from ..map_evidence import MAP_KNOBS

LEVEL = Knob("level", "noise level up to which slices are encoded", live=False, metavar="N", read=whole)
STEPS = Knob("steps", "most noise levels visited one way", live=False, metavar="N", read=whole)
GUIDANCE = Knob("guidance", "guidance strength toward healthy; needs a rerun", live=False, metavar="W", read=number)
SCALE = Knob("scale", "scale of the classifier's gradient toward healthy", live=False, metavar="S", read=number)

PLAIN = (*MAP_KNOBS, LEVEL, STEPS)
GUIDED = (*MAP_KNOBS, LEVEL, STEPS, GUIDANCE)
SCALED = (*MAP_KNOBS, LEVEL, STEPS, SCALE)
