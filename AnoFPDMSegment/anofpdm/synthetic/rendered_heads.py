"""Rendered heads as training material."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np

from ..core.errors import InputError
from ..volumes.standardise import standardise
from .contrast import ContrastPrior
from .head_map import HeadMap
from .head_sample import HeadSample, to_bytes
from .kept_maps import load_head_maps
from .renderer import RenderSettings, render_head

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
