"""`anofpdm evaluate`: methods and yardsticks against lesion masks, in one table."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..core.errors import SettingsError
from ..core.progress import Progress
from ..core.reporting import make_reporter, say
from ..datasets.manifest import SPLITS
from ..evaluation.method_list import evaluated, names
from ..evaluation.request import EvaluationRequest
from ..methods.knobs import Knob
from .interruption import cancellation
from .options import output_folder

if TYPE_CHECKING:
    from ..evaluation.measure import Measured

_PLACE = "option of methods "
"""Before an option, where argparse keeps what was given."""


def add_parser(commands: Any) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "evaluate",
        help="measure a model and other methods against lesion masks",
        description="Measure methods on the slices of a manifest with lesion masks, which are read for measuring only. "
        "Writes tables (results.json, table.md, CSV) and pictures; given again, an interrupted run resumes.",
    )
    parser.add_argument("model", metavar="MODEL", help="model by name or folder")
    parser.add_argument("manifest", metavar="MANIFEST", help="CSV table of slices with labels and masks")
    parser.add_argument("-o", "--output", required=True, metavar="DIR", help="folder of the results")
    parser.add_argument(
        "--methods",
        metavar="NAME,...",
        help=f"of {', '.join(names())}; 'none' for ready results alone (default: the model's own and the yardsticks)",
    )
    _add_ready(parser)
    _add_methods_options(parser)
    group = parser.add_argument_group("measuring")
    group.add_argument("--split", choices=SPLITS, default="val", help="slices that are measured (default: val)")
    group.add_argument(
        "--tuning-split", choices=SPLITS, help="slices whose labels tune thresholds (default: the measured ones)"
    )
    group.add_argument(
        "--metrics",
        choices=("own", "reference"),
        default="own",
        help="'reference' adds figures as the paper's public code defines them",
    )
    group.add_argument(
        "--reference-batch", type=int, default=32, metavar="N", help="slices it pools pixels over (default: 32)"
    )
    group.add_argument("--erosion-mm", type=float, metavar="MM", help="margin of the eroded head (default: model's)")
    group.add_argument("--resamplings", type=int, default=1000, metavar="N", help="of the subjects (default: 1000)")
    group.add_argument("--seed", type=int, default=0, metavar="N", help="of noise and resampling (default: 0)")
    group.add_argument("--no-pictures", action="store_true", help="tables alone; else the extra 'evaluate' is needed")
    group = parser.add_argument_group("computing")
    group.add_argument("--cache", metavar="DIR", help="folder of the prepared slices (default: DIR/slices)")
    group.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:1 or mps (default: auto)")
    group.add_argument("--batch-size", type=int, metavar="N", help="slices a batch (default: by device)")
    parser.set_defaults(run=run_evaluate)


def _add_ready(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group(
        "results of other tools",
        "A file a subject (SUBJECT.nii.gz) on the grid of its image, or results of anofpdm detect in SUBJECT/. Without "
        "NAME the folder's name is taken; may be given several times.",
    )
    group.add_argument("--masks", action="append", default=[], metavar="[NAME=]DIR", help="ready masks")
    group.add_argument("--score-maps", action="append", default=[], metavar="[NAME=]DIR", help="ready maps")


def _add_methods_options(parser: argparse.ArgumentParser) -> None:
    """Those of every method; an option that several have stands in the group of the first."""
    there: set[str] = set()
    for each in evaluated():
        added = [(knob, flag, help_) for knob in each.knobs for flag, help_ in _flags(knob) if flag not in there]
        group = parser.add_argument_group(each.title) if added else None
        for knob, flag, help_ in added:
            assert group is not None
            there.add(flag)
            if knob.switches:
                group.add_argument(flag, dest=_PLACE + flag, action="store_true", help=help_)
            else:
                group.add_argument(flag, dest=_PLACE + flag, metavar=knob.metavar, help=help_)


def _flags(knob: Knob) -> list[tuple[str, str]]:
    """Option and help."""
    if knob.switches:
        return [(f"--{switch.option}", switch.help) for switch in knob.switches]
    return [(knob.flag, knob.help)]


def _methods_options(options: argparse.Namespace) -> dict[str, dict[str, Any]]:
    """The values given, as `EvaluationRequest.options`. Raises SettingsError for a value that cannot be."""
    found: dict[str, dict[str, Any]] = {}
    for each in evaluated():
        values: dict[str, Any] = {}
        for knob in each.knobs:
            for switch in knob.switches:
                if getattr(options, f"{_PLACE}--{switch.option}"):
                    values[knob.name] = switch.value
            text = None if knob.switches else getattr(options, _PLACE + knob.flag)
            if text is not None:
                values[knob.name] = knob.value(text)
        if values:
            found[each.title] = values
    return found


def run_evaluate(options: argparse.Namespace) -> int:
    """Run the command."""
    request = _request(options)
    from ..evaluation.runner import run_evaluation

    with cancellation() as cancel:
        reporter = make_reporter("none" if options.quiet else "bar")

        def report(what: str, done: float, total: int) -> None:
            reporter.progress(Progress(done, total, 0.0, None, what))

        for path in run_evaluation(request, tell=_tell, report=report, progress=reporter.progress, cancel=cancel):
            say(f"Written: {path}")
    return 0


def _request(options: argparse.Namespace) -> EvaluationRequest:
    return EvaluationRequest(
        model=options.model,
        manifest=Path(options.manifest),
        output=output_folder(options.output),
        methods=_wanted(options.methods),
        split=options.split,
        tuning_split=options.tuning_split,
        options=_methods_options(options),
        ready_masks=_folders(options.masks, "--masks"),
        ready_maps=_folders(options.score_maps, "--score-maps"),
        metrics=options.metrics,
        reference_batch=options.reference_batch,
        erosion_mm=options.erosion_mm,
        resamplings=options.resamplings,
        seed=options.seed,
        cache=None if options.cache is None else Path(options.cache),
        device=options.device,
        batch_size=options.batch_size,
        pictures=not options.no_pictures,
    )


def _wanted(text: str | None) -> tuple[str, ...] | None:
    if text is None:
        return None
    return () if text == "none" else _names(text, "--methods", names())


def _names(text: str, option: str, known: Sequence[str] | None = None) -> tuple[str, ...]:
    names = tuple(dict.fromkeys(name.strip() for name in text.split(",") if name.strip()))
    wrong = [name for name in names if known is not None and name not in known]
    if wrong or not names:
        choice = f"some of {', '.join(known)}" if known else "names"
        raise SettingsError(f"{option} takes {choice}, not " + (f"'{wrong[0]}'." if wrong else "nothing."))
    return names


def _folders(texts: Sequence[str], option: str) -> dict[str, Path]:
    folders: dict[str, Path] = {}
    for text in texts:
        name, given, place = text.partition("=")
        path = Path(place if given else text)
        name = name if given else path.resolve().name
        if not name or not str(path) or name in folders:
            what = "is given twice" if name in folders else "needs a name and a folder, such as tool=results"
            raise SettingsError(f"{option} {text} {what}.")
        folders[name] = path
    return folders


def _tell(row: Measured) -> None:
    def shown(name: str) -> str:
        return f"{row.figures[name].value:.3f}" if name in row.figures else "–"

    say(
        f"{row.output.name}: Dice mixed {shown('dice_mixed')}, unhealthy {shown('dice_unhealthy')}; "
        f"AUPRC {shown('auprc_all_slices')} / {shown('auprc_unhealthy_slices')}; "
        f"AUROC {shown('image_auroc')} / {shown('image_auroc_same_level')}"
    )
