"""Makes the list of the fixed examination anew, rendered_examination.json.

    python Testing/benchmarks/make_rendered_examination.py [--maps FOLDER]

100 heads of four label maps, 25 seeds a map; half without skull; slices of 1, 3, 5 and 7 mm. 50 have three lesions
each, of every kind equally many, spread evenly over the logarithm of the kind's volumes; each changes the picture,
after blurring, by at least twice the noise, shares less than half with another and lies in view. 50 are healthy, each
in both priors.
A new list makes old figures incomparable: it is made again only when the renderer draws other heads than it says.
"""

from __future__ import annotations

import argparse
import functools
import math
import os
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from examination_heads import LIST, ExaminedHead, ExaminedLesion, needed_maps, render_entry, write_list

from anofpdm.synthetic.acquisition import blur, draw_acquisition
from anofpdm.synthetic.contrast import ContrastPrior
from anofpdm.synthetic.head_map import HeadMap
from anofpdm.synthetic.lesion_kinds import KINDS, VOLUME_ML, Kind
from anofpdm.synthetic.renderer import RenderedHead

SEED = 160
MAPS = ("head_13", "head_14", "head_15", "head_16")
SPACINGS_MM = (1.0, 3.0, 5.0, 7.0)
PAINTED, HEALTHY = 50, 50
LESIONS_A_HEAD = 3
APART = 3
"""Kinds in one head stand so far apart in the list of kinds that no two of them seek the same place."""
Z_SCORED_SHARE = 0.4
CONTRAST_TO_NOISE = 2.0
MOST_OVERLAP = 0.5
"""Of the smaller of two lesions; voxels of both count for neither."""
LEAST_SEEN = 0.4
"""Of the volume asked for."""
MOST_ATTEMPTS = 60
EXCESS, SUBTLE_EXCESS = (0.15, 1.0), (0.08, 0.2)
"""The examination's own, so that it stays when what is painted for training changes."""


@dataclass(frozen=True)
class Frame:
    """What is decided before a head is rendered."""

    map: str
    spacing_mm: float
    stripped: bool
    z_scored: bool


def frames(rng: np.random.Generator, count: int, first_map: int) -> list[Frame]:
    """`count` frames in which every property is as balanced as can be."""
    maps = [MAPS[(first_map + i) % len(MAPS)] for i in range(count)]
    spacings = rng.permutation([SPACINGS_MM[i % len(SPACINGS_MM)] for i in range(count)])
    stripped = rng.permutation([i % 2 == 0 for i in range(count)])
    scores = iter(rng.permutation([i < Z_SCORED_SHARE * count / 2 for i in range(count // 2 + 1)]))
    return [
        Frame(name, float(spacing), bool(bare), bool(bare and next(scores)))
        for name, spacing, bare in zip(maps, spacings, stripped, strict=True)
    ]


def lesions_of_heads(rng: np.random.Generator) -> list[list[ExaminedLesion]]:
    """Three lesions a head; each kind equally often, its volumes spread evenly over their logarithm."""
    each = PAINTED * LESIONS_A_HEAD // len(KINDS)
    volumes = {}
    for kind in KINDS:
        low, high = (math.log(value) for value in VOLUME_ML[kind])
        levels = (rng.permutation(each) + rng.random(each)) / each
        volumes[kind] = iter(np.exp(low + levels * (high - low)))
    heads = []
    for number in range(PAINTED):
        kinds = [KINDS[(number + APART * i) % len(KINDS)] for i in range(LESIONS_A_HEAD)]
        heads.append([ExaminedLesion(k, float(next(volumes[k])), excess_of(rng, k), 0.0, 0.0) for k in kinds])
    return heads


def excess_of(rng: np.random.Generator, kind: Kind) -> float:
    """Brightness over white matter."""
    if kind == "subtle":
        return float(rng.uniform(*SUBTLE_EXCESS))
    low, high = EXCESS
    return float(low + (high - low) * rng.beta(1.3, 1.8))


def noise_of(seed: tuple[int, ...]) -> float:
    """The noise that this seed will have, without rendering."""
    return draw_acquisition(np.random.default_rng(np.random.SeedSequence(seed).spawn(5)[3])).noise


def seen_contrast(rendered: RenderedHead, index: int) -> float:
    """By how much a lesion changes the picture, averaged over its voxels, after the point spread."""
    lesion = rendered.lesions[index]
    inside = lesion.extent >= 0.5
    if not inside.any():
        return 0.0
    slices = inside.flatten(1).any(1)
    kept = blur(lesion.extent[slices], rendered.blur_mm / rendered.slab.pixel_mm)
    return lesion.contrast * float(kept[inside[slices]].mean())


def fits(rendered: RenderedHead, wanted: list[ExaminedLesion]) -> bool:
    """Whether every lesion is there, in view, apart from the others and clear of the noise."""
    if [lesion.kind for lesion in rendered.lesions] != [lesion.kind for lesion in wanted]:
        return False
    extents = [lesion.extent >= 0.5 for lesion in rendered.lesions]
    for index, lesion in enumerate(wanted):
        if rendered.slab.volume_ml(float(extents[index].sum())) < LEAST_SEEN * lesion.asked_ml:
            return False
        if seen_contrast(rendered, index) < CONTRAST_TO_NOISE * rendered.noise:
            return False
        for other in range(index):
            smaller = min(int(extents[index].sum()), int(extents[other].sum()))
            if int((extents[index] & extents[other]).sum()) > MOST_OVERLAP * smaller:
                return False
    return True


@functools.cache
def design() -> tuple[list[Frame], list[list[ExaminedLesion]], list[ContrastPrior], list[Frame]]:
    """Frames, lesions and priors of the painted heads; frames of the healthy ones."""
    rng = np.random.default_rng(SEED)
    first, second = frames(rng, PAINTED, 0), frames(rng, HEALTHY, PAINTED)
    lesions = lesions_of_heads(rng)
    wide = rng.permutation([i % 2 == 0 for i in range(PAINTED)])
    return first, lesions, ["flair-wide" if chosen else "flair" for chosen in wide], second


def painted_head(number: int, maps: dict[str, HeadMap]) -> ExaminedHead:
    """The first seed under which everything fits."""
    frame, lesions, prior = (part[number] for part in design()[:3])
    quietest = min(lesion.excess for lesion in lesions) / CONTRAST_TO_NOISE
    for attempt in range(MOST_ATTEMPTS):
        seed = (SEED, number, attempt)
        noise = noise_of(seed)
        if noise > quietest:
            continue
        head = entry(f"lesions-{number:02}", frame, seed, (prior,), tuple(lesions))
        rendered = render_entry(head, prior, maps)
        if fits(rendered, lesions):
            found = tuple(
                replace(lesion, volume_ml=round(painted.volume_ml, 5), contrast=round(seen_contrast(rendered, i), 4))
                for i, (lesion, painted) in enumerate(zip(head.lesions, rendered.lesions, strict=True))
            )
            return replace(head, lesions=found, noise=round(noise, 5), mean=round(float(rendered.image.mean()), 6))
    raise SystemExit(f"No seed was found for head {number}: {frame}, {lesions}.")


def healthy_heads() -> list[ExaminedHead]:
    """Heads without lesions, in both priors."""
    heads = []
    for number, frame in enumerate(design()[3]):
        seed = (SEED, PAINTED + number, 0)
        head = entry(f"healthy-{number:02}", frame, seed, ("flair", "flair-wide"), ())
        heads.append(replace(head, noise=round(noise_of(seed), 5)))
    return heads


def entry(
    name: str,
    frame: Frame,
    seed: tuple[int, ...],
    priors: tuple[ContrastPrior, ...],
    lesions: tuple[ExaminedLesion, ...],
) -> ExaminedHead:
    """An entry of the list, before it is known how it comes out."""
    gain = round(float(np.exp(np.random.default_rng([*seed, 8]).uniform(math.log(60), math.log(2000)))), 1)
    rounded = tuple(replace(i, asked_ml=round(i.asked_ml, 5), excess=round(i.excess, 4)) for i in lesions)
    return ExaminedHead(
        name, frame.map, seed, priors, frame.spacing_mm, frame.stripped, frame.z_scored, gain, 0.0, None, rounded
    )


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    given = os.environ.get("ANOFPDM_TEST_DATA")
    default = Path(given) / "labelmaps" if given else None
    parser.add_argument("--maps", type=Path, default=default, required=default is None, help="folder of label maps")
    parser.add_argument("--output", type=Path, default=LIST)
    options = parser.parse_args()
    torch.set_num_threads(1)
    named = [ExaminedHead("", name, (), (), 0.0, False, False, 0.0, 0.0, None, ()) for name in MAPS]
    maps = needed_maps(named, options.maps)
    heads = []
    for number in range(PAINTED):
        heads.append(painted_head(number, maps))
        print(heads[-1].name, heads[-1].seed, flush=True)
    heads += healthy_heads()
    write_list(heads, options.output)


if __name__ == "__main__":
    main()
