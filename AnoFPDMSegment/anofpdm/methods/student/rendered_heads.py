"""Rendered heads as training material."""

from __future__ import annotations

import contextlib
import io
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np

from ...core.errors import InputError
from ...core.output_set import write_files
from ...synthetic.contrast import ContrastPrior
from ...synthetic.head_map import HeadMap
from ...synthetic.renderer import RenderSettings, render_head
from ...synthetic.structures import Structure, Tissue
from .samples import HeadSample, to_bytes
from .standardise import standardise

MOST_ATTEMPTS = 20
ANYWHERE = 0.25
"""Share of slices that are drawn from below and above the brain as well."""


@dataclass(frozen=True)
class RenderedHeads:
    """Makes rendered heads from the prepared maps in a folder.

    `priors` are drawn from with the probabilities `weights`.
    """

    maps: Path
    settings: RenderSettings
    priors: tuple[ContrastPrior, ...]
    weights: tuple[float, ...]
    seed: int

    @cached_property
    def _heads(self) -> list[HeadMap]:
        return load_head_maps(self.maps)

    def __call__(self, number: int) -> HeadSample:
        """Head `number`."""
        for attempt in range(MOST_ATTEMPTS):
            # A thin slab that lies altogether above a brain without its skull shows nothing: then another one.
            with contextlib.suppress(InputError):
                return self._draw([self.seed, number] if attempt == 0 else [self.seed, number, attempt])
        raise InputError(f"The label maps in {self.maps} give heads with nothing to see; check them.")

    def _draw(self, seed: list[int]) -> HeadSample:
        """Raises InputError if nothing of the head is in view."""
        rng = np.random.default_rng(seed)
        head = self._heads[int(rng.integers(len(self._heads)))]
        prior = self.priors[int(rng.choice(len(self.priors), p=self.weights))]
        rendered = render_head(head, replace(self.settings, prior=prior), [*seed, 1])
        image = rendered.image.numpy()
        if rendered.stripped and rng.random() < 0.3:
            # As after z-scoring inside a brain mask, where the darkest of the brain is taken for 0.
            brain = image[image > 0]
            if brain.size:
                image = np.where(image > 0, np.clip(image - np.percentile(brain, 0.5), 0, None), 0)
        brainy = np.flatnonzero(rendered.brain.flatten(1).amax(1).numpy() > 0.5)
        anywhere = rng.random() < ANYWHERE or not len(brainy)
        return HeadSample(
            image=standardise(image).astype(np.float16),
            lesion=to_bytes(rendered.lesion.numpy()),
            brain=to_bytes(rendered.brain.numpy()),
            spacing_mm=rendered.slab.spacing_mm,
            usable=np.arange(len(image)) if anywhere else brainy,
        )


def save_head_map(head: HeadMap, folder: Path) -> None:
    """Keep a prepared map for processes to share: `NAME.npz`, uncompressed, whole or not at all. Raises OutputError."""
    structures = np.array([(str(s.label), s.name, s.tissue.name, s.side) for s in head.structures], dtype=np.str_)
    stream = io.BytesIO()
    np.savez(stream, labels=head.labels, hull=head.hull, ventricle=head.ventricle, structures=structures)
    write_files(folder, {f"{head.name}.npz": stream.getvalue()})


def load_head_maps(folder: Path) -> list[HeadMap]:
    """What `save_head_map` left, by name."""
    heads = []
    for path in sorted(folder.glob("*.npz")):
        with np.load(path) as file:
            structures = tuple(
                Structure(int(label), str(name), Tissue[str(tissue)], str(side))  # type: ignore[arg-type]
                for label, name, tissue, side in file["structures"]
            )
            heads.append(HeadMap(path.stem, structures, file["labels"], file["hull"], file["ventricle"]))
    return heads
