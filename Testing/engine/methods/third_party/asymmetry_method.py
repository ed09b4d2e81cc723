"""A method as another package brings it: what is brighter than its mirror image, made by following CONTRIBUTING.md."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from anofpdm.methods.knobs import Knob
from anofpdm.methods.map_evidence import MAP_KNOBS, MapEvidence, MapSettings
from anofpdm.methods.map_method import MapMethod


@dataclass(frozen=True)
class AsymmetrySettings(MapSettings):
    """`direction`: what counts, compared with the other side."""

    direction: str = "brighter"


class Asymmetry(MapMethod):
    """The difference from the mirrored slice."""

    name = "asymmetry"
    title = "Asymmetry"
    settings_type = AsymmetrySettings
    others = ("darker",)
    knobs = (
        *MAP_KNOBS,
        Knob("direction", "what counts, compared with the other side", True, choices=("brighter", "darker")),
    )

    def compute(self, model, prepared, settings, *, batch_size, report, cancel):
        """[S, H, W]: by how much each pixel is brighter, and darker, than the one at its mirrored place."""
        image = prepared.intensities[0] / max(float(np.percentile(prepared.intensities[0], 99)), 1e-6)
        difference = np.where(prepared.head, image - image[:, :, ::-1], 0)
        return {"map": np.clip(difference, 0, None), "darker": np.clip(-difference, 0, None)}

    def evidence_in_use(self, case):
        """The map of the direction that is asked for."""
        return case.evidence if case.settings.direction == "brighter" else MapEvidence(case.evidence.others["darker"])


METHOD = Asymmetry()
