"""`anofpdm render`: heads of any contrast from label maps, with painted lesions and their truth."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from ..core.errors import SettingsError
from ..core.reporting import Reporter, make_reporter
from ..methods.knobs import numbers
from ..synthetic.contrast import CONTRAST_PRIORS
from ..synthetic.render_request import RenderRequest
from .interruption import cancellation
from .options import output_folder

LABEL_TABLE = """\
The table of labels is a CSV file with the columns `label` (the number in the maps) and `structure` (its name in words):

  label,structure
  0,background
  2,left cerebral white matter
  41,right cerebral white matter
  3,left cerebral cortex
  4,left lateral ventricle
  502,outside the brain: scalp

Known are: background; cerebral white matter; cerebral cortex; ventricle; choroid plexus; cerebellum white matter;
cerebellum cortex; thalamus; caudate; putamen; pallidum; accumbens; ventral diencephalon; brain stem; hippocampus;
amygdala; optic chiasm; vessel; cerebrospinal fluid; white-matter lesion (counts as white matter); outside the brain;
skull; scalp. `left` and `right` in a name give its side. Background, white matter, cortex and ventricle must be there.
"""
_MODALITY = {"flair": "flair", "flair-wide": "flair", "t1": "t1", "t2": "t2", "random": "flair"}


def add_parser(commands: Any) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "render",
        help="make heads of any contrast from label maps",
        description="Render whole volumes from maps of a head's structures, some with painted lesions: image, lesion, "
        "brain, ventricles and side (1 left, 2 right) as NIfTI, manifest.csv for train, and recipe.json, which says "
        "how to make the same again.",
        epilog=LABEL_TABLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("maps", metavar="FOLDER", help="folder of label maps, one head a file")
    parser.add_argument("--labels", required=True, metavar="TABLE", help="CSV table of what the labels are, see below")
    parser.add_argument("-o", "--output", required=True, metavar="DIR", help="folder of the volumes")
    parser.add_argument("--heads", type=int, default=20, metavar="N", help="how many (default: 20)")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="the same gives the same heads (default: 0)")
    parser.add_argument("--prior", choices=CONTRAST_PRIORS, default="flair", help="contrast (default: flair)")
    parser.add_argument("--modality", metavar="NAME", help="column of the manifest (default: by the prior)")
    group = parser.add_argument_group("grid")
    group.add_argument("--matrix", type=int, default=256, metavar="N", help="pixels a side (default: 256)")
    group.add_argument("--spacing", type=float, default=0.9375, metavar="MM", help="of the pixels (default: 0.9375)")
    group.add_argument(
        "--slice-spacing", default="3,4,5,6,7,8", metavar="MM,...", help="one is drawn a head (default: %(default)s)"
    )
    group.add_argument("--oblique", type=float, default=12.0, metavar="DEGREES", help="at most (default: 12)")
    group = parser.add_argument_group("shares of the heads, 0 to 1")
    group.add_argument("--stripped", type=float, default=0.45, metavar="SHARE", help="without skull (default: 0.45)")
    group.add_argument("--painted", type=float, default=0.5, metavar="SHARE", help="with lesions (default: 0.5)")
    group.add_argument("--z-scored", type=float, default=0.1, metavar="SHARE", help="z-scored (default: 0.1)")
    group.add_argument(
        "--split", type=float, default=0.25, metavar="SHARE", help="share of the maps, last by name, for val (0.25)"
    )
    parser.add_argument("--progress", choices=("bar", "json", "none"), default="bar", help="default: bar")
    parser.add_argument("--watch-stdin", action="store_true", help="end the run when standard input ends")
    parser.set_defaults(run=run_render)


def run_render(options: argparse.Namespace) -> int:
    """Run the command."""
    with cancellation(watch_stdin=options.watch_stdin) as cancel:
        options.reporter = make_reporter(options.progress)
        request = _request(options)
        from ..synthetic.render_set import MANIFEST, render_set

        reporter: Reporter = options.reporter
        recipe = render_set(request, cancel, reporter.progress)
        heads = recipe["heads"]
        painted = sum(any(lesion["voxels"] for lesion in head["lesions"]) for head in heads)
        text = f"Written to {request.output}: {len(heads)} heads, {painted} with lesions; {MANIFEST} lists them."
        reporter.result(text, {"output": str(request.output), "heads": len(heads), "with_lesions": painted})
    return 0


def _request(options: argparse.Namespace) -> RenderRequest:
    for name, value in (("FOLDER", options.maps), ("--labels", options.labels), ("--modality", options.modality)):
        if value is not None and not value.strip():
            raise SettingsError(f"{name} is empty; name one.")
    return RenderRequest(
        maps=Path(options.maps),
        table=Path(options.labels),
        output=output_folder(options.output),
        heads=options.heads,
        seed=options.seed,
        prior=options.prior,
        modality=(options.modality or _MODALITY[options.prior]).lower(),
        matrix=options.matrix,
        pixel_mm=options.spacing,
        slice_spacings_mm=tuple(numbers(options.slice_spacing, "--slice-spacing")),
        stripped=options.stripped,
        painted=options.painted,
        z_scored=options.z_scored,
        oblique_degrees=options.oblique,
        validation=options.split,
    )
