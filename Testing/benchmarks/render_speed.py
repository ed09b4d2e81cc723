"""How many slices the renderer makes in a second of processor time, on one thread, maps in memory.

    python Testing/benchmarks/render_speed.py [--maps FOLDER] [--heads N]

128 pixels, slices of 5 mm, every effect and lesion at its default probability. Prints the rate and ends with status 1
where it is below 50.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path

import torch

from anofpdm.synthetic.head_map import read_head_map
from anofpdm.synthetic.renderer import RenderSettings, render_head
from anofpdm.synthetic.structures import read_structures

WANTED = 50.0
SETTINGS = RenderSettings(matrix=128, spacings_mm=(5.0,))
MAPS = 2


def main() -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    given = os.environ.get("ANOFPDM_TEST_DATA")
    default = Path(given) / "labelmaps" if given else None
    parser.add_argument("--maps", type=Path, default=default, required=default is None, help="folder of label maps")
    parser.add_argument("--heads", type=int, default=40, help="how many are rendered (default: %(default)s)")
    options = parser.parse_args()
    torch.set_num_threads(1)
    structures = read_structures(options.maps / "labels.csv")
    maps = [read_head_map(path, structures) for path in sorted(options.maps.glob("*.nii.gz"))[:MAPS]]
    render_head(maps[0], SETTINGS, 0)
    start, slices = time.process_time(), 0
    for seed in range(options.heads):
        slices += render_head(maps[seed % len(maps)], SETTINGS, [1, seed]).slab.slices
    rate = slices / (time.process_time() - start)
    print(f"{slices} slices of {options.heads} heads: {rate:.0f} a second of processor time (asked: {WANTED:.0f})")
    return 0 if rate >= WANTED else 1


if __name__ == "__main__":
    sys.exit(main())
