"""What `anofpdm evaluate` measures of the yardsticks: their maps of the measured slices. Torch-free."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from ..evaluated import Options, PlainEvaluated

if TYPE_CHECKING:
    from ...core.arrays import BoolArray, FloatArray
    from ...evaluation.evaluation_run import EvaluationRun
    from ...evaluation.method_output import Method, MethodInput, MethodOutput
    from ...evaluation.slices import LabelledSlices

MakeMap = Callable[["FloatArray", "BoolArray", str], "FloatArray"]
"""From intensities [N, H, W], heads [N, H, W] and a modality to maps [N, H, W]."""


class MapYardstick:
    """A map made from the image alone, thresholded once with image-level labels and once as masks would have it."""

    def __init__(self, name: str, make: MakeMap, modality: str, channel: int) -> None:
        self.name = name
        self._make, self._modality, self._channel = make, modality, channel

    def check(self, given: MethodInput) -> None:
        """Nothing can fail."""

    def maps(self, slices: LabelledSlices) -> FloatArray:
        """[N, H, W]; of intensities in units of the volume's percentile, not clipped."""
        return self._make(slices.intensity[:, self._channel], slices.head, self._modality)

    def outputs(self, given: MethodInput) -> Iterator[MethodOutput]:
        """Tuned with image labels; and with the threshold that masks would choose, which bounds any threshold."""
        from ...evaluation.map_outputs import outputs_of_map

        maps = self.maps(given.measured)
        tuning = maps if given.tuning is given.measured else self.maps(given.tuning)
        yield from outputs_of_map(self.name, self.name, maps, tuning, given, parameters={"modality": self._modality})


class YardsticksEvaluated(PlainEvaluated):
    """See `methods.evaluated.Evaluated`."""

    title = "yardsticks"

    def __init__(self, makers: Mapping[str, tuple[str, MakeMap]]) -> None:
        """`makers`: title in the table and map, by the method's name."""
        self._makers = makers
        self.names = self.yardsticks = tuple(makers)

    def rows(self, name: str, run: EvaluationRun, options: Options) -> Sequence[Method]:
        """See `Evaluated`."""
        from .maps import looked_at

        config = run.folder.config
        modality = looked_at(config)
        title, make = self._makers[name]
        return [MapYardstick(f"{modality} {title}", make, modality, config.modalities.index(modality))]
