"""Yardsticks that need no network: what a method must beat before its figures mean anything. Torch-free."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from ...core.progress import CancelToken
from ..evaluated import Evaluated
from ..map_method import MapMethod, Report
from ..method import Method
from .evaluation import MakeMap, YardsticksEvaluated
from .maps import intensity_map, left_right_map, looked_at

if TYPE_CHECKING:
    from ...core.arrays import FloatArray
    from ...volumes.input_config import InputConfig
    from ...volumes.preparation import PreparedCase


MAPS: dict[str, tuple[str, MakeMap]] = {
    "intensity": ("intensity", intensity_map),
    "left-right": ("left-right difference", left_right_map),
}
EVALUATED = YardsticksEvaluated(MAPS)


class Yardstick(MapMethod):
    """A map made from the image alone."""

    def __init__(self, name: str) -> None:
        self.name, (title, self.make) = name, MAPS[name]
        self.title = title.capitalize()

    @property
    def evaluated(self) -> Evaluated:
        """See `Method`."""
        return EVALUATED

    def compute(
        self,
        model: InputConfig,
        prepared: PreparedCase,
        settings: Mapping[str, Any],
        *,
        batch_size: int | None,
        report: Report,
        cancel: CancelToken,
    ) -> dict[str, FloatArray]:
        """See `MapMethod`."""
        cancel.raise_if_cancelled()
        modality = looked_at(model)
        image = (prepared.x0[:, model.modalities.index(modality)] + 1) / 2
        found = np.zeros(prepared.head.shape, dtype=np.float32)
        found[prepared.examined] = self.make(image, prepared.head[prepared.examined], modality)
        return {"map": found}


METHODS: tuple[Method, ...] = tuple(Yardstick(name) for name in MAPS)
