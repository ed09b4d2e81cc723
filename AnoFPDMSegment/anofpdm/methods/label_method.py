"""A method whose answer is a label map of a volume, with named segments: all of `Method` but the labels. Torch-free.

It looks for no findings; its structures are written as `anatomy.seg.nrrd`.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn

import numpy as np

from ..core.arrays import BoolArray, FloatArray, IntArray
from ..core.errors import EvidenceError, SettingsError
from ..core.progress import CancelToken
from ..volumes.preparation import PreparedCase
from .calibrating import CalibrationTask
from .knobs import Knob
from .map_method import MapMethod, Report
from .offers import Offer
from .structures import Structures

if TYPE_CHECKING:
    from ..results.case import CaseEvidence
    from ..store.model_folder import ModelFolder


@dataclass(frozen=True)
class NoSettings:
    """Nothing can be chosen without a rerun."""


@dataclass(frozen=True)
class NoFindings:
    """See `methods.method.Answer`: nothing is marked, and nothing decided."""

    score: FloatArray
    threshold: float = float("nan")
    minimum_mm3: float | None = None

    @property
    def accepted(self) -> BoolArray:
        """Nowhere."""
        return np.zeros(self.score.shape, dtype=bool)

    @property
    def decisions(self) -> Sequence[None]:
        """None."""
        return [None] * len(self.score)


class LabelMethod(MapMethod):
    """See `methods.method.Method`. A subclass gives `name`, `title`, `segments` and `label`, and what else differs."""

    segments: ClassVar[tuple[str, ...]]
    """Names of the labels 1, 2 and so on."""
    knobs: tuple[Knob, ...] = ()
    settings_type: type[Any] = NoSettings
    calibrates = False

    @abstractmethod
    def label(
        self,
        model: Any,
        prepared: PreparedCase,
        settings: Mapping[str, Any],
        *,
        batch_size: int | None,
        report: Report,
        cancel: CancelToken,
    ) -> IntArray:
        """Labels [S, H, W] of all slices of the stack, 0 where there is none; see `MapMethod.compute`."""

    def compute(
        self,
        model: Any,
        prepared: PreparedCase,
        settings: Mapping[str, Any],
        *,
        batch_size: int | None,
        report: Report,
        cancel: CancelToken,
    ) -> dict[str, FloatArray]:
        """See `MapMethod`."""
        labels = self.label(model, prepared, settings, batch_size=batch_size, report=report, cancel=cancel)
        return {"map": labels.astype(np.float32)}

    def structures(self, case: CaseEvidence) -> Structures:
        """See `Method`."""
        stored = case.evidence.map[:, 0]
        if not (np.rint(stored) == stored).all() or stored.max(initial=0) > len(self.segments):
            raise EvidenceError("The evidence's structures hold labels that cannot be; detect again.")
        return Structures(stored.astype(np.uint8), self.segments)

    def answer(self, case: CaseEvidence) -> Any:
        """See `Method`."""
        return NoFindings(np.zeros(case.evidence.map[:, 0].shape, dtype=np.float32))

    def calibrate(self, task: CalibrationTask) -> NoReturn:
        """There is nothing to calibrate."""
        raise SettingsError(f"The method {self.name} outlines structures: it has no threshold to calibrate.")

    def offers(self, case: CaseEvidence, answer: Any, made: Any) -> Mapping[str, Offer]:
        """None of its own."""
        return {}

    def model_lines(self, folder: ModelFolder) -> list[str]:
        """See `Method`."""
        return [f"  outlines    {', '.join(self.segments)}"]

    def parameters(self, case: CaseEvidence, answer: Any) -> Mapping[str, Any]:
        """See `Method`."""
        return {**case.evidence.record, **self.chosen(case.settings)}
