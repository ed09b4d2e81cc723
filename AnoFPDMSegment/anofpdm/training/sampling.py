"""Which slices make up the batch of a step: a function of seed and step alone, so that runs can be resumed."""

from __future__ import annotations

import numpy as np

from ..core.arrays import IntArray
from ..core.errors import SettingsError
from ..datasets.slice_cache import SliceCache
from .config import Balance, Labels


class _Deck:
    """Goes through its slices in an order that is new in each round."""

    def __init__(self, rows: IntArray, seed: tuple[int, ...]) -> None:
        self._rows = rows
        self._seed = seed
        self._round = -1
        self._order = rows

    def __getitem__(self, position: int) -> int:
        number, place = divmod(position, len(self._rows))
        if number != self._round:
            self._round = number
            self._order = np.random.default_rng([*self._seed, number]).permutation(self._rows)
        return int(self._order[place])


class BatchSampler:
    """The rows of each step's batch.

    `natural` goes through all slices round by round. `balanced` gives every combination of source and label the same
    number of slices. With `labels` "healthy" those labelled unhealthy are left out. Raises SettingsError if a label is
    missing that is asked for, or with `balanced` a label of one of the sources.
    """

    def __init__(
        self,
        cache: SliceCache,
        rows: IntArray,
        batch_size: int,
        balance: Balance,
        seed: int,
        labels: Labels = "both",
    ) -> None:
        self._batch_size = batch_size
        wanted_labels = (False, True) if labels == "both" else (False,)
        if labels == "healthy":
            rows = rows[~cache.unhealthy[rows]]
            if len(rows) == 0:
                raise SettingsError("The training split has no healthy slice.")
        unhealthy = cache.unhealthy[rows]
        if labels == "both" and (unhealthy.all() or not unhealthy.any()):
            missing = "healthy" if unhealthy.any() else "unhealthy"
            raise SettingsError(f"The training split has no {missing} slice, but guidance needs both labels.")
        cells = [rows]
        if balance == "balanced":
            cells = []
            for source in np.unique(cache.source[rows]):
                for wanted in wanted_labels:
                    cell = rows[(cache.source[rows] == source) & (unhealthy == wanted)]
                    if len(cell) == 0:
                        name = "unhealthy" if wanted else "healthy"
                        raise SettingsError(
                            f"The source '{source}' has no {name} slice for training, so its label cannot be balanced; "
                            'leave the source out or set balance to "natural".'
                        )
                    cells.append(cell)
        self._decks = [_Deck(cell, (seed, number)) for number, cell in enumerate(cells)]

    def rows(self, step: int) -> IntArray:
        """The slices [batch_size] of step 0, 1, ..."""
        first = step * self._batch_size
        decks = self._decks
        return np.array([decks[p % len(decks)][p // len(decks)] for p in range(first, first + self._batch_size)])
