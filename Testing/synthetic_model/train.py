"""Train the small network of the synthetic model: `python train.py CHECKPOINT --steps N`.

Classifier-free guidance on synthetic heads with image-level labels (paper, section 3). Runs again from its
checkpoint where it was stopped.
"""

from __future__ import annotations

import argparse
import copy
import time
from pathlib import Path

import numpy as np
import torch

from anofpdm.configuration import NetworkConfig, ScheduleConfig
from anofpdm.diffusion.schedule import NoiseSchedule
from anofpdm.network.unet import ConditionalUNet
from anofpdm.synthetic.training_slices import phantom_slices

NETWORK = NetworkConfig(
    image_size=32,
    in_channels=1,
    base_channels=32,
    channel_multipliers=(1, 2, 2),
    residual_blocks=1,
    attention_px=(8,),
    heads=4,
    norm_groups=8,
    dropout=0.0,
    label_tokens=False,
)
PERCENTILE = 99.0
SLICES = 6000
BATCH = 32
LABEL_DROPOUT = 0.1
EMA_DECAY = 0.998
PEAK_RATE = 4e-4


def network_input(images: np.ndarray, jitter: np.random.Generator | None = None) -> np.ndarray:
    """Slices [N, H, W] in the network's range [-1, 1]; a volume's percentile differs a little from a slice's."""
    scaled = np.empty_like(images)
    for image, out in zip(images, scaled, strict=True):
        head = image > 0.15 * image.max()
        reference = np.percentile(image[head], PERCENTILE)
        if jitter is not None:
            reference *= jitter.uniform(0.85, 1.2)
        out[:] = np.clip(image / reference, 0, 1)
    return 2 * scaled - 1


def main() -> None:
    """Train, saving the state every 200 steps."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("--steps", type=int, default=2500)
    options = parser.parse_args()
    torch.manual_seed(1)
    torch.set_num_threads(1)
    rng = np.random.default_rng(1)
    slices = phantom_slices(7, SLICES, matrix=NETWORK.image_size)
    images = torch.from_numpy(network_input(slices.images, rng))[:, None]
    labels = torch.from_numpy(slices.labels.astype(np.int64))
    network = ConditionalUNet(NETWORK).to(memory_format=torch.channels_last)
    average = copy.deepcopy(network)
    optimizer = torch.optim.AdamW(network.parameters(), lr=PEAK_RATE, weight_decay=0.0)
    alpha_bar = torch.from_numpy(NoiseSchedule.linear(ScheduleConfig()).alpha_bar).float()
    first = 0
    if options.checkpoint.exists():
        state = torch.load(options.checkpoint, weights_only=True)
        network.load_state_dict(state["network"])
        average.load_state_dict(state["average"])
        optimizer.load_state_dict(state["optimizer"])
        first = state["step"]
    losses: list[float] = []
    start = time.monotonic()
    for step in range(first, options.steps):
        rate = PEAK_RATE * min(1.0, (step + 1) / 200) * (1.0 - 0.95 * step / options.steps)
        optimizer.param_groups[0]["lr"] = rate
        chosen = torch.randint(0, SLICES, (BATCH,))
        x0, label = images[chosen], labels[chosen]
        x0 = torch.where(torch.rand(BATCH, 1, 1, 1) < 0.5, x0.flip(-1), x0)
        label = torch.where(torch.rand(BATCH) < LABEL_DROPOUT, -1, label)
        t = torch.randint(0, len(alpha_bar), (BATCH,))
        level = alpha_bar[t][:, None, None, None]
        noise = torch.randn_like(x0)
        x_t = (level.sqrt() * x0 + (1 - level).sqrt() * noise).contiguous(memory_format=torch.channels_last)
        loss = (network(x_t, t, label) - noise).square().mean()
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
        decay = min(EMA_DECAY, (step + 1) / (step + 10))
        with torch.no_grad():
            for mean, value in zip(average.parameters(), network.parameters(), strict=True):
                mean.lerp_(value, 1 - decay)
        losses.append(loss.item())
        if (step + 1) % 100 == 0 or step + 1 == options.steps:
            seconds = (time.monotonic() - start) / (step + 1 - first)
            print(f"step {step + 1}: loss {np.mean(losses[-100:]):.4f}, {seconds:.2f} s a step", flush=True)
        if (step + 1) % 200 == 0 or step + 1 == options.steps:
            state = {
                "network": network.state_dict(),
                "average": average.state_dict(),
                "optimizer": optimizer.state_dict(),
                "step": step + 1,
            }
            part = options.checkpoint.with_suffix(".part")
            torch.save(state, part)
            part.replace(options.checkpoint)


if __name__ == "__main__":
    main()
