"""Training on real slices and on heads that are rendered meanwhile, and what becomes of such a model."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from command_line import CommandLine
from layered_head import write_layered_maps
from prepared_data import prepared_slices
from training_samples import MODEL, training_config

from anofpdm.core.errors import Cancelled
from anofpdm.core.progress import CancelToken
from anofpdm.datasets.slice_cache import SliceCache, open_slice_cache
from anofpdm.network.config import NULL_LABEL
from anofpdm.results.findings import read_findings
from anofpdm.store.model_folder import open_model_folder
from anofpdm.synthetic.kept_maps import prepare_maps
from anofpdm.synthetic.structures import read_structures
from anofpdm.training.batches import BatchMaker
from anofpdm.training.checkpoint import CHECKPOINT_FILE
from anofpdm.training.config import TrainingConfig, training_config_to_dict
from anofpdm.training.rendered_config import RenderedConfig
from anofpdm.training.rendered_slices import RenderedSlices
from anofpdm.training.training_slices import TrainingSlices

pytest.importorskip("lightning_fabric", reason="needs the train extra: pip install 'anofpdm[train]'")

from anofpdm.training.run import LabelMaps, run_training

NETWORK = replace(MODEL.network, patch=2, attention_px=(8,), spatial_condition=True, level_embedding=False)
PLACED = replace(
    MODEL,
    network=NETWORK,
    grid=replace(MODEL.grid, level="none"),
    preprocessing=replace(MODEL.preprocessing, tissue_units=2.5),
)
CPU = torch.device("cpu")


def config(**changes: object) -> TrainingConfig:
    """Six steps of eight slices, half of them rendered."""
    rendered = RenderedConfig(share=0.5, priors=("flair",), painted=1.0, pool=2, heads_a_step=0.5, workers=0)
    values = {"model": PLACED, "steps": 6, "checkpoint_every": 3, "condition_dropout": 0.35, "condition_cell_px": 2}
    return training_config(**{**values, "rendered": rendered, **changes})


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="module")
def label_maps(tmp_path_factory: pytest.TempPathFactory) -> LabelMaps:
    folder = tmp_path_factory.mktemp("labelmaps")
    return LabelMaps(folder, write_layered_maps(folder))


@pytest.fixture(scope="module")
def prepared(label_maps: LabelMaps, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run's folder with the maps prepared, one for training."""
    output = tmp_path_factory.mktemp("prepared")
    paths = sorted(label_maps.folder.glob("*.nii.gz"))
    prepare_maps(output, paths, read_structures(label_maps.table), None, lambda _: None)
    return output


@pytest.fixture(scope="module")
def cache(labelled_data: Path, tmp_path_factory: pytest.TempPathFactory) -> SliceCache:
    return open_slice_cache(prepared_slices(labelled_data, PLACED, tmp_path_factory, brains=True))


@pytest.fixture(scope="module")
def batches(cache: SliceCache, prepared: Path) -> Iterator[BatchMaker]:
    plenty = replace(config().rendered, pool=8)
    still = config(batch_size=16, rendered=plenty, label_dropout=0.35)
    with RenderedSlices(prepared / "maps", still) as rendered:
        yield BatchMaker(TrainingSlices(cache, PLACED), still, CPU, rendered=rendered)


def test_half_of_a_batch_is_rendered_and_its_lesions_are_known(batches: BatchMaker) -> None:
    made = [batches.make(step) for step in range(4)]
    condition = torch.cat([batch.condition for batch in made])
    label = torch.cat([batch.label for batch in made])
    real = torch.cat([torch.arange(16) < 8 for _ in made])
    known = condition.isfinite().flatten(1).all(dim=1)
    assert known.float().mean() < 0.9, "some are withheld"
    assert (condition[known].flatten(1).amax(dim=1) <= 1).all()
    painted = known & (condition.nan_to_num(0).flatten(1).amax(dim=1) > 0)
    assert (painted & ~real).sum() > 4 and not (painted & real).any(), "real slices are free of lesions, or unknown"
    assert not (known & real & (label == 1)).any() and (known & real & (label == 0)).any()
    # Withheld each on its own: both known, one of them, neither.
    kinds = {(bool(k), bool(told)) for k, told in zip(known[real], label[real] != NULL_LABEL, strict=True)}
    assert len(kinds) == 4


def test_whole_and_stripped_heads_have_the_same_unit(cache: SliceCache) -> None:
    slices = TrainingSlices(cache, PLACED)
    assert (slices.scalp_scale == 0).all() and (slices.brain_scale == 1).all()
    assert (np.abs(np.log(slices.stripped_scale)) < np.log(2)).all()
    assert not (slices.stripped_scale[slices.whole_head] == 1).any(), "a brain alone has a median of its own"


@pytest.fixture(scope="module")
def finished(
    labelled_data: Path,
    cache: SliceCache,
    label_maps: LabelMaps,
    prepared: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    """Trained in one go; the prepared maps are another run's."""
    output = tmp_path_factory.mktemp("finished")
    (output / "maps").symlink_to(prepared / "maps")
    (output / "maps-validation").symlink_to(prepared / "maps-validation")
    train(labelled_data, output, cache, label_maps)
    return output


def train(
    manifest: Path, output: Path, cache: SliceCache, label_maps: LabelMaps, cancel: CancelToken | None = None
) -> None:
    run_training(
        manifest,
        output,
        config(),
        label_maps=label_maps,
        cache_dir=cache.directory,
        device="cpu",
        tensorboard=False,
        cancel=cancel,
        message=lambda _: None,
    )


class CancelAfter(CancelToken):
    """Set once it has been asked so often in the loop."""

    def __init__(self, asked: int) -> None:
        super().__init__()
        self._left = asked

    def raise_if_cancelled(self) -> None:
        self._left -= 1
        if self._left < 0:
            self.cancel()
        super().raise_if_cancelled()


def test_a_run_that_was_stopped_goes_on_to_the_same_weights(
    finished: Path, labelled_data: Path, cache: SliceCache, label_maps: LabelMaps, prepared: Path, tmp_path: Path
) -> None:
    (tmp_path / "maps").symlink_to(prepared / "maps")
    (tmp_path / "maps-validation").symlink_to(prepared / "maps-validation")
    # Asked for each of the two label maps, twice, and then at every step.
    with pytest.raises(Cancelled, match="after step"):
        train(labelled_data, tmp_path, cache, label_maps, CancelAfter(6))
    assert 0 < torch.load(tmp_path / CHECKPOINT_FILE, weights_only=True)["step"] < 6
    train(labelled_data, tmp_path, cache, label_maps)
    ours, theirs = (torch.load(run / CHECKPOINT_FILE, weights_only=True)["average"] for run in (finished, tmp_path))
    for name, value in ours.items():
        torch.testing.assert_close(theirs[name], value, rtol=1e-5, atol=1e-7)


def test_the_model_calibrates_and_detects(
    finished: Path, labelled_data: Path, cache: SliceCache, command: CommandLine, tmp_path: Path
) -> None:
    model = finished / "tiny"
    folder = open_model_folder(model)
    assert folder.config.network == NETWORK
    assert "50% of each batch: slices of heads rendered" in folder.model_card
    assert "Spatial condition" in folder.model_card
    quick = ("--presets", "default=3", "--ranges", "1..300", "--guidance", "0,2", "--precision", "float32")
    calibrated = command("calibrate", model, labelled_data, *quick, "--progress", "none", "--cache", cache.directory)
    assert calibrated.status == 0, calibrated.err
    image = labelled_data.parent / "a_val.nii.gz"
    detected = command("detect", image, "--model", model, "--output", tmp_path / "out", "--no-overlay")
    assert detected.status == 0, detected.err
    assert read_findings(tmp_path / "out" / "findings.json")["model"]["name"] == "tiny"


def test_label_maps_go_with_a_configuration_that_renders(
    command: CommandLine, labelled_data: Path, label_maps: LabelMaps, tmp_path: Path
) -> None:
    rendering, plain = tmp_path / "rendering.json", tmp_path / "plain.json"
    rendering.write_text(json.dumps(training_config_to_dict(config())))
    plain.write_text(json.dumps(training_config_to_dict(training_config())))
    call = ("train", labelled_data, "--no-tensorboard", "--device", "cpu", "--output", tmp_path / "run", "--config")
    maps, table = ("--label-maps", label_maps.folder), ("--labels", label_maps.table)
    for options, words in (
        ((rendering,), "renders heads; give --label-maps"),
        ((rendering, *maps), "--label-maps and --labels go together"),
        ((plain, *maps, *table), "renders no heads; set rendered.share"),
        ((rendering, "--label-maps", tmp_path / "none", *table), "is not a folder"),
    ):
        command.refuses(*call, *options, words=words, folder=tmp_path)
