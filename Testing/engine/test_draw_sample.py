"""Drawing the sample volumes: where the lesion is, how the voxels lie, and what is written."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from tiny_model import write_tiny_model
from training_samples import MODEL

from anofpdm.store.model_folder import ModelFolder
from anofpdm.synthetic.draw_sample import (
    DIRECTION_LPS,
    LESION,
    MASK,
    MATRIX,
    NO_LESION,
    SLICES,
    SPACING_MM,
    UNITS,
    lesion_strength,
    main,
    sample_images,
)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> ModelFolder:
    return write_tiny_model(tmp_path_factory.mktemp("models") / "tiny", MODEL)


def test_a_lesion_fades_towards_its_ends() -> None:
    strength = np.array(lesion_strength(0.5, 0.2, 2.0))
    inside = np.flatnonzero(strength)
    levels = np.linspace(0.03, 0.97, SLICES)
    assert (np.abs(levels[inside] - 0.5) < 0.2).all() and (np.diff(inside) == 1).all() and len(inside) == 12
    assert strength.max() == 2 and (np.diff(strength[: SLICES // 2]) >= 0).all()
    np.testing.assert_allclose(strength, strength[::-1], atol=1e-9)


def test_volumes_lie_as_scanners_files_do(model: ModelFolder) -> None:
    """The network's first row is front and its first column the patient's right; the file's are hind and left."""
    healthy = np.full((SLICES, 32, 32), 0.4, dtype=np.float32)
    unhealthy = healthy.copy()
    unhealthy[10:14, 4:12, 20:28] = 0.9
    unhealthy[20, 2, 2] = 0.9  # too thin to be a lesion
    images = sample_images(model, unhealthy, healthy, 7)
    assert set(images) == {LESION, NO_LESION, MASK}
    for image in images.values():
        assert image.GetSize() == (MATRIX, MATRIX, SLICES) and image.GetDirection() == DIRECTION_LPS
        assert image.GetSpacing() == pytest.approx((240 / MATRIX, 240 / MATRIX, SPACING_MM))
        assert "Synthetic" in image.GetMetaData("ITK_FileNotes") and "seed 7" in image.GetMetaData("ITK_FileNotes")
    lesion, twin, mask = (sitk.GetArrayFromImage(images[name]) for name in (LESION, NO_LESION, MASK))
    assert np.abs(twin - 0.4 * UNITS).max() <= 1
    k, j, i = np.argwhere(mask).mean(axis=0)
    scale = MATRIX / 32
    assert (k, j, i) == pytest.approx((11.5, MATRIX - 8 * scale - 0.5, MATRIX - 24 * scale - 0.5), abs=0.6)
    assert lesion[11, int(j), int(i)] == pytest.approx(0.9 * UNITS, abs=15)
    assert mask.max() == 1 and not mask[20].any() and mask.sum() == pytest.approx(4 * (8 * scale) ** 2, rel=0.15)


def call(monkeypatch: pytest.MonkeyPatch, *arguments: object) -> None:
    monkeypatch.setattr(sys, "argv", ["draw_sample", *map(str, arguments)])
    main()


def test_the_command_writes_the_same_head_again(
    model: ModelFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = []
    for name in ("one", "two"):
        folder = tmp_path / name
        folder.mkdir()
        call(monkeypatch, model.path, folder, "--steps", 2, "--picture", folder / "both.png")
        assert {path.name for path in folder.iterdir()} == {LESION, NO_LESION, MASK, "both.png"}
        found.append(sitk.GetArrayFromImage(sitk.ReadImage(str(folder / LESION))))
    np.testing.assert_allclose(found[0], found[1], atol=1)


def test_a_model_without_levels_and_a_place_that_is_taken(
    model: ModelFolder, tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(SystemExit, match="knows no levels"):
        call(monkeypatch, tiny_model, tmp_path)
    (tmp_path / MASK).mkdir()
    with pytest.raises(SystemExit, match=f"{MASK} cannot be written"):
        call(monkeypatch, model.path, tmp_path, "--steps", 2)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("nowhere", "."), "no model named 'nowhere'"),
        (("nowhere", "none"), "none does not exist"),
        (("nowhere", ".", "--steps", "1"), "--steps must be at least 2"),
        (("nowhere", ".", "--extent", "0"), "--extent more than 0"),
    ],
)
def test_wrong_calls(arguments: tuple[str, ...], words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SystemExit, match=words):
        call(monkeypatch, *arguments)
