"""Synthetic axial FLAIR heads, generated from formulas at any resolution.

The head's frame is LPS millimetres with the origin between the ventricles: +x to the left,
+y to the back, +z to the top. Arrays are [k, j, i] with axes +S, +P, +L (row 0 anterior,
column 0 the head's right). Intensities are arbitrary units with white matter near 0.45 and
scalp near 0.9. Nothing here is measured from a person.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from anofpdm.core.arrays import BoolArray
from anofpdm.synthetic.plane_waves import Float32Array, PlaneWaves

NOISE_REFERENCE_AREA_MM2 = 3.75**2
"""Noise is stated for pixels of this area; smaller pixels have more, so that in tissue their
average over this area has the same noise."""


class PhantomVolume(NamedTuple):
    """An image and its planted lesion on the same grid."""

    image: Float32Array
    """[k, j, i], arbitrary units, not negative."""
    lesion: BoolArray
    """[k, j, i]."""


@dataclass(frozen=True)
class Lesion:
    """A bright blob with a wavy border."""

    center: Float32Array
    half_axes: Float32Array
    contrast: float
    """Its intensity over that of white matter, less 1."""
    edge: float
    """Width of the border in units of the radius."""
    border: PlaneWaves


@dataclass(frozen=True)
class Head:
    """All random choices about one head except its lesions and its noise."""

    rotation: Float32Array
    offset: Float32Array
    half_axes: Float32Array
    egg: float
    scalp_mm: float
    skull_mm: float
    fluid_mm: float
    ventricles: Float32Array
    ventricle_gap: float
    white: float
    grey: float
    scalp: float
    fluid: float
    rim: float
    folding_width: float
    noise: float
    folding: PlaneWaves
    tissue: PlaneWaves
    shape: PlaneWaves
    warp: tuple[PlaneWaves, PlaneWaves, PlaneWaves]
    face: PlaneWaves
    bias: PlaneWaves
    bias_strength: float


def draw_head(rng: np.random.Generator) -> Head:
    """Draw size, pose, contrasts and textures of one head."""
    uniform = rng.uniform
    tilt, roll, turn = np.deg2rad(rng.normal(0, [6.0, 3.0, 4.0]).clip(-12, 12))
    ct, st, cr, sr, cu, su = np.cos(tilt), np.sin(tilt), np.cos(roll), np.sin(roll), np.cos(turn), np.sin(turn)
    about_x = np.array([[1, 0, 0], [0, ct, -st], [0, st, ct]])
    about_y = np.array([[cr, 0, sr], [0, 1, 0], [-sr, 0, cr]])
    about_z = np.array([[cu, -su, 0], [su, cu, 0], [0, 0, 1]])
    white = uniform(0.38, 0.5)
    return Head(
        rotation=(about_x @ about_y @ about_z).astype(np.float32),
        offset=rng.normal(0, [4.0, 5.0, 4.0]).astype(np.float32),
        half_axes=np.array([uniform(71, 80), uniform(89, 100), uniform(72, 82)], np.float32),
        egg=uniform(0.02, 0.12),
        scalp_mm=uniform(3.5, 6.5),
        skull_mm=uniform(4.5, 7.0),
        fluid_mm=uniform(0.5, 2.5),
        ventricles=np.array([uniform(3.5, 8.5), uniform(26, 36), uniform(9, 15)], np.float32),
        ventricle_gap=uniform(7, 10),
        white=white,
        grey=white * uniform(1.08, 1.3),
        scalp=uniform(0.75, 1.05),
        fluid=uniform(0.06, 0.14),
        rim=uniform(0.0, 0.35),
        folding_width=uniform(0.1, 0.2),
        noise=uniform(0.004, 0.014),
        folding=PlaneWaves.random(rng, 96, (16, 26), flatten_z=0.7),
        tissue=PlaneWaves.random(rng, 48, (22, 60)),
        shape=PlaneWaves.random(rng, 24, (70, 160)),
        warp=(
            PlaneWaves.random(rng, 16, (50, 140)),
            PlaneWaves.random(rng, 16, (50, 140)),
            PlaneWaves.random(rng, 16, (50, 140)),
        ),
        face=PlaneWaves.random(rng, 64, (12, 34)),
        bias=PlaneWaves.random(rng, 6, (260, 520)),
        bias_strength=uniform(0.03, 0.12),
    )


def smooth(value: Float32Array, width: float) -> Float32Array:
    """0 to 1 across `width` around 0: the share of a pixel on the positive side of a border."""
    share: Float32Array = np.clip(value * np.float32(1 / width) + np.float32(0.5), 0, 1)
    return share


def _blend(image: Float32Array, value: Float32Array | float, share: Float32Array) -> None:
    """Put `value` over `image` where `share` is 1, in place."""
    image += share * (np.asarray(value, np.float32) - image)


def ellipsoid(
    x: Float32Array, y: Float32Array, z: Float32Array, center: Sequence[float], half_axes: Sequence[float]
) -> Float32Array:
    """About the millimetres inside the border of an ellipsoid (negative outside)."""
    q = ((x - center[0]) / half_axes[0]) ** 2 + ((y - center[1]) / half_axes[1]) ** 2
    q = q + ((z - center[2]) / half_axes[2]) ** 2
    inside: Float32Array = (1 - np.sqrt(q)) * np.float32(min(half_axes))
    return inside


class PhantomAnatomy:
    """One head evaluated on a grid; all fields [k, j, i] are millimetres inside a border."""

    def __init__(self, head: Head, x: Float32Array, y: Float32Array, z: Float32Array) -> None:
        self.head = head
        self.grid = (x, y, z)
        shift = head.rotation @ head.offset
        px = head.rotation[:, 0, None, None, None] * x[None, None, None, :]
        py = head.rotation[:, 1, None, None, None] * y[None, None, :, None]
        pz = head.rotation[:, 2, None, None, None] * z[None, :, None, None]
        self.x, self.y, self.z = px + py + pz - shift[:, None, None, None]
        self.depth = self._depth()
        for axis, waves in zip((self.x, self.y, self.z), head.warp, strict=True):
            axis += np.float32(3.5) * self.field(waves)  # nothing inside a head is quite straight
        self.brain = self._brain()
        self.ventricles = self._ventricles()
        self.fluid_spaces: Float32Array = np.maximum(np.maximum(*self.ventricles[:2]), self.ventricles[2])

    def field(self, waves: PlaneWaves) -> Float32Array:
        """A random field of the head on this grid."""
        return waves.on_grid(*self.grid, self.head.rotation)

    def _depth(self) -> Float32Array:
        """Below the scalp's surface. The lower half narrows slowly towards the neck."""
        ax, ay, az = self.head.half_axes
        narrowing = 1 + self.head.egg * np.clip(-self.y / ay, -1, 1)  # the forehead is narrower than the back
        u, v = self.x * narrowing / ax, self.y / ay
        w = np.where(self.z > 0, self.z / az, self.z / 170)
        radius = np.sqrt(u * u + v * v + w * w) + np.float32(1e-3)
        wz = np.where(self.z > 0, w / az, w / 170)
        slope = np.sqrt((u / ax) ** 2 + (v / ay) ** 2 + wz**2) / radius + np.float32(1e-3)
        depth: Float32Array = (1 - radius) / slope + 1.2 * self.field(self.head.shape)
        return depth

    def _brain(self) -> Float32Array:
        """Inside the skull and above its base: front, middle and posterior fossa in steps."""
        head = self.head
        inner = self.inner = self.depth - np.float32(head.scalp_mm + head.skull_mm + head.fluid_mm)
        beside = np.abs(self.x)
        middle = np.float32(-24) - np.float32(20) * smooth(beside - 20, 20)
        front = smooth(-self.y - 34, 24)
        back = smooth(self.y - 14, 14)
        base = middle + front * (-16 - middle)
        base = base + back * (-78 - base)
        above_base = (self.z - base) * np.float32(0.6)
        stem = ellipsoid(self.x, self.y, self.z, (0, 8, -45), (15, 14, 60))
        cerebellum = ellipsoid(self.x, self.y, self.z, (0, 38, -40), (52, 38, 36))
        lower = np.maximum(stem, np.where(back > 0, np.minimum(cerebellum, inner), -50))
        upper = np.where(self.z > -22, above_base, np.minimum(above_base, np.where(self.y > 18, cerebellum, 50)))
        brain: Float32Array = np.minimum(inner, np.maximum(upper, lower))
        return brain

    def _ventricles(self) -> tuple[Float32Array, Float32Array, Float32Array]:
        """Inside the lateral, the third and the fourth ventricle."""
        head = self.head
        width, length, height = (float(v) for v in head.ventricles)
        forward = self.y / length
        # The horns spread to the sides at both ends, and the back sinks into the temporal lobe.
        middle_x = head.ventricle_gap + 7 * np.clip(forward, 0, 1.2) ** 2 + 3 * np.clip(-forward, 0, 1.2) ** 2
        u = (np.abs(self.x) - middle_x) / width
        w = (self.z - 14 + 6 * forward) / height
        lateral = (1 - np.sqrt(u * u + forward * forward + w * w)) * np.float32(width)
        third = ellipsoid(self.x, self.y, self.z, (0, -2, -2), (2.2 + 0.2 * width, 13, 11))
        fourth = ellipsoid(self.x, self.y, self.z, (0, 26, -42), (7, 5, 12))
        return lateral, third, fourth

    def image(self, pixel_mm: float) -> Float32Array:
        """The noiseless, lesion-free image before the bias field."""
        head = self.head
        edge = max(1.0, pixel_mm)
        depth, brain = self.depth, self.brain
        face = self.field(head.face)
        tissue = self.field(head.tissue)

        image: Float32Array = np.full(depth.shape, 0.01, np.float32)
        _blend(image, head.scalp * (1 + 0.12 * tissue), smooth(depth, edge))
        skull = smooth(depth - head.scalp_mm * (1 + 0.15 * face), edge)
        _blend(image, head.fluid * 0.8, skull)
        marrow = depth - np.float32(head.scalp_mm + 0.5 * head.skull_mm)
        image += skull * np.float32(0.12) * np.exp(-((marrow / (0.3 * head.skull_mm)) ** 2))

        # Muscles, fat and air of the face and the skull base fill what is not brain below.
        below = smooth(-self.z - 12, 12) * smooth(depth - head.scalp_mm - 1, edge) * smooth(-brain - 4, 6)
        ahead = 0.4 + 0.6 * smooth(-self.y, 40)  # at the back it is mostly bone
        soft = np.clip(ahead * (0.3 + 0.28 * face), 0.02, 1.0)
        _blend(image, soft, below)
        airway = ellipsoid(self.x, self.y, self.z, (0, -58, -58), (19, 26, 34)) + 5 * face
        _blend(image, 0.03, smooth(airway, edge) * below)
        apart = np.abs(self.x)
        orbit = ellipsoid(apart, self.y, self.z, (31, -68, -30), (19, 22, 16))
        _blend(image, 0.75 * head.scalp, smooth(orbit, edge) * smooth(depth - 3, edge) * smooth(-brain - 2, edge))
        eye = ellipsoid(apart, self.y, self.z, (32, -74, -30), (12, 12, 12))
        _blend(image, head.fluid, smooth(eye, edge) * smooth(depth - 3, edge) * smooth(-brain - 1, edge))

        self._put_brain(image, tissue, edge)
        return image

    def _put_brain(self, image: Float32Array, tissue: Float32Array, edge: float) -> None:
        head = self.head
        brain = self.brain
        folding = self.field(head.folding)
        cortex = np.exp(-((np.clip(self.inner, 0, None) * np.float32(1 / 17)) ** 2))
        ribbon = cortex * np.exp(-((folding / 0.75) ** 2))
        matter = head.white * (1 + 0.03 * tissue) + (head.grey - head.white) * np.clip(1.6 * ribbon, 0, 1)
        nuclei = ellipsoid(np.abs(self.x), self.y, self.z, (21, 2, 2), (9, 22, 13))
        _blend(matter, 0.5 * (head.grey + head.white), smooth(nuclei, 6))
        # Bright rims around the ventricles are common in healthy heads.
        outside = -self.fluid_spaces
        matter += np.float32(0.45 * head.rim * head.white) * np.exp(-((outside / 3.5) ** 2)) * (outside > -edge)
        _blend(image, matter, smooth(brain, edge))

        # A dark line of fixed width blurs into the pixel: lower contrast, larger width.
        sulcus_mm = np.abs(folding) * np.float32(3.0 / 0.9)
        line_mm = 1.6 + 3.5 * head.folding_width
        width = float(np.hypot(line_mm, 0.5 * edge))
        sulcus = np.exp(-((sulcus_mm / width) ** 2)) * cortex * np.float32(0.75 * line_mm / width)
        _blend(image, head.fluid, sulcus * smooth(brain, edge))
        falx = np.hypot(1.3, 0.5 * edge)
        fissure = np.exp(-((self.x / falx) ** 2)) * np.float32(0.9 * 1.3 / falx)
        outer = np.exp(-np.clip(brain, 0, None) * np.float32(1 / 22)) * smooth(self.z - 8 + 0.2 * np.abs(self.y), 20)
        _blend(image, head.fluid, fissure * outer * smooth(brain, edge))
        _blend(image, head.fluid, smooth(self.fluid_spaces, edge) * smooth(brain - 2, edge))

    def lesion_share(self, lesion: Lesion) -> Float32Array:
        """0 to 1: how much of each pixel the lesion takes."""
        offset = [axis - center for axis, center in zip((self.x, self.y, self.z), lesion.center, strict=True)]
        q = sum((o / a) ** 2 for o, a in zip(offset, lesion.half_axes, strict=True))
        radius = np.sqrt(q) + np.float32(0.16) * self.field(lesion.border)
        return smooth(1 - radius, lesion.edge) * smooth(self.brain - 1, 2) * smooth(-self.fluid_spaces, 2)


def _point_anatomy(head: Head, point: Float32Array) -> PhantomAnatomy:
    """The anatomy at one point of the head's frame."""
    x, y, z = (np.array([c], np.float32) for c in head.rotation.T @ point + head.offset)
    return PhantomAnatomy(head, x, y, z)


def draw_lesions(rng: np.random.Generator, head: Head) -> list[Lesion]:
    """Draw one or two lesions with their centers in the head's brain, 8 to 25 mm in radius."""
    lesions = []
    for _ in range(1 + int(rng.random() < 0.25)):
        radius = rng.uniform(8, 25)
        while True:
            center = (rng.uniform(-1, 1, size=3) * [62, 78, 66]).astype(np.float32)
            place = _point_anatomy(head, center)
            if float(place.brain[0, 0, 0]) > 0.35 * radius + 3 and float(place.fluid_spaces[0, 0, 0]) < -4:
                break
        lesions.append(
            Lesion(
                center=center,
                half_axes=(radius * rng.uniform(0.8, 1.2, size=3)).astype(np.float32),
                contrast=rng.uniform(0.35, 1.0),
                edge=rng.uniform(0.15, 0.45),
                border=PlaneWaves.random(rng, 32, (0.7 * radius, 2.5 * radius)),
            )
        )
    return lesions


def render(
    head: Head,
    lesions: Sequence[Lesion],
    x: Float32Array,
    y: Float32Array,
    z: Float32Array,
    noise_rng: np.random.Generator,
) -> PhantomVolume:
    """The head on the grid spanned by the axes x, y, z (millimetres, ascending, evenly spaced)."""
    pixel_mm = float(x[1] - x[0])
    anatomy = PhantomAnatomy(head, x, y, z)
    image = anatomy.image(pixel_mm)
    mask = np.zeros(image.shape, np.bool_)
    for lesion in lesions:
        share = anatomy.lesion_share(lesion)
        mask |= share > 0.5
        texture = 1 + 0.05 * anatomy.field(lesion.border)
        _blend(image, head.white * (1 + lesion.contrast) * texture, share)
    image *= np.exp(np.float32(head.bias_strength) * anatomy.field(head.bias))
    sigma = np.float32(head.noise * np.sqrt(NOISE_REFERENCE_AREA_MM2) / pixel_mm)
    real = noise_rng.standard_normal(image.shape, dtype=np.float32)
    imaginary = noise_rng.standard_normal(image.shape, dtype=np.float32)
    image = np.hypot(image + sigma * real, sigma * imaginary)
    return PhantomVolume(image.astype(np.float32, copy=False), mask)


def random_streams(seed: int) -> list[np.random.Generator]:
    """Separate streams for head, lesions and noise, so that twins differ in the lesion alone."""
    return [np.random.default_rng(child) for child in np.random.SeedSequence(seed).spawn(3)]


def centered_axis(size: int, spacing_mm: float) -> Float32Array:
    """Positions of `size` pixel centers around 0, in millimetres."""
    return ((np.arange(size) - (size - 1) / 2) * spacing_mm).astype(np.float32)


def phantom_volume(
    seed: int,
    *,
    lesion: bool,
    size: tuple[int, int, int] = (64, 64, 24),
    spacing_mm: tuple[float, float, float] = (3.75, 3.75, 6.0),
) -> PhantomVolume:
    """The synthetic head number `seed`, with or without its lesion.

    `size` and `spacing_mm` are (i, j, k); the grid is centered on the middle of the head and
    may be of any resolution: the same seed is the same head. The volumes with and without
    lesion are equal outside the lesion, noise included.
    """
    head_rng, lesion_rng, noise_rng = random_streams(seed)
    head = draw_head(head_rng)
    lesions = draw_lesions(lesion_rng, head) if lesion else []
    x, y, z = (centered_axis(n, mm) for n, mm in zip(size, spacing_mm, strict=True))
    return render(head, lesions, x, y, z, noise_rng)
