"""The module's script on real MRML: metadata, samples, parameters, and a detection as scripts run it."""

from __future__ import annotations

import dataclasses
import hashlib
import importlib
import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlparse
from urllib.request import url2pathname

import pytest
from bright_model import NAME
from bundled_sample import BUNDLED_SAMPLE
from scene_makers import SAMPLE, add_volume, load_volume
from worker_here import carry_out_here

sys.path.insert(0, str(Path(__file__).parent / "standin"))

MODULE = Path(__file__).resolve().parents[2] / "AnoFPDMSegment"


class Application:
    """Base/QTGUI/qSlicerApplication.h, as far as the script itself asks for it."""

    def __init__(self, logic: Any) -> None:
        self._logic = logic
        self.connected: list[tuple[str, Any]] = []

    def connect(self, signal: str, function: Any) -> None:
        self.connected.append((signal, function))

    def applicationLogic(self) -> Any:  # noqa: N802
        return self._logic

    def processEvents(self) -> None:  # noqa: N802
        """Nothing is waiting."""


@pytest.fixture
def script(scene: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Any]:
    """The module AnoFPDMSegment in a Slicer without windows."""
    import slicer
    import slicer_install

    slicer_install.install()
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "user"))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.setattr(slicer, "app", Application(scene.applicationLogic), raising=False)
    monkeypatch.setattr(slicer, "mrmlScene", scene.scene, raising=False)
    module = importlib.import_module("AnoFPDMSegment")
    yield module
    sys.modules.pop("AnoFPDMSegment")


def made(script: Any) -> Any:
    """The module's first object, and what it was made with."""
    from slicer_scripted_module import ModuleParent

    return script.AnoFPDMSegment(ModuleParent(str(MODULE / "AnoFPDMSegment.py"))).parent


def test_metadata(script: Any) -> None:
    parent = made(script)
    assert parent.title == "AnoFPDM Segment" and parent.categories == ["Segmentation"]
    assert "Research use only, not for clinical diagnosis." in parent.helpText
    for text in (parent.helpText, parent.acknowledgementText, *parent.contributors):
        assert "template" not in text.lower()


def test_texts_are_marked_for_translation(script: Any) -> None:
    import slicer_i18n

    parent = made(script)
    assert {parent.title, parent.helpText, parent.acknowledgementText} <= slicer_i18n.seen


def test_the_start_of_slicer_loads_one_file(script: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The rest waits until the module is opened; see test_module_import.py for what else it must not do."""
    own = ("AnoFPDMSegment", "AnoFPDMSegmentLib", "anofpdm")
    for name in [name for name in sys.modules if name.partition(".")[0] in own]:
        monkeypatch.delitem(sys.modules, name)
    before = set(sys.modules)
    made(importlib.import_module("AnoFPDMSegment"))
    assert set(sys.modules) - before == {"AnoFPDMSegment"}


def test_what_a_killed_slicer_left_behind_goes_at_the_next_start(
    script: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import slicer

    from anofpdm.core.private_folder import PrivateFolder

    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    kept, left = PrivateFolder(), PrivateFolder()
    (left.path / "flair.nrrd").write_bytes(b"a head")
    # As the system does it when a process ends.
    os.close(left._lock._descriptor)
    made(script)
    ((_signal, started),) = slicer.app.connected
    assert left.path.exists()
    started()
    assert not left.path.exists() and kept.path.exists()
    left._lock._descriptor = None
    kept.remove()


class TestSamples:
    """In the module Sample Data, once Slicer has started"""

    def sources(self, script: Any) -> list[Any]:
        import slicer
        from slicer_sample_data import SampleDataLogic

        SampleDataLogic.sources.clear()
        made(script)
        ((signal, register),) = slicer.app.connected
        assert signal == "startupCompleted()" and SampleDataLogic.sources == {}
        register()
        register()  # as after a reload: nothing twice
        return SampleDataLogic.sources["AnoFPDM"]

    def test_those_of_the_extension_are_its_files(self, script: Any) -> None:
        bundled = [source for source in self.sources(script) if source.uris[0].startswith("file:")]
        files = [Path(url2pathname(urlparse(source.uris[0]).path)) for source in bundled]
        assert BUNDLED_SAMPLE in files and len(files) == 4
        for source, file in zip(bundled, files, strict=True):
            assert "synthetic" in source.sampleName
            assert source.checksums == [f"SHA256:{hashlib.sha256(file.read_bytes()).hexdigest()}"]
            assert source.fileNames[0].endswith(".nii.gz") and source.nodeNames[0] in file.name

    def test_public_ones_have_their_checksum_in_their_address(self, script: Any) -> None:
        public = [source for source in self.sources(script) if not source.uris[0].startswith("file:")]
        assert len(public) == 3
        for source in public:
            digest = source.checksums[0].removeprefix("SHA256:")
            assert len(digest) == 64 and source.uris[0].startswith("https://")
            assert source.uris[0].endswith(f"/SHA256/{digest}")
            assert "T1" in source.sampleName

    def test_each_has_names_and_a_picture(self, script: Any) -> None:
        sources = self.sources(script)
        for names in (
            [s.sampleName for s in sources],
            [s.fileNames[0] for s in sources],
            [s.nodeNames[0] for s in sources],
        ):
            assert len(set(names)) == len(sources)
        assert all(Path(source.thumbnailFileName).is_file() for source in sources)


class TestParameters:
    """Typed, kept in the scene"""

    def test_defaults_are_the_models_own_choices(self, script: Any) -> None:
        parameters = script.AnoFPDMSegmentLogic().getParameterNode()
        assert (parameters.model, parameters.preset, parameters.calibration) == ("", "", "default")
        assert (parameters.encoding, parameters.noiseScale, parameters.device) == ("model", "dynamic", "auto")
        assert parameters.heatmapFrom == 1.0 and parameters.inputVolume1 is None

    def test_are_one_node_that_survives_saving(self, script: Any, scene: Any, tmp_path: Path) -> None:
        logic = script.AnoFPDMSegmentLogic()
        volume = load_volume(scene, SAMPLE)
        first = logic.getParameterNode()
        first.inputVolume2, first.heatmapFrom, first.replaceResult = volume, 2.5, False
        assert logic.getParameterNode().parameterNode is first.parameterNode
        assert scene.scene.GetNumberOfNodesByClass("vtkMRMLScriptedModuleNode") == 1
        bundle = tmp_path / "case.mrb"
        assert scene.scene.WriteToMRB(str(bundle))
        scene.scene.Clear(False)
        assert logic.getParameterNode().heatmapFrom == 1.0
        scene.scene.Clear(True)
        assert scene.scene.ReadFromMRB(str(bundle))
        again = logic.getParameterNode()
        assert (again.heatmapFrom, again.replaceResult) == (2.5, False)
        assert again.inputVolume2.GetName() == volume.GetName()

    @pytest.mark.parametrize(
        ("name", "value"),
        [("heatmapFrom", -1.0), ("fixedEndStep", 0), ("model", None), ("heatmapFrom", "8")],
    )
    def test_refuse_nonsense(self, script: Any, name: str, value: object) -> None:
        parameters = script.AnoFPDMSegmentLogic().getParameterNode()
        with pytest.raises((ValueError, TypeError)):
            setattr(parameters, name, value)


class TestScriptedDetection:
    """AnoFPDMSegmentLogic().detect(...), with a real worker where it comes to a result"""

    @pytest.mark.usefixtures("bright_default")
    def test_adds_a_result_to_the_scene(self, script: Any, scene: Any) -> None:
        from anofpdm.app.worker.run_options import RunOptions
        from AnoFPDMSegmentLib.mrml.result import Result

        volume = load_volume(scene, SAMPLE, "my FLAIR")
        options = RunOptions(NAME, {"guidance": 8.0}, device="cpu")
        result = script.AnoFPDMSegmentLogic().detect({"flair": volume}, options)
        assert [found.node for found in Result.all(scene)] == [result.node]
        assert result.name == "my FLAIR" and result.inputNode is volume
        assert result.detection.answer.choices.guidance == 8.0

    @pytest.mark.usefixtures("bright_default")
    @pytest.mark.parametrize(
        ("inputs", "options", "words"),
        [
            ("flair", {"model": "none"}, "There is no model 'none'"),
            ("flair", {"chosen": {"guidance": -1.0}}, "guidance strength must lie between"),
            ("t2", {}, "flair"),
        ],
    )
    def test_fails_with_a_sentence_and_an_unchanged_scene(
        self,
        script: Any,
        scene: Any,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
        inputs: str,
        options: dict[str, Any],
        words: str,
    ) -> None:
        import numpy as np

        from anofpdm.app.worker.run_options import RunOptions

        carry_out_here(monkeypatch, tmp_path)
        volume = add_volume(scene, np.arange(64, dtype=np.int16).reshape(4, 4, 4))
        before = [scene.scene.GetNthNode(n).GetID() for n in range(scene.scene.GetNumberOfNodes())]
        chosen = dataclasses.replace(RunOptions(NAME), **options)
        with pytest.raises(RuntimeError, match=words):
            script.AnoFPDMSegmentLogic().detect({inputs: volume}, chosen)
        assert [scene.scene.GetNthNode(n).GetID() for n in range(scene.scene.GetNumberOfNodes())] == before


class TestWidget:
    """Hands on what Slicer tells it; the panel itself is tested elsewhere"""

    class Panel:
        made: SimpleNamespace | None = None

        def __init__(self, parent: Any, services: Any, uiPath: str) -> None:  # noqa: N803
            self.heard: list[str] = []
            TestWidget.Panel.made = SimpleNamespace(panel=self, parent=parent, services=services, uiPath=uiPath)

        def __getattr__(self, name: str) -> Any:
            if name not in ("enter", "exit", "cleanup") and not name.startswith("onScene"):
                raise AttributeError(name)
            return lambda: self.heard.append(name)

    @pytest.fixture
    def widget(self, script: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
        import types

        panel = types.ModuleType("AnoFPDMSegmentLib.panel.panel")
        panel.Panel = self.Panel  # type: ignore[attr-defined]
        monkeypatch.setitem(sys.modules, "AnoFPDMSegmentLib.panel.panel", panel)
        parent = SimpleNamespace(layout=lambda: None)
        return script.AnoFPDMSegmentWidget(parent)

    def test_from_setup_to_cleanup(self, widget: Any, scene: Any) -> None:
        widget.setup()
        assert self.Panel.made is not None
        panel, services = self.Panel.made.panel, self.Panel.made.services
        assert Path(self.Panel.made.uiPath) == MODULE / "Resources" / "UI" / "AnoFPDMSegment.ui"
        assert services.context.scene is scene.scene
        assert services.parameters().parameterNode.GetScene() is scene.scene
        widget.enter()
        scene.scene.Clear(False)
        widget.exit()
        assert panel.heard == ["enter", "onSceneStartClose", "onSceneEndClose", "exit"]
        widget.cleanup()
        scene.scene.Clear(False)
        assert panel.heard[4:] == ["cleanup"]

    def test_cleanup_before_setup(self, widget: Any) -> None:
        widget.cleanup()
