"""Slices of heads that are rendered while training runs, as batches of the augmentation."""

from __future__ import annotations

import hashlib
import zipfile
from pathlib import Path
from types import TracebackType

import numpy as np
import torch

from ..synthetic.head_sample import HeadSample, to_share
from ..synthetic.material_pool import Pool
from ..synthetic.rendered_heads import RenderedHeads
from ..synthetic.renderer import RenderSettings
from .config import TrainingConfig
from .slice_batch import SliceBatch

UNHEALTHY_SHARE = 0.5
"""A slice is unhealthy if lesion fills this share of a pixel somewhere."""
STREAM = 2_000_000
"""Of the random numbers that choose slices."""


class RenderedSlices:
    """Slices of a pool of heads; what a step gets follows from its number alone.

    A context manager, which ends the processes that render.
    """

    def __init__(self, maps: Path, config: TrainingConfig) -> None:
        """`maps`: a folder of prepared label maps (see `kept_maps`)."""
        rendered, model = config.rendered, config.model
        settings = RenderSettings(
            matrix=model.grid.matrix,
            field_of_view_mm=model.grid.field_of_view_mm,
            painted=rendered.painted,
            stripped=rendered.stripped,
        )
        weights = (1 / len(rendered.priors),) * len(rendered.priors)
        maker = RenderedHeads(maps, settings, rendered.priors, weights, config.seed)
        self._pool: Pool[HeadSample] = Pool(
            maker, size=rendered.pool, rate=rendered.heads_a_step, workers=rendered.workers
        )
        self._maps = maps
        self._model = model
        self._seed = config.seed
        self.count = rendered.count(config.batch_size)
        """Slices a step."""

    def __enter__(self) -> RenderedSlices:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._pool.close()

    def batch(self, step: int) -> SliceBatch:
        """The `count` slices of step 0, 1, ..."""
        heads = self._pool.samples(step)
        rng = np.random.default_rng([self._seed, step, STREAM])
        chosen = [heads[int(rng.integers(len(heads)))] for _ in range(self.count)]
        index = [int(rng.choice(head.usable)) for head in chosen]
        pairs = list(zip(chosen, index, strict=True))
        units = self._model.preprocessing.tissue_units
        assert units is not None  # as the configuration sees to
        values = np.stack([head.image[k] for head, k in pairs]).astype(np.float32) / np.float32(units)
        lesion = np.stack([to_share(head.lesion[k]) for head, k in pairs])
        unhealthy = (lesion >= UNHEALTHY_SHARE).any(axis=(1, 2))
        label = np.where(unhealthy, self._model.unhealthy_label, self._model.healthy_label).astype(np.int64)
        one = torch.ones(self.count, 1)
        unknown = torch.full((self.count,), torch.nan)
        return SliceBatch(
            values=torch.from_numpy(values)[:, None],
            # Whatever is above 0 belongs to the picture; around a head without its skull nothing is.
            head=torch.from_numpy((values > 0).astype(np.float32)),
            brain=torch.from_numpy(np.stack([to_share(head.brain[k]) for head, k in pairs])),
            # Some were rendered without their skull: none is stripped here.
            whole_head=torch.zeros(self.count, dtype=torch.bool),
            brain_scale=one,
            stripped_scale=one,
            scalp_scale=one,
            label=torch.from_numpy(label),
            level=unknown,
            brain_level=unknown,
            lesion=torch.from_numpy(lesion) if self._model.network.spatial_condition else None,
        )

    def fingerprint(self) -> str:
        """Tells one set of label maps from another, wherever they lie."""
        digest = hashlib.sha256()
        for path in sorted(self._maps.glob("*.npz")):
            with zipfile.ZipFile(path) as archive:
                told = [(path.name, *((entry.filename, entry.CRC) for entry in archive.infolist()))]
            digest.update(repr(told).encode())
        return digest.hexdigest()
