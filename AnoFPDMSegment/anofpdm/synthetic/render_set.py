"""Renders a set of heads from label maps into a folder: volumes, their truth, a manifest and the recipe."""

from __future__ import annotations

import csv
import dataclasses
import io
import json
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK as sitk
import torch

from .. import __version__
from ..core.errors import InputError
from ..core.output_set import OutputSet, Writer
from ..core.progress import CancelToken, Progress, ProgressCallback, ProgressClock
from ..datasets.manifest import Split
from ..store.model_folder import file_sha256
from ..volumes.nifti_writing import write_nifti
from .head_map import HeadMap, read_head_map
from .render_request import TRUTH, RenderRequest
from .rendered_volume import LEFT, RIGHT, Intensities, Placement, draw_placement, image_volume, mask_volume
from .renderer import RenderedHead, render_head
from .structures import Structure, read_structures

MANIFEST, RECIPE = "manifest.csv", "recipe.json"
SUFFIXES = (".nii.gz", ".nii", ".nrrd", ".nhdr", ".mha", ".mhd")
SCANNER_UNITS = (60.0, 2000.0)
"""White matter in the file's units is drawn between these."""
MANIFEST_COLUMNS = ("slice", "slices", "label", "mask", "source")
SOURCE = "rendered"


@dataclass(frozen=True)
class PlannedHead:
    """One head of the set before it is rendered."""

    name: str
    map: Path
    split: Split
    seed: tuple[int, ...]


def find_maps(folder: Path) -> list[Path]:
    """The label maps in a folder, by name. Raises InputError if there is none."""
    if not folder.is_dir():
        raise InputError(f"The folder of label maps {folder} does not exist; check the path.")
    maps = sorted(path for path in folder.iterdir() if path.name.lower().endswith(SUFFIXES) and path.is_file())
    if not maps:
        raise InputError(f"{folder} holds no label map; put NIfTI, NRRD or MetaImage files there.")
    stems = [map_name(path) for path in maps]
    for stem in stems:
        if stems.count(stem) > 1:
            raise InputError(f"{folder} holds several label maps named {stem}; give them different names.")
    return maps


def map_name(path: Path) -> str:
    """A map's name: its file's, up to the first full stop."""
    return path.name.split(".")[0]


def plan_heads(request: RenderRequest, maps: Sequence[Path]) -> list[PlannedHead]:
    """Which map each head comes from: in turn, ordered by map; the last maps' heads are `val`."""
    validating = maps[len(maps) - math.floor(request.validation * len(maps)) :]
    heads = []
    for place, path in enumerate(maps):
        split: Split = "val" if path in validating else "train"
        heads += [
            PlannedHead(f"{map_name(path)}-{number:04}", path, split, (request.seed, number))
            for number in range(place, request.heads, len(maps))
        ]
    return heads


def render_set(request: RenderRequest, cancel: CancelToken, progress: ProgressCallback | None = None) -> dict[str, Any]:
    """Render and write everything or nothing; returns the recipe.

    Raises InputError for a folder without maps, a table or map that does not fit; OutputError; Cancelled.
    """
    structures = read_structures(request.table)
    maps = find_maps(request.maps)
    planned = plan_heads(request, maps)
    with OutputSet(request.output) as output:
        cancel.raise_if_cancelled()
        clock = ProgressClock(len(planned), progress and partial(_of_heads, progress))
        run = _Run(request, structures, cancel, clock.report)
        writers: dict[str, Writer] = {}
        for number, head in enumerate(planned):
            for kind in (request.modality, *TRUTH):
                writers[f"{head.name}_{kind}.nii.gz"] = partial(run.write, number, head, kind)
        writers[MANIFEST] = lambda path: path.write_text(run.manifest(), encoding="utf-8")
        writers[RECIPE] = lambda path: path.write_text(json.dumps(run.recipe(maps), indent=1) + "\n", encoding="utf-8")
        output.write(writers)
        return run.recipe(maps)


def _of_heads(callback: ProgressCallback, progress: Progress) -> None:
    callback(dataclasses.replace(progress, unit="heads"))


class _Run:
    """Renders heads one after the other as their files are asked for."""

    def __init__(
        self,
        request: RenderRequest,
        structures: Sequence[Structure],
        cancel: CancelToken,
        report: Callable[[float], None],
    ) -> None:
        self._request = request
        self._structures = structures
        self._cancel = cancel
        self._report = report
        self._map: tuple[Path, HeadMap] | None = None
        self._current: tuple[str, dict[str, sitk.Image]] | None = None
        self._records: list[dict[str, Any]] = []
        self._rows: list[list[object]] = []

    def write(self, number: int, head: PlannedHead, kind: str, path: Path) -> None:
        """Write one of a head's files; the head is rendered for its first."""
        self._cancel.raise_if_cancelled()
        if self._current is None or self._current[0] != head.name:
            self._current = (head.name, self._render(head))
        write_nifti(path, self._current[1][kind])
        if kind == TRUTH[-1]:
            self._report(number + 1)

    def manifest(self) -> str:
        """The table of slices with their labels."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(["subject", "split", self._request.modality, *MANIFEST_COLUMNS])
        writer.writerows(self._rows)
        return text.getvalue()

    def recipe(self, maps: Sequence[Path]) -> dict[str, Any]:
        """All that a render follows from."""
        request = self._request
        return {
            "format": 1,
            "program": f"anofpdm {__version__}",
            "settings": request.record(),
            "table": {"file": request.table.name, "sha256": file_sha256(request.table)},
            "maps": [{"file": path.name, "sha256": file_sha256(path)} for path in maps],
            "heads": self._records,
        }

    def _render(self, head: PlannedHead) -> dict[str, sitk.Image]:
        if self._map is None or self._map[0] != head.map:
            self._map = (head.map, read_head_map(head.map, self._structures))
        rng = np.random.default_rng([*head.seed, 1])
        z_scored = bool(rng.random() < self._request.z_scored)
        intensities: Intensities = "z-scored" if z_scored else "scanner"
        gain = float(np.exp(rng.uniform(*np.log(SCANNER_UNITS))))
        with torch.inference_mode():
            rendered = render_head(self._map[1], self._request.settings(), head.seed)
        placement = draw_placement(rng, rendered.slab, self._request.oblique_degrees)
        self._note(head, rendered, intensities, gain)
        return {
            self._request.modality: image_volume(rendered, placement, intensities, gain),
            **truth_volumes(rendered, placement),
        }

    def _note(self, head: PlannedHead, rendered: RenderedHead, intensities: Intensities, gain: float) -> None:
        slab = rendered.slab
        self._records.append(
            {
                "name": head.name,
                "map": head.map.name,
                "split": head.split,
                "seed": list(head.seed),
                "slice_spacing_mm": round(slab.spacing_mm, 4),
                "slice_thickness_mm": round(slab.thickness_mm, 4),
                "stripped": rendered.stripped,
                "intensities": intensities,
                "white_matter": None if intensities == "z-scored" else round(gain, 2),
                "lesions": [
                    {"kind": x.kind, "volume_ml": round(x.volume_ml, 4), "voxels": int((x.extent >= 0.5).sum())}
                    for x in rendered.lesions
                ],
            }
        )
        # Stored slices are counted from the lowest, as the model's stack counts them.
        sick = (rendered.lesion >= 0.5).flatten(1).any(1).tolist()
        image, mask = (f"{head.name}_{kind}.nii.gz" for kind in (self._request.modality, "lesion"))
        for number, unhealthy in enumerate(sick):
            row = [head.name, head.split, image, number, slab.slices, int(unhealthy), mask, SOURCE]
            self._rows.append(row)


def truth_volumes(rendered: RenderedHead, placement: Placement) -> dict[str, sitk.Image]:
    """What is true of a head, on its image's grid: three masks, and `side` with 1 left, 2 right."""
    slab = rendered.slab
    volumes = {
        name: mask_volume(getattr(rendered, name).numpy(), slab, placement)
        for name in ("lesion", "brain", "ventricles")
    }
    left, right = rendered.left.numpy(), rendered.right.numpy()
    side = np.where(left >= 0.5, LEFT, np.where(right >= 0.5, RIGHT, 0)).astype(np.uint8)
    return {**volumes, "side": placement.geometry(slab).to_image_like(placement.stored(side))}
