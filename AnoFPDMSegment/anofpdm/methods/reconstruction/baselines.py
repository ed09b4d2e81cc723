"""The methods of the paper's Table 1 on the shared network and schedule: each gives a map (method section 7)."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import sqrt
from typing import Any, NamedTuple

import torch
from torch import Tensor

from ...diffusion.denoisers import NoisePredictor
from ...diffusion.equations import diffuse
from ...diffusion.estimates import Denoiser, Prediction, predicting_noise, within_range
from ...diffusion.labels import with_label, with_two_labels
from ...diffusion.noise import NoiseSource
from ...diffusion.samplers import ddim_decode, ddim_encode, ddpm_decode, levels_up_to
from ...diffusion.schedule import NoiseSchedule
from ...diffusion.simplex_noise import simplex_noise
from ...network.config import NULL_LABEL

Setting = Mapping[str, float]
Classifier = Callable[[Tensor, Tensor], Tensor]
"""log p(healthy | x_t) [N] of x_t [N, C, H, W] and 0-based levels t [N]; differentiable in x_t."""


ANODDPM_LEVELS = (25.0, 50.0, 100.0, 200.0, 250.0, 300.0, 400.0, 500.0, 600.0)
GRIDS: dict[str, tuple[Setting, ...]] = {
    "anoddpm-gaussian": tuple({"level": level} for level in ANODDPM_LEVELS),
    "anoddpm-simplex": tuple({"level": level} for level in ANODDPM_LEVELS),
    "classifier-guidance": tuple(
        {"level": level, "scale": scale}
        for level in (200.0, 300.0, 500.0, 700.0)
        for scale in (1.0, 3.0, 10.0, 30.0, 100.0)
    ),
    "ddib": tuple({"level": level, "guidance": w} for level in (100.0, 200.0, 400.0, 600.0) for w in (2.0, 5.0, 10.0)),
    "cg-cdm": tuple(
        {"level": level, "steps": steps} for level in (50.0, 100.0, 200.0, 400.0) for steps in (5.0, 10.0, 20.0)
    ),
}
"""The settings each method is tuned over, around those of its paper."""


@dataclass(frozen=True)
class Shared:
    """What all methods use alike."""

    schedule: NoiseSchedule
    healthy_label: int
    unhealthy_label: int
    channels: Sequence[int]
    """The used channels, whose squared differences make the map."""
    steps: int
    """Most noise levels visited one way."""

    def denoiser(self, noise: Prediction) -> Denoiser:
        """Of the shared network's kind, which predicts noise."""
        return predicting_noise(noise, self.schedule)


class Restored(NamedTuple):
    """Squared differences [N, C', H, W] of the used channels, larger where more anomalous; and the healthy slice
    [N, C, H, W], if the method makes one."""

    difference: Tensor
    healthy: Tensor | None


class Baseline(ABC):
    """One method."""

    shared: Shared

    @abstractmethod
    def restore(self, x0: Tensor, predict: NoisePredictor, noise: NoiseSource, setting: Setting) -> Restored:
        """Of slices [N, C, H, W]."""

    @abstractmethod
    def evaluations(self, setting: Setting) -> int:
        """Network evaluations a slice."""

    def map(self, x0: Tensor, predict: NoisePredictor, noise: NoiseSource, setting: Setting) -> Tensor:
        """The squared differences alone."""
        return self.restore(x0, predict, noise, setting).difference

    def _compared(self, x0: Tensor, healthy: Tensor) -> Restored:
        return Restored(_difference(x0, healthy, self.shared), healthy)


def _difference(x0: Tensor, other: Tensor, shared: Shared) -> Tensor:
    return (other - x0)[:, list(shared.channels)].square()


@dataclass(frozen=True)
class AnoDDPM(Baseline):
    """Noise to a moderate level, DDPM back by a network that has seen healthy slices only (Wyatt et al. 2022)."""

    shared: Shared
    simplex: bool = False
    label: int = NULL_LABEL
    """That of healthy slices for a network that has seen both kinds."""

    def restore(self, x0: Tensor, predict: NoisePredictor, noise: NoiseSource, setting: Setting) -> Restored:
        """See `Baseline`."""
        levels = levels_up_to(int(setting["level"]), self.shared.steps)
        fresh = simplex_from(noise) if self.simplex else noise
        x = diffuse(x0, fresh(0, x0), float(self.shared.schedule.alpha_bar[levels[-1]]))
        denoise = within_range(self.shared.denoiser(with_label(predict, self.label)), self.shared.schedule)
        return self._compared(x0, ddpm_decode(x, denoise, levels, self.shared.schedule, fresh))

    def evaluations(self, setting: Setting) -> int:
        """One a level."""
        return len(levels_up_to(int(setting["level"]), self.shared.steps))


def simplex_from(noise: NoiseSource) -> NoiseSource:
    """Simplex noise whose seeds are drawn from the slices' own Gaussian noise, so that it follows slice and seed."""

    def fresh(step: int, like: Tensor) -> Tensor:
        draws = noise(step, like).flatten(1)[:, :4].double().cpu()
        seeds = (draws.abs().sum(dim=1) * 1e12).long().tolist()
        drawn = [simplex_noise((1, *like.shape[1:]), torch.Generator().manual_seed(seed)) for seed in seeds]
        return torch.cat(drawn).to(like)

    return fresh


@dataclass(frozen=True)
class ClassifierGuidance(Baseline):
    """DDIM encoding, then decoding along a classifier's gradient toward healthy (Wolleb et al. 2022)."""

    shared: Shared
    classifier: Classifier

    def restore(self, x0: Tensor, predict: NoisePredictor, noise: NoiseSource, setting: Setting) -> Restored:
        """See `Baseline`."""
        return self._compared(x0, self.translate(x0, predict, setting))

    def translate(self, x0: Tensor, predict: NoisePredictor, setting: Setting) -> Tensor:
        """The slice as the classifier would have it healthy."""
        levels = levels_up_to(int(setting["level"]), self.shared.steps)
        unguided = with_label(predict, NULL_LABEL)
        encoded = ddim_encode(x0, self.shared.denoiser(unguided), levels, self.shared.schedule)
        guided = self.shared.denoiser(self._guided(unguided, setting["scale"]))
        return ddim_decode(encoded, guided, levels, self.shared.schedule)

    def _guided(self, unguided: Prediction, scale: float) -> Prediction:
        """eps - scale sqrt(1 - alpha_bar) grad log p(healthy | x_t)."""

        def noise(x: Tensor, level: int) -> Tensor:
            with torch.enable_grad():
                leaf = x.detach().clone().requires_grad_(True)
                t = torch.full((len(x),), level, dtype=torch.int64, device=x.device)
                (gradient,) = torch.autograd.grad(self.classifier(leaf, t).sum(), leaf)
            spread = sqrt(1 - float(self.shared.schedule.alpha_bar[level]))
            return unguided(x, level) - scale * spread * gradient

        return noise

    def evaluations(self, setting: Setting) -> int:
        """Of the diffusion network; the classifier adds one evaluation and its gradient a level on the way back."""
        return 2 * len(levels_up_to(int(setting["level"]), self.shared.steps))


@dataclass(frozen=True)
class DDIB(Baseline):
    """Encoding with the null label, classifier-free decoding toward healthy (Sanchez et al. 2022)."""

    shared: Shared

    def restore(self, x0: Tensor, predict: NoisePredictor, noise: NoiseSource, setting: Setting) -> Restored:
        """See `Baseline`."""
        return self._compared(x0, self.translate(x0, predict, setting))

    def translate(self, x0: Tensor, predict: NoisePredictor, setting: Setting) -> Tensor:
        """The slice decoded toward healthy; at w = -1 itself, but for the finite number of steps."""
        levels = levels_up_to(int(setting["level"]), self.shared.steps)
        unguided = self.shared.denoiser(with_label(predict, NULL_LABEL))
        encoded = ddim_encode(x0, unguided, levels, self.shared.schedule)
        guided = with_two_labels(predict, self.shared.healthy_label, NULL_LABEL, setting["guidance"])
        return ddim_decode(encoded, self.shared.denoiser(guided), levels, self.shared.schedule)

    def evaluations(self, setting: Setting) -> int:
        """One a level up, two a level down."""
        return 3 * len(levels_up_to(int(setting["level"]), self.shared.steps))


@dataclass(frozen=True)
class ConditionDifference(Baseline):
    """CG-CDM (Hu et al. 2023): few DDIM steps under two nearby conditions; their difference over the conditions' own.

    A condition between the labels is the mixture of both labels' noises, which any network can give; the original mixes
    label embeddings.
    """

    shared: Shared
    nearness: float = 0.95

    def restore(self, x0: Tensor, predict: NoisePredictor, noise: NoiseSource, setting: Setting) -> Restored:
        """The squared finite difference of the results with respect to the condition; no slice is made healthy."""
        levels = self._levels(setting)
        x = diffuse(x0, noise(0, x0), float(self.shared.schedule.alpha_bar[levels[-1]]))
        results = [
            ddim_decode(x, self.shared.denoiser(self._condition(predict, share)), levels, self.shared.schedule)
            for share in (1.0, self.nearness)
        ]
        return Restored(_difference(results[1], results[0], self.shared) / (1 - self.nearness) ** 2, None)

    def _condition(self, predict: NoisePredictor, unhealthy: float) -> Prediction:
        """unhealthy eps_u + (1 - unhealthy) eps_h."""
        return with_two_labels(predict, self.shared.unhealthy_label, self.shared.healthy_label, unhealthy - 1)

    def _levels(self, setting: Setting) -> list[int]:
        return levels_up_to(int(setting["level"]), int(setting["steps"]))

    def evaluations(self, setting: Setting) -> int:
        """Two labels under two conditions a level."""
        return 4 * len(self._levels(setting))


def baseline_of(method: str, shared: Shared, classifier: Classifier | None = None) -> Baseline:
    """The method of this name. `classifier`: what classifier guidance follows.

    AnoDDPM restores with the healthy label, which is the null label of a network that has seen healthy slices alone.
    """
    if method in ("anoddpm-gaussian", "anoddpm-simplex"):
        return AnoDDPM(shared, simplex=method == "anoddpm-simplex", label=shared.healthy_label)
    if method == "classifier-guidance":
        assert classifier is not None
        return ClassifierGuidance(shared, classifier)
    return DDIB(shared) if method == "ddib" else ConditionDifference(shared)


def setting_text(setting: Setting) -> str:
    """Such as `level 400, guidance 2`."""
    return ", ".join(f"{name} {value:g}" for name, value in setting.items())


def setting_record(setting: Setting) -> dict[str, Any]:
    """The setting as JSON."""
    return {name: float(value) for name, value in setting.items()}
