"""Draw the sample volumes from a trained model: `python -m anofpdm.synthetic.draw_sample MODEL FOLDER --seed N`.

Three volumes: a head with a lesion, the same head without it, and where the two differ. The network draws slices of its
own size; they are interpolated to finer pixels, which adds no detail. The same weights and seed give the same head, up
to rounding; the defaults give the bundled sample. Another seed or number of steps gives another head: choose by the
picture (`--picture`).
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np
import numpy.typing as npt
import SimpleITK as sitk
import torch

from ..core.errors import AnoFPDMError
from ..diffusion.denoisers import NetworkPredictor
from ..diffusion.draw import draw_stack
from ..diffusion.schedule import NoiseSchedule
from ..results.slice_picture import gray_picture
from ..store.model_folder import ModelFolder
from ..store.model_search import find_model
from ..store.network_weights import load_network
from ..store.noise_predictor_config import noise_predictor_config

SLICES, SPACING_MM, MATRIX = 28, 5.0, 160
LOWEST, HIGHEST = 0.03, 0.97
"""Levels of the first and the last slice in the head."""
ORIGIN_LPS_MM = (121.3, 96.8, -48.2)
"""Of the first voxel, which is the leftmost, hindmost and lowest, as in many scanners' files."""
DIRECTION_LPS = (-1.0, 0.0, 0.0, 0.0, -1.0, 0.0, 0.0, 0.0, 1.0)
"""The array's axes run to the right, to the front and up (RAS); the engine must turn them over."""
UNITS = 500.0
LESION_RISE = 0.12
"""How much brighter than its twin, as a share of the brightest tissue, a voxel of the lesion is."""

LESION = "synthetic_flair_lesion.nii.gz"
NO_LESION = "synthetic_flair_no_lesion.nii.gz"
MASK = "synthetic_flair_lesion_mask.nii.gz"

Stack = npt.NDArray[np.float32]


def lesion_strength(centre: float, extent: float, most: float) -> list[float]:
    """[SLICES], how far each slice goes from healthy to unhealthy: most at the level `centre`, 0 from `extent` on."""
    apart = np.abs(np.linspace(LOWEST, HIGHEST, SLICES) - centre) / extent
    profile = np.clip(1.3 * np.cos(np.minimum(apart, 1) * np.pi / 2), 0, 1)
    return [float(most * value) if far < 1 else 0.0 for value, far in zip(profile, apart, strict=True)]


def draw(model: ModelFolder, seed: int, steps: int, lesion: list[float]) -> tuple[Stack, Stack]:
    """The head with the lesion and its twin, [SLICES, H, W] in 0..1. Of several channels the first."""
    config = noise_predictor_config(model)
    predictor = NetworkPredictor.prepared(load_network(model), "float32")
    schedule = NoiseSchedule.linear(config.schedule)
    side = config.network.image_size
    levels = np.linspace(LOWEST, HIGHEST, SLICES).tolist()
    unhealthy, healthy = (
        draw_stack(
            predictor,
            schedule,
            levels,
            strength,
            (config.network.in_channels, side, side),
            seed=seed,
            steps=steps,
            labels=(config.healthy_label, config.unhealthy_label),
        )[:, 0]
        .add(1)
        .div(2)
        .numpy()
        for strength in (lesion, [0.0] * SLICES)
    )
    return unhealthy, healthy


def sample_images(model: ModelFolder, unhealthy: Stack, healthy: Stack, seed: int) -> dict[str, sitk.Image]:
    """The three volumes by file name, int16."""
    side_mm = model.config.grid.field_of_view_mm
    note = f"Synthetic: drawn by {model.config.name} {model.weights_sha256[:16]} seed {seed}"
    volumes = {
        LESION: np.rint(_finer(unhealthy, side_mm, sitk.sitkBSpline).clip(0, 1.2) * UNITS),
        NO_LESION: np.rint(_finer(healthy, side_mm, sitk.sitkBSpline).clip(0, 1.2) * UNITS),
        MASK: _largest(_finer(unhealthy - healthy, side_mm, sitk.sitkLinear) > LESION_RISE),
    }
    return {name: _to_image(values.astype(np.int16), side_mm, note) for name, values in volumes.items()}


def _finer(stack: Stack, side_mm: float, interpolator: int) -> Stack:
    """[S, MATRIX, MATRIX] over the same field of view."""
    image = sitk.GetImageFromArray(stack)
    old, new = side_mm / stack.shape[1], side_mm / MATRIX
    image.SetSpacing((old, old, SPACING_MM))
    start = (new - old) / 2
    size, spacing = (MATRIX, MATRIX, len(stack)), (new, new, SPACING_MM)
    padded = sitk.ZeroFluxNeumannPad(image, (1, 1, 0), (1, 1, 0))
    identity, direction = sitk.Transform(), image.GetDirection()
    finer = sitk.Resample(padded, size, identity, interpolator, (start, start, 0.0), spacing, direction)
    return sitk.GetArrayFromImage(finer).astype(np.float32)


def _largest(mask: npt.NDArray[np.bool_]) -> npt.NDArray[np.int16]:
    """The largest connected part, without holes and thin bridges."""
    opened = sitk.BinaryMorphologicalOpening(sitk.GetImageFromArray(mask.astype(np.uint8)), (3, 3, 0))
    parts = sitk.RelabelComponent(sitk.ConnectedComponent(opened), sortByObjectSize=True)
    return sitk.GetArrayFromImage(sitk.BinaryFillhole(parts == 1)).astype(np.int16)


def _to_image(values: npt.NDArray[np.int16], side_mm: float, note: str) -> sitk.Image:
    image = sitk.GetImageFromArray(np.ascontiguousarray(values[:, ::-1, ::-1]))
    image.SetSpacing((side_mm / MATRIX, side_mm / MATRIX, SPACING_MM))
    image.SetOrigin(ORIGIN_LPS_MM)
    image.SetDirection(DIRECTION_LPS)
    image.SetMetaData("ITK_FileNotes", note)
    return image


def picture(stacks: list[Stack], columns: int = 7, side: int = 128) -> npt.NDArray[np.uint8]:
    """All slices of the stacks, one stack below the other, from below to above, [h, w, 3]."""
    rows = [
        np.concatenate([gray_picture(image * 255, side) for image in stack[first : first + columns]], axis=1)
        for stack in stacks
        for first in range(0, len(stack), columns)
    ]
    return np.concatenate(rows)


def main() -> None:
    """Draw, and write all three volumes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", help="name or folder of a model whose slices have a level")
    parser.add_argument("folder", type=Path, help="existing folder for the volumes")
    parser.add_argument("--seed", type=int, default=2, help="which head (default: %(default)s)")
    parser.add_argument("--steps", type=int, default=10, help="noise levels visited (default: %(default)s)")
    parser.add_argument("--centre", type=float, default=0.6, help="level of the lesion's middle (default: %(default)s)")
    parser.add_argument("--extent", type=float, default=0.25, help="levels it reaches up and down (%(default)s)")
    parser.add_argument("--strength", type=float, default=1.5, help="from healthy to unhealthy (default: %(default)s)")
    parser.add_argument("--picture", type=Path, help="write the slices of both heads as a PNG, too")
    options = parser.parse_args()
    if not options.folder.is_dir():
        sys.exit(f"The folder {options.folder} does not exist: make it, or name another.")
    if options.steps < 2 or options.extent <= 0:
        sys.exit("--steps must be at least 2, and --extent more than 0.")
    try:
        model = find_model(options.model)
    except AnoFPDMError as error:
        sys.exit(str(error))
    if not noise_predictor_config(model).network.level_embedding:
        sys.exit(f"{model.config.name} knows no levels, so that its slices would make no head; choose another model.")
    torch.set_num_threads(1)
    lesion = lesion_strength(options.centre, options.extent, options.strength)
    unhealthy, healthy = draw(model, options.seed, options.steps, lesion)
    images = {options.folder / name: i for name, i in sample_images(model, unhealthy, healthy, options.seed).items()}
    if options.picture:
        images[options.picture] = sitk.GetImageFromArray(picture([unhealthy, healthy]), isVector=True)
    try:
        for path, image in images.items():
            sitk.WriteImage(image, str(path), useCompression=True)
    except RuntimeError:
        sys.exit(f"{path} cannot be written; check the folder and the disk.")


if __name__ == "__main__":
    main()
