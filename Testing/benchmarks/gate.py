"""What the gate says of volumes, and how often a healthy head shows a finding with a confidence of 0.95 or more.

    python Testing/benchmarks/gate.py NAME=FILE... [--as upside-down] [--objects] [--model brain-fused]
        [--maps FOLDER --labels TABLE] [--heads 200] [--seed 21] [--cache DIR]

NAME groups volumes in the table (lgg, t1, ...). --as: handed over so instead (see gate_versions.py). --objects: noise,
phantoms and limbs besides. --maps: label maps that the reference was not made from; so many healthy heads are rendered
from them, half of the prior flair, half of flair-wide; another --seed gives other heads. --cache keeps what was found
of each rendered head. Prints markdown, then what is not green with the gate's sentences.
"""

from __future__ import annotations

import argparse
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path

import SimpleITK as sitk
from gate_versions import VERSIONS, objects

from anofpdm import Detector
from anofpdm.core.errors import InputError
from anofpdm.core.progress import CancelToken
from anofpdm.gate.assess import assess
from anofpdm.gate.calibrating import find_maps
from anofpdm.gate.confidence import confidence_of
from anofpdm.gate.examined_examples import ExaminedExamples
from anofpdm.gate.model_reference import load_reference
from anofpdm.gate.reference import GateReference
from anofpdm.gate.rendered_examples import FLAIR_LIKE, plan_examples, render_example
from anofpdm.store.model_search import find_model
from anofpdm.volumes.reading import read_volume

SEED = 21
"""Of the heads that the confidence was chosen with; another one's are new."""
SURE = 0.95
COLUMNS = ("green", "amber", "red", "refused")


def look_at(detector: Detector, image: sitk.Image) -> tuple[str, str]:
    """The gate's state, or that the image was refused, and why."""
    try:
        opinion = detector.examine(image).gate
    except InputError as error:
        return "refused", str(error)
    assert opinion is not None
    return opinion.state, " ".join(opinion.sentences)


def healthy_heads(
    detector: Detector, reference: GateReference, maps: Path, labels: Path, count: int, seed: int, cache: Path | None
) -> tuple[dict[str, Counter[str]], int]:
    """States by prior, and how many heads show a finding with a confidence of at least SURE."""
    examples = ExaminedExamples(detector, cache, CancelToken())
    states: dict[str, Counter[str]] = defaultdict(Counter)
    sure = 0
    for each in plan_examples(find_maps(maps), FLAIR_LIKE, count, seed):
        found = examples.look_at(each.name, lambda each=each: render_example(each, labels))  # type: ignore[misc]
        state = assess(found.measures, reference).state if found.measures else "refused"
        states[each.prior][state] += 1
        sure += (confidence_of(found.strongest, reference.healthy) or 0) >= SURE
    return states, sure


def table_of(states: Mapping[str, Counter[str]]) -> str:
    """Markdown."""
    lines = [f"| | {' | '.join(COLUMNS)} |", "|---|" + "---|" * len(COLUMNS)]
    lines += [f"| {name} | {' | '.join(str(found[each]) for each in COLUMNS)} |" for name, found in states.items()]
    return "\n".join(lines)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("volumes", nargs="*", metavar="NAME=FILE")
    parser.add_argument("--model", default="brain-fused")
    parser.add_argument("--as", dest="version", choices=VERSIONS)
    parser.add_argument("--objects", action="store_true")
    parser.add_argument("--maps", type=Path)
    parser.add_argument("--labels", type=Path)
    parser.add_argument("--heads", type=int, default=200)
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--cache", type=Path)
    options = parser.parse_args()
    folder = find_model(options.model)
    reference = load_reference(folder.calibration)
    if reference is None:
        raise SystemExit(f"{options.model} has no reference; make one with anofpdm calibrate-gate.")
    detector = Detector.from_folder(folder)
    states: dict[str, Counter[str]] = defaultdict(Counter)
    told = []
    for name, title, image in _volumes(options, detector.config.modalities[0]):
        state, sentences = look_at(detector, image)
        states[name][state] += 1
        if state != "green":
            told.append(f"- {name}, {title}: {state}. {sentences}")
    sure = None
    if options.maps is not None:
        heads, sure = healthy_heads(
            detector, reference, options.maps, options.labels, options.heads, options.seed, options.cache
        )
        states |= {f"rendered, {prior}": found for prior, found in heads.items()}
    print(table_of(states))
    if told:
        print("", *told, sep="\n")
    if sure is not None:
        print(f"\nA finding with confidence of at least {SURE:g}: in {sure} of {options.heads} healthy heads.")


def _volumes(options: argparse.Namespace, modality: str) -> Iterator[tuple[str, str, sitk.Image]]:
    """Group, title and image."""
    for text in options.volumes:
        name, _, file = text.partition("=")
        image = read_volume(Path(file), modality)
        title = f"{Path(file).parent.name}/{Path(file).name}"
        yield name, title, VERSIONS[options.version](image) if options.version else image
    if options.objects:
        yield from (("objects", title, image) for title, image in objects())


if __name__ == "__main__":
    main()
