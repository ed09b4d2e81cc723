"""A student's probabilities for the volumes of a manifest, one file a subject, for `anofpdm evaluate --score-maps`.

    python Testing/benchmarks/student_maps.py STUDENT MANIFEST --output DIR [--split val] [--modality flair]

STUDENT: a bundled one's name, or a folder. The values are divided by the student's threshold, so that 1 is the border,
as in a heatmap. Prints the processor time of the network a slice, both ways round.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
import SimpleITK as sitk
import torch
from mark_volume import mark_volume

from anofpdm.datasets.manifest import SPLITS, read_manifest
from anofpdm.methods.student.student_folder import open_student
from anofpdm.volumes.reading import read_volume


def main() -> None:
    """Write the maps."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("student")
    parser.add_argument("manifest", type=Path)
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--split", choices=[*SPLITS, "all"], default="val")
    parser.add_argument("--modality", default="flair")
    options = parser.parse_args()
    torch.set_num_threads(1)
    student = open_student(options.student)
    predictor, config = student.predictor(), student.config.network
    manifest = read_manifest(options.manifest, (options.modality,), both_labels_in=())
    splits = SPLITS if options.split == "all" else (options.split,)
    spent, slices = 0.0, 0
    for volume in manifest.volumes():
        if volume.rows[0].split not in splits:
            continue
        image = read_volume(volume.images[0], options.modality)
        started = time.process_time()
        marked = mark_volume(image, predictor, config)
        spent += time.process_time() - started
        slices += len(marked.stack.slices)
        result = sitk.GetImageFromArray((marked.probability / student.config.calibration.threshold).astype(np.float32))
        result.CopyInformation(image)
        first = volume.rows[0]
        folder = options.output / first.source if first.source else options.output
        folder.mkdir(parents=True, exist_ok=True)
        sitk.WriteImage(result, str(folder / f"{first.subject}.nii.gz"), useCompression=True)
    print(f"{slices} slices, {1000 * spent / max(1, slices):.1f} ms a slice, head and resampling included")


if __name__ == "__main__":
    main()
