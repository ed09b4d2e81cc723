"""Training: it learns, it resumes to the same weights, and it refuses what does not belong."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

import anofpdm
from anofpdm.core.errors import Cancelled, InputError, ModelError, SettingsError
from anofpdm.core.progress import CancelToken
from anofpdm.methods.student.config import StudentConfig
from anofpdm.methods.student.samples import PoolSource, join, slice_of
from anofpdm.methods.student.trainer import Schedule, StudentTrainer
from anofpdm.synthetic.head_sample import HeadSample
from anofpdm.synthetic.material_pool import Pool
from anofpdm.synthetic.rendered_heads import RenderedHeads


class Fixed:
    """The same slices at every step."""

    def __init__(self, batch):
        self.batch = batch

    def draw(self, rng, step, count):
        return self.batch


def _lesion_slices(heads, count):
    """The slices with the largest painted lesions."""
    slices, number = [], 0
    while len(slices) < count:
        sample = heads(number)
        areas = (sample.lesion >= 128).sum((1, 2))
        best = int(areas.argmax())
        if areas[best] > 40:
            slices.append(slice_of(sample, best))
        number += 1
    return join(slices)


def test_a_tiny_network_learns_eight_rendered_slices_by_heart(heads, tmp_path):
    masses = replace(heads, settings=replace(heads.settings, kinds=("mass",)))
    batch = _lesion_slices(masses, 8)
    schedule = Schedule(steps=150, batch_size=8, learning_rate=4e-3, warmup=10, average=0.9, checkpoint_every=1000)
    trainer = StudentTrainer(
        StudentConfig(matrix=64, widths=(16, 24, 32)), schedule, [(Fixed(batch), 8)], tmp_path, message=lambda _: None
    )
    trainer.run()
    trainer.network.eval()
    with torch.inference_mode():
        found = torch.sigmoid(trainer.network(torch.from_numpy(batch.inputs))).numpy() >= 0.5
    lesion, brain = batch.lesion >= 0.5, batch.brain >= 0.5
    assert 2 * (found[:, 0] & lesion).sum() / (found[:, 0].sum() + lesion.sum()) > 0.8
    assert 2 * (found[:, 1] & brain).sum() / (found[:, 1].sum() + brain.sum()) > 0.95


def _train(folder, heads, config, steps, stop_after=None, seed=1):
    schedule = Schedule(steps=steps, batch_size=4, warmup=2, checkpoint_every=2, seed=seed)
    pool = Pool(heads, size=3, rate=0.7, workers=0)
    token = CancelToken()
    seen = []

    class Counting:
        def draw(self, rng, step, count):
            seen.append(step)
            if stop_after is not None and step >= stop_after:
                token.cancel()
            return PoolSource(pool).draw(rng, step, count)

    try:
        trainer = StudentTrainer(config, schedule, [(Counting(), 4)], folder, message=lambda _: None)
        trainer.run(token)
    finally:
        pool.close()
    return trainer.average, seen


def test_a_run_that_was_stopped_goes_on_to_the_same_weights(heads, config, tmp_path):
    whole, _ = _train(tmp_path / "whole", heads, config, 5)
    with pytest.raises(Cancelled):
        _train(tmp_path / "parts", heads, config, 5, stop_after=2)
    resumed, steps = _train(tmp_path / "parts", heads, config, 5)
    assert steps == [3, 4]
    for name, value in whole.items():
        assert torch.equal(value, resumed[name]), name


def test_a_checkpoint_of_other_settings_or_a_damaged_one_is_refused(heads, config, tmp_path):
    _train(tmp_path, heads, config, 2)
    with pytest.raises(SettingsError, match="other settings"):
        _train(tmp_path, heads, config, 2, seed=9)
    with pytest.raises(ModelError, match="cannot be read"):
        _train(tmp_path, heads, StudentConfig(matrix=64, widths=(8, 12, 20)), 2)
    (tmp_path / "checkpoint.pt").write_bytes(b"no checkpoint")
    with pytest.raises(ModelError, match="remove it to train from the beginning"):
        _train(tmp_path, heads, config, 2)


def test_the_pools_samples_follow_from_the_step_alone(heads):
    pool = Pool(heads, size=2, rate=0.5, workers=1)
    try:
        pool.samples(0)
        walked = pool.samples(4)
    finally:
        pool.close()
    for sample, alike in zip(walked, Pool(heads, size=2, rate=0.5, workers=0).samples(4), strict=True):
        np.testing.assert_array_equal(sample.image, alike.image)
        np.testing.assert_array_equal(sample.lesion, alike.lesion)


def test_a_head_with_nothing_to_see_is_drawn_again(heads: RenderedHeads, monkeypatch: pytest.MonkeyPatch) -> None:
    seeds = []
    draw = RenderedHeads._draw

    def dark_at_first(self: RenderedHeads, seed: list[int]) -> HeadSample:
        seeds.append(seed)
        if len(seeds) < 3:
            raise InputError("The image is dark everywhere; check that it is the right image.")
        return draw(self, seed)

    monkeypatch.setattr(RenderedHeads, "_draw", dark_at_first)
    assert heads(7).usable.size and seeds == [[5, 7], [5, 7, 1], [5, 7, 2]]
    monkeypatch.setattr(RenderedHeads, "_draw", lambda self, seed: (_ for _ in ()).throw(InputError("dark")))
    with pytest.raises(InputError, match="nothing to see"):
        heads(8)


KILLED = """
import os, signal
from anofpdm.synthetic.material_pool import Pool
if __name__ == "__main__":
    print(Pool(int, size=2, rate=0.5, workers=1).samples(0), flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.skipif(os.name != "posix", reason="kills as POSIX systems do")
def test_what_makes_samples_ends_with_a_training_that_is_killed(tmp_path):
    (tmp_path / "killed.py").write_text(KILLED)
    engine = Path(anofpdm.__file__).parents[1]
    # Its output ends when the last process that can write to it has ended.
    run = subprocess.run(
        [sys.executable, tmp_path / "killed.py"],
        env={**os.environ, "PYTHONPATH": str(engine)},
        stdout=subprocess.PIPE,
        text=True,
        check=False,
        timeout=300,
    )
    assert run.returncode == -signal.SIGKILL and run.stdout == "[0, 1]\n"
