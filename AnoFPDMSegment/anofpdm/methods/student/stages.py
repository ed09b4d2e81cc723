"""The stages of a student's training: on rendered heads alone, then in rounds on real volumes as well."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np
from torch import Tensor

from ...core.arrays import FloatArray
from ...core.errors import InputError
from ...core.progress import CancelToken
from ...datasets.manifest import Manifest
from ...synthetic.contrast import ContrastPrior
from ...synthetic.head_sample import HeadSample
from ...synthetic.material_pool import Pool
from ...synthetic.rendered_heads import RenderedHeads
from ...synthetic.renderer import RenderSettings
from .config import StudentConfig
from .predictor import StudentPredictor
from .pseudo_masks import Trust, targets_of, trust_of
from .real_heads import RealHeads
from .real_volumes import RealVolume, real_volumes
from .repainting import keep_what_explains
from .samples import PoolSource
from .teacher_maps import result_folder, teacher_map
from .trainer import Schedule, Source, StudentTrainer

Stage = Literal["rendered", "self-training"]
STAGES: tuple[Stage, ...] = ("rendered", "self-training")
OWN, TEACHER = "student", "teacher"
Message = Callable[[str], None]


@dataclass(frozen=True)
class Mixture:
    """What a batch is made of. `priors` with their probabilities; `real`: share of a batch from real volumes."""

    priors: tuple[tuple[ContrastPrior, float], ...] = (("flair", 0.45), ("flair-wide", 0.55))
    real: float = 0.5
    pool: int = 64
    heads_a_step: float = 0.6
    volumes_a_step: float = 1.0
    workers: int = 1
    """Processes that make each kind of material; 0: the training process does."""
    settings: RenderSettings = field(default_factory=RenderSettings)

    @classmethod
    def any_contrast(cls) -> Mixture:
        """Of T1-, T2-, FLAIR-like and altogether random contrast."""
        return cls(priors=(("flair-wide", 0.2), ("t1", 0.25), ("t2", 0.25), ("random", 0.3)))


def rendered_pool(maps: Path, mixture: Mixture, seed: int, share: float = 1.0) -> Pool[HeadSample]:
    """Rendered heads; `share`: of a batch, which that many new heads a step are enough for."""
    return Pool(
        rendered_maker(maps, mixture, seed),
        size=mixture.pool,
        rate=mixture.heads_a_step * share,
        workers=mixture.workers,
    )


def rendered_maker(maps: Path, mixture: Mixture, seed: int) -> RenderedHeads:
    """Makes the mixture's heads from the prepared maps in a folder."""
    names, weights = zip(*mixture.priors, strict=True)
    return RenderedHeads(maps, mixture.settings, names, weights, seed)


def train_rendered(
    maps: Path,
    folder: Path,
    config: StudentConfig,
    schedule: Schedule,
    mixture: Mixture,
    *,
    start_from: dict[str, Tensor] | None = None,
    cancel: CancelToken | None = None,
    message: Message = print,
) -> dict[str, Tensor]:
    """Train on rendered heads alone; given again, it continues. Returns the averaged weights.

    `maps`: a folder of prepared maps. Raises what `StudentTrainer` raises.
    """
    pool = rendered_pool(maps, mixture, schedule.seed)
    try:
        sources: list[tuple[Source, int]] = [(PoolSource(pool), schedule.batch_size)]
        trainer = StudentTrainer(config, schedule, sources, folder, start_from=start_from, message=message)
        trainer.run(cancel)
        return trainer.average
    finally:
        pool.close()


@dataclass(frozen=True)
class Round:
    """Real volumes with what the witnesses make of them."""

    heads: RealHeads
    trust: dict[str, Trust]
    """By source."""


def self_training_round(
    manifest: Manifest,
    predictor: StudentPredictor,
    config: StudentConfig,
    seed: int,
    *,
    teacher: Path | None = None,
    cache: Path | None = None,
    cancel: CancelToken | None = None,
    message: Message = print,
) -> Round:
    """Let the student of the last round, and the teacher, mark the manifest's training volumes.

    `teacher`: a folder of results of `anofpdm detect --cases`. `cache`: see `real_volumes`. Sources count alike,
    however many volumes they have. Raises InputError if there is nothing to train on, or an image or a result cannot
    be used.

    `predictor` should be uncalibrated: its calibration is for heads that mostly have no lesion, while here the labels
    say which slices have one.
    """
    volumes = real_volumes(manifest, ("train",), config, cache=cache, cancel=cancel, message=message)
    if not volumes:
        raise InputError("The manifest has no volume of the split train; name some to train on.")
    by_source: dict[str, list[RealVolume]] = {}
    for volume in volumes:
        by_source.setdefault(volume.source, []).append(volume)
    ordered, brains, targets, means, weights, trust = [], [], [], [], [], {}
    for source, some in by_source.items():
        own, brain = _predictions(predictor, some, cancel)
        maps = {OWN: own}
        results = _results(teacher, some)
        if results:
            maps[TEACHER] = [teacher_map(folder, volume) for folder, volume in zip(results, some, strict=True)]
        trust[source] = trust_of(some, maps)
        message(_words(source, trust[source]))
        believed = bool(results) and trust[source].weight[TEACHER] > 0
        tested = explained = 0
        for index, volume in enumerate(some):
            target = targets_of(volume, {name: of[index] for name, of in maps.items()}, trust[source])
            repair = results[index] if believed else None
            target, more, fitting = keep_what_explains(volume, target, predictor, config, repair, cancel)
            tested, explained = tested + more, explained + fitting
            targets.append(target)
            brains.append(brain[index])
            means.append(trust[source].healthy_means_it)
            weights.append(1 / len(some))
            ordered.append(volume)
        message(f"{source or 'the manifest'}: {explained} of {tested} masks explain their unhealthy slice.")
    heads = RealHeads(tuple(ordered), tuple(brains), tuple(targets), tuple(means), tuple(weights), config, seed)
    return Round(heads, trust)


def train_on_real(
    made: Round,
    maps: Path,
    folder: Path,
    config: StudentConfig,
    schedule: Schedule,
    mixture: Mixture,
    *,
    start_from: dict[str, Tensor],
    cancel: CancelToken | None = None,
    message: Message = print,
) -> dict[str, Tensor]:
    """One round of self-training, beside rendered heads; given again, it continues. Returns the averaged weights."""
    real = round(mixture.real * schedule.batch_size)
    pools = [
        rendered_pool(maps, mixture, schedule.seed, share=1 - mixture.real),
        Pool(made.heads, size=mixture.pool, rate=mixture.volumes_a_step, workers=mixture.workers),
    ]
    try:
        sources: list[tuple[Source, int]] = [
            (PoolSource(pools[0]), schedule.batch_size - real),
            (PoolSource(pools[1]), real),
        ]
        trainer = StudentTrainer(config, schedule, sources, folder, start_from=start_from, message=message)
        trainer.run(cancel)
        return trainer.average
    finally:
        for pool in pools:
            pool.close()


def _results(teacher: Path | None, volumes: Sequence[RealVolume]) -> list[Path]:
    """The teacher's result of every volume; empty if it has none of them. Raises InputError if it has some."""
    if teacher is None:
        return []
    found = [result_folder(teacher, volume) for volume in volumes]
    if not any(found):
        return []
    missing = [volume.name for volume, folder in zip(volumes, found, strict=True) if folder is None]
    if missing:
        raise InputError(f"{teacher} has no result of {missing[0]}; detect in all volumes of its source, or in none.")
    return [folder for folder in found if folder is not None]


def _predictions(
    predictor: StudentPredictor, volumes: Sequence[RealVolume], cancel: CancelToken | None
) -> tuple[list[FloatArray], list[FloatArray]]:
    """Probability of a lesion and of brain for every volume, float16."""
    lesions: list[FloatArray] = []
    brains: list[FloatArray] = []
    for volume in volumes:
        found = predictor.predict(volume.slices.astype(np.float32), volume.spacing_mm, cancel)
        lesions.append(found.inside.astype(np.float16))
        brains.append(found.brain.astype(np.float16))
    return lesions, brains


def _words(source: str, trust: Trust) -> str:
    name = source or "the manifest"
    if not trust.auroc:
        return f"{name}: labels of one kind only; all witnesses count alike."
    parts = [f"{witness} AUROC {area:.3f}, weight {trust.weight[witness]:.2f}" for witness, area in trust.auroc.items()]
    means = "means free of lesions" if trust.healthy_means_it else "does not mean free of lesions"
    return f"{name}: {'; '.join(parts)}; its label healthy {means}."
