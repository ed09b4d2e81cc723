"""The catalog: what the panel shows of models, presets and calibrations, and what a run makes of them."""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from bright_model import NAME, TITLE
from fake_worker import SAMPLE

from anofpdm.app.model_catalog.catalog import ModelCatalog
from anofpdm.app.model_catalog.catalog_model import CatalogModel
from anofpdm.app.model_catalog.licence_record import LicenceRecord
from anofpdm.app.worker.run_options import RunOptions
from anofpdm.core.errors import AnoFPDMError, ModelError, SettingsError
from anofpdm.methods.anofpdm.calibration import calibrations_to_json, describe_point, load_calibrations
from anofpdm.methods.anofpdm.operating_point import OperatingPoint
from anofpdm.methods.anofpdm.presets import default_calibration
from anofpdm.methods.anofpdm.user_calibrations import store_user_calibrations
from anofpdm.methods.offers import Scale
from anofpdm.store import model_search
from anofpdm.store.model_folder import open_model_folder, write_calibration, write_model_folder
from anofpdm.store.model_search import find_model, user_folder
from anofpdm.volumes.reading import read_volume
from anofpdm.volumes.stack_grid import plan_stack


@pytest.fixture
def home(bright_place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user without models of their own; one is bundled."""
    monkeypatch.setattr(model_search, "BUNDLED_FOLDER", bright_place)
    for variable in ("XDG_DATA_HOME", "APPDATA", "HOME"):
        monkeypatch.setenv(variable, str(tmp_path / "home"))
    monkeypatch.delenv("ANOFPDM_MODELS", raising=False)
    return tmp_path / "home"


@pytest.fixture
def catalog(home: Path) -> ModelCatalog:
    return ModelCatalog()


def changed_model(folder: Path, **changes: object) -> Path:
    """A copy of the bundled model with another configuration."""
    opened = find_model(NAME)
    assert opened.calibration is not None

    def copy_weights(target: Path) -> None:
        shutil.copyfile(opened.weights, target)

    return write_model_folder(
        folder,
        dataclasses.replace(opened.config, **changes),  # type: ignore[arg-type]
        copy_weights,
        model_card=opened.model_card,
        calibration=opened.calibration.read_text(),
    ).path


def entry(catalog: ModelCatalog, name: str = NAME) -> CatalogModel:
    return next(model for model in catalog.models() if model.name == name)


def test_the_bundled_model(catalog: ModelCatalog) -> None:
    model = entry(catalog)
    assert catalog.default_name() == NAME
    assert (model.error, model.removable, model.inputs, model.modalities) == ("", False, ("flair",), ("FLAIR",))
    assert model.title == TITLE and model.card.startswith("#")
    for part in ("FLAIR", "trained on nothing", "CC0-1.0", "research use only"):
        assert part in model.line
    assert "sound" in catalog.verify(model)


def test_adding_and_removing(catalog: ModelCatalog, tmp_path: Path) -> None:
    source = changed_model(tmp_path / "download", name="mine", title="Mine")
    added = catalog.add(source)
    assert added.removable and added.title == "Mine"
    assert [model.name for model in catalog.models()] == [NAME, "mine"]
    assert catalog.default_name() == NAME
    with pytest.raises(AnoFPDMError, match="already"):
        catalog.add(source)
    catalog.remove(added)
    assert [model.name for model in catalog.models()] == [NAME]
    with pytest.raises(AnoFPDMError, match="cannot be removed here"):
        catalog.remove(entry(catalog))


def test_titles_are_told_apart_by_the_names(catalog: ModelCatalog, tmp_path: Path) -> None:
    catalog.add(changed_model(tmp_path / "download", name="mine"))
    assert [model.title for model in catalog.models()] == [f"{TITLE} ({NAME})", f"{TITLE} (mine)"]
    catalog.remove(entry(catalog, "mine"))
    assert entry(catalog).title == TITLE


def test_weights_of_another_network_are_refused(catalog: ModelCatalog, home: Path, tmp_path: Path) -> None:
    """With the right checksums: only a look at the tensors tells. Nothing is installed, and torch is not needed."""
    config = find_model(NAME).config
    other = dataclasses.replace(config.network, level_embedding=not config.network.level_embedding)
    source = changed_model(tmp_path / "download", name="mine", network=other)
    with pytest.raises(AnoFPDMError, match="do not fit the network's configuration"):
        catalog.add(source)
    assert [model.name for model in catalog.models()] == [NAME]
    assert not [path for path in home.rglob("*") if path.is_file()]
    # Put among the user's models by hand, it is found out by a check.
    place = user_folder() / "mine"
    shutil.copytree(source, place)
    with pytest.raises(AnoFPDMError, match="do not fit the network's configuration"):
        catalog.verify(entry(catalog, "mine"))


def test_a_damaged_model_is_shown_with_its_fault(catalog: ModelCatalog, tmp_path: Path) -> None:
    added = catalog.add(changed_model(tmp_path / "download", name="mine"))
    (added.folder / "config.json").write_text("{}")
    broken = entry(catalog, "mine")
    assert broken.error and broken.line == broken.error and broken.title == "mine" and broken.presets == ()
    assert broken.slices_of_stack((10, 10, 10), np.eye(4).tolist()) == 0
    shutil.copyfile(find_model(NAME).path / "config.json", added.folder / "config.json")
    weights = added.folder / "weights.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"\0")
    with pytest.raises(AnoFPDMError, match="wrong checksum"):
        catalog.verify(added)


@pytest.mark.skipif(os.name == "nt", reason="needs a file system of any names")
@pytest.mark.parametrize("name", ["--cases", "-x", "a b", "a;b", "ends.", "n" * 65, "größe"])
def test_a_folder_of_a_hostile_name_is_shown_with_its_fault(
    catalog: ModelCatalog, home: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    shutil.copytree(find_model(NAME).path, home / "models" / name)
    monkeypatch.setenv("ANOFPDM_MODELS", str(home / "models"))
    shown = entry(catalog, name)
    assert "cannot name a model; rename it with up to 64 letters" in shown.error and shown.presets == ()
    with pytest.raises(ModelError, match="cannot name a model; rename it"):
        find_model(name)
    assert find_model(home / "models" / name).config.name == NAME, "by its path it can be looked at"


class TestPresets:
    """Calibrations as ways to run"""

    @pytest.mark.parametrize("name", ["--cases", "../x", "a b", "", "fast/1", "a\n"])
    def test_one_of_a_hostile_name_is_refused(self, catalog: ModelCatalog, tmp_path: Path, name: str) -> None:
        added = catalog.add(changed_model(tmp_path / "download", name="mine"))
        opened = find_model("mine")
        assert opened.calibration is not None
        values = json.loads(opened.calibration.read_text())
        values["calibrations"][0]["name"] = name
        write_calibration(opened, json.dumps(values))
        with pytest.raises(ModelError, match="its name must be up to 64 letters"):
            load_calibrations(added.folder / "calibration.json")
        assert "its name must be up to 64 letters" in entry(catalog, "mine").error

    def test_the_usual_one_comes_first(self, catalog: ModelCatalog, tmp_path: Path) -> None:
        folder = catalog.add(changed_model(tmp_path / "download", name="mine")).folder
        opened = open_model_folder(folder)
        calibration = default_calibration(load_calibrations(opened.calibration))
        point = dataclasses.replace(calibration.operating_point, steps=5)
        other = dataclasses.replace(calibration, name="fast", operating_point=point)
        stale = dataclasses.replace(calibration, name="stale", weights_sha256="0" * 64)
        write_calibration(opened, calibrations_to_json([stale, other, calibration]))
        model = entry(catalog, "mine")
        assert [preset.name for preset in model.presets] == [calibration.name, "fast"]
        assert model.preset("fast").point == point
        assert model.preset("").name == model.preset("no such").name == calibration.name

    def test_the_engine_chooses_the_precision(self, catalog: ModelCatalog, tmp_path: Path) -> None:
        opened = open_model_folder(catalog.add(changed_model(tmp_path / "download", name="mine")).folder)
        exact = load_calibrations(opened.calibration)[0]
        point = dataclasses.replace(exact.operating_point, precision="bfloat16")
        rounded = dataclasses.replace(exact, operating_point=point)
        write_calibration(opened, calibrations_to_json([rounded, exact]))
        (preset,) = entry(catalog, "mine").presets
        assert preset.calibration == exact, "the model's own"
        assert preset.plan({}).chosen == {} and preset.plan({}).calibrated

    def test_of_a_model_without_any(self, catalog: ModelCatalog, tmp_path: Path) -> None:
        folder = catalog.add(changed_model(tmp_path / "download", name="mine")).folder
        write_calibration(open_model_folder(folder), calibrations_to_json([]))
        (preset,) = entry(catalog, "mine").presets
        assert preset.name == "" and preset.title == "Not calibrated" and "not calibrated" in preset.about
        plan = preset.plan({})
        assert not plan.calibrated and plan.missing == ("guidance",) and plan.notes
        assert plan.chosen == {"threshold": "quantile=0.98", "ungated": True}
        assert plan.offers["guidance"].value is None and plan.offers["guidance"].scale == Scale(0.0, 30.0)
        assert plan.offers["scaling"].value is None
        assert preset.plan({"guidance": 3.0}).missing == ()

    def test_values_follow_the_guidance_strength(self, catalog: ModelCatalog) -> None:
        preset = entry(catalog).presets[0]
        calibration = preset.calibration
        assert preset.plan({}).offers["guidance"].value == calibration.default_guidance

        def scaling(guidance: float) -> object:
            return preset.plan({"guidance": guidance}).offers["scaling"].value

        assert scaling(4.0) == calibration.at(4.0).largest_divergence != scaling(5.0)
        assert scaling(500.0) == scaling(calibration.guidance[-1])

    def test_what_a_run_is_told(self, catalog: ModelCatalog) -> None:
        preset = entry(catalog).presets[0]
        assert preset.name == "balanced" and preset.plan({}).speed_key == describe_point(preset.point)
        plan = preset.plan({"encoding": "ddpm", "end_step": 3})
        assert plan.chosen["encoding"] == "ddpm" and plan.chosen["end_step"] == 3 and not plan.calibrated
        assert plan.speed_key == describe_point(dataclasses.replace(preset.point, encoding="ddpm", end_step=3))
        assert preset.plan({"end_step": 1000}).chosen["end_step"] == preset.point.steps
        with pytest.raises(SettingsError, match="do not fit together"):
            preset.plan({"steps": 300, "range": (1, 20)})

    def test_what_the_engine_makes_of_it(self, catalog: ModelCatalog) -> None:
        """The preset alone is named, so that its operating point is the engine's, whatever belongs to one."""
        from anofpdm.cli.main import build_parser
        from anofpdm.cli.options import given_knobs
        from anofpdm.methods.anofpdm.knobs import operating_point
        from anofpdm.methods.anofpdm.user_calibrations import calibrations_of, usual_point
        from anofpdm.methods.registry import find_method

        model, opened = entry(catalog), find_model(NAME)
        for preset in model.presets:
            for asked in ({}, {"encoding": "ddpm"}, {"end_step": 4}, {"end_step": None}, {"mirrored": True}):
                plan = preset.plan({**asked, "guidance": 2.0})
                arguments = RunOptions("m", plan.chosen, preset=preset.name).to_arguments()
                parsed = build_parser().parse_args(["detect", "a.nii", "--output=o", *arguments])
                default = usual_point(opened, calibrations_of(opened, parsed.calibration), parsed.preset)
                given = given_knobs(parsed, find_method("anofpdm"), live=False)
                assert operating_point(given, default) == dataclasses.replace(preset.point, **asked)

    def test_a_bank(self, catalog: ModelCatalog, tmp_path: Path) -> None:
        bank = OperatingPoint(last=200, clamp=True, guidance_bank=(0.0, 2.0, 8.0))
        catalog.add(changed_model(tmp_path / "download", name="mine", operating_point=bank))
        write_calibration(open_model_folder(entry(catalog, "mine").folder), calibrations_to_json([]))
        preset = entry(catalog, "mine").presets[0]
        offer = preset.plan({}).offers["guidance"]
        assert offer.only == (0.0, 2.0, 8.0) and offer.scale == Scale(0.0, 8.0) and preset.point == bank


class TestCalibrations:
    """The user's own, by name"""

    def test_in_use(self, catalog: ModelCatalog) -> None:
        opened = find_model(NAME)
        calibration = default_calibration(load_calibrations(opened.calibration))
        mine = dataclasses.replace(calibration, default_guidance=4.0)
        store_user_calibrations([mine], "clinic")
        model = entry(catalog)
        assert list(model.calibrations) == ["default", "clinic"] and model.calibration == "default"
        with_mine = model.with_calibration("clinic")
        usual = [each.presets[0].plan({}).offers["guidance"].value for each in (with_mine, model)]
        assert usual == [4.0, calibration.default_guidance]
        assert with_mine.with_calibration("gone").calibration == "default"

    def test_a_damaged_one_is_left_out(self, catalog: ModelCatalog, home: Path) -> None:
        opened = find_model(NAME)
        path = store_user_calibrations(load_calibrations(opened.calibration), "clinic")
        path.write_text("{")
        assert list(entry(catalog).calibrations) == ["default"]

    def test_names(self, catalog: ModelCatalog) -> None:
        catalog.check_calibration_name("clinic-2")
        for name in ("", "default", "a b", "../x"):
            with pytest.raises(SettingsError):
                catalog.check_calibration_name(name)


class TestLicences:
    """Non-commercial ones are acknowledged once"""

    def test_once_for_these_weights(self, catalog: ModelCatalog, tmp_path: Path) -> None:
        model = catalog.add(changed_model(tmp_path / "d", name="mine", licence="CC-BY-NC-4.0", non_commercial=True))
        assert "non-commercial" in model.line
        assert catalog.licences.needed(model)
        catalog.licences.acknowledge(model)
        assert not catalog.licences.needed(model) and not ModelCatalog().licences.needed(model)
        assert model.config is not None
        other = dataclasses.replace(model, config=dataclasses.replace(model.config, licence="other"))
        assert catalog.licences.needed(other)
        assert catalog.licences.needed(dataclasses.replace(model, weights_sha256="f" * 64))

    def test_not_for_others(self, catalog: ModelCatalog) -> None:
        assert not catalog.licences.needed(entry(catalog))

    def test_a_file_that_cannot_be_used(self, catalog: ModelCatalog, tmp_path: Path) -> None:
        model = catalog.add(changed_model(tmp_path / "d", name="mine", non_commercial=True))
        (tmp_path / "licences.json").write_text("[")
        record = LicenceRecord(tmp_path / "licences.json")
        assert record.needed(model)
        record.acknowledge(model)
        assert not record.needed(model)
        assert json.loads((tmp_path / "licences.json").read_text()) == {model.weights_sha256: model.config.licence}


@pytest.mark.parametrize("direction", [np.eye(3), np.diag([-1.0, 1.0, -1.0]), np.eye(3)[[2, 0, 1]]])
def test_the_slices_of_a_volume_are_those_of_the_stack(catalog: ModelCatalog, direction: np.ndarray) -> None:
    image = read_volume(SAMPLE, "flair")
    image.SetDirection(direction.ravel())
    model = entry(catalog)
    assert model.config is not None
    grid = plan_stack(image, sitk.Cast(image > 0, sitk.sitkUInt8), model.config.grid)
    to_ras = np.eye(4)
    to_ras[:3, :3] = direction * np.asarray(image.GetSpacing())
    to_ras[:3, 3] = image.GetOrigin()
    to_ras[:2] *= -1
    assert model.slices_of_stack(image.GetSize(), to_ras.tolist()) == grid.size[2]
