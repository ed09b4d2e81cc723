"""Tables of measured speed, from the JSON that `anofpdm bench --json` and measure_commands.py write."""

from __future__ import annotations

from typing import Any

from preset_table import row_name

MEMORY_OF_MANY = "memory_bytes_600_steps_32_slices"
TIMES_NAIVE = {
    "engine, float32": (1.9, "the engine in float32, equal steps"),
    "as shipped, paper": (3.0, "as shipped, equal steps"),
    "as shipped, balanced": (100.0, "as shipped, *balanced*"),
    "as shipped, fast": (300.0, "as shipped, *fast*"),
}
"""How many times as fast as the naive pattern each row is to be."""
LEAST_MEMORY_RATIO = 50.0
MOST_SECONDS = {"balanced": 45.0, "fast": 15.0}
"""Of `detect` on a volume of 40 slices and two cores."""
HELP_S, FIRST_SLICE_S = 0.5, 5.0

Report = dict[str, Any]


def _plain(value: float) -> str:
    """Three significant digits, without an exponent."""
    return f"{float(f'{value:.3g}'):g}"


def whole_table(report: Report) -> str:
    """Every row and column of a benchmark, with the conditions above and the gains of the parts below."""
    network, device, plan = report["network"], report["device"], report["plan"]
    peaks = [f"{name} {peak['flops_per_s'] / 1e9:.0f}" for name, peak in report["matrix_multiplication"].items()]
    lines = [
        f"{network['title']} ({network['parameters'] / 1e6:.2f} M parameters, "
        f"{network['configuration']['image_size']}² px), {report['slices']} {report['slices_show']}; "
        f"{device['processor']}, {device['threads']} thread(s), torch {report['torch']}; {plan['rounds']} round(s), "
        f"{plan['clock']} time. Matrix multiplication: {', '.join(peaks)} GFLOP/s. The naive pattern equals the "
        f"reference mode to {report['naive_difference']:.1e}.",
        "",
        "| | precision | steps | timed | evaluations | s a slice | × naive | GFLOP/s | of peak | memory | r | Dice |",
        "|---|---|---|---|---|---|---|---|---|---|---|---|",
        *(_whole_row(row) for row in report["rows"]),
    ]
    if report["parts"]:
        parts = [f"{part['name']} {part['times_engine']:.2f}" for part in report["parts"][1:]]
        lines += ["", f"With one part undone, times as long: {'; '.join(parts)}."]
    return "\n".join(lines)


def _whole_row(row: Report) -> str:
    point, alike, share = row["operating_point"], row["agreement"], row["share_of_matrix_multiplication"]
    cells = [
        row["name"],
        point["precision"],
        row_name(row),
        str(row["timed_steps"]),
        str(row["evaluations"]),
        _plain(row["seconds_a_slice"]),
        _plain(row["times_naive"]),
        f"{row['operations_per_s'] / 1e9:.0f}",
        "–" if share is None else f"{share:.0%}",
        "–" if row[MEMORY_OF_MANY] is None else f"{row[MEMORY_OF_MANY] / 1e6:.0f} MB",
        *((f"{alike['correlation']:.4f}", f"{alike['dice']:.3f}") if alike else ("–", "–")),
    ]
    return f"| {' | '.join(cells)} |"


def summary_table(reports: list[Report]) -> str:
    """Seconds a slice and how many times as fast as the naive pattern, by network."""
    titles = [
        f"{report['network']['parameters'] / 1e6:.3g} M parameters, {report['network']['configuration']['image_size']}²"
        for report in reports
    ]
    lines = [f"| | {' | '.join(titles)} |", f"|---|{'---|' * len(reports)}"]
    for rows in zip(*(report["rows"] for report in reports), strict=True):
        cells = [
            f"{_plain(row['seconds_a_slice'])} s, {_plain(row['times_naive'])}× ({row['evaluations']} evaluations)"
            for row in rows
        ]
        lines.append(f"| {rows[0]['name']} | {' | '.join(cells)} |")
    return "\n".join(lines)


def targets_table(reports: list[Report]) -> str:
    """Each ratio that was to be reached, by network."""
    titles = [report["network"]["title"] for report in reports]
    lines = [f"| target | {' | '.join(titles)} |", f"|---|{'---|' * len(reports)}"]
    by_name = [{row["name"]: row for row in report["rows"]} for report in reports]
    for name, (least, title) in TIMES_NAIVE.items():
        cells = [_reached(rows[name]["times_naive"], least, "×") for rows in by_name]
        lines.append(f"| {title}: at least {least:g} × the naive pattern | {' | '.join(cells)} |")
    for name in ("engine, float32", "as shipped, paper"):
        cells = [_reached(_memory_ratio(report, rows[name]), LEAST_MEMORY_RATIO, "") for report, rows in
                 zip(reports, by_name, strict=True)]  # fmt: skip
        title = (
            f"{name}: memory at 600 steps and 32 slices, at most 1/{LEAST_MEMORY_RATIO:g} of the naive pattern's: 1/"
        )
        lines.append(f"| {title} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _memory_ratio(report: Report, row: Report) -> float | None:
    naive, own = report["rows"][0][MEMORY_OF_MANY], row[MEMORY_OF_MANY]
    return None if naive is None or own is None else naive / own


def _reached(value: float | None, least: float, unit: str) -> str:
    if value is None:
        return "not measured"
    return f"{_plain(value)}{unit}, {'held' if value >= least else '**not held**'}"


def commands_table(report: Report) -> str:
    """Times of `anofpdm --help` and `anofpdm detect`, and where `detect` spends them."""
    size = "×".join(map(str, report["volume"]))
    held = "held" if report["help_processor_s"] < HELP_S else "**not held**"
    lines = [
        f"`anofpdm --help`: {report['help_processor_s']:.2f} s of processor time (under {HELP_S:g} s: {held}).",
        "",
        f"`anofpdm detect` with {report['model']['name']} {report['model']['version']} on a volume of {size} voxels, "
        "start and overlay included; seconds of processor time of all threads, and of a clock on the wall:",
        "",
        "| preset | threads | operating point | slices | processor | wall | first slice, processor | target | |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for run in report["detect"]:
        most = MOST_SECONDS[run["preset"]]
        cells = [
            run["preset"],
            str(run["threads"]),
            run["operating_point"],
            str(run["examined_slices"]),
            f"{run['processor_s']:.1f}",
            f"{run['wall_s']:.1f}",
            f"{run['first_slice_processor_s']:.1f}",
            f"under {most:g} s, first slice under {FIRST_SLICE_S:g} s",
            _in_time(run, most),
        ]
        lines.append(f"| {' | '.join(cells)} |")
    lines += ["", "Of the processor time, by stage:", ""]
    for run in report["detect"]:
        stages = ", ".join(f"{name} {seconds:.2f}" for name, seconds in run["stages_processor_s"].items())
        lines.append(f"- {run['preset']}, {run['threads']} thread(s): {stages}")
    return "\n".join(lines)


def _in_time(run: Report, most: float) -> str:
    if run["first_slice_processor_s"] >= FIRST_SLICE_S or run["processor_s"] >= most:
        return "**not held**"
    # What one core could do in time, two can.
    return "held" if run["wall_s"] < most else "held by processor time; the clock ran while others computed"
