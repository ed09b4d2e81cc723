"""Tables of labels and label maps: what the numbers stand for, and maps of every orientation and spacing."""

from __future__ import annotations

import functools
from pathlib import Path

import numpy as np
import phantom_labels as phantom
import pytest
import SimpleITK as sitk
from hypothesis import given, settings
from hypothesis import strategies as st
from phantom_labels import SPACING_MM, write_label_table
from rendered_samples import SEED, phantom_head, phantom_structures

from anofpdm.core.errors import InputError
from anofpdm.synthetic.head_map import UNIT_MM, read_head_map
from anofpdm.synthetic.structures import Tissue, read_structures, structure_of


@pytest.mark.parametrize(
    ("name", "tissue", "side"),
    [
        ("Left-Cerebral-White-Matter".replace("-", " "), Tissue.WHITE_MATTER, "left"),
        ("right white-matter lesion (count as right cerebral white matter)", Tissue.WHITE_MATTER, "right"),
        ("part of the right lateral ventricle (choroid plexus)", Tissue.CHOROID_PLEXUS, "right"),
        ("cerebrospinal fluid outside the ventricles", Tissue.FLUID, ""),
        ("left inferior lateral ventricle", Tissue.VENTRICLE, "left"),
        ("outside the brain: skull, scalp, muscle, eyes", Tissue.OUTSIDE, ""),
        ("left cerebellum cortex", Tissue.CEREBELLAR_CORTEX, "left"),
        ("left ventral diencephalon", Tissue.VENTRAL_DIENCEPHALON, "left"),
        ("3rd ventricle", Tissue.VENTRICLE, ""),
    ],
)
def test_a_structure_is_known_by_its_name(name: str, tissue: Tissue, side: str) -> None:
    found = structure_of(7, name)
    assert found is not None
    assert (found.tissue, found.side) == (tissue, side)


@settings(max_examples=60, deadline=None)
@given(st.text(st.characters(max_codepoint=300), max_size=60))
def test_any_name_is_a_structure_or_none(name: str) -> None:
    found = structure_of(1, name)
    assert found is None or found.tissue in Tissue


def test_the_table_is_read(tmp_path: Path) -> None:
    write_label_table(tmp_path / "labels.csv")
    assert read_structures(tmp_path / "labels.csv") == phantom_structures()


NEEDED = "label,structure\n0,background\n2,cerebral white matter\n3,cerebral cortex\n4,lateral ventricle\n"


@pytest.mark.parametrize(
    ("table", "said"),
    [
        (None, "cannot be read"),
        (b"\xff\xfe\x00", "not a text file in UTF-8; save it as CSV"),
        (b"", "it is empty"),
        (b"number,name\n0,background\n", "needs the columns label and structure"),
        ((NEEDED + "x,cerebral cortex\n").encode(), "'x' is no label"),
        ((NEEDED + "-7,cerebral cortex\n").encode(), "'-7' is no label"),
        ((NEEDED + "9,spleen\n").encode(), "'spleen' is not known"),
        ((NEEDED + "9\n").encode(), "'' is not known"),
        ((NEEDED + "4,3rd ventricle\n").encode(), "stands twice"),
        (b"label,structure\n0,background\n2,cerebral cortex\n4,ventricle\n", "no row for cerebral white matter"),
        ((NEEDED + "".join(f"{n},vessel\n" for n in range(10, 300))).encode(), "are the most"),
    ],
)
def test_a_bad_table_is_refused_in_a_sentence(tmp_path: Path, table: bytes | None, said: str) -> None:
    path = tmp_path / "labels.csv"
    if table is not None:
        path.write_bytes(table)
    with pytest.raises(InputError, match=said) as caught:
        read_structures(path)
    assert "labels.csv" in str(caught.value)
    assert "\n" not in str(caught.value)


@functools.cache
def phantom_labels(seed: int) -> np.ndarray:
    """Made once."""
    return phantom.phantom_labels(seed)


def _image(labels: np.ndarray) -> sitk.Image:
    image = sitk.GetImageFromArray(labels)
    image.SetSpacing(SPACING_MM)
    return image


def test_a_map_is_the_same_in_any_orientation(tmp_path: Path) -> None:
    image = _image(phantom_labels(SEED))
    turned = sitk.DICOMOrient(image, "PSR")
    sitk.WriteImage(turned, str(tmp_path / "head.nii.gz"))
    head = read_head_map(tmp_path / "head.nii.gz", phantom_structures())
    assert head.name == "head"
    np.testing.assert_array_equal(head.labels, phantom_head().labels)


def test_what_the_distances_say() -> None:
    head = phantom_head()
    tissue = np.array([s.tissue.name for s in head.structures])[head.labels]
    assert (head.hull[tissue == "WHITE_MATTER"] >= 0).all(), "0 in the outermost voxel"
    assert (head.hull[tissue == "BACKGROUND"] < 0).mean() > 0.99
    assert (head.hull[np.isin(tissue, ["VENTRICLE", "CHOROID_PLEXUS"])] >= 0).all(), "ventricles count as inside"
    assert (head.ventricle[np.isin(tissue, ["VENTRICLE", "CHOROID_PLEXUS"])] == 0).all()
    assert head.ventricle[tissue == "WHITE_MATTER"].max() * UNIT_MM > 20
    assert head.bone is not None
    assert "skull" in head.structures[head.bone].name


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda labels: labels[40], "is not a 3-D image"),
        (lambda labels: np.where(labels == 2, 999, labels), "holds 999, which the table of labels does not list"),
        (lambda labels: labels * 0.5, "no whole numbers"),
        (lambda labels: np.zeros_like(labels), "no cerebral white matter"),
        (lambda labels: np.where(np.isin(labels, [4, 43, 14, 15, 136, 163]), 2, labels), "no ventricle"),
        (lambda labels: np.where(labels == 2, -2, labels), "holds -2"),
    ],
)
def test_a_bad_map_is_refused_in_a_sentence(tmp_path: Path, make, said: str) -> None:  # type: ignore[no-untyped-def]
    sitk.WriteImage(sitk.GetImageFromArray(make(phantom_labels(SEED))), str(tmp_path / "head.nii.gz"))
    with pytest.raises(InputError, match=said):
        read_head_map(tmp_path / "head.nii.gz", phantom_structures())


def test_a_file_that_is_no_image_is_refused(tmp_path: Path) -> None:
    (tmp_path / "head.nii.gz").write_text("no image", encoding="utf-8")
    with pytest.raises(InputError, match="cannot be read; give a NIfTI"):
        read_head_map(tmp_path / "head.nii.gz", phantom_structures())
