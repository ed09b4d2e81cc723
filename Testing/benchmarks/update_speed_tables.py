"""Put the figures of Resources/benchmarks/*.json into the pages that show them.

A page names what it shows, from which files: `<!-- speed: NAME -->` for a benchmark's whole table, several names for a
summary, `<!-- targets: NAME ... -->` and `<!-- commands: NAME -->`; each ends with `<!-- end of table -->`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

from speed_tables import Report, commands_table, summary_table, targets_table, whole_table

REPOSITORY = Path(__file__).resolve().parents[2]
FIGURES = REPOSITORY / "Resources" / "benchmarks"
PAGES = (FIGURES / "speed.md", REPOSITORY / "README.md")
PLACE = re.compile(r"(<!-- (speed|targets|commands): ([^>]*?) -->\n).*?(<!-- end of table -->)", re.DOTALL)


def load_report(name: str) -> Report:
    """The figures of one run."""
    report: Report = json.loads((FIGURES / f"{name}.json").read_text(encoding="utf-8"))
    return report


def updated(page: str, load: Callable[[str], Report] = load_report) -> str:
    """The page with its tables made anew."""

    def table(match: re.Match[str]) -> str:
        reports = [load(name) for name in match[3].split()]
        if match[2] == "targets":
            text = targets_table(reports)
        elif match[2] == "commands":
            text = commands_table(reports[0])
        else:
            text = whole_table(reports[0]) if len(reports) == 1 else summary_table(reports)
        return f"{match[1]}{text}\n{match[4]}"

    return PLACE.sub(table, page)


if __name__ == "__main__":
    for path in PAGES:
        path.write_text(updated(path.read_text(encoding="utf-8")), encoding="utf-8", newline="\n")
