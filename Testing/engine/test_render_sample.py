"""Rendering the sample volumes: the lesions are where the mask says, and the twin is the same head without them."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from rendered_samples import write_phantom_maps

from anofpdm.synthetic.render_sample import LESION, MASK, NO_LESION, SLAB, main


def call(monkeypatch: pytest.MonkeyPatch, *arguments: object) -> None:
    monkeypatch.setattr(sys, "argv", ["render_sample", *map(str, arguments)])
    main()


def test_the_command_writes_twins_and_where_they_differ(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    table = write_phantom_maps(tmp_path, (1,))
    label_map = next(tmp_path.glob("*.nii.gz"))
    folder = tmp_path / "sample"
    folder.mkdir()
    call(monkeypatch, label_map, table, folder, "--picture", folder / "both.png")
    assert {path.name for path in folder.iterdir()} == {LESION, NO_LESION, MASK, "both.png"}
    found = [sitk.ReadImage(str(folder / file)) for file in (LESION, NO_LESION, MASK)]
    for image in found:
        assert image.GetSize() == (SLAB.matrix, SLAB.matrix, SLAB.slices)
        assert np.diag(np.reshape(image.GetDirection(), (3, 3))).tolist() == [-1, -1, 1]
        assert "Synthetic" in image.GetMetaData("ITK_FileNotes") and "seed 9" in image.GetMetaData("ITK_FileNotes")
    lesion, twin, mask = (sitk.GetArrayFromImage(image) for image in found)
    inside = mask > 0
    assert inside.any() and mask.max() == 1
    brighter = lesion.astype(int) - twin
    assert np.median(brighter[inside]) > 50
    assert (np.abs(brighter)[~inside] > 50).mean() < 0.03, "a mass pushes, but it is the same head"


def test_what_is_no_map_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SystemExit, match="does not exist"):
        call(monkeypatch, tmp_path / "no.nii.gz", tmp_path / "no.csv", tmp_path / "no")
    with pytest.raises(SystemExit) as refused:
        call(monkeypatch, tmp_path / "no.nii.gz", tmp_path / "no.csv", tmp_path)
    assert "no.csv" in str(refused.value)
