"""Band-limited random fields that are analytic functions of millimetres.

A field is a sum of random plane waves. A plane wave factors into one factor per grid axis,
so a whole volume costs one small matrix product, at any resolution.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Float32Array = npt.NDArray[np.float32]


@dataclass(frozen=True)
class PlaneWaves:
    """`waves` random plane waves; the sum has mean 0 and standard deviation 1 over phases."""

    wave_vectors: Float32Array
    """[waves, 3], radians per millimetre along x, y, z."""
    phases: Float32Array
    """[waves], radians."""

    @classmethod
    def random(
        cls, rng: np.random.Generator, waves: int, wavelength_mm: tuple[float, float], flatten_z: float = 1.0
    ) -> PlaneWaves:
        """Draw waves of all directions with wavelengths in the given range.

        `flatten_z` below 1 stretches the field along z.
        """
        directions = rng.normal(size=(waves, 3))
        directions /= np.linalg.norm(directions, axis=1, keepdims=True)
        directions[:, 2] *= flatten_z
        numbers = 2 * np.pi / rng.uniform(*wavelength_mm, size=(waves, 1))
        phases = rng.uniform(0, 2 * np.pi, size=waves)
        return cls((directions * numbers).astype(np.float32), phases.astype(np.float32))

    def on_grid(self, x: Float32Array, y: Float32Array, z: Float32Array, rotation: Float32Array) -> Float32Array:
        """The field [len(z), len(y), len(x)] on the grid spanned by three axes in millimetres.

        The field's own frame is reached by p_head = rotation @ p_grid.
        """
        vectors = self.wave_vectors @ rotation
        along_x = np.exp(1j * np.outer(vectors[:, 0], x)).astype(np.complex64)
        along_y = np.exp(1j * (np.outer(vectors[:, 1], y) + self.phases[:, None])).astype(np.complex64)
        along_z = np.exp(1j * np.outer(vectors[:, 2], z)).astype(np.complex64)
        # Re(a b) = Re a Re b - Im a Im b, as one real product over twice the waves.
        left = (along_z[:, :, None] * along_y[:, None, :]).reshape(len(vectors), -1)
        stacked_left = np.concatenate([left.real, -left.imag])
        stacked_right = np.concatenate([along_x.real, along_x.imag])
        field = stacked_left.T @ stacked_right
        field *= np.float32(np.sqrt(2 / len(vectors)))
        grid: Float32Array = field.reshape(len(z), len(y), len(x))
        return grid
