"""From a run's averaged weights to a model folder, not yet calibrated."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from ..core.errors import SettingsError
from ..datasets.slice_cache import SliceCache
from ..store.model_config import ModelConfig
from ..store.model_folder import ModelFolder
from ..store.network_weights import write_model
from .checkpoint import CHECKPOINT_FILE, load_checkpoint
from .config import TrainingConfig
from .objective import Objective, Written


def export_model(
    output: Path, config: TrainingConfig, cache: SliceCache, destination: Path, objective: Objective
) -> Written:
    """Write the averaged weights of the run's last checkpoint as its objective does.

    Raises SettingsError if there is no checkpoint yet, OutputError if `destination` exists.
    """
    require_checkpoint(output)
    checkpoint = load_checkpoint(output / CHECKPOINT_FILE, config, None)
    assert checkpoint is not None
    return objective.write(destination, config, checkpoint.average, checkpoint.step, cache)


def require_checkpoint(output: Path) -> None:
    """Raises SettingsError if there is no checkpoint yet."""
    if not (output / CHECKPOINT_FILE).exists():
        raise SettingsError(f"There is no checkpoint in {output} yet; train first.")


def write_averaged(
    weights: dict[str, Tensor],
    step: int,
    config: TrainingConfig,
    cache: SliceCache,
    destination: Path,
    measured: str,
    model: ModelConfig | None = None,
) -> ModelFolder:
    """Write averaged weights after `step` steps as a model folder (bfloat16, without calibration).

    `model`: what its `config.json` records; None: the training configuration's own.
    """
    model = config.model if model is None else model
    card = model_card(config, model, cache, step, measured)
    return write_model(destination, model, weights, model_card=card, dtype=torch.bfloat16)


def model_card(config: TrainingConfig, model: ModelConfig, cache: SliceCache, step: int, measured: str) -> str:
    """A draft of MODEL_CARD.md with what the run itself knows; figures are added after calibration and evaluation."""
    train = cache.indices("train")
    rows = []
    for source in sorted(set(cache.source[train].tolist())):
        of_source = train[cache.source[train] == source]
        subjects = len(set(cache.subject[of_source].tolist()))
        unhealthy = int(cache.unhealthy[of_source].sum())
        rows.append(f"| {source or '-'} | {subjects} | {len(of_source)} | {unhealthy} |")
    network = config.model.network
    told = (
        f"Label withheld from {config.label_dropout:.0%}"
        if config.labels == "both"
        else "Slices labelled healthy alone, no label told"
    )
    lines = [
        f"# {model.title}",
        "",
        "For research only; not for clinical diagnosis.",
        "",
        "## Training data",
        "",
        model.trained_on or "Not described.",
        "",
        "| source | subjects | slices | of these labelled unhealthy |",
        "|---|---|---|---|",
        *rows,
        "",
        "Only image-level labels were used. No pixel masks entered training.",
        "",
        "## Training",
        "",
        f"- Modalities: {', '.join(model.modalities)}; maps from {', '.join(model.used)}",
        f"- {network.image_size} px, {model.grid.pixel_mm:.2f} mm a pixel; base {network.base_channels}, "
        f"multipliers {network.channel_multipliers}, level embedding {'yes' if network.level_embedding else 'no'}",
        f"- {step} of {config.steps} steps of {config.batch_size} slices, learning rate {config.learning_rate:g}, "
        f"averaged weights with decay {config.ema_decay:g}",
        f"- {told}, level withheld from {config.level_dropout:.0%} of the slices; sampling {config.balance}",
        *_special(config),
        "",
        "## Licence and citation",
        "",
        f"{model.licence}{' (non-commercial)' if model.non_commercial else ''}",
        "",
        model.citation or "No citation given.",
        "",
        "## Measured figures",
        "",
        measured,
        "",
    ]
    return "\n".join(lines)


def _special(config: TrainingConfig) -> list[str]:
    """Lines on what not every run has."""
    lines = []
    if config.rendered.share > 0:
        rendered = config.rendered
        lines.append(
            f"- {rendered.share:.0%} of each batch: slices of heads rendered from label maps while training ran "
            f"({', '.join(rendered.priors)}), {rendered.painted:.0%} of the heads with painted lesions"
        )
    if config.model.network.spatial_condition:
        lines.append(
            f"- Spatial condition: the amount of painted lesion in squares of {config.condition_cell_px} px, none in "
            f"slices labelled healthy, unknown in others; withheld from {config.condition_dropout:.0%}"
        )
    return lines
