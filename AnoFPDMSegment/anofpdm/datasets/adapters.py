"""From the folder layouts of published data sets to manifests.

Image-level labels are made from masks here, and only here; from then on a mask is a path. Torch-free.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from ..core.errors import InputError, SettingsError
from ..volumes.input_config import GridConfig
from .folder_layouts import folder_of_volumes, lgg_folder
from .manifest import SPLITS, Manifest, ManifestRow, write_manifest
from .masked_volumes import MaskedVolume, find_atlas, find_brats21, find_mslub, label_slices
from .soop import soop_slices

PAPER_FRACTIONS = (0.75, 0.05, 0.20)
"""Train, validation and test subjects (paper, section 4.1)."""


@dataclass(frozen=True)
class _MaskedLayout:
    find: Callable[[Path, Sequence[str]], list[MaskedVolume]]
    modalities: tuple[str, ...]


_MASKED = {
    "brats21": _MaskedLayout(find_brats21, ("flair", "t1", "t1ce", "t2")),
    "atlas": _MaskedLayout(find_atlas, ("t1",)),
    "mslub": _MaskedLayout(find_mslub, ("flair", "t1", "t2")),
}
LAYOUTS = (*_MASKED, "lgg", "soop", "folder")


def build_manifest(
    layout: str,
    root: str | Path,
    output_csv: str | Path,
    seed: int = 0,
    fractions: tuple[float, float, float] = PAPER_FRACTIONS,
    *,
    modalities: Sequence[str] | None = None,
    grid: GridConfig | None = None,
) -> Manifest:
    """Find the volumes of a data set, write its manifest and return it.

    Layouts, under `root`:

    - `brats21`: `BraTS2021_00000/BraTS2021_00000_{flair,t1,t1ce,t2,seg}.nii.gz`
    - `atlas`: `[Training/]R001/sub-*/ses-1/anat/*_T1w.nii.gz` with `*_label-L_desc-T1lesion_mask.nii.gz`
    - `mslub`: `patient01/patient01_{FLAIR,T1W,T2W,consensus_gt}.nii.gz`
    - `lgg`: `<patient>/flair.nii.gz`, `lesion.nii.gz` and `slices.csv`, which holds labels and splits
    - `soop`: `soop_flair_axial.npz`; its slices are written as NIfTI files beside the manifest
    - `folder`: `healthy/*` and `unhealthy/*`, one label a volume; with several modalities
      `<subject>_<modality>.nii.gz`

    Subjects are split by `fractions` (train, val, test) with `seed`; lgg and soop bring their splits.

    Args:
        modalities: those to list; None: all of the layout's (for `folder`: flair).
        grid: the model's grid, whose stack the slice numbers count (brats21, atlas, mslub).

    Raises InputError that lists what is missing or does not fit, SettingsError, OutputError.
    """
    root, output_csv = Path(root), Path(output_csv)
    if layout not in LAYOUTS:
        raise SettingsError(f"The layout '{layout}' is unknown; choose {', '.join(LAYOUTS)}.")
    _check_fractions(fractions)
    if seed < 0:
        raise SettingsError(f"The seed must not be negative, as {seed} is.")
    if not root.is_dir():
        raise InputError(f"The data folder {root} does not exist; check the path.")
    root = root.absolute()
    own = _MASKED[layout].modalities if layout in _MASKED else ("flair",)
    wanted = tuple(modalities) if modalities is not None else own
    if not wanted or (layout != "folder" and not set(wanted) <= set(own)):
        raise SettingsError(f"The layout '{layout}' has the modalities {', '.join(own)}, not {', '.join(wanted)}.")
    if layout == "lgg":
        rows = lgg_folder(root)
    elif layout == "soop":
        rows = soop_slices(root, output_csv.absolute().parent / f"{output_csv.stem}_slices")
    elif layout == "folder":
        rows = split_subjects(folder_of_volumes(root, wanted), seed, fractions)
    else:
        volumes = _MASKED[layout].find(root, wanted)
        rows = split_subjects(label_slices(volumes, wanted, grid or GridConfig()), seed, fractions)
    manifest = Manifest(wanted, tuple(replace(row, source=row.source or layout) for row in rows))
    write_manifest(output_csv, manifest)
    return replace(manifest, path=output_csv)


def split_subjects(
    rows: Sequence[ManifestRow], seed: int, fractions: tuple[float, float, float] = PAPER_FRACTIONS
) -> list[ManifestRow]:
    """Assign subjects to train, val and test at random, the same for the same seed and subjects.

    Subjects with and without an unhealthy row are divided separately, so that each split gets its
    share of both.
    """
    _check_fractions(fractions)
    sick: dict[tuple[str, str], bool] = {}
    for row in rows:
        sick[row.person] = sick.get(row.person, False) or row.unhealthy
    generator = np.random.default_rng(seed)
    split = {}
    for group in (True, False):
        people = sorted(person for person, unhealthy in sick.items() if unhealthy == group)
        order = generator.permutation(len(people))
        borders = np.rint(np.cumsum(fractions) * len(people)).astype(int)
        for rank, position in enumerate(order):
            split[people[int(position)]] = SPLITS[int(np.searchsorted(borders, rank, side="right"))]
    return [replace(row, split=split[row.person]) for row in rows]


def _check_fractions(fractions: tuple[float, float, float]) -> None:
    if len(fractions) != 3 or min(fractions) < 0 or abs(sum(fractions) - 1) > 1e-6:
        raise SettingsError("The fractions of train, val and test must not be negative and must add up to 1.")
