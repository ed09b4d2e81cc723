"""How much memory a volume takes while it is prepared: a few times its own size, whatever kind of image it is."""

from __future__ import annotations

import sys
import textwrap
from pathlib import Path

import pytest
from command_line import run_python

MOST_BYTES_A_VOXEL = 20
"""With the four of the image itself."""
SAMPLE = Path(__file__).with_name("base_head.nii.gz")
CODE = """
    import re, sys
    from pathlib import Path
    import SimpleITK as sitk
    from anofpdm.store.model_config import load_model_config
    from anofpdm.store.model_search import BUNDLED_FOLDER
    from anofpdm.volumes.preparation import prepare_case

    def memory(name):
        return 1024 * int(re.search(name + r":\\s+(\\d+)", Path("/proc/self/status").read_text())[1])

    size, kind = (208, 208, 120), sys.argv[2]
    config = load_model_config(BUNDLED_FOLDER / "brain-flair")
    sample = sitk.Cast(sitk.ReadImage(sys.argv[1]), sitk.sitkFloat32)
    prepare_case({"flair": sample}, config)  # loads what is loaded once
    spacing = [n * s / m for n, s, m in zip(sample.GetSize(), sample.GetSpacing(), size)]
    before = memory("VmRSS")
    image = sitk.Resample(
        sample, size, sitk.Transform(), sitk.sitkLinear, sample.GetOrigin(), spacing, sample.GetDirection(), 0.0
    )
    if kind == "noise below zero":
        image = sitk.AdditiveGaussianNoise(image, 5.0, 0.0, 1)
    elif kind == "offset":
        image -= 200.0
    elif kind == "z-scored brain":
        image = sitk.Cast((image - 100.0) / 50.0, sitk.sitkFloat32)
        image = sitk.Mask(image, image > -1.0)
    Path("/proc/self/clear_refs").write_text("5")  # the peak is counted from here on
    case = prepare_case({"flair": image}, config)
    voxels = size[0] * size[1] * size[2]
    print((memory("VmHWM") - before) / voxels, case.skull_stripped, len(case.warnings))
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the peak of a process is read from /proc")
@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("as it is", ["False", "0"]),
        ("noise below zero", ["False", "1"]),
        ("offset", ["False", "1"]),
        ("z-scored brain", ["True", "1"]),
    ],
)
def test_peak(kind: str, expected: list[str]) -> None:
    done = run_python("-c", textwrap.dedent(CODE), SAMPLE, kind, timeout=280)
    assert done.returncode == 0, done.stderr
    peak, *told = done.stdout.split()
    assert float(peak) <= MOST_BYTES_A_VOXEL
    assert told == expected
