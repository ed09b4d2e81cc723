"""Training material that is rendered while training runs: a pool of heads that is renewed step by step.

Which heads are in the pool at a step follows from the step's number alone, so that a run that was interrupted goes on
with the very same material.
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ...synthetic.contrast import ContrastPrior
from ...synthetic.head_map import HeadMap
from ...synthetic.renderer import RenderSettings, render_head
from ...synthetic.structures import Structure
from .standardise import standardise

Half = npt.NDArray[np.float16]
AHEAD = 8


@dataclass(frozen=True)
class HeadSample:
    """A standardised rendered head: `image` float16, `lesion` and `brain` 0 to 255, each [slices, rows, columns]."""

    image: Half
    lesion: npt.NDArray[np.uint8]
    brain: npt.NDArray[np.uint8]
    spacing_mm: float


@dataclass(frozen=True)
class Recipe:
    """Which heads are rendered, and how. `priors` are drawn from with the probabilities `weights`."""

    settings: RenderSettings
    priors: tuple[ContrastPrior, ...]
    weights: tuple[float, ...]
    seed: int


def head_sample(heads: Sequence[HeadMap], recipe: Recipe, number: int) -> HeadSample:
    """Head `number` of the recipe."""
    rng = np.random.default_rng([recipe.seed, number])
    head = heads[int(rng.integers(len(heads)))]
    prior = recipe.priors[int(rng.choice(len(recipe.priors), p=recipe.weights))]
    rendered = render_head(head, replace(recipe.settings, prior=prior), [recipe.seed, number, 1])
    image = rendered.image.numpy()
    if rendered.stripped and rng.random() < 0.3:
        # As after z-scoring inside a brain mask, where the darkest of the brain is taken for 0.
        brain = image[image > 0]
        if brain.size:
            image = np.where(image > 0, np.clip(image - np.percentile(brain, 0.5), 0, None), 0)
    return HeadSample(
        image=standardise(image).astype(np.float16),
        lesion=_to_bytes(rendered.lesion.numpy()),
        brain=_to_bytes(rendered.brain.numpy()),
        spacing_mm=rendered.slab.spacing_mm,
    )


def _to_bytes(share: npt.NDArray[np.float32]) -> npt.NDArray[np.uint8]:
    return np.asarray(share * 255 + 0.5, dtype=np.uint8)


class HeadPool:
    """`size` heads at every step, `rate` of them new a step; rendered by other processes, ahead of time."""

    def __init__(self, heads: Path, recipe: Recipe, *, size: int, rate: float, workers: int) -> None:
        """`heads`: a folder that `save_head_maps` wrote."""
        self._size, self._rate = size, rate
        self._recipe = recipe
        self._samples: dict[int, HeadSample | Future[HeadSample]] = {}
        self._processes = ProcessPoolExecutor(
            workers, multiprocessing.get_context("spawn"), initializer=_start_worker, initargs=(heads, recipe)
        )

    def heads(self, step: int) -> list[HeadSample]:
        """The pool's heads at this step."""
        first = int(step * self._rate)
        last = first + self._size
        for number in [number for number in self._samples if number < first]:
            del self._samples[number]
        for number in range(first, last + AHEAD):
            if number not in self._samples:
                self._samples[number] = self._processes.submit(_render, number)
        for number in range(first, last):
            sample = self._samples[number]
            if isinstance(sample, Future):
                self._samples[number] = sample.result()
        return [self._samples[number] for number in range(first, last)]  # type: ignore[misc]

    def close(self) -> None:
        """End the processes."""
        self._processes.shutdown(wait=True, cancel_futures=True)


_worker: tuple[list[HeadMap], Recipe] | None = None


def _start_worker(folder: Path, recipe: Recipe) -> None:
    import torch

    torch.set_num_threads(1)
    global _worker
    _worker = (load_head_maps(folder), recipe)


def _render(number: int) -> HeadSample:
    assert _worker is not None
    return head_sample(*_worker, number)


def save_head_maps(heads: Sequence[HeadMap], folder: Path) -> None:
    """Keep prepared maps for processes to share: `NAME.npz`, uncompressed."""
    folder.mkdir(parents=True, exist_ok=True)
    for head in heads:
        structures = np.array([(s.label, s.name, s.tissue.name, s.side) for s in head.structures], dtype=object)
        np.savez(
            folder / f"{head.name}.npz",
            labels=head.labels,
            hull=head.hull,
            ventricle=head.ventricle,
            structures=structures.astype(np.str_),
        )


def load_head_maps(folder: Path) -> list[HeadMap]:
    """What `save_head_maps` left, by name."""
    from ...synthetic.structures import Tissue

    heads = []
    for path in sorted(folder.glob("*.npz")):
        with np.load(path) as file:
            rows = file["structures"]
            structures = tuple(Structure(int(r[0]), str(r[1]), Tissue[str(r[2])], str(r[3])) for r in rows)  # type: ignore[arg-type]
            heads.append(HeadMap(path.stem, structures, file["labels"], file["hull"], file["ventricle"]))
    return heads
