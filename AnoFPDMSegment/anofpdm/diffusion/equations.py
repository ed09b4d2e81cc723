"""The paper's equations, one small function each, on torch tensors.

Shapes: states and predictions [N, C, H, W]; `alpha_bar` a float, one level for all.
"""

from __future__ import annotations

from math import sqrt

from torch import Tensor


def diffuse(x0: Tensor, noise: Tensor, alpha_bar: float) -> Tensor:
    """x_t = sqrt(alpha_bar) x0 + sqrt(1 - alpha_bar) noise (forward process; DDPM encoding)."""
    return mixed(x0, noise, sqrt(alpha_bar), sqrt(1.0 - alpha_bar))


def mixed(x0: Tensor, noise: Tensor, signal: float | Tensor, spread: float | Tensor) -> Tensor:
    """The same with its two roots, which may be tensors that broadcast: a level of its own for each slice."""
    return signal * x0 + spread * noise


def predict_x0(x_t: Tensor, noise: Tensor, alpha_bar: float) -> Tensor:
    """One-step prediction x0_hat(x_t, eps) = (x_t - sqrt(1 - alpha_bar) eps) / sqrt(alpha_bar)."""
    return (x_t - sqrt(1.0 - alpha_bar) * noise) / sqrt(alpha_bar)


def prediction_difference(noise_healthy: Tensor, noise_null: Tensor, alpha_bar: float) -> Tensor:
    """D_t = x0_hat(eps_h) - x0_hat(eps_null), from the noises themselves: large guidance strengths
    multiply the rounding that subtracting the two predictions would add."""
    return sqrt((1.0 - alpha_bar) / alpha_bar) * (noise_null - noise_healthy)


def noise_from_x0(x_t: Tensor, x0_hat: Tensor, alpha_bar: float) -> Tensor:
    """The noise that makes `x0_hat` the one-step prediction of `x_t`; inverse of `predict_x0`."""
    return (x_t - sqrt(alpha_bar) * x0_hat) / sqrt(1.0 - alpha_bar)


def guided_noise(noise_healthy: Tensor, noise_null: Tensor, w: float) -> Tensor:
    """Classifier-free guidance toward healthy: (1 + w) eps_h - w eps_null."""
    return (1.0 + w) * noise_healthy - w * noise_null


def ddim_inversion_step(
    x_t: Tensor, noise_null: Tensor, alpha_bar: float, alpha_bar_next: float, *, clamp: bool = False
) -> Tensor:
    """DDIM inversion (eta = 0) from level t to a noisier one: sqrt(a') x0_hat + sqrt(1 - a') eps.

    With `clamp`, x0_hat is limited to [-1, 1] and eps derived again from it, as the public code does.
    """
    x0_hat = predict_x0(x_t, noise_null, alpha_bar)
    if clamp:
        x0_hat = x0_hat.clamp(-1.0, 1.0)
        noise_null = noise_from_x0(x_t, x0_hat, alpha_bar)
    return diffuse(x0_hat, noise_null, alpha_bar_next)


def posterior(x: Tensor, x0_hat: Tensor, alpha_bar: float, alpha_bar_next: float) -> tuple[Tensor, float]:
    """Mean and standard deviation of q(x_s | x_t, x0_hat) at a less noisy level s (Ho et al. 2020, equations 6 and 7).

    Any two levels will do: between them the forward process adds beta = 1 - alpha_bar / alpha_bar_next.
    """
    beta = 1 - alpha_bar / alpha_bar_next
    mean = (sqrt(alpha_bar_next) * beta * x0_hat + sqrt(alpha_bar / alpha_bar_next) * (1 - alpha_bar_next) * x) / (
        1 - alpha_bar
    )
    return mean, sqrt(beta * (1 - alpha_bar_next) / (1 - alpha_bar))
