"""The fixed examination: what its list holds, how its volumes lie, and what it counts."""

from __future__ import annotations

import dataclasses
from collections import Counter

import examination_heads
import numpy as np
import pytest
import SimpleITK as sitk
from examination_figures import Examination, Reliability, page
from examination_heads import ExaminedHead, ExaminedLesion, ExaminedVolume, read_list, render_volume, write_list
from make_rendered_examination import KINDS, MAPS, SPACINGS_MM, fits, healthy_heads, noise_of, seen_contrast
from rendered_samples import phantom_head

from anofpdm.core.errors import InputError
from anofpdm.synthetic.lesion_kinds import VOLUME_ML

HEADS = read_list()
PAINTED = [head for head in HEADS if head.lesions]
HEALTHY = [head for head in HEADS if not head.lesions]


def test_the_list_is_as_balanced_as_it_says() -> None:
    assert len(HEADS) == 100
    assert len(PAINTED) == len(HEALTHY) == 50
    assert Counter(head.map for head in HEADS) == dict.fromkeys(MAPS, 25)
    assert len({head.seed for head in HEADS}) == len({head.name for head in HEADS}) == 100
    for part in (PAINTED, HEALTHY):
        assert sum(head.stripped for head in part) == 25
        assert sorted(Counter(head.spacing_mm for head in part).values()) == [12, 12, 13, 13]
        assert {head.spacing_mm for head in part} == set(SPACINGS_MM)
        assert 8 <= sum(head.z_scored for head in part) <= 10
        assert all(head.stripped for head in part if head.z_scored)
    assert Counter(head.priors for head in PAINTED) == {("flair",): 25, ("flair-wide",): 25}
    assert {head.priors for head in HEALTHY} == {("flair", "flair-wide")}


def test_every_kind_is_there_equally_often_and_clear_of_the_noise() -> None:
    lesions = [(head, lesion) for head in PAINTED for lesion in head.lesions]
    assert Counter(lesion.kind for _, lesion in lesions) == dict.fromkeys(KINDS, 15)
    for head, lesion in lesions:
        low, high = VOLUME_ML[lesion.kind]
        assert low <= lesion.asked_ml <= high
        assert lesion.contrast >= 2 * head.noise, (head.name, lesion)
        assert lesion.volume_ml > 0.3 * lesion.asked_ml
    for kind, (low, high) in VOLUME_ML.items():
        levels = sorted(np.log(x.asked_ml / low) / np.log(high / low) for _, x in lesions if x.kind == kind)
        np.testing.assert_allclose(levels, (np.arange(15) + 0.5) / 15, atol=0.04)


def test_the_healthy_heads_and_the_noise_follow_from_the_seeds() -> None:
    assert healthy_heads() == HEALTHY
    assert all(noise_of(head.seed) == pytest.approx(head.noise, abs=1e-5) for head in PAINTED)


def test_a_list_is_read_as_it_was_written(tmp_path) -> None:  # type: ignore[no-untyped-def]
    write_list(HEADS, tmp_path / "list.json")
    assert read_list(tmp_path / "list.json") == HEADS
    assert (tmp_path / "list.json").read_bytes() == examination_heads.LIST.read_bytes()


@pytest.fixture
def entry(monkeypatch: pytest.MonkeyPatch) -> ExaminedHead:
    """A head of the phantom's, on a coarse grid, with what comes out."""
    monkeypatch.setattr(examination_heads, "MATRIX", 64)
    lesions = (ExaminedLesion("infarct", 12.0, 0.7, 0.0, 0.0), ExaminedLesion("ovoid", 2.0, 0.8, 0.0, 0.0))
    bare = ExaminedHead("x", "phantom", (1, 2), ("flair",), 7.0, True, False, 500.0, 0.0, None, lesions)
    rendered = examination_heads.render_entry(bare, "flair", {"phantom": phantom_head()})
    found = tuple(
        dataclasses.replace(lesion, volume_ml=painted.volume_ml, contrast=painted.contrast)
        for lesion, painted in zip(lesions, rendered.lesions, strict=True)
    )
    return dataclasses.replace(bare, lesions=found, mean=float(rendered.image.mean()), noise=rendered.noise)


def test_a_head_comes_as_an_oblique_volume_with_its_lesions_on_the_grid(entry: ExaminedHead) -> None:
    volume = render_volume(entry, "flair", {"phantom": phantom_head()})
    array = sitk.GetArrayFromImage(volume.image)
    assert array.shape == volume.lesion.shape == volume.own[0].shape
    assert volume.image.GetPixelID() == sitk.sitkInt16
    assert not np.allclose(np.abs(volume.image.GetDirection()), np.eye(3).ravel(), atol=0.01)
    for own, lesion in zip(volume.own, entry.lesions, strict=True):
        assert own.sum() * volume.voxel_ml == pytest.approx(lesion.volume_ml, rel=0.35)
    bright = np.median(array[volume.own[0]])
    assert bright > 1.25 * np.median(array[(array > 100) & ~volume.lesion]), "the picture is brighter where truth lies"


def test_a_renderer_that_draws_other_heads_is_noticed(entry: ExaminedHead) -> None:
    maps = {"phantom": phantom_head()}
    for other in (
        dataclasses.replace(entry, mean=entry.mean * 1.1),  # type: ignore[operator]
        dataclasses.replace(entry, lesions=(dataclasses.replace(entry.lesions[0], volume_ml=3.0), entry.lesions[1])),
    ):
        with pytest.raises(InputError, match="make_rendered_examination"):
            render_volume(other, "flair", maps)


def test_a_lesion_that_drowns_in_noise_does_not_fit(entry: ExaminedHead) -> None:
    rendered = examination_heads.render_entry(entry, "flair", {"phantom": phantom_head()})
    wanted = list(entry.lesions)
    assert 0.2 < seen_contrast(rendered, 0) < 1.0
    assert fits(dataclasses.replace(rendered, noise=0.01), wanted)
    assert not fits(dataclasses.replace(rendered, noise=0.5), wanted)
    assert not fits(rendered, [dataclasses.replace(wanted[0], asked_ml=100.0), wanted[1]])
    assert not fits(rendered, wanted[::-1])


def made_volume(lesions: tuple[ExaminedLesion, ...], prior: str = "flair") -> ExaminedVolume:
    """10 x 10 x 10 voxels of 1 mL; lesion number n fills plane n."""
    head = ExaminedHead("made", "m", (0,), ("flair",), 1.0, False, False, 1.0, 0.0, None, lesions)
    image = sitk.Image(10, 10, 10, sitk.sitkInt16)
    image.SetSpacing((10.0, 10.0, 10.0))
    own = []
    for number in range(len(lesions)):
        plane = np.zeros((10, 10, 10), bool)
        plane[number] = True
        own.append(plane)
    whole = np.any(own, axis=0) if own else np.zeros((10, 10, 10), bool)
    return ExaminedVolume(head, prior, image, whole, tuple(own))  # type: ignore[arg-type]


def test_what_is_counted() -> None:
    lesions = tuple(
        ExaminedLesion(kind, ml, 0.5, ml, 0.5)  # type: ignore[arg-type]
        for kind, ml in (("mass", 100.0), ("ovoid", 2.0), ("ovoid", 0.5))
    )
    probability = np.zeros((10, 10, 10), np.float32)
    probability[0, 0, :] = 0.9  # exactly 10 % of the mass: found
    probability[1, 0, :9] = 0.9  # 9 % of the ovoid: not
    probability[9, 0, :5] = 0.6  # 5 mL beside
    examination = Examination(0.5)
    examination.add(made_volume(lesions), probability)
    examination.add(made_volume(()), np.zeros((10, 10, 10), np.float32))
    one = np.zeros((10, 10, 10), np.float32)
    one[0, 0, 0] = 0.5  # the threshold itself counts as marked
    examination.add(made_volume(()), one)
    examination.add(made_volume((), "flair-wide"), one)
    figures = examination.figures()
    assert figures["recall_from_1_ml"] == {"lesions": 2, "recall": 0.5}
    assert figures["recall_by_kind"] == {
        "mass": {"lesions": 1, "recall": 1.0},
        "ovoid": {"lesions": 1, "recall": 0.0},
    }
    assert figures["recall_by_size"]["0.3-1 mL"] == {"lesions": 1, "recall": 0.0}  # type: ignore[index]
    assert figures["healthy"] == {
        "flair": {"heads": 2, "mean_ml": 0.5, "share_with_nothing": 0.5},
        "flair-wide": {"heads": 1, "mean_ml": 1.0, "share_with_nothing": 0.0},
    }
    assert figures["dice_with_lesions"] == pytest.approx(2 * 19 / (24 + 300))
    assert examination.heads[0].false_ml == pytest.approx(5.0)
    text = page(figures)
    assert "| painted lesions from 1 mL of which 10 % is marked | 50 % of 2 | ≥ 90 % |" in text
    assert "| healthy heads, flair (2): marked, mean | 0.50 mL | ≤ 0.5 mL |" in text
    assert "| healthy heads, flair: nothing marked | 50 % | ≥ 70 % |" in text


def test_the_calibration_error_is_that_of_its_definition() -> None:
    rng = np.random.default_rng(0)
    probability = rng.random(20_000).astype(np.float32)
    honest, proud = Reliability(), Reliability()
    honest.add(probability, rng.random(20_000) < probability, 1.0)
    proud.add(probability, rng.random(20_000) < 0.5 * probability, 1.0)
    assert honest.error() < 0.02
    assert proud.error() == pytest.approx(0.25, abs=0.02)
    assert np.isnan(Reliability().error())
    sure = Reliability()
    sure.add(np.ones(4, np.float32), np.array([True, True, True, False]), 2.0)
    assert sure.error() == pytest.approx(0.25)
