"""How long the command line takes: `anofpdm --help`, and `detect` on a volume by each preset, stage by stage.

    python Testing/benchmarks/measure_commands.py VOLUME [--model NAME] [--threads 1,2]

writes Resources/benchmarks/cpu_commands.json, which update_speed_tables.py puts into the page.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import subprocess
import sys
import tempfile
import textwrap
from pathlib import Path
from typing import Any

import SimpleITK as sitk
from update_speed_tables import FIGURES, REPOSITORY

from anofpdm.store.model_search import find_model

HELP_RUNS = 3
HELP = """
    import sys, time
    from anofpdm.cli.main import main
    try:
        main(["--help"])
    except SystemExit:
        print(time.process_time(), file=sys.stderr)
"""
DETECT = """
    import json, sys, time
    from anofpdm.cli import detect, main
from anofpdm.core import reporting

    marks = []

    def mark(name):
        marks.append((name, time.process_time(), time.perf_counter()))

    class Reporter(reporting.SilentReporter):
        reached = False

        def stage(self, stage):
            mark(stage)

        def progress(self, progress):
            if progress.slices_done >= 1 and not self.reached:
                self.reached = True
                mark("first slice")

    detect.make_reporter = lambda kind: Reporter()
    mark("starting")
    status = main.main(sys.argv[1:])
    mark("end")
    print(json.dumps({"status": status, "marks": marks}), file=sys.stderr)
"""


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("volume", type=Path)
    parser.add_argument("--model", default="brain-flair")
    parser.add_argument("--presets", default="balanced,fast")
    parser.add_argument("--threads", default="1,2", help="of the network (default: %(default)s)")
    parser.add_argument("--output", type=Path, default=FIGURES / "cpu_commands.json")
    options = parser.parse_args()
    folder = find_model(options.model)
    document = {
        "kind": "anofpdm command times",
        "model": {"name": folder.config.name, "version": folder.config.version, "weights": folder.weights_sha256},
        "volume": list(sitk.ReadImage(str(options.volume)).GetSize()),
        "cores": os.cpu_count(),
        "help_processor_s": min(float(_python(HELP, 1).stderr) for _ in range(HELP_RUNS)),
        "detect": [
            _detect(options.volume, options.model, preset, int(threads))
            for preset in options.presets.split(",")
            for threads in options.threads.split(",")
        ],
    }
    options.output.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8", newline="\n")


def _python(code: str, threads: int, *arguments: object) -> subprocess.CompletedProcess[str]:
    environment = {
        **os.environ,
        "OMP_NUM_THREADS": str(threads),
        "OMP_WAIT_POLICY": "passive",
        "PYTHONPATH": str(REPOSITORY / "AnoFPDMSegment"),
    }
    call = [sys.executable, "-c", textwrap.dedent(code), *map(str, arguments)]
    return subprocess.run(call, capture_output=True, text=True, check=True, env=environment)


def _detect(volume: Path, model: str, preset: str, threads: int) -> dict[str, Any]:
    """Processor and wall seconds from the start of the process, as a whole and by stage."""
    load = os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as temporary:
        done = _python(
            DETECT, threads, "detect", volume, "--model", model, "--preset", preset, "--device", "cpu",
            "--output", Path(temporary) / "out",
        )  # fmt: skip
        findings = json.loads((Path(temporary) / "out" / "findings.json").read_text(encoding="utf-8"))
    marks = json.loads(done.stderr.strip().splitlines()[-1])["marks"]
    stages = [entry for entry in marks if entry[0] != "first slice"]
    first = next(entry for entry in marks if entry[0] == "first slice")
    return {
        "preset": preset,
        "threads": threads,
        "operating_point": findings["parameters"]["operating_point"],
        "evaluations": findings["parameters"]["network_evaluations_per_slice"],
        "examined_slices": sum(entry["examined"] for entry in findings["slices"]),
        "load_before": load,
        "processor_s": marks[-1][1],
        "wall_s": marks[-1][2] - marks[0][2],
        "first_slice_processor_s": first[1],
        "stages_processor_s": {before[0]: after[1] - before[1] for before, after in itertools.pairwise(stages)},
    }


if __name__ == "__main__":
    main()
