"""Painted lesions: as large as asked for, where their kind says, and the truth is what was painted."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from rendered_samples import phantom_head

from anofpdm.synthetic import renderer
from anofpdm.synthetic.acquisition import Acquisition, draw_acquisition
from anofpdm.synthetic.anatomy import Anatomy, anatomy_of
from anofpdm.synthetic.lesion_kinds import (
    GLARING,
    KINDS,
    VOLUME_ML,
    Kind,
    Plan,
    draw_plans,
    draw_push,
    draw_volume,
    make_lesion,
    plan,
)
from anofpdm.synthetic.lesion_shapes import draw_blob, level_set
from anofpdm.synthetic.mass_effect import Push, moved
from anofpdm.synthetic.painter import Painted, draw_pushes, paint
from anofpdm.synthetic.plane_waves import PlaneWaves
from anofpdm.synthetic.pose import Pose
from anofpdm.synthetic.renderer import RenderSettings, render_head
from anofpdm.synthetic.sampled_head import SampledHead, sample_head
from anofpdm.synthetic.slab import Slab

SLAB = Slab(matrix=96, pixel_mm=2.0, slices=28, spacing_mm=5.0, thickness_mm=5.0, planes=2)
SMALL = RenderSettings(prior="flair", matrix=80, spacings_mm=(6.0,))
SEEDS = 4


def upright(pushes: list[Push] | None = None) -> SampledHead:
    """The phantom as it is, or pushed."""
    still = PlaneWaves(np.zeros((1, 3), np.float32), np.zeros(1, np.float32))
    pose = Pose(np.eye(3, dtype=np.float32), phantom_head().brain_center, (still, still, still), 0.0, False)
    across = SLAB.coarse_across
    shift = moved(pushes, SLAB.plane_z, across, across) if pushes else None
    return sample_head(phantom_head(), pose, SLAB, shift)


@pytest.fixture(scope="module")
def anatomy() -> Anatomy:
    return anatomy_of(upright())


def painted(anatomy: Anatomy, planned: Plan, seed: int) -> Painted:
    """One lesion on an even picture."""
    rng = np.random.default_rng(seed)
    pushes = draw_pushes(rng, [planned], anatomy)
    return paint(rng, torch.ones(SLAB.shape), anatomy, [planned], pushes)


def test_volumes_are_log_uniform_over_all_that_is_asked_for() -> None:
    rng = np.random.default_rng(0)
    plans = [draw_plans(rng)[0].volume_ml for _ in range(3000)]
    level = (np.log(np.sort(plans)) - math.log(0.02)) / (math.log(150) - math.log(0.02))
    assert level[0] >= 0
    assert level[-1] <= 1
    apart = np.abs(level - (np.arange(3000) + 0.5) / 3000).max()
    assert apart < 1.63 / math.sqrt(3000), "Kolmogorov-Smirnov at 1 %"


def test_every_kind_is_drawn_at_volumes_it_can_have() -> None:
    rng = np.random.default_rng(1)
    plans = [planned for _ in range(800) for planned in draw_plans(rng)]
    for kind in KINDS:
        low, high = VOLUME_ML[kind]
        volumes = [planned.volume_ml for planned in plans if planned.kind == kind]
        assert len(volumes) > 20, kind
        assert min(volumes) >= low
        assert max(volumes) <= high


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32), st.sampled_from(KINDS), st.floats(0.001, 1000))
def test_a_plan_stays_within_its_kind(seed: int, kind: Kind, volume: float) -> None:
    planned = plan(np.random.default_rng(seed), kind, volume)
    low, high = VOLUME_ML[kind]
    assert low <= planned.volume_ml <= high
    assert 0.05 < planned.excess <= GLARING


@pytest.mark.parametrize("kind", KINDS)
def test_a_lesion_is_as_large_as_asked_for(anatomy: Anatomy, kind: Kind) -> None:
    low, high = VOLUME_ML[kind]
    for seed in range(SEEDS):
        rng = np.random.default_rng([seed, 7])
        planned = plan(rng, kind, draw_volume(rng, max(low, 0.1), min(high, 40.0)))
        (lesion,) = painted(anatomy, planned, seed).lesions
        assert 0.55 < lesion.volume_ml / planned.volume_ml < 1.5, (planned, lesion.volume_ml)


def where(anatomy: Anatomy, kind: Kind, volume_ml: float) -> list[dict[str, float]]:
    """What lies under lesions of this kind: shares of their volume, and mean distances in mm."""
    fields = {
        name: getattr(anatomy, name).numpy()
        for name in ("tissue", "white", "cortex", "below", "ventricles", "hull_mm", "ventricle_mm")
    }
    x = np.broadcast_to(SLAB.across, SLAB.shape)
    found = []
    for seed in range(SEEDS):
        result = painted(anatomy, plan(np.random.default_rng(seed), kind, volume_ml), 100 + seed)
        extent = result.extent.numpy()
        weights = extent / extent.sum()
        under = {name: float((field * weights).sum()) for name, field in fields.items()}
        under["left"] = float(((x > 4) * weights).sum())
        under["right"] = float(((x < -4) * weights).sum())
        found.append(under)
    return found


def test_each_kind_lies_where_its_name_says(anatomy: Anatomy) -> None:
    for under in where(anatomy, "infratentorial", 1.0):
        assert under["below"] > 0.75
    for kind, volume in (("cap", 2.0), ("halo", 6.0)):
        for under in where(anatomy, kind, volume):  # type: ignore[arg-type]
            assert under["ventricle_mm"] < 9
            assert under["white"] > 0.8
            assert under["ventricles"] < 0.25, "partial volume at most"
    for under in where(anatomy, "confluent", 20.0):
        assert under["white"] > 0.8
        assert under["below"] < 0.2
    for under in where(anatomy, "juxtacortical", 0.5):
        assert under["cortex"] > 0.1
        assert under["white"] > 0.1
    for under in where(anatomy, "ovoid", 0.3):
        assert under["white"] > 0.6
        assert under["below"] < 0.3
    for under in where(anatomy, "infarct", 20.0):
        assert min(under["left"], under["right"]) < 0.02, "on one side, the midline at most"
        assert min(under["below"], 1 - under["below"]) < 0.15, "above or below the tentorium"
        assert under["tissue"] > 0.7
    for kind in ("mass", "cavity", "subtle"):
        for under in where(anatomy, kind, 4.0):  # type: ignore[arg-type]
            assert under["tissue"] + under["ventricles"] > 0.7
            assert under["hull_mm"] > 0


def test_lesions_have_soft_edges_and_change_the_picture_nowhere_else(anatomy: Anatomy) -> None:
    for kind in KINDS:
        result = painted(anatomy, plan(np.random.default_rng(2), kind, 5.0), 9)
        extent = result.extent
        assert 0 <= float(extent.min()) <= float(extent.max()) <= 1
        assert int(((extent > 0.1) & (extent < 0.9)).sum()) > 3, kind
        assert torch.equal(result.image[extent == 0], torch.ones(SLAB.shape)[extent == 0])
        assert float(result.image.min()) >= 0


def test_lesions_are_as_bright_as_planned(anatomy: Anatomy) -> None:
    for sign in (1, -1):
        planned = Plan("ovoid", 2.0, 0.5, sign)
        result = painted(anatomy, planned, 3)
        core = result.image[result.extent > 0.95].numpy()
        assert core.mean() == pytest.approx(1 + sign * 0.5, abs=0.1)
        assert result.lesions[0].contrast == pytest.approx(0.5, abs=0.1)


def test_a_mass_has_a_core_a_rim_and_oedema_in_white_matter(anatomy: Anatomy) -> None:
    kinds = set()
    for seed in range(12):
        rng = np.random.default_rng(seed)
        planned = Plan("mass", 40.0, 0.6)
        push = draw_push(rng, planned, anatomy)
        assert push is not None
        lesion = make_lesion(rng, planned, anatomy, push)
        assert lesion is not None
        volumes = [layer.share.volume_ml(SLAB) for layer in lesion.layers]
        kinds.add(len(volumes))
        if len(volumes) == 3:
            oedema, solid, core = (layer.share.full(SLAB) for layer in lesion.layers)
            assert volumes[2] < volumes[1]
            assert float((oedema > anatomy.white + 1e-5).sum()) == 0
            assert float((core > solid + 1e-5).sum()) == 0
    assert kinds == {1, 2, 3}


def test_a_mass_pushes_ventricles_away_and_the_truth_goes_along() -> None:
    center = np.array([8.0, 0.0, 34.0], np.float32)
    still, pushed = upright(), upright([Push(center, 22.0, 0.6)])
    before, after = anatomy_of(still), anatomy_of(pushed)
    x = torch.from_numpy(SLAB.across)

    def middle(anatomy: Anatomy) -> float:
        near = anatomy.ventricles[12:17]
        return float((near * x).sum() / near.sum())

    assert middle(after) < middle(before) - 1.0, "away from a mass on the left, +x"
    # What pushes makes room: as much tissue as the mass takes, and the picture moves exactly as the truth.
    levels = np.array([1.0 if s.tissue.name in ("VENTRICLE", "CHOROID_PLEXUS") else 0.0 for s in still.head.structures])
    assert torch.equal(pushed.table(levels.astype(np.float32)), after.ventricles)
    far = np.abs(SLAB.across) > 80
    assert torch.equal(before.tissue[:, :, far], after.tissue[:, :, far])


@settings(max_examples=30, deadline=None)
@given(
    center=st.tuples(*[st.floats(-60, 60)] * 3),
    radius=st.floats(4, 35),
    strength=st.floats(0, 0.65),
)
def test_a_push_never_folds_space(center: tuple[float, float, float], radius: float, strength: float) -> None:
    line = np.linspace(-100, 100, 401, dtype=np.float32)
    push = Push(np.array(center, np.float32), radius, strength)
    at = np.array([center[0]], np.float32), np.array([center[1]], np.float32)
    shift = moved([push], at[0], at[1], line)[2, 0, 0]
    assert (np.diff(line + shift) > 0).all()
    here = moved([push], *at, np.array([center[2]], np.float32))
    np.testing.assert_allclose(here, 0, atol=1e-5)


def test_look_alikes_never_enter_the_truth() -> None:
    for seed in range(3):
        planned = [plan(np.random.default_rng(seed), "confluent", 12.0)]
        with_them = render_head(phantom_head(), SMALL, seed, plans=planned, stripped=False)
        healthy = render_head(phantom_head(), SMALL, seed, plans=(), stripped=False)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(renderer, "add_look_alikes", lambda rng, image, anatomy: image)
            without = render_head(phantom_head(), SMALL, seed, plans=planned, stripped=False)
        assert torch.equal(with_them.lesion, without.lesion)
        assert not torch.equal(with_them.image, without.image)
        assert float(healthy.lesion.sum()) == 0


def test_a_head_with_a_lesion_is_its_healthy_twin_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    def still(rng: np.random.Generator) -> Acquisition:
        # Ghosts and wraps show the lesion elsewhere, too, and clipping looks at the whole picture.
        return dataclasses.replace(draw_acquisition(rng), ghost=(0.0, 0.0), wrap=(0.0, 0.0), clip=0.0)

    monkeypatch.setattr(renderer, "draw_acquisition", still)
    for seed in (1, 2, 3):
        planned = [dataclasses.replace(plan(np.random.default_rng(seed), "infarct", 10.0), excess=0.8)]
        ill = render_head(phantom_head(), SMALL, seed, plans=planned, stripped=True)
        healthy = render_head(phantom_head(), SMALL, seed, plans=(), stripped=True)
        touched = ill.lesion[None, None]
        near = torch.nn.functional.max_pool3d(touched, (1, 13, 13), 1, (0, 6, 6))[0, 0] > 0
        apart = (ill.image - healthy.image).abs()
        assert float(apart[~near].max()) < 1e-4
        assert float(apart[ill.lesion > 0.9].mean()) > 0.1


def test_a_blob_has_its_volume_and_its_center() -> None:
    for seed in range(8):
        rng = np.random.default_rng(seed)
        center = rng.uniform(-20, 20, 3).astype(np.float32)
        blob = draw_blob(rng, center, 12.0)
        share = blob.share(SLAB)
        assert share is not None
        assert share.volume_ml(SLAB) == pytest.approx(12.0, rel=0.2)
        full = share.full(SLAB).numpy()
        grids = np.meshgrid(SLAB.slice_z, SLAB.across, SLAB.across, indexing="ij")
        middle = [float((grid * full).sum() / full.sum()) for grid in grids]
        np.testing.assert_allclose(middle, center, atol=4.0)
    away = draw_blob(np.random.default_rng(0), np.array([0, 0, 500], np.float32), 5.0)
    assert away.share(SLAB) is None


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.floats(0.05, 300), st.floats(0.01, 30))
def test_a_level_set_has_the_volume_asked_for_or_all_there_is(seed: int, volume: float, edge: float) -> None:
    slab = Slab(matrix=32, pixel_mm=4.0, slices=6, spacing_mm=5.0, thickness_mm=5.0, planes=1)
    rng = np.random.default_rng(seed)
    field = slab.field(PlaneWaves.random(rng, 12, (30, 90))) * 5
    allowed = (slab.field(PlaneWaves.random(rng, 12, (40, 90))) + 0.5).clamp(0, 1)
    share = level_set(field, allowed, slab, volume, edge)
    assert share is not None
    room = slab.volume_ml(float(allowed[allowed > 0.05].sum()))
    voxel = slab.volume_ml(1)
    assert share.volume_ml(slab) == pytest.approx(min(volume, 0.98 * room), rel=0.1, abs=voxel)
    assert float((share.values > allowed + 1e-6).sum()) == 0


def test_there_is_no_lesion_where_there_is_no_place() -> None:
    nothing = torch.zeros(SLAB.shape)
    empty = Anatomy(SLAB, *[nothing] * 5, nothing - 50, nothing + 50)
    for kind in KINDS:
        result = painted(empty, plan(np.random.default_rng(0), kind, 3.0), 0)
        assert result.lesions == (), kind
        assert torch.equal(result.image, torch.ones(SLAB.shape))
