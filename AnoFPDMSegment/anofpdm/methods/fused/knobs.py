"""The options of a fused model: how far it is believed, and those of AnoFPDM. Torch-free."""

from __future__ import annotations

from dataclasses import replace

from ..anofpdm.knobs import KNOBS as WITNESS_KNOBS
from ..knobs import CALIBRATED, Knob, number
from ..map_evidence import MAP_KNOBS
from ..offers import Scale
from .model_config import LARGEST_WITNESS
from .settings import WITNESS_THRESHOLD

_WITNESS = Knob(
    "witness",
    "by how much a finding of AnoFPDM raises the student's log odds; 0: the student alone",
    live=True,
    metavar="K",
    read=number,
    usual=CALIBRATED,
    title="Weight of AnoFPDM",
    scale=Scale(0, LARGEST_WITNESS, 2),
    advanced=True,
    told=True,
)


def _of_part(knob: Knob) -> Knob:
    if knob.name != "threshold":
        return knob
    return replace(knob, name=WITNESS_THRESHOLD, option="", title="Threshold of AnoFPDM", advanced=True)


_OWN = [knob for knob in WITNESS_KNOBS if knob.name != "minimum_size"]
KNOBS = (*MAP_KNOBS, _WITNESS, *map(_of_part, _OWN))
"""Fields of `FusedSettings`, and what needs a rerun of AnoFPDM's part."""
