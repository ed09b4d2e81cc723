"""Manifests: what is read, what is refused, and that every mistake is named with its line."""

from __future__ import annotations

from pathlib import Path

import pytest

from anofpdm.core.errors import InputError, OutputError
from anofpdm.datasets.manifest import Manifest, ManifestRow, read_manifest, write_manifest


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("a.nii.gz", "b.nii.gz", "c.nii.gz", "a_t1.nii.gz"):
        (tmp_path / name).write_bytes(b"not opened")
    return tmp_path


def save(folder: Path, *lines: str, header: str = "subject,split,flair,slice,label") -> Path:
    path = folder / "manifest.csv"
    path.write_text("\n".join((header, *lines)) + "\n", encoding="utf-8")
    return path


def mistakes(path: Path, modalities: tuple[str, ...] = ("flair",)) -> list[str]:
    """What the error says, without path, one entry a mistake."""
    with pytest.raises(InputError) as caught:
        read_manifest(path, modalities)
    return [line.removeprefix(str(path)) for line in str(caught.value).splitlines()[1:]]


GOOD = ("anna,train,a.nii.gz,0,0", "anna,train,a.nii.gz,1,unhealthy", "bert,val,b.nii.gz,,Healthy")


def test_reads_slices_volumes_and_both_kinds_of_labels(folder: Path) -> None:
    manifest = read_manifest(save(folder, *GOOD), ("flair",))
    assert [(r.subject, r.split, r.slice, r.unhealthy, r.line) for r in manifest.rows] == [
        ("anna", "train", 0, False, 2),
        ("anna", "train", 1, True, 3),
        ("bert", "val", None, False, 4),
    ]
    assert manifest.rows[0].images == (folder / "a.nii.gz",)
    assert [len(v.rows) for v in manifest.volumes()] == [2, 1]
    assert manifest.subjects() == [("", "anna"), ("", "bert")]
    assert [r.subject for r in manifest.of_split("val").rows] == ["bert"]


def test_columns_in_any_order_and_case_semicolons_and_byte_order_mark(folder: Path) -> None:
    path = folder / "manifest.csv"
    text = "Label;FLAIR;T1;Slice;Split;Subject;comment\n0;a.nii.gz;a_t1.nii.gz;;train;x;hm\n"
    text += "1;b.nii.gz;c.nii.gz;;train;y;\n"
    path.write_bytes(b"\xef\xbb\xbf" + text.replace("\n", "\r\n").encode())
    manifest = read_manifest(path, ("t1", "flair"))
    assert manifest.rows[0].images == (folder / "a_t1.nii.gz", folder / "a.nii.gz")


def test_mask_files_are_not_looked_for(folder: Path) -> None:
    unreadable = folder / "mask.nii.gz"
    unreadable.write_bytes(b"nonsense")
    unreadable.chmod(0)
    header = "subject,split,flair,slice,label,mask"
    lines = ("x,train,a.nii.gz,,0,nowhere/mask.nii.gz", "y,train,b.nii.gz,,1,mask.nii.gz", "z,val,c.nii.gz,,1,")
    rows = read_manifest(save(folder, *lines, header=header), ("flair",)).rows
    assert [r.mask for r in rows] == [folder / "nowhere/mask.nii.gz", unreadable, None]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("x,training,c.nii.gz,,0", "the split must be train, val or test, not 'training'"),
        ("x,train,c.nii.gz,,2", "the label must be 0, 1, healthy or unhealthy, not '2'"),
        ("x,train,c.nii.gz,-1,0", "'slice' must be empty or a whole number from 0, not '-1'"),
        ("x,train,c.nii.gz,1.5,0", "'slice' must be empty or a whole number from 0, not '1.5'"),
        ("x,train,c.nii.gz,²,0", "'slice' must be empty or a whole number from 0, not '²'"),
        (f"x,train,c.nii.gz,{'9' * 5000},0", f"'slice' must be empty or a whole number from 0, not '{'9' * 40}'"),
        ("x,train,gone.nii.gz,,0", "the flair image gone.nii.gz does not exist"),
        (f"x,train,{'x' * 300},,0", f"the flair image {'x' * 200} does not exist"),
        ("x,train,,,0", "the flair image is missing"),
        (",train,c.nii.gz,,0", "the subject is missing"),
        ("x,train,c.nii.gz,0", "4 values for 5 columns"),
        ("x,train,c.nii.gz,,0,more", "6 values for 5 columns"),
        ("anna,val,c.nii.gz,0,0", "subject anna is in the split 'val', but in 'train' in line 2"),
        ("anna,train,a.nii.gz,1,1", "subject anna, slice 1, is listed in line 3 already"),
        ("anna,train,a.nii.gz,,1", "subject anna is listed as a whole and by slices (line 2)"),
        ("dora,train,a.nii.gz,7,1", "subject dora, slice 7, has the same images as subject anna in line 2"),
    ],
)
def test_each_mistake_is_named_with_its_line(folder: Path, line: str, said: str) -> None:
    assert mistakes(save(folder, *GOOD, line)) == [f":5: {said}"]


def test_all_mistakes_at_once_then_a_count(folder: Path) -> None:
    lines = [f"s{n},train,gone{n}.nii.gz,,{n % 2}" for n in range(23)]
    found = mistakes(save(folder, *lines, "t,nowhere,a.nii.gz,x,7"))
    assert found[0] == ":2: the flair image gone0.nii.gz does not exist"
    assert len(found) == 21
    assert found[-1] == "... and 6 more"


def test_a_row_reports_all_its_mistakes(folder: Path) -> None:
    found = mistakes(save(folder, *GOOD, "t,nowhere,gone.nii.gz,x,7"))
    assert [text.split(":")[1] for text in found] == ["5"] * 4


def test_missing_columns_and_modalities(folder: Path) -> None:
    path = save(folder, "x,train,a.nii.gz,0", header="subject,split,flair,label")
    assert mistakes(path, ("flair", "t1")) == [":1: there is no column 't1' and no column 'slice'"]
    assert mistakes(save(folder, header="subject,split,flair,slice,label,Label")) == [":1: a column name occurs twice"]


def test_training_needs_both_labels_but_calibration_only_where_it_looks(folder: Path) -> None:
    path = save(folder, "x,train,a.nii.gz,,0", "y,val,b.nii.gz,,1", "z,val,c.nii.gz,,0")
    assert mistakes(path) == [": the split 'train' has no unhealthy image"]
    assert len(read_manifest(path, ("flair",), both_labels_in=("val",)).rows) == 3


def test_slice_beyond_the_stack_it_was_made_for(folder: Path) -> None:
    path = save(folder, "x,train,a.nii.gz,24,24,0", header="subject,split,flair,slice,slices,label")
    assert mistakes(path) == [":2: slice 24 is not among the 24 slices 0 to 23"]


@pytest.mark.parametrize(
    ("content", "said"),
    [(b"", "is empty"), (b"\n\n", "is empty"), (b"\x1f\x8b\xff\xfe", "not a text file"), (b"\xef\xbb\xbf", "is empty")],
)
def test_files_that_are_no_manifest(folder: Path, content: bytes, said: str) -> None:
    path = folder / "manifest.csv"
    path.write_bytes(content)
    with pytest.raises(InputError, match=said):
        read_manifest(path, ("flair",))


def test_a_manifest_that_is_not_there_or_lists_nothing(folder: Path) -> None:
    with pytest.raises(InputError, match="does not exist"):
        read_manifest(folder / "gone.csv", ("flair",))
    assert mistakes(save(folder)) == [": it lists nothing"]


def test_written_manifests_read_back_and_hold_relative_paths(folder: Path) -> None:
    rows = (
        ManifestRow("anna, jr", "train", (folder / "a.nii.gz",), 3, True, 9, folder / "mask.nii.gz", "north"),
        ManifestRow("bert", "train", (folder / "b.nii.gz",), None, False, source="north"),
    )
    path = folder / "lists" / "manifest.csv"
    write_manifest(path, Manifest(("flair",), rows))
    assert str(folder) not in path.read_text(encoding="utf-8")
    back = read_manifest(path, ("flair",)).rows
    assert [r.line for r in back] == [2, 3]
    assert [(r.subject, r.images, r.slice, r.unhealthy, r.slices, r.mask, r.source) for r in back] == [
        (r.subject, r.images, r.slice, r.unhealthy, r.slices, r.mask, r.source) for r in rows
    ]


def test_a_manifest_that_cannot_be_written_leaves_nothing(folder: Path) -> None:
    (folder / "manifest.csv").mkdir()
    with pytest.raises(OutputError):
        write_manifest(folder / "manifest.csv", Manifest(("flair",), ()))
    assert not [path for path in folder.iterdir() if "partial" in path.name]
