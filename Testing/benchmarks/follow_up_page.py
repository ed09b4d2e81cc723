"""The figures of the benchmark of follow-ups as markdown."""

from __future__ import annotations

from typing import Any

import numpy as np
from follow_up_pairs import COUNTED_ML

FATES = ("new", "gone", "grown", "shrunk", "merged", "split", "unchanged")


def page(figures: dict[str, Any]) -> str:
    """The figures as markdown."""
    lines = []
    if "identity" in figures:
        part = figures["identity"]
        kinds = [row["kind"] for row in part["rows"]]
        trends = [row["trend"] for row in part["rows"]]
        wrong = sum(kind in ("new", "gone") for kind in kinds) + sum(trend in ("grown", "shrunk") for trend in trends)
        listed = ", ".join(f"{kinds.count(kind)} {kind}" for kind in dict.fromkeys(kinds))
        errors = list(part["error_mm"].values())
        lines += [
            f"Same volume twice, {len(errors)} volumes: {wrong} of {len(kinds)} findings called new, grown, shrunk or "
            f"gone ({listed}). Registration off by {np.mean(errors):.2f} mm on average, {max(errors):.2f} mm at most; "
            f"likeness {min(part['likeness'].values()):.2f} at least. Compared by force alone: {len(part['red'])}.",
            "",
        ]
    if "pairs" in figures:
        lines += pairs_lines(figures["pairs"])
    if "real" in figures:
        lines += [
            "| patient | registration off by | lesions of the change mask | of 0.1 mL and more | those that the images "
            "show | called changed | marked at either date | recall, voxels | false change |",
            "|---|---|---|---|---|---|---|---|---|",
        ]
        for name, part in figures["real"].items():
            lines.append(
                f"| {name} | {part['error_mm']:.2f} mm | {part['change_lesions']} ({part['change_ml']:.2f} mL) | "
                f"{part['large']} | {part['large_seen']} | "
                f"{part['lesions_called']} | {part['lesions_marked']} | {part['recall']:.3f} | "
                f"{part['false_change_ml']:.2f} mL |"
            )
        lines.append("")
    if "strangers" in figures:
        found = figures["strangers"].values()
        lines.append(f"Two patients, {len(found)} pairs: likeness {max(found):.2f} at most.")
    return "\n".join(lines)


def pairs_lines(part: dict[str, Any]) -> list[str]:
    """What was painted, and what it is called."""
    lines = ["| painted | counted | right | called |", "|---|---|---|---|"]
    for name in FATES:
        rows = [row for row in part["lesions"] if row["painted"] == name and row["counted"]]
        told = [called(row) for row in rows]
        listed = ", ".join(f"{told.count(each)} {each}" for each in sorted(set(told), key=told.count, reverse=True))
        lines.append(f"| {name} | {len(rows)} | {sum(row['right'] for row in rows)} | {listed} |")
    changes = [row for row in part["lesions"] if row["painted"] != "unchanged" and row["counted"]]
    changed = [row for row in part["beside"] if row["kind"] in ("new", "gone") or row["trend"] in ("grown", "shrunk")]
    large = sum(max(row["baseline_ml"], row["later_ml"]) >= COUNTED_ML for row in changed)
    return [
        *lines,
        "",
        f"Of {len(changes)} changes {sum(row['right'] for row in changes)} are labelled right.",
        f"Where nothing was painted {len(changed)} changes are told in {len(part['likeness'])} pairs, {large} of them "
        f"of {COUNTED_ML:g} mL and more. Compared by force alone: {len(part['red'])} pairs.",
        "",
    ]


def called(row: dict[str, Any]) -> str:
    """What a painted lesion is called, why it is uncertain, and whether the images tell it."""
    notes = [row["reason"] and f"({row['reason']})", "by the images" if row["seen_by"] == "images" else ""]
    return " ".join(filter(None, (row["called"], *notes)))
