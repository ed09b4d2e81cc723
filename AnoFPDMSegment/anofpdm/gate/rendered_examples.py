"""Healthy heads rendered for the gate: whole stacks of thick slices, so that a model looks at them quickly."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..synthetic.contrast import ContrastPrior
from ..synthetic.structures import read_structures

if TYPE_CHECKING:
    import SimpleITK as sitk

    from ..synthetic.head_map import HeadMap

FLAIR_LIKE: tuple[ContrastPrior, ...] = ("flair", "flair-wide")
OTHER_SEQUENCES: tuple[ContrastPrior, ...] = ("t1", "t2")
MATRIX, FIELD_OF_VIEW_MM = 192, 240.0
SPACINGS_MM = (6.0, 7.0, 8.0)
MOST_SLICES = 16
STRIPPED, Z_SCORED = 0.45, 0.1
SCANNER_UNITS = (60.0, 2000.0)


@dataclass(frozen=True)
class Example:
    """One head before it is rendered."""

    name: str
    map: Path
    prior: ContrastPrior
    seed: tuple[int, int]


def plan_examples(maps: Sequence[Path], priors: Sequence[ContrastPrior], count: int, seed: int) -> Iterator[Example]:
    """Maps in turn, and priors in turn after all maps."""
    for number in range(count):
        prior = priors[number // len(maps) % len(priors)]
        yield Example(f"{prior}-{seed}-{number:04}", maps[number % len(maps)], prior, (seed, number))


def render_example(example: Example, table: Path) -> sitk.Image:
    """The head as a volume. Raises InputError for a map or a table that does not fit."""
    import torch

    from ..synthetic.rendered_volume import draw_placement, image_volume
    from ..synthetic.renderer import RenderSettings, render_head

    settings = RenderSettings(
        prior=example.prior,
        matrix=MATRIX,
        field_of_view_mm=FIELD_OF_VIEW_MM,
        spacings_mm=SPACINGS_MM,
        slices=MOST_SLICES,
        painted=0.0,
        stripped=STRIPPED,
    )
    rng = np.random.default_rng([*example.seed, 1])
    z_scored = rng.random() < Z_SCORED
    gain = float(np.exp(rng.uniform(*np.log(SCANNER_UNITS))))
    with torch.inference_mode():
        rendered = render_head(_head_map(example.map, table), settings, example.seed)
    placement = draw_placement(rng, rendered.slab)
    return image_volume(rendered, placement, "z-scored" if z_scored else "scanner", gain)


@cache
def _head_map(path: Path, table: Path) -> HeadMap:
    from ..synthetic.head_map import read_head_map

    return read_head_map(path, read_structures(table))
