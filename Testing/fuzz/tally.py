"""What became of the inputs, counted by format, as a table."""

from __future__ import annotations

from collections import Counter

READ, REFUSED, UNCLEAR = "read", "refused", "unclear refusal"
NOISE = "noise"
"""Something on standard error, as the libraries below print it: beside a result or a refusal it only confuses."""
NOT_MADE = "not made"
"""The command itself failed to damage the input."""
FAULTS = ("traceback", "crash", "hang", "blow-up", "leftover", UNCLEAR, NOISE, NOT_MADE)
COLUMNS = (READ, REFUSED, *FAULTS)


class Tally:
    """Counts, and the words of what should not be."""

    def __init__(self, names: list[str]) -> None:
        self._counts: dict[str, Counter[str]] = {name: Counter() for name in names}
        self.faults: list[tuple[int, str, str]] = []
        """Number of the input, its format, what became of it."""

    def add(self, number: int, name: str, outcome: str) -> bool:
        """Count an outcome, a column's name and what follows it; whether it is a fault."""
        kind = outcome.partition(":")[0]
        self._counts[name][kind] += 1
        if kind in FAULTS:
            self.faults.append((number, name, outcome))
        return kind in FAULTS

    @property
    def inputs(self) -> int:
        """How many were counted."""
        return sum(counts.total() for counts in self._counts.values())

    def total(self, kind: str) -> int:
        """Of a column."""
        return sum(counts[kind] for counts in self._counts.values())

    def table(self) -> str:
        """Markdown; a row for each format and one for all."""
        rows = [(name, counts) for name, counts in self._counts.items() if counts]
        rows.append(("all", sum((counts for _, counts in rows), Counter())))
        lines = ["| format | inputs | " + " | ".join(COLUMNS) + " |", "|---" * (len(COLUMNS) + 2) + "|"]
        for name, counts in rows:
            cells = [name, counts.total(), *(counts[column] for column in COLUMNS)]
            lines.append("| " + " | ".join(map(str, cells)) + " |")
        return "\n".join(lines)
