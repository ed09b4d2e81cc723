"""The slice cache: what it holds, when it is reused, and that it appears whole or not at all."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import dataset_makers as make
import numpy as np
import pytest
from dying import NEEDS_FORK, dies

from anofpdm.core.errors import Cancelled, InputError, OutputError, SettingsError
from anofpdm.core.progress import CancelToken, Progress
from anofpdm.datasets.build_slice_cache import build_slice_cache, cache_key
from anofpdm.datasets.evaluation_masks import load_masks
from anofpdm.datasets.manifest import Manifest, ManifestRow
from anofpdm.datasets.npy_stream import NpyStream
from anofpdm.datasets.slice_cache import TABLE_FILE, SliceCache, open_slice_cache
from anofpdm.methods.anofpdm.model_config import DiffusionConfig
from anofpdm.volumes.preparation import prepare_case
from anofpdm.volumes.reading import read_volume

SLICES = make.SIZE[2]
LESION = make.ball((20, 10, 12), 22)


@pytest.fixture(scope="module")
def volumes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("volumes")
    make.write(folder / "sick.nii.gz", make.head_values(1, LESION))
    make.write(folder / "sick_lesion.nii.gz", LESION.astype(np.uint8))
    make.write(folder / "well.nii.gz", make.head_values(2))
    return folder


@pytest.fixture(scope="module")
def manifest(volumes: Path) -> Manifest:
    sick = LESION.any(axis=(1, 2))
    mask = volumes / "sick_lesion.nii.gz"
    rows = [
        ManifestRow("sick", "train", (volumes / "sick.nii.gz",), k, bool(sick[k]), SLICES, mask, "a", k + 2)
        for k in range(SLICES)
    ]
    rows.append(ManifestRow("well", "train", (volumes / "well.nii.gz",), None, False, source="b", line=SLICES + 2))
    return Manifest(("flair",), tuple(rows), volumes / "manifest.csv")


@pytest.fixture(scope="module")
def cache(manifest: Manifest, tmp_path_factory: pytest.TempPathFactory) -> SliceCache:
    return build_slice_cache(manifest, make.model(), tmp_path_factory.mktemp("cache") / "slices")


@NEEDS_FORK
def test_what_a_killed_run_leaves_goes_with_the_next(manifest: Manifest, tmp_path: Path) -> None:
    """Its slices, which lie beside the cache until they are whole; nothing that only has such a name."""
    (tmp_path / ".slices-of-mine").mkdir()
    died = dies(
        lambda: build_slice_cache(manifest, make.model(), tmp_path / "slices"),
        lambda step: step[0] == "os.rename" and str(step[1][1]) == str(tmp_path / "slices"),
    )
    assert died and not (tmp_path / "slices").exists() and len(list(tmp_path.glob(".slices-*/new/*"))) > 2
    build_slice_cache(manifest, make.model(), tmp_path / "slices")
    assert sorted(path.name for path in tmp_path.iterdir()) == [".slices-of-mine", "slices"]


def with_rows(manifest: Manifest, *rows: ManifestRow) -> Manifest:
    return replace(manifest, rows=(*manifest.rows, *rows))


def test_holds_the_prepared_slices_with_their_labels_and_levels(cache: SliceCache, volumes: Path) -> None:
    config = make.model()
    for name in ("sick", "well"):
        case = prepare_case({"flair": read_volume(volumes / f"{name}.nii.gz", "flair")}, config)
        index = np.flatnonzero(cache.subject == name)
        kept = cache.slice_index[index]
        np.testing.assert_array_equal(kept, np.flatnonzero(case.examined))
        np.testing.assert_allclose(cache.x0(index), case.x0, atol=2e-3)
        np.testing.assert_array_equal(cache.head(index), case.head[kept])
        np.testing.assert_array_equal(cache.interior(index), case.interior[kept])
        np.testing.assert_array_equal(cache.level[index], case.level[kept])
        expected = LESION.any(axis=(1, 2))[kept] if name == "sick" else np.zeros(len(kept), bool)
        np.testing.assert_array_equal(cache.unhealthy[index], expected)
        assert cache.volumes[int(cache.volume[index[0]])].not_examined == SLICES - len(index) > 0
    assert set(cache.source) == {"a", "b"}
    assert not cache.skull_stripped.any()
    assert len(cache.indices("train")) == len(cache)
    assert len(cache.indices("val")) == 0


def test_values_above_the_clip_survive_and_are_memory_mapped(cache: SliceCache) -> None:
    assert isinstance(cache.images, np.memmap)
    assert cache.images.dtype == np.float16
    assert 1 < float(cache.images.max()) <= 2
    assert float(cache.images.min()) >= 0
    assert cache.x0(slice(None)).max() == 1


def test_brain_lies_inside_the_head(cache: SliceCache) -> None:
    everything = slice(None)
    assert not (cache.brain(everything) & ~cache.head(everything)).any()
    share = cache.brain(everything).sum() / cache.head(everything).sum()
    assert 0.3 < share < 0.8


def test_masks_for_evaluation_agree_with_the_labels(cache: SliceCache) -> None:
    masks = load_masks(cache, np.arange(len(cache)))
    # A slice that only grazes the lesion may hold less than half a pixel of it.
    assert not masks[~cache.unhealthy].any()
    assert (masks.any(axis=(1, 2)) != cache.unhealthy).sum() <= 2
    bright = cache.images[:, 0][masks].mean() - cache.images[:, 0][cache.brain(slice(None)) & ~masks].mean()
    assert bright > 0.3


def test_per_slice_stretching_is_done_after_the_cache(manifest: Manifest, volumes: Path, tmp_path: Path) -> None:
    config = make.model(per_slice_min_max=True)
    cache = build_slice_cache(manifest, config, tmp_path / "slices")
    case = prepare_case({"flair": read_volume(volumes / "well.nii.gz", "flair")}, config)
    np.testing.assert_allclose(cache.x0(cache.subject == "well"), case.x0, atol=4e-3)


def test_reused_while_nothing_changes(cache: SliceCache, manifest: Manifest) -> None:
    calls: list[Progress] = []
    again = build_slice_cache(manifest, make.model(), cache.directory, progress=calls.append)
    assert not calls
    assert again.key == cache.key


def test_brains_are_worked_out_for_who_needs_them(cache: SliceCache, manifest: Manifest, tmp_path: Path) -> None:
    """A cache with brains serves who needs none; one without is made anew for who does."""
    assert build_slice_cache(manifest, make.model(), cache.directory, brains=False).key == cache.key
    one = replace(manifest, rows=manifest.rows[-1:])
    without = build_slice_cache(one, make.model(), tmp_path / "slices", brains=False)
    with pytest.raises(ValueError, match="without brains"):
        without.brain(0)
    again = build_slice_cache(one, make.model(), without.directory)
    assert again.brain(slice(None)).any() and again.key == without.key, "what was kept of its slices holds"
    np.testing.assert_array_equal(again.x0(slice(None)), without.x0(slice(None)))


@pytest.mark.parametrize("change", ["config", "label", "file"])
def test_rebuilt_when_something_it_depends_on_changes(
    change: str, manifest: Manifest, volumes: Path, tmp_path: Path
) -> None:
    image = make.write(tmp_path / "own.nii.gz", make.head_values(3))
    row = ManifestRow("own", "train", (image,), None, True)
    config: DiffusionConfig = make.model()
    first = build_slice_cache(with_rows(Manifest(("flair",), ()), row), config, tmp_path / "slices")
    if change == "config":
        config = make.model(matrix=24)
    elif change == "label":
        row = replace(row, unhealthy=False)
    else:
        make.write(image, make.head_values(4))
    second = build_slice_cache(with_rows(Manifest(("flair",), ()), row), config, tmp_path / "slices")
    assert second.key != first.key
    assert second.grid.matrix == config.grid.matrix
    assert [p.name for p in tmp_path.iterdir() if p.name.startswith(".")] == []


def test_several_processes_give_the_same_cache(cache: SliceCache, manifest: Manifest, tmp_path: Path) -> None:
    parallel = build_slice_cache(manifest, make.model(), tmp_path / "slices", workers=2)
    for file in cache.directory.iterdir():
        assert (parallel.directory / file.name).read_bytes() == file.read_bytes(), file.name


def test_the_schedule_and_the_network_do_not_matter(manifest: Manifest) -> None:
    config = make.model()
    assert cache_key(manifest, config) == cache_key(manifest, replace(config, name="other", minimum_size_px=3))


def test_unreadable_masks_do_not_matter(manifest: Manifest, tmp_path: Path) -> None:
    broken = tmp_path / "mask.nii.gz"
    broken.write_bytes(b"nonsense")
    broken.chmod(0)
    rows = tuple(replace(row, mask=broken) if n % 2 else replace(row, mask=tmp_path / "gone.nii.gz")
                 for n, row in enumerate(manifest.rows))  # fmt: skip
    cache = build_slice_cache(replace(manifest, rows=rows), make.model(), tmp_path / "slices")
    assert cache.unhealthy.any()
    with pytest.raises(InputError, match=r"The mask .* does not exist"):
        load_masks(cache, np.flatnonzero(cache.unhealthy))


def test_all_volumes_that_cannot_be_prepared_are_named_and_nothing_is_left(
    manifest: Manifest, volumes: Path, tmp_path: Path
) -> None:
    noise = make.write(tmp_path / "flat.nii.gz", np.full(make.SIZE[::-1], 7, np.int16))
    cut = tmp_path / "cut.nii.gz"
    cut.write_bytes((volumes / "well.nii.gz").read_bytes()[:3000])
    bad = with_rows(
        manifest,
        ManifestRow("flat", "train", (noise,), None, False, line=90),
        ManifestRow("cut", "val", (cut,), 0, False, line=91),
        replace(manifest.rows[0], slice=SLICES, slices=None, line=92),
    )
    folder = tmp_path / "work"
    with pytest.raises(InputError) as caught:
        build_slice_cache(bad, make.model(), folder / "slices")
    lines = str(caught.value).splitlines()[1:]
    assert [line.split(":")[1] for line in lines] == ["90", "91", "92"]
    assert lines[2].endswith(f"slice {SLICES} is not among the image's {SLICES} slices 0 to {SLICES - 1}")
    assert list(folder.iterdir()) == []


def test_slice_numbers_of_another_stack_are_noticed(manifest: Manifest, tmp_path: Path) -> None:
    config = make.model()
    thick = replace(config, grid=replace(config.grid, minimum_slice_spacing_mm=10.0))
    with pytest.raises(InputError, match="the slice numbers are of a stack of 24, but the model's has 12 slices"):
        build_slice_cache(manifest.of_split("train"), thick, tmp_path / "slices")


def test_a_label_that_only_unusable_slices_have_is_noticed(volumes: Path, tmp_path: Path) -> None:
    image = volumes / "well.nii.gz"
    rows = (ManifestRow("x", "train", (image,), 12, False), ManifestRow("x", "train", (image,), 0, True))
    with pytest.raises(InputError, match="the split 'train' has no unhealthy image"):
        build_slice_cache(Manifest(("flair",), rows), make.model(), tmp_path / "slices")


def test_other_modalities_and_foreign_folders_are_refused(manifest: Manifest, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="read it for the model's modalities"):
        build_slice_cache(manifest, make.model(modalities=("t1",)), tmp_path / "slices")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("keep me")
    with pytest.raises(InputError, match="There is no slice cache"):
        build_slice_cache(manifest, make.model(), tmp_path / "mine")
    assert (tmp_path / "mine" / "thesis.txt").read_text() == "keep me"
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError):
        build_slice_cache(manifest, make.model(), tmp_path / "file" / "slices")


def test_cancelled_builds_leave_the_old_cache(cache: SliceCache, manifest: Manifest) -> None:
    token = CancelToken()
    token.cancel()
    with pytest.raises(Cancelled):
        build_slice_cache(manifest, make.model(matrix=24), cache.directory, cancel=token)
    assert open_slice_cache(cache.directory).grid.matrix == 32
    assert [p.name for p in cache.directory.parent.iterdir()] == [cache.directory.name]


@pytest.mark.parametrize("damage", ["cut", "table", "missing", "schema"])
def test_damaged_caches_are_refused(damage: str, cache: SliceCache, tmp_path: Path) -> None:
    for file in cache.directory.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    table = json.loads((tmp_path / TABLE_FILE).read_text())
    if damage == "cut":
        (tmp_path / "images.npy").write_bytes((tmp_path / "images.npy").read_bytes()[:-100])
    elif damage == "table":
        table["slices"]["level"].pop()
    elif damage == "schema":
        table["schema"] = 99
    else:
        (tmp_path / "regions.npy").unlink()
    (tmp_path / TABLE_FILE).write_text(json.dumps(table))
    with pytest.raises(InputError, match="delete the folder and build it again"):
        open_slice_cache(tmp_path)


def test_array_streams_read_back(tmp_path: Path) -> None:
    data = np.random.default_rng(0).normal(size=(1234, 3, 5)).astype(np.float32)
    with NpyStream(tmp_path / "a.npy", np.float32, (3, 5)) as stream:
        for part in np.array_split(data, 7):
            stream.append(part)
        with pytest.raises(ValueError, match="shape"):
            stream.append(data[:, :2])
    np.testing.assert_array_equal(np.load(tmp_path / "a.npy"), data)
