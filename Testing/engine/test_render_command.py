"""`anofpdm render`: volumes with their truth, a manifest that train reads, all or nothing."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import SimpleITK as sitk
from command_line import CommandLine, snapshot
from rendered_samples import phantom_head, write_phantom_maps

from anofpdm import __version__
from anofpdm.cli.main import build_parser
from anofpdm.core.errors import Cancelled
from anofpdm.core.progress import CancelToken, Progress
from anofpdm.datasets.manifest import read_manifest
from anofpdm.datasets.masked_volumes import mask_on_stack, read_mask, same_grid
from anofpdm.synthetic import render_set
from anofpdm.synthetic.render_request import RenderRequest
from anofpdm.synthetic.structures import Tissue, read_structures
from anofpdm.volumes.input_config import GridConfig
from anofpdm.volumes.reading import read_volume

SMALL: dict[str, Any] = {"matrix": 64, "pixel_mm": 3.75, "slice_spacings_mm": (8.0,), "heads": 4, "seed": 3}
OPTIONS = ("--matrix", 64, "--spacing", 3.75, "--slice-spacing", 8, "--progress", "none")


@pytest.fixture(scope="module")
def maps(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of two label maps with their table."""
    folder = tmp_path_factory.mktemp("maps")
    write_phantom_maps(folder, (4, 5))
    return folder


@pytest.fixture(scope="module")
def rendered(maps: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four heads of the two maps, as the command writes them."""
    folder = tmp_path_factory.mktemp("rendered") / "out"
    request = RenderRequest(
        maps, maps / "labels.csv", folder, **SMALL, painted=1.0, stripped=0.5, z_scored=0.5, validation=0.5
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(render_set, "read_head_map", lambda path, structures: phantom_head())
        render_set.render_set(request, CancelToken())
    return folder


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every label map is the phantom's, prepared once."""
    monkeypatch.setattr(render_set, "read_head_map", lambda path, structures: phantom_head())


def request_for(maps: Path, output: Path, **changes: Any) -> RenderRequest:
    return RenderRequest(maps, maps / "labels.csv", output, **{**SMALL, **changes})


def test_every_head_has_its_image_and_its_truth_on_one_grid(rendered: Path) -> None:
    recipe = json.loads((rendered / "recipe.json").read_text(encoding="utf-8"))
    names = [head["name"] for head in recipe["heads"]]
    assert names == ["phantom_04-0000", "phantom_04-0002", "phantom_05-0001", "phantom_05-0003"]
    assert {p.name for p in rendered.iterdir()} == {
        "manifest.csv",
        "recipe.json",
        *(f"{n}_{kind}.nii.gz" for n in names for kind in ("flair", "lesion", "brain", "ventricles", "side")),
    }
    for head in recipe["heads"]:
        image = read_volume(rendered / f"{head['name']}_flair.nii.gz", "flair")
        assert image.GetSize()[:2] == (64, 64)
        assert image.GetSpacing()[2] == pytest.approx(head["slice_spacing_mm"], abs=1e-3)
        truth = {k: sitk.ReadImage(str(rendered / f"{head['name']}_{k}.nii.gz")) for k in render_set.TRUTH}
        assert all(same_grid(image, volume) for volume in truth.values())
        lesion, brain, ventricles, side = (sitk.GetArrayFromImage(truth[kind]) for kind in render_set.TRUTH)
        voxel_ml = float(np.prod(image.GetSpacing())) / 1000
        assert 700 < brain.sum() * voxel_ml < 2300
        assert (brain[ventricles > 0] == 1).mean() > 0.99
        assert head["lesions"], "all are painted"
        assert lesion.any() == any(found["voxels"] for found in head["lesions"])
        assert set(np.unique(side)) == {0, 1, 2}
        assert 0.7 < (side == 1).sum() / (side == 2).sum() < 1.4
        # Left is +L in the patient, wherever the voxels run.
        middles = [np.argwhere(side == value).mean(0)[::-1].tolist() for value in (1, 2)]
        left, right = (image.TransformContinuousIndexToPhysicalPoint(middle)[0] for middle in middles)
        assert left - right > 30


def test_the_manifest_is_one_that_train_reads(rendered: Path) -> None:
    manifest = read_manifest(rendered / "manifest.csv", ("flair",), both_labels_in=("train", "val"))
    splits = {row.subject: row.split for row in manifest.rows}
    assert splits == {
        "phantom_04-0000": "train",
        "phantom_04-0002": "train",
        "phantom_05-0001": "val",
        "phantom_05-0003": "val",
    }
    for volume in manifest.volumes():
        mask = read_mask(volume.rows[0].mask)  # type: ignore[arg-type]
        sick = mask_on_stack(mask, GridConfig()).any(axis=(1, 2))
        assert [row.slice for row in volume.rows] == list(range(len(sick)))
        assert {row.slices for row in volume.rows} == {len(sick)}
        assert [row.unhealthy for row in volume.rows] == sick.tolist()


def test_the_recipe_says_what_the_heads_are_made_of(rendered: Path, maps: Path) -> None:
    recipe = json.loads((rendered / "recipe.json").read_text(encoding="utf-8"))
    assert recipe["program"] == f"anofpdm {__version__}"
    assert [entry["file"] for entry in recipe["maps"]] == ["phantom_04.nii.gz", "phantom_05.nii.gz"]
    assert all(len(entry["sha256"]) == 64 for entry in [*recipe["maps"], recipe["table"]])
    assert recipe["settings"]["seed"] == 3
    assert recipe["settings"]["prior"] == "flair"
    assert {head["intensities"] for head in recipe["heads"]} <= {"scanner", "z-scored"}
    again = RenderRequest(maps, maps / "labels.csv", Path("x"), **_as_request(recipe["settings"]))
    assert again.record() == {**recipe["settings"], "slice_spacings_mm": (8.0,)}


def _as_request(settings: dict[str, Any]) -> dict[str, Any]:
    return {**settings, "slice_spacings_mm": tuple(settings["slice_spacings_mm"])}


@pytest.mark.usefixtures("quick")
def test_the_same_seed_gives_the_same_files(maps: Path, tmp_path: Path) -> None:
    for name in ("one", "two"):
        render_set.render_set(request_for(maps, tmp_path / name, heads=1), CancelToken())
    render_set.render_set(request_for(maps, tmp_path / "other", heads=1, seed=4), CancelToken())

    def values(folder: str) -> list[np.ndarray]:
        return [sitk.GetArrayFromImage(sitk.ReadImage(str(p))) for p in sorted((tmp_path / folder).glob("*.nii.gz"))]

    one, two = values("one"), values("two")
    assert all(np.array_equal(a, b) for a, b in zip(one, two, strict=True))
    assert (tmp_path / "one" / "manifest.csv").read_bytes() == (tmp_path / "two" / "manifest.csv").read_bytes()
    assert any(a.shape != b.shape or not np.array_equal(a, b) for a, b in zip(one, values("other"), strict=True))


@pytest.mark.usefixtures("quick")
def test_shares_of_0_and_1_are_kept(maps: Path, tmp_path: Path) -> None:
    changes = {"painted": 0.0, "stripped": 1.0, "z_scored": 1.0, "validation": 0.0, "modality": "t2", "prior": "t2"}
    render_set.render_set(request_for(maps, tmp_path / "out", heads=1, **changes), CancelToken())
    rows = list(csv.DictReader((tmp_path / "out" / "manifest.csv").open(encoding="utf-8")))
    assert {row["label"] for row in rows} == {"0"}
    assert {row["split"] for row in rows} == {"train"}
    for row in rows:
        assert not sitk.GetArrayFromImage(sitk.ReadImage(str(tmp_path / "out" / row["mask"]))).any()
    image = sitk.ReadImage(str(tmp_path / "out" / rows[0]["t2"]))
    values = sitk.GetArrayFromImage(image)
    assert values.dtype == np.float32
    assert (values == 0).mean() > 0.4
    assert values.min() < -0.5


@pytest.mark.usefixtures("quick")
def test_a_cancelled_run_leaves_nothing_and_an_earlier_set_stays(maps: Path, tmp_path: Path) -> None:
    token = CancelToken()

    def cancel_at_first(progress: Progress) -> None:
        assert progress.unit == "heads"
        token.cancel()

    with pytest.raises(Cancelled):
        render_set.render_set(request_for(maps, tmp_path / "new"), token, cancel_at_first)
    assert snapshot(tmp_path) == {}
    render_set.render_set(request_for(maps, tmp_path / "new", heads=1), CancelToken())
    before, token = snapshot(tmp_path), CancelToken()
    with pytest.raises(Cancelled):
        render_set.render_set(request_for(maps, tmp_path / "new", seed=9), token, cancel_at_first)
    assert snapshot(tmp_path) == before


@pytest.mark.usefixtures("quick")
def test_the_command_tells_how_far_it_is(maps: Path, tmp_path: Path, command: CommandLine) -> None:
    arguments = (maps, "--labels", maps / "labels.csv", "--output", tmp_path / "out", "--heads", 2, *OPTIONS[:-1])
    outcome = command("render", *arguments, "json")
    assert outcome.status == 0, outcome
    events = [json.loads(line) for line in outcome.out.splitlines()]
    assert [e["slices_done"] for e in events if e["event"] == "progress"] == [1, 2]
    assert {e["unit"] for e in events if e["event"] == "progress"} == {"heads"}
    assert events[-1]["event"] == "result"
    assert events[-1]["heads"] == 2


@pytest.mark.usefixtures("quick")
def test_a_full_disk_is_told_and_leaves_nothing(
    maps: Path, tmp_path: Path, command: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = []

    def write(image: sitk.Image, path: str, **_: object) -> None:
        # As the library does on a full disk: a part of the file, and not a word.
        Path(path).write_bytes(b"\x1f\x8b part of a file")
        written.append(path)

    monkeypatch.setattr(sitk, "WriteImage", write)
    monkeypatch.setattr("shutil.disk_usage", lambda _: type("Usage", (), {"free": 10}))
    arguments = (maps, "--labels", maps / "labels.csv", "--output", tmp_path / "out", *OPTIONS)
    command.refuses("render", *arguments, words="disk of .* is full", folder=tmp_path)
    assert len(written) == 1


class TestBadInput:
    """One sentence each, nothing written."""

    def refuses(self, command: CommandLine, tmp_path: Path, words: str, *arguments: object) -> None:
        command.refuses("render", *arguments, "--output", tmp_path / "out", *OPTIONS, words=words, folder=tmp_path)

    def test_no_folder_no_map_no_table(self, command: CommandLine, maps: Path, tmp_path: Path) -> None:
        table = ("--labels", maps / "labels.csv")
        self.refuses(command, tmp_path, "does not exist", tmp_path / "nowhere", *table)
        (tmp_path / "empty").mkdir()
        self.refuses(command, tmp_path, "holds no label map", tmp_path / "empty", *table)
        self.refuses(command, tmp_path, "table of labels .* cannot be read", maps, "--labels", tmp_path / "none.csv")
        self.refuses(command, tmp_path, "--labels is empty", maps, "--labels", "")

    def test_a_label_that_the_table_does_not_list(self, command: CommandLine, maps: Path, tmp_path: Path) -> None:
        lines = (maps / "labels.csv").read_text(encoding="utf-8").splitlines()
        table = tmp_path / "short.csv"
        table.write_text("\n".join(line for line in lines if not line.startswith("506,")), encoding="utf-8")
        self.refuses(command, tmp_path, "phantom_04 holds 506, which", maps, "--labels", table)

    def test_a_map_that_is_none(self, command: CommandLine, maps: Path, tmp_path: Path) -> None:
        folder = tmp_path / "bad"
        folder.mkdir()
        table = ("--labels", maps / "labels.csv")
        sitk.WriteImage(sitk.Image(8, 8, sitk.sitkUInt8), str(folder / "flat.nii.gz"))
        self.refuses(command, tmp_path, "is not a 3-D image", folder, *table)
        (folder / "flat.nii.gz").write_text("no image", encoding="utf-8")
        self.refuses(command, tmp_path, "cannot be read", folder, *table)
        (folder / "flat.nii").write_text("no image", encoding="utf-8")
        self.refuses(command, tmp_path, "several label maps named flat", folder, *table)

    @pytest.mark.parametrize(
        ("option", "value", "words"),
        [
            ("--heads", "0", "--heads must lie between"),
            ("--seed", "-1", "--seed must not be negative"),
            ("--painted", "1.5", "--painted is a share"),
            ("--stripped", "nan", "--stripped is a share"),
            ("--z-scored", "-0.1", "--z-scored is a share"),
            ("--split", "1", "--split is a share"),
            ("--slice-spacing", "0.1", "--slice-spacing must lie between"),
            ("--slice-spacing", "3,x", "--slice-spacing takes numbers"),
            ("--matrix", "16", "--matrix must lie between"),
            ("--spacing", "0.1", "change --matrix or --spacing"),
            ("--spacing", "inf", "change --matrix or --spacing"),
            ("--oblique", "90", "--oblique must lie between"),
            ("--modality", "lesion", "--modality"),
            ("--modality", "a/b", "--modality"),
            ("--prior", "ct", "invalid choice"),
        ],
    )
    def test_settings_out_of_range(
        self, command: CommandLine, maps: Path, tmp_path: Path, option: str, value: str, words: str
    ) -> None:
        table = ("--labels", maps / "labels.csv")
        # The later of two values counts.
        options = (*OPTIONS, option, value)
        command.refuses("render", maps, *table, "--output", tmp_path / "out", *options, words=words, folder=tmp_path)


def test_the_help_shows_a_table_that_is_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        build_parser().parse_args(["render", "--help"])
    text = capsys.readouterr().out
    start = text.index("label,structure")
    table = "\n".join(line.strip() for line in text[start:].split("\n\n")[0].splitlines())
    (tmp_path / "labels.csv").write_text(table, encoding="utf-8")
    assert len(read_structures(tmp_path / "labels.csv")) == 6
    flat = " ".join(text.split())
    assert [tissue.value for tissue in Tissue if tissue.value not in flat] == []
