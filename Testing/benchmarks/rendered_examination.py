"""The fixed examination on rendered heads, which no painter and no tuning may bend.

    python Testing/benchmarks/rendered_examination.py WEIGHTS [--maps FOLDER] [--json FILE] [--heads N]

100 heads of the committed list rendered_examination.json, each as the volume that a user would load (in the patient's
space, oblique, in the file's own intensities): 50 with three painted lesions each and 50 healthy ones in two contrasts.
Prints as markdown: recall by kind and size, what is marked on healthy heads, the calibration error; at the default
threshold. The list was fixed before anything was chosen by it, and nothing may be.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path

import torch
from examination_figures import Examination, page
from examination_heads import needed_maps, read_list, render_volume
from student_marker import load_predictor


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    given = os.environ.get("ANOFPDM_TEST_DATA")
    default = Path(given) / "labelmaps" if given else None
    parser.add_argument("weights", metavar="WEIGHTS", help="a student by name or folder, or its training's checkpoint")
    parser.add_argument("--maps", type=Path, default=default, required=default is None, help="folder of label maps")
    parser.add_argument("--json", type=Path, help="file for the figures and every single answer")
    parser.add_argument("--heads", type=int, help="a trial with so many heads, evenly from the list; no examination")
    options = parser.parse_args()
    torch.set_num_threads(1)
    marker = load_predictor(options.weights)
    heads = read_list()
    if options.heads:
        heads = heads[:: max(1, len(heads) // options.heads)]
    maps = needed_maps(heads, options.maps)
    examination = Examination(marker.threshold)
    for number, head in enumerate(heads, 1):
        for prior in head.priors:
            volume = render_volume(head, prior, maps)
            examination.add(volume, marker.probability(volume.image))
        print(f"\r{number} of {len(heads)} heads", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    figures = examination.figures()
    print(page(figures))
    if options.json is not None:
        options.json.write_text(json.dumps(figures, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
