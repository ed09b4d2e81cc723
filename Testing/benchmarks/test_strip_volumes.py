"""Taking the skull away: what is left is brain, unchanged, and the manifest names the same slices."""

from __future__ import annotations

from pathlib import Path

import head_samples as samples
import numpy as np
import pytest
import SimpleITK as sitk
import strip_volumes

from anofpdm.datasets.manifest import read_manifest


@pytest.fixture
def manifest(tmp_path: Path) -> Path:
    """A whole head and a stripped one, two slices each."""
    lines = ["subject,split,flair,slice,label"]
    for name, stripped in (("whole", False), ("bare", True)):
        sitk.WriteImage(samples.head("flair", stripped=stripped).image, str(tmp_path / f"{name}.nii.gz"))
        lines += [f"{name},val,{name}.nii.gz,{20 + label},{label}" for label in (0, 1)]
    path = tmp_path / "manifest.csv"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def test_the_brain_stays_as_it_is_and_the_rest_goes(
    manifest: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    monkeypatch.setattr("sys.argv", ["strip_volumes.py", str(manifest), str(out)])
    strip_volumes.main()

    def values(path: Path) -> np.ndarray:
        return sitk.GetArrayFromImage(sitk.ReadImage(str(path)))

    head, left = values(tmp_path / "whole.nii.gz"), values(out / "whole.nii.gz")
    np.testing.assert_array_equal(values(out / "bare.nii.gz"), values(tmp_path / "bare.nii.gz"))
    kept = left > 0
    np.testing.assert_array_equal(left[kept], head[kept])
    assert 0.3 < kept.sum() / (head > 0.1 * head.max()).sum() < 0.9
    rows = read_manifest(out / "manifest.csv", ("flair",), both_labels_in=("val",)).rows
    assert [(r.subject, r.slice, r.unhealthy) for r in rows] == [
        (name, 20 + label, bool(label)) for name in ("whole", "bare") for label in (0, 1)
    ]
