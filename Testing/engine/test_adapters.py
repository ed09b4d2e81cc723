"""Adapters on fabricated trees of the published layouts, whole and broken."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import dataset_makers as make
import numpy as np
import pytest
import SimpleITK as sitk
from volume_makers import write_dicom_series

from anofpdm.core.errors import InputError, SettingsError
from anofpdm.datasets.adapters import LAYOUTS, build_manifest, split_subjects
from anofpdm.datasets.manifest import Manifest, ManifestRow, read_manifest
from anofpdm.volumes.input_config import GridConfig

SHAPE = make.SIZE[::-1]
LESION = make.ball((20, 10, 12), 22)
HALVES = (0.5, 0.0, 0.5)


def volume(path: Path, values: np.ndarray | None = None) -> Path:
    """A small image; labels do not need a head."""
    noise = np.random.default_rng(0).integers(1, 200, SHAPE).astype(np.int16)
    return make.write(path, noise if values is None else values)


def brats(root: Path, subjects: int = 4) -> Path:
    for n in range(subjects):
        folder = root / f"BraTS2021_{n:05d}"
        for ending in ("flair", "t1", "t1ce", "t2"):
            volume(folder / f"{folder.name}_{ending}.nii.gz")
        make.write(folder / f"{folder.name}_seg.nii.gz", (LESION * 4).astype(np.uint8))
    return root


def atlas(root: Path) -> Path:
    for n in range(3):
        anat = root / "Training" / "R001" / f"sub-r001s{n:03d}" / "ses-1" / "anat"
        volume(anat / f"{anat.parent.parent.name}_ses-1_space-MNI152NLin2009aSym_T1w.nii.gz")
        name = f"{anat.parent.parent.name}_ses-1_space-MNI152NLin2009aSym_label-L_desc-T1lesion_mask.nii.gz"
        make.write(anat / name, LESION.astype(np.uint8))
    return root


def mslub(root: Path) -> Path:
    for n in (1, 2):
        for ending in ("FLAIR", "T1W", "T2W"):
            volume(root / f"patient{n:02d}" / f"patient{n:02d}_{ending}.nii.gz")
        make.write(root / f"patient{n:02d}" / f"patient{n:02d}_consensus_gt.nii.gz", LESION.astype(np.uint8))
        make.write(root / f"patient{n:02d}" / f"patient{n:02d}_brainmask.nii.gz", LESION.astype(np.uint8))
    return root


def lgg(root: Path) -> Path:
    lines = ["patient,split,slice,unhealthy,lesion_pixels,head_fraction"]
    for patient, split in (("p1", "train"), ("p2", "val")):
        volume(root / patient / "flair.nii.gz")
        make.write(root / patient / "lesion.nii.gz", LESION.astype(np.uint8))
        lines += [f"{patient},{split},{k},{int(k > 5)},0,0.5" for k in range(SHAPE[0])]
    (root / "slices.csv").write_text("\n".join(lines) + "\n")
    return root


def soop(root: Path) -> Path:
    root.mkdir(exist_ok=True)
    flair = np.random.default_rng(0).integers(0, 255, (5, 189, 157)).astype(np.uint8)
    lesion = np.zeros(flair.shape, bool)
    lesion[1, 50:60, 50:60] = lesion[2, 50, 50:60] = lesion[3, 50:55, 50:54] = True
    subject, split = np.array([f"sub-{n}" for n in range(5)]), np.array(["train"] * 4 + ["val"])
    np.savez(root / "soop_flair_axial.npz", subject=subject, split=split, flair=flair, lesion=lesion)
    return root


def folder(root: Path) -> Path:
    for n in range(4):
        volume(root / "healthy" / f"h{n}.nii.gz")
        volume(root / "unhealthy" / f"u{n}.nrrd")
    return root


MAKERS = {"brats21": brats, "atlas": atlas, "mslub": mslub, "lgg": lgg, "soop": soop, "folder": folder}
MODALITIES = {"brats21": ("flair", "t1", "t1ce", "t2"), "atlas": ("t1",), "mslub": ("flair", "t1", "t2")}


def mistakes(layout: str, root: Path, **options: object) -> list[str]:
    output = root.parent / "out.csv"
    with pytest.raises(InputError) as caught:
        build_manifest(layout, root, output, **options)  # type: ignore[arg-type]
    assert not output.exists()
    return str(caught.value).splitlines()


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_layout_gives_a_manifest_that_reads_back(layout: str, tmp_path: Path) -> None:
    root = MAKERS[layout](tmp_path / "data")
    (root / "README.txt").write_text("extra files are ignored")
    (root / "notes").mkdir()
    built = build_manifest(layout, root, tmp_path / "out.csv", fractions=HALVES)
    read = read_manifest(tmp_path / "out.csv", MODALITIES.get(layout, ("flair",)))
    key = [(r.subject, r.split, r.images, r.slice, r.slices, r.unhealthy, r.mask, r.source) for r in built.rows]
    assert key == [(r.subject, r.split, r.images, r.slice, r.slices, r.unhealthy, r.mask, r.source) for r in read.rows]
    assert {row.source for row in built.rows} == {layout}


@pytest.mark.parametrize("layout", ["brats21", "atlas", "mslub"])
def test_labels_are_those_of_the_masks_slice_by_slice(layout: str, tmp_path: Path) -> None:
    root = MAKERS[layout](tmp_path / "data")
    manifest = build_manifest(layout, root, tmp_path / "out.csv", fractions=HALVES, grid=GridConfig(matrix=64))
    for group in manifest.volumes():
        assert [row.slice for row in group.rows] == list(range(SHAPE[0]))
        drawn = LESION.sum(axis=(1, 2))
        for row, voxels in zip(group.rows, drawn, strict=True):
            # Pixels are about as large as voxels: only slices with a voxel or two may go either way.
            if voxels == 0 or voxels > 4:
                assert row.unhealthy == (voxels > 0)


def test_slice_numbers_count_the_models_stack_from_below(tmp_path: Path) -> None:
    root = brats(tmp_path / "data", 2)
    for path in root.glob("*/*.nii.gz"):
        # Stored from superior to inferior.
        sitk.WriteImage(sitk.Flip(sitk.ReadImage(str(path)), (False, False, True)), str(path))
    grid = GridConfig(matrix=64, minimum_slice_spacing_mm=12.0)
    rows = build_manifest("brats21", root, tmp_path / "out.csv", fractions=HALVES, grid=grid).rows
    assert {row.slices for row in rows} == {SHAPE[0] // 2}
    middle = np.mean([row.slice for row in rows if row.unhealthy and row.slice is not None])
    drawn = np.flatnonzero(LESION.any(axis=(1, 2))).mean()
    assert middle == pytest.approx((drawn - 0.5) / 2, abs=0.51)


def test_a_mask_value_is_lesion_whatever_its_number(tmp_path: Path) -> None:
    root = brats(tmp_path / "data", 2)
    empty = root / "BraTS2021_00001" / "BraTS2021_00001_seg.nii.gz"
    make.write(empty, np.zeros(SHAPE, np.uint8))
    rows = build_manifest("brats21", root, tmp_path / "out.csv", fractions=HALVES).rows
    assert {row.subject for row in rows if row.unhealthy} == {"BraTS2021_00000"}


def test_modalities_may_be_chosen_in_any_order(tmp_path: Path) -> None:
    root = brats(tmp_path / "data")
    (root / "BraTS2021_00000" / "BraTS2021_00000_t1.nii.gz").unlink()
    manifest = build_manifest("brats21", root, tmp_path / "out.csv", modalities=("t2", "flair"))
    assert [p.name[16:] for p in manifest.rows[0].images] == ["t2.nii.gz", "flair.nii.gz"]
    with pytest.raises(SettingsError, match="has the modalities flair, t1, t1ce, t2, not pd"):
        build_manifest("brats21", root, tmp_path / "out.csv", modalities=("pd",))


def test_missing_files_are_all_named(tmp_path: Path) -> None:
    root = brats(tmp_path / "data")
    (root / "BraTS2021_00001" / "BraTS2021_00001_t1ce.nii.gz").unlink()
    (root / "BraTS2021_00003" / "BraTS2021_00003_seg.nii.gz").unlink()
    assert mistakes("brats21", root) == [
        "Correct these 2 mistakes in the data folder:",
        f"{root}: BraTS2021_00001 has no BraTS2021_00001_t1ce.nii.gz",
        f"{root}: BraTS2021_00003 has no BraTS2021_00003_seg.nii.gz",
    ]
    root = atlas(tmp_path / "atlas")
    next(root.rglob("sub-r001s001*_mask.nii.gz")).unlink()
    extra = next(root.rglob("sub-r001s002*_T1w.nii.gz"))
    volume(extra.with_name("again_T1w.nii.gz"))
    assert [line.split(": ")[1] for line in mistakes("atlas", root)[1:]] == [
        "sub-r001s001 has no lesion mask",
        "sub-r001s002 has 2 T1w images",
    ]


def test_masks_that_do_not_fit_their_volume_are_all_named(tmp_path: Path) -> None:
    root = mslub(tmp_path / "data")
    make.write(root / "patient01" / "patient01_consensus_gt.nii.gz", LESION[:, :, :-1].astype(np.uint8))
    shifted = make.to_image(LESION.astype(np.uint8))
    shifted.SetOrigin((0.0, 0.0, 0.0))
    sitk.WriteImage(shifted, str(root / "patient02" / "patient02_consensus_gt.nii.gz"))
    lines = mistakes("mslub", root)[1:]
    assert len(lines) == 2
    assert all("differ in size or position" in line for line in lines)
    (root / "patient02" / "patient02_consensus_gt.nii.gz").write_bytes(b"nonsense")
    assert "patient02_consensus_gt.nii.gz is not a NIfTI file" in mistakes("mslub", root)[2]


def test_broken_lgg_and_soop_data(tmp_path: Path) -> None:
    root = lgg(tmp_path / "lgg")
    (root / "p2" / "flair.nii.gz").unlink()
    table = root / "slices.csv"
    table.write_text(table.read_text().replace("p1,train,3,0", "p1,train,3,5"))
    assert [line.split(":", 1)[1] for line in mistakes("lgg", root)[1:]] == [
        "5: the split, the slice number or the label is wrong",
        "26: there is no image p2/flair.nii.gz",
    ]
    table.write_text("split,slice,unhealthy,patient\ntrain,²,0,p1\ntrain,3,0\n", encoding="utf-8")
    assert [line.split(":", 1)[1] for line in mistakes("lgg", root)[1:]] == [
        "2: the split, the slice number or the label is wrong",
        "3: the patient is missing",
    ]
    table.write_text("patient,slice\n")
    assert "has no column 'split'; this layout is one folder a patient" in mistakes("lgg", root)[0]
    table.write_bytes("patient,split,slice,unhealthy\nMüller,train,3,0\n".encode("latin-1"))
    assert "is not a text file in UTF-8; save it as CSV (UTF-8)" in mistakes("lgg", root)[0]
    table.unlink()
    assert "has no slices.csv; this layout is one folder a patient with flair.nii.gz" in mistakes("lgg", root)[0]
    root = soop(tmp_path / "soop")
    (root / "soop_flair_axial.npz").write_bytes((root / "soop_flair_axial.npz").read_bytes()[:999])
    assert "is damaged" in mistakes("soop", root)[0]
    (root / "soop_flair_axial.npz").unlink()
    assert "There is no soop_flair_axial.npz" in mistakes("soop", root)[0]


def test_lgg_and_soop_keep_their_splits(tmp_path: Path) -> None:
    rows = build_manifest("lgg", lgg(tmp_path / "lgg"), tmp_path / "lgg.csv").rows
    assert {(row.subject, row.split) for row in rows} == {("p1", "train"), ("p2", "val")}
    assert [row.unhealthy for row in rows[:8]] == [False] * 6 + [True] * 2
    rows = build_manifest("soop", soop(tmp_path / "soop"), tmp_path / "soop.csv").rows
    # sub-2 has a lesion of ten pixels.
    assert [(row.subject, row.split, row.unhealthy) for row in rows] == [
        ("sub-0", "train", False),
        ("sub-1", "train", True),
        ("sub-3", "train", True),
        ("sub-4", "val", False),
    ]


def test_soop_slices_keep_values_position_and_orientation(tmp_path: Path) -> None:
    root = soop(tmp_path / "soop")
    rows = build_manifest("soop", root, tmp_path / "lists" / "soop.csv").rows
    image = sitk.ReadImage(str(rows[1].images[0]))
    assert rows[1].images[0].parent == tmp_path / "lists" / "soop_slices"
    assert image.GetSpacing() == (1, 1, 1)
    center = image.TransformContinuousIndexToPhysicalPoint([(n - 1) / 2 for n in image.GetSize()])
    assert center == pytest.approx((0, 0, 18))
    with np.load(root / "soop_flair_axial.npz") as archive:
        np.testing.assert_array_equal(sitk.GetArrayFromImage(image)[0, 16:-16, 16:-16], archive["flair"][1])
        mask = sitk.GetArrayFromImage(sitk.ReadImage(str(rows[1].mask)))[0, 16:-16, 16:-16]
        np.testing.assert_array_equal(mask, archive["lesion"][1])


def test_folder_of_volumes(tmp_path: Path) -> None:
    root = folder(tmp_path / "data")
    (root / "healthy" / "notes.txt").write_text("ignored")
    rows = build_manifest("folder", root, tmp_path / "out.csv", fractions=HALVES).rows
    assert {row.slice for row in rows} == {None}
    # Both labels are divided by the fractions.
    assert Counter((row.split, row.unhealthy) for row in rows) == {
        (split, unhealthy): 2 for split in ("train", "test") for unhealthy in (True, False)
    }
    several = tmp_path / "several" / "data"
    for name in ("healthy/a_flair", "healthy/a_t1", "unhealthy/b_flair", "unhealthy/b_t1", "unhealthy/c_t1"):
        volume(several / f"{name}.nii.gz")
    assert mistakes("folder", several, modalities=("flair", "t1"))[1:] == [f"{several}: unhealthy/c has no flair image"]
    (several / "unhealthy" / "c_t1.nii.gz").unlink()
    rows = build_manifest("folder", several, tmp_path / "two.csv", modalities=("flair", "t1")).rows
    assert [(r.subject, [p.name for p in r.images]) for r in rows] == [
        ("a", ["a_flair.nii.gz", "a_t1.nii.gz"]),
        ("b", ["b_flair.nii.gz", "b_t1.nii.gz"]),
    ]


def test_a_folder_of_dicom_series(tmp_path: Path) -> None:
    """A series in a folder of its own is a volume; a folder of anything else is told of, not passed over."""
    root = folder(tmp_path / "data")
    image = sitk.ReadImage(str(next((root / "healthy").glob("*.nii.gz"))))
    write_dicom_series(root / "unhealthy" / "study", sitk.Cast(image, sitk.sitkInt16))
    write_dicom_series(tmp_path / "one", sitk.Cast(image, sitk.sitkInt16))
    frames = next((tmp_path / "one").iterdir()).rename(root / "healthy" / "frames.dcm")
    rows = build_manifest("folder", root, tmp_path / "series.csv", fractions=HALVES).rows
    by_subject = {row.subject: row for row in rows}
    assert by_subject["study"].images == (root / "unhealthy" / "study",) and by_subject["study"].unhealthy
    assert by_subject["frames"].images == (frames,)
    assert read_manifest(tmp_path / "series.csv", ["flair"], both_labels_in=()).rows[0].images[0].exists()
    (root / "healthy" / "p9").mkdir()
    (root / "healthy" / "p9" / "flair.nii.gz").write_bytes(b"")
    assert mistakes("folder", root)[1:] == [
        f"{root}: healthy/p9 is a folder without DICOM files; each volume belongs in healthy/"
    ]
    several = tmp_path / "several"
    for name in ("healthy/a_flair", "healthy/a_t1", "unhealthy/b_flair", "unhealthy/b_t1"):
        write_dicom_series(several / name, sitk.Cast(image, sitk.sitkInt16))
    rows = build_manifest("folder", several, tmp_path / "two.csv", modalities=("flair", "t1")).rows
    assert [(r.subject, [p.name for p in r.images]) for r in rows] == [
        ("a", ["a_flair", "a_t1"]),
        ("b", ["b_flair", "b_t1"]),
    ]


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_folder_without_the_layout_is_refused(layout: str, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert mistakes(layout, tmp_path / "empty")
    assert "does not exist" in mistakes(layout, tmp_path / "gone")[0]


def test_unknown_layouts_and_impossible_fractions(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="choose brats21, atlas"):
        build_manifest("ixi", tmp_path, tmp_path / "out.csv")
    for fractions in ((0.5, 0.5, 0.5), (1.2, -0.2, 0.0)):
        with pytest.raises(SettingsError, match="add up to 1"):
            build_manifest("folder", folder(tmp_path), tmp_path / "out.csv", fractions=fractions)


def rows_of(subjects: int) -> list[ManifestRow]:
    return [
        ManifestRow(f"s{n:03d}", "train", (Path(f"{n}.nii"),), k, bool(n % 2 and k))
        for n in range(subjects)
        for k in (0, 1)
    ]


def test_splits_are_by_subject_seeded_and_of_the_papers_size() -> None:
    rows = rows_of(200)
    split = split_subjects(rows, seed=5)
    people = {row.subject: row.split for row in split}
    assert all(people[row.subject] == row.split for row in split)
    assert Counter(people.values()) == {"train": 150, "val": 10, "test": 40}
    assert Counter(r.split for r in split if r.unhealthy) == {"train": 75, "val": 5, "test": 20}
    assert split_subjects(rows[::-1], seed=5) == split[::-1]
    assert split_subjects(rows, seed=6) != split
    assert Manifest(("flair",), tuple(split)).of_split("val").subjects() != []
