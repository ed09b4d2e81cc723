"""Label maps prepared once, for processes to share. Torch-free to import."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from ..core.errors import InputError
from ..core.output_set import write_files
from ..core.progress import CancelToken
from .head_map import HeadMap, read_head_map
from .structures import Structure, Tissue

MAPS_FOLDER, VALIDATION_FOLDER = "maps", "maps-validation"
VALIDATION_SHARE = 0.25
"""Of the label maps, the last by name, are kept from training: to calibrate and to examine on."""
MAP_ENDINGS = (".nii.gz", ".nii", ".nrrd", ".mha")


def save_head_map(head: HeadMap, folder: Path) -> None:
    """Keep a prepared map for processes to share: `NAME.npz`, uncompressed, whole or not at all. Raises OutputError."""
    structures = np.array([(str(s.label), s.name, s.tissue.name, s.side) for s in head.structures], dtype=np.str_)
    stream = io.BytesIO()
    np.savez(stream, labels=head.labels, hull=head.hull, ventricle=head.ventricle, structures=structures)
    write_files(folder, {f"{head.name}.npz": stream.getvalue()})


def load_head_maps(folder: Path) -> list[HeadMap]:
    """What `save_head_map` left, by name."""
    heads = []
    for path in sorted(folder.glob("*.npz")):
        with np.load(path) as file:
            structures = tuple(
                Structure(int(label), str(name), Tissue[str(tissue)], str(side))  # type: ignore[arg-type]
                for label, name, tissue, side in file["structures"]
            )
            heads.append(HeadMap(path.stem, structures, file["labels"], file["hull"], file["ventricle"]))
    return heads


def find_maps(folder: Path) -> list[Path]:
    if not folder.is_dir():
        raise InputError(f"{folder} is not a folder; name the one that holds the label maps.")
    paths = sorted(path for path in folder.iterdir() if path.name.endswith(MAP_ENDINGS))
    if len(paths) < 2:
        raise InputError(f"{folder} holds {len(paths)} label maps; at least two are needed, one to calibrate on.")
    return paths


def prepare_maps(
    output: Path,
    paths: Sequence[Path],
    structures: Sequence[Structure],
    cancel: CancelToken | None,
    message: Callable[[str], None],
) -> tuple[Path, Path]:
    """Prepared label maps for training and for validation, kept in the output folder."""
    kept = max(1, round(VALIDATION_SHARE * len(paths)))
    folders = (output / MAPS_FOLDER, output / VALIDATION_FOLDER)
    for number, path in enumerate(paths):
        if cancel is not None:
            cancel.raise_if_cancelled()
        folder = folders[number >= len(paths) - kept]
        if not (folder / f"{path.name.split('.')[0]}.npz").is_file():
            message(f"Preparing label map {number + 1} of {len(paths)}.")
            save_head_map(read_head_map(path, structures), folder)
    return folders
