"""What a training step sees: balance of label and source, levels of noise, withheld labels, the brain's own scale."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from training_samples import MODEL, training_config, write_data

from anofpdm.core.errors import SettingsError
from anofpdm.datasets.build_slice_cache import build_slice_cache
from anofpdm.datasets.manifest import read_manifest
from anofpdm.datasets.slice_cache import SliceCache, open_slice_cache
from anofpdm.training.batches import BatchMaker, draw_noise_levels, step_generator, step_seed
from anofpdm.training.sampling import BatchSampler
from anofpdm.training.training_slices import TrainingSlices


@pytest.fixture(scope="module")
def cache(training_slices: Path) -> SliceCache:
    return open_slice_cache(training_slices)


@pytest.fixture(scope="module")
def slices(cache: SliceCache) -> TrainingSlices:
    return TrainingSlices(cache, MODEL)


def test_balanced_batches_hold_every_source_and_label_equally(cache: SliceCache) -> None:
    sampler = BatchSampler(cache, cache.indices("train"), 8, "balanced", 0)
    for step in range(5):
        rows = sampler.rows(step)
        assert set(cache.split[rows]) == {"train"}
        cells = Counter(zip(cache.source[rows].tolist(), cache.unhealthy[rows].tolist(), strict=True))
        assert set(cells.values()) == {2}
        assert len(cells) == 4


@pytest.mark.parametrize("balance", ["natural", "balanced"])
def test_each_round_shows_every_slice_once(cache: SliceCache, balance: str) -> None:
    rows = cache.indices("train")
    if balance == "balanced":
        rows = rows[(cache.source[rows] == "a") & cache.unhealthy[rows] | (np.cumsum(~cache.unhealthy[rows]) <= 0)]
        rows = np.concatenate([rows, cache.indices("train")[~cache.unhealthy[cache.indices("train")]][: len(rows)]])
        assert set(cache.source[rows]) == {"a"}
    sampler = BatchSampler(cache, rows, len(rows), balance, 3)  # type: ignore[arg-type]
    first, second = sampler.rows(0), sampler.rows(1)
    assert sorted(first) == sorted(second) == sorted(rows)
    assert first.tolist() != second.tolist()
    # Any step can be asked for again, in any order: that is what makes runs resumable.
    assert sampler.rows(0).tolist() == first.tolist()


def test_natural_batches_keep_the_proportions(cache: SliceCache) -> None:
    rows = cache.indices("train")
    sampler = BatchSampler(cache, rows, 4, "natural", 0)
    drawn = np.concatenate([sampler.rows(step) for step in range(len(rows))])
    assert cache.unhealthy[drawn].mean() == cache.unhealthy[rows].mean()


def test_a_missing_label_is_named(cache: SliceCache) -> None:
    rows = cache.indices("train")
    with pytest.raises(SettingsError, match="no unhealthy slice, but guidance needs both"):
        BatchSampler(cache, rows[~cache.unhealthy[rows]], 4, "natural", 0)
    with pytest.raises(SettingsError, match="The source 'b' has no healthy slice"):
        BatchSampler(cache, rows[(cache.source[rows] == "a") | cache.unhealthy[rows]], 4, "balanced", 0)


def test_noise_levels_are_spread_evenly_over_every_batch() -> None:
    config = training_config(batch_size=500, focus_share=0.0)
    t = draw_noise_levels(config, step_generator(0, 0))
    assert np.histogram(t, bins=100, range=(0, 1000))[0].tolist() == [5] * 100
    assert not torch.equal(t, t.sort().values)
    focused = draw_noise_levels(replace(config, focus_share=0.5, focus_levels=600), step_generator(0, 0))
    # Half of all from the first 600, and the first 600's share of the other half.
    assert (focused < 600).float().mean().item() == pytest.approx(0.5 + 0.5 * 0.6, abs=0.01)
    assert int(focused.max()) > 980


def test_batches_can_be_made_again_and_shared(slices: TrainingSlices) -> None:
    config = training_config()
    cpu = torch.device("cpu")
    whole = BatchMaker(slices, config, cpu).make(7)
    again = BatchMaker(slices, config, cpu).make(7)
    halves = [BatchMaker(slices, config, cpu, rank, 2).make(7) for rank in (0, 1)]
    other = BatchMaker(slices, config, cpu).make(8)
    for name, value in vars(whole).items():
        if value is None:
            assert name == "condition"
            continue
        torch.testing.assert_close(vars(again)[name], value, rtol=0, atol=0, equal_nan=True)
        both = torch.cat([vars(half)[name] for half in halves])
        torch.testing.assert_close(both, value, rtol=0, atol=1e-5, equal_nan=True)
        assert not torch.equal(vars(other)[name], value)


def test_labels_and_levels_are_withheld_at_their_rates(slices: TrainingSlices) -> None:
    config = training_config(batch_size=32, label_dropout=0.3, level_dropout=0.6)
    batches = [BatchMaker(slices, config, torch.device("cpu")).make(step) for step in range(30)]
    label = torch.cat([batch.label for batch in batches])
    level = torch.cat([batch.level for batch in batches])
    assert (label == -1).float().mean().item() == pytest.approx(0.3, abs=0.05)
    assert (label == 0).sum().item() == pytest.approx((label == 1).sum().item(), rel=0.15)
    assert level.isnan().float().mean().item() == pytest.approx(0.6, abs=0.05)


def test_seeds_differ_between_steps_and_streams() -> None:
    seeds = [step_seed(seed, step, stream) for seed in range(4) for step in range(50) for stream in range(3)]
    assert len(set(seeds)) == len(seeds)


def test_the_brain_is_measured_within_each_whole_head(cache: SliceCache, slices: TrainingSlices) -> None:
    stripped = cache.skull_stripped
    assert stripped.any()
    assert not stripped.all()
    assert not slices.whole_head[stripped].any()
    assert (slices.brain_scale[stripped] == 1).all()
    rows = np.flatnonzero((cache.source == "a") & (cache.split == "train"))
    values, brain = np.asarray(cache.images[rows, 0], np.float32), cache.brain(rows)
    assert slices.brain_scale[rows[0], 0] == pytest.approx(np.percentile(values[brain & cache.head(rows)], 99.5))
    # Scalp is the brightest part of these heads and gave the volume its percentile.
    assert slices.scalp_scale[rows[0], 0] == pytest.approx(1, abs=0.05)


def test_the_scale_of_a_head_to_be_stripped_follows_the_gain(cache: SliceCache) -> None:
    dimmed = TrainingSlices(cache, replace(MODEL, preprocessing=replace(MODEL.preprocessing, stripped_gain=0.5)))
    rows = np.arange(len(cache))
    np.testing.assert_allclose(dimmed.batch(rows).stripped_scale.numpy(), 2 * dimmed.brain_scale, rtol=1e-6)


def test_the_level_of_a_stripped_head_is_that_of_its_brain(cache: SliceCache, slices: TrainingSlices) -> None:
    rows = np.flatnonzero((cache.source == "a") & (cache.split == "train"))
    area = cache.brain(rows).sum(axis=(1, 2)) * MODEL.grid.pixel_mm**2
    present = np.flatnonzero(area >= MODEL.preprocessing.minimum_head_mm2)
    expected = np.full(len(rows), np.nan)
    expected[present[0] : present[-1] + 1] = np.linspace(0, 1, len(present))
    assert len(present) < len(rows), "the brain is shorter than the head"
    np.testing.assert_allclose(slices.brain_level[rows], expected, atol=1e-6)


def test_slices_of_another_model_are_refused(cache: SliceCache) -> None:
    other = replace(MODEL, grid=replace(MODEL.grid, field_of_view_mm=200.0))
    with pytest.raises(SettingsError, match="prepared for another model"):
        TrainingSlices(cache, other)
    stretched = replace(MODEL, preprocessing=replace(MODEL.preprocessing, per_slice_min_max=True))
    with pytest.raises(SettingsError, match="per_slice_min_max false"):
        TrainingSlices(cache, stretched)


def test_the_fingerprint_follows_the_data_but_not_their_place(cache: SliceCache, tmp_path: Path) -> None:
    path = write_data(tmp_path)
    same = build_slice_cache(read_manifest(path, ("flair",)), MODEL, tmp_path / "slices")
    ours = TrainingSlices(cache, MODEL).fingerprint()
    assert TrainingSlices(same, MODEL).fingerprint() == ours
    relabelled = replace(same, unhealthy=~same.unhealthy)
    assert TrainingSlices(relabelled, MODEL).fingerprint() != ours
