"""The heads of the fixed examination: the committed list, and each head as the volume that a user would load."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from anofpdm.core.arrays import BoolArray
from anofpdm.core.errors import InputError
from anofpdm.synthetic.contrast import ContrastPrior
from anofpdm.synthetic.head_map import HeadMap
from anofpdm.synthetic.lesion_kinds import Kind, Plan
from anofpdm.synthetic.rendered_volume import Placement, draw_placement, image_volume
from anofpdm.synthetic.renderer import RenderedHead, RenderSettings, render_head

LIST = Path(__file__).with_name("rendered_examination.json")
MATRIX, FIELD_OF_VIEW_MM = 160, 240.0
ALL_SLICES = 1000
TOLERANCE = 0.02
"""Share by which a head's mean and its lesions' volumes may differ from the list: what another machine rounds."""


@dataclass(frozen=True)
class ExaminedLesion:
    """A lesion of the list: what was asked for, and what came out (mL, contrast in units of white matter)."""

    kind: Kind
    asked_ml: float
    excess: float
    volume_ml: float
    contrast: float


@dataclass(frozen=True)
class ExaminedHead:
    """One entry of the list. `mean`: of the picture, None if healthy; `gain`: white matter in the file's units."""

    name: str
    map: str
    seed: tuple[int, ...]
    priors: tuple[ContrastPrior, ...]
    spacing_mm: float
    stripped: bool
    z_scored: bool
    gain: float
    noise: float
    mean: float | None
    lesions: tuple[ExaminedLesion, ...]


@dataclass(frozen=True)
class ExaminedVolume:
    """A head of the list as a volume; `lesion` [k, j, i]; `own`: each lesion's voxels that are of no other."""

    head: ExaminedHead
    prior: ContrastPrior
    image: sitk.Image
    lesion: BoolArray
    own: tuple[BoolArray, ...]

    @property
    def voxel_ml(self) -> float:
        """Volume of a voxel."""
        return float(np.prod(self.image.GetSpacing())) / 1000


def read_list(path: Path = LIST) -> tuple[ExaminedHead, ...]:
    """The committed list."""
    heads = []
    for entry in json.loads(path.read_text(encoding="utf-8"))["heads"]:
        lesions = tuple(ExaminedLesion(**lesion) for lesion in entry.pop("lesions"))
        lists = {name: tuple(entry.pop(name)) for name in ("seed", "priors")}
        heads.append(ExaminedHead(**entry, **lists, lesions=lesions))
    return tuple(heads)


def write_list(heads: Sequence[ExaminedHead], path: Path = LIST) -> None:
    """One head a line."""
    lines = ",\n".join(json.dumps(asdict(head)) for head in heads)
    path.write_text('{"heads": [\n' + lines + "\n]}\n", encoding="utf-8")


def render_entry(head: ExaminedHead, prior: ContrastPrior, maps: dict[str, HeadMap]) -> RenderedHead:
    """Render one entry on its own grid."""
    settings = RenderSettings(
        prior=prior,
        matrix=MATRIX,
        field_of_view_mm=FIELD_OF_VIEW_MM,
        spacings_mm=(head.spacing_mm,),
        slices=ALL_SLICES,
    )
    plans = [Plan(lesion.kind, lesion.asked_ml, lesion.excess) for lesion in head.lesions]
    return render_head(maps[head.map], settings, head.seed, plans=plans, stripped=head.stripped)


def render_volume(head: ExaminedHead, prior: ContrastPrior, maps: dict[str, HeadMap]) -> ExaminedVolume:
    """Render one entry as a volume. Raises InputError if the renderer no longer draws what the list says."""
    rendered = render_entry(head, prior, maps)
    check(head, rendered)
    placement = place(head, rendered)
    image = image_volume(rendered, placement, "z-scored" if head.z_scored else "scanner", head.gain)
    extents = [placement.stored(lesion.extent.numpy() >= 0.5) for lesion in rendered.lesions]
    covered = np.sum(extents, axis=0) if extents else placement.stored(np.zeros(rendered.slab.shape, np.int64))
    own = tuple(extent & (covered == 1) for extent in extents)
    return ExaminedVolume(head, prior, image, np.asarray(covered > 0), own)


def place(head: ExaminedHead, rendered: RenderedHead) -> Placement:
    """Where the head lies, from its seed."""
    return draw_placement(np.random.default_rng([*head.seed, 7]), rendered.slab)


def check(head: ExaminedHead, rendered: RenderedHead) -> None:
    """Raises InputError if the renderer no longer draws what the list says."""
    if head.mean is None:
        return
    expected = [head.mean, *(lesion.volume_ml for lesion in head.lesions)]
    found = [float(rendered.image.mean()), *(lesion.volume_ml for lesion in rendered.lesions)]
    kinds = [lesion.kind for lesion in rendered.lesions] == [lesion.kind for lesion in head.lesions]
    if not kinds or not np.allclose(expected, found, rtol=TOLERANCE, atol=1e-3):
        raise InputError(
            f"Head {head.name} comes out otherwise than the examination's list says, so that the renderer or the "
            "label maps have changed and old figures no longer compare; go back to those, or make a new list with "
            "make_rendered_examination.py and measure again."
        )


def needed_maps(heads: Sequence[ExaminedHead], folder: Path) -> dict[str, HeadMap]:
    """The label maps that the list names: `NAME.nii.gz` and labels.csv in `folder`."""
    from anofpdm.synthetic.head_map import read_head_map
    from anofpdm.synthetic.structures import read_structures

    structures = read_structures(folder / "labels.csv")
    names = sorted({head.map for head in heads})
    return {name: read_head_map(folder / f"{name}.nii.gz", structures) for name in names}
