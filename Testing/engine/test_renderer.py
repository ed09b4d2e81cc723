"""Rendered heads: intensities by label, repeatability, what is true of them, healthy by construction."""

from __future__ import annotations

import dataclasses
import functools

import numpy as np
import pytest
import torch
from rendered_samples import phantom_head, phantom_structures

from anofpdm.synthetic import renderer
from anofpdm.synthetic.acquisition import Acquisition, acquire, draw_acquisition
from anofpdm.synthetic.contrast import CONTRAST_PRIORS, ContrastPrior, draw_contrast
from anofpdm.synthetic.lesion_kinds import plan
from anofpdm.synthetic.plane_waves import PlaneWaves
from anofpdm.synthetic.pose import Pose
from anofpdm.synthetic.renderer import RenderedHead, RenderSettings, render_head
from anofpdm.synthetic.sampled_head import SampledHead, sample_head
from anofpdm.synthetic.slab import Slab
from anofpdm.synthetic.structures import Tissue

SMALL = RenderSettings(prior="flair", matrix=80, spacings_mm=(6.0,))


@functools.cache
def head(seed: int, *, stripped: bool = False) -> RenderedHead:
    """A healthy phantom."""
    return render_head(phantom_head(), SMALL, seed, plans=(), stripped=stripped)


def upright() -> SampledHead:
    """The phantom as it is, in thin slices."""
    still = PlaneWaves(np.zeros((1, 3), np.float32), np.zeros(1, np.float32))
    phantom = phantom_head()
    pose = Pose(np.eye(3, dtype=np.float32), phantom.brain_center, (still, still, still), 0.0, False)
    return sample_head(
        phantom, pose, Slab(matrix=96, pixel_mm=2.0, slices=24, spacing_mm=5.0, thickness_mm=1, planes=1)
    )


def index_of(name: str) -> int:
    return next(i for i, s in enumerate(phantom_head().structures) if s.name == name)


@pytest.mark.parametrize("prior", CONTRAST_PRIORS)
def test_each_label_has_the_intensity_and_the_grain_that_was_drawn(prior: ContrastPrior) -> None:
    sampled, rng = upright(), np.random.default_rng(3)
    contrast = draw_contrast(rng, phantom_head().structures, prior, phantom_head().bone)
    image = sampled.table(contrast.level)
    noise = torch.from_numpy(rng.standard_normal(image.shape, np.float32))
    image = (image + sampled.table(contrast.grain) * noise).numpy()
    for index, structure in enumerate(phantom_head().structures):
        values = image[sampled.labels.numpy() == index]
        assert len(values) > 5, structure.name
        error = 4 * contrast.grain[index] / np.sqrt(len(values)) + 1e-6
        assert values.mean() == pytest.approx(contrast.level[index], abs=error), structure.name
        if len(values) > 400:
            assert values.std() == pytest.approx(contrast.grain[index], rel=0.2, abs=1e-6), structure.name


def levels(prior: ContrastPrior, draws: int = 200) -> dict[Tissue, np.ndarray]:
    """Intensities by tissue, over many heads."""
    structures = phantom_structures()
    found: dict[Tissue, list[float]] = {}
    for seed in range(draws):
        contrast = draw_contrast(np.random.default_rng(seed), structures, prior)
        for structure, level in zip(structures, contrast.level, strict=True):
            found.setdefault(structure.tissue, []).append(float(level))
    return {tissue: np.array(values) for tissue, values in found.items()}


def test_priors_look_like_their_names() -> None:
    flair, t1, t2, anything = (levels(prior) for prior in ("flair", "t1", "t2", "random"))
    for drawn in (flair, t1, t2, anything):
        assert np.abs(drawn[Tissue.WHITE_MATTER] - 1).max() < 0.06
    cortex, fluid = Tissue.CORTEX, Tissue.VENTRICLE
    assert flair[cortex].min() > 1.0 > 0.4 > flair[fluid].max(), "grey brighter than white, fluid nearly black"
    assert t1[cortex].max() < 1.0, "grey darker than white"
    assert t1[fluid].max() < 0.5
    assert t2[fluid].min() > t2[cortex].max() > t2[cortex].min() > 1.0, "fluid brightest"
    assert np.ptp(anything[cortex]) > 1.5
    assert np.ptp(anything[fluid]) > 1.5
    wide = levels("flair-wide")
    assert np.ptp(wide[cortex]) > np.ptp(flair[cortex])
    assert wide[cortex].min() < 1.0


def test_lesions_are_darker_than_white_matter_in_t1_alone() -> None:
    signs = {
        p: {draw_contrast(np.random.default_rng(i), (), p).lesion_sign for i in range(20)} for p in CONTRAST_PRIORS
    }
    assert signs == {"flair": {1}, "flair-wide": {1}, "t1": {-1}, "t2": {1}, "random": {-1, 1}}


def test_a_healthy_head_shows_white_matter_where_the_map_shows_lesions() -> None:
    contrast = draw_contrast(np.random.default_rng(0), phantom_head().structures, "flair")
    for side in ("left", "right"):
        lesion = index_of(f"{side} white-matter lesion (counts as white matter in a healthy head)")
        white = index_of(f"{side} cerebral white matter")
        assert contrast.level[lesion] == pytest.approx(contrast.level[white], rel=0.06)
        assert phantom_head().structures[lesion].tissue is Tissue.WHITE_MATTER


@pytest.mark.parametrize("seed", range(4))
def test_nothing_is_true_of_a_healthy_head_but_its_anatomy(seed: int) -> None:
    settings = dataclasses.replace(SMALL, painted=0.0, prior="flair-wide")
    rendered = render_head(phantom_head(), settings, seed)
    assert float(rendered.lesion.sum()) == 0
    assert rendered.lesions == ()


def test_the_same_seed_gives_the_same_head_and_another_another() -> None:
    settings = dataclasses.replace(SMALL, prior="flair-wide", painted=1.0)
    first, again, other = (render_head(phantom_head(), settings, seed) for seed in (5, 5, 6))
    for name in ("image", "lesion", "brain", "ventricles", "left"):
        assert torch.equal(getattr(first, name), getattr(again, name)), name
    assert first.slab == again.slab
    assert first.image.shape != other.image.shape or not torch.equal(first.image, other.image)


def test_threads_change_nothing_that_matters() -> None:
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        one = render_head(phantom_head(), SMALL, 8, plans=(), stripped=True)
        torch.set_num_threads(2)
        two = render_head(phantom_head(), SMALL, 8, plans=(), stripped=True)
    finally:
        torch.set_num_threads(before)
    np.testing.assert_allclose(one.image, two.image, atol=1e-4)


@pytest.mark.parametrize("seed", range(6))
def test_the_truth_is_that_of_the_picture(seed: int) -> None:
    rendered = head(seed)
    image, brain = rendered.image.numpy(), rendered.brain.numpy() >= 0.5
    ventricles, left = rendered.ventricles.numpy(), rendered.left.numpy()
    assert (ventricles[~brain] < 0.5).all()
    white = np.median(image[brain & (ventricles < 0.1)])
    assert np.median(image[ventricles > 0.99]) < 0.65 * white, "dark in FLAIR"
    x = rendered.slab.across[None, None, :]
    assert float((left * x).sum()) / float(left.sum()) > 15, "left is +x, mirrored or not"
    volume = rendered.slab.volume_ml(float(brain.sum()))
    assert 700 < volume < 2300


def test_a_stripped_head_is_black_beyond_its_margin_and_a_whole_one_is_not() -> None:
    for seed in range(4):
        bare, whole = head(seed, stripped=True), head(seed)
        distance = bare.brain.numpy() >= 0.5
        assert bare.stripped
        assert (bare.image.numpy()[distance] > 0).mean() > 0.9
        shell = whole.image.numpy()[~(whole.brain.numpy() > 0)]
        outside = bare.image.numpy()[~(bare.brain.numpy() > 0)]
        assert (outside > 0.3).mean() < 0.3 * (shell > 0.3).mean() + 0.01


def quiet(**changes: object) -> Acquisition:
    """A scan without any effect but those named."""
    drawn = draw_acquisition(np.random.default_rng(0))
    nothing = {
        "bias_strength": 0.0,
        "blur_mm": 0.0,
        "ghost": (0.0, 0.0),
        "wrap": (0.0, 0.0),
        "noise": 0.0,
        "slice_gain": 0.0,
        "gamma": 1.0,
        "clip": 0.0,
    }
    return dataclasses.replace(drawn, **{**nothing, **changes})


SLAB = Slab(matrix=64, pixel_mm=2.0, slices=6, spacing_mm=5.0, thickness_mm=5.0, planes=1)


def scanned(image: torch.Tensor, **changes: object) -> np.ndarray:
    return acquire(image, SLAB, quiet(**changes), np.random.default_rng(1)).numpy()


def test_what_a_scan_does() -> None:
    image = torch.zeros(SLAB.shape)
    image[:, 20:44, 20:44] = 1
    picture = image.numpy()
    np.testing.assert_array_equal(scanned(image), picture)
    noisy = scanned(image, noise=0.05)
    assert noisy[picture == 1].std() == pytest.approx(0.05, rel=0.05)
    assert noisy[picture == 0].mean() == pytest.approx(0.05 * np.sqrt(np.pi / 2), rel=0.05), "Rayleigh in air"
    blurred = scanned(image, blur_mm=4.0)
    assert blurred.sum() == pytest.approx(picture.sum(), rel=1e-3)
    edge = np.abs(np.diff(blurred[0, 32])).max()
    assert edge == pytest.approx(1 / np.sqrt(2 * np.pi) / 2, rel=0.1), "slope of a Gaussian edge of 2 pixels"
    ghost = scanned(image, ghost=(0.1, 0.5))
    assert ghost[0, 0, 32] == pytest.approx(0.1)
    shaded = scanned(image, bias_strength=0.2)
    assert 0.02 < shaded[picture == 1].std() < 0.4
    gains = scanned(image, slice_gain=0.05)[:, 32, 32]
    assert 0.01 < gains.std() < 0.15
    assert scanned(0.5 * image, gamma=1.2)[0, 32, 32] == pytest.approx(0.5**1.2)


def test_effects_come_as_often_as_they_are_meant_to() -> None:
    scans = [draw_acquisition(np.random.default_rng(seed)) for seed in range(600)]
    assert np.mean([scan.ghost[0] > 0 for scan in scans]) == pytest.approx(0.12, abs=0.05)
    assert np.mean([scan.wrap[0] > 0 for scan in scans]) == pytest.approx(0.04, abs=0.03)
    noise = np.log([scan.noise for scan in scans])
    assert noise.min() >= np.log(0.003)
    assert noise.max() <= np.log(0.07)
    assert np.median(noise) == pytest.approx((np.log(0.003) + np.log(0.07)) / 2, abs=0.2)


def test_slabs_have_the_spacing_asked_for_and_cover_the_brain() -> None:
    for seed in range(5):
        for spacing in (1.0, 3.0, 8.0):
            settings = dataclasses.replace(SMALL, spacings_mm=(spacing,), slices=1000)
            slab = renderer.draw_slab(np.random.default_rng(seed), phantom_head(), settings)
            assert slab.spacing_mm == pytest.approx(spacing, rel=0.071)
            assert slab.thickness_mm <= slab.spacing_mm
            assert slab.slices * slab.spacing_mm > 2 * phantom_head().brain_extent[0]
            few = renderer.draw_slab(np.random.default_rng(seed), phantom_head(), SMALL)
            assert few.slices <= SMALL.slices


def test_lesions_beyond_what_is_shown_do_not_count() -> None:
    """A field of view that is cut or a skull strip that goes too far takes the truth along."""
    for seed in range(40):
        rng = np.random.default_rng(seed)
        removal = renderer.draw_removal(np.random.default_rng(seed), False)
        if any(removal.cut):
            break
    half = dataclasses.replace(removal, cut=(0.0, 0.0, 0.5, 0.0), face_mm=None)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(renderer, "draw_removal", lambda *_: half)
        rendered = render_head(phantom_head(), SMALL, 3, plans=[plan(rng, "confluent", 60.0)], stripped=False)
    right = rendered.slab.across < -1
    assert float(rendered.lesion[:, :, right].sum()) == 0
    assert float(rendered.lesion.sum()) > 0
    assert float(rendered.lesions[0].extent[:, :, right].sum()) == 0
    shown = rendered.slab.volume_ml(float(rendered.lesions[0].extent.sum()))
    assert rendered.lesions[0].volume_ml == pytest.approx(shown)
