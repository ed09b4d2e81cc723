"""The test that runs inside Slicer, here on the stand-ins; and that it fails where it should."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import slicer.util
from bundled_fixtures import SAMPLES
from found_before import found_before
from PySide6.QtCore import QEventLoop, QTimer
from worker_here import carry_out_here


@pytest.fixture
def run(session: Any, monkeypatch: pytest.MonkeyPatch) -> Callable[[], list[str]]:
    """Runs it; returns what it has shown."""
    from AnoFPDMSegment import AnoFPDMSegmentTest
    from AnoFPDMSegmentLib.self_test import session as steps

    def load(path: str) -> Any:
        return session.load(Path(path))

    said: list[str] = []
    monkeypatch.setattr(steps, "OPENED", 2)  # many times elsewhere
    monkeypatch.setattr(slicer.util, "loadVolume", load)
    monkeypatch.setattr(slicer.util, "loadLabelVolume", load)
    monkeypatch.setattr(AnoFPDMSegmentTest, "delayDisplay", lambda self, message: said.append(message))
    session.dialogs.live = True

    def start() -> list[str]:
        _in_event_loop(AnoFPDMSegmentTest().runTest)
        return said

    return start


def _in_event_loop(action: Callable[[], object]) -> None:
    """As a click in the application: what is to be deleted later outlives the dialogs that are opened meanwhile."""
    loop, errors = QEventLoop(), []

    def act() -> None:
        try:
            action()
        except BaseException as error:  # noqa: BLE001 - raised below
            errors.append(error)
        finally:
            loop.quit()

    QTimer.singleShot(0, act)
    loop.exec()
    for error in errors:
        raise error


@pytest.fixture
def no_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing can be computed."""
    from AnoFPDMSegmentLib.install.torch_setup import TorchSetup
    from AnoFPDMSegmentLib.install.torch_state import TorchState

    monkeypatch.setattr(TorchSetup, "state", lambda self: TorchState("missing", "PyTorch is not installed."))


@pytest.mark.slow
def test_passes(
    run: Callable[[], list[str]], session: Any, bundled_results: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With what the model that comes with the extension finds, its licence agreed to."""
    from anofpdm.store.model_search import BUNDLED_FOLDER

    results = {SAMPLES / f"synthetic_flair_{name}.nii.gz": bundled_results / name for name in ("lesion", "no_lesion")}
    carry_out_here(monkeypatch, tmp_path, found_before(results))
    monkeypatch.setenv("ANOFPDM_MODELS", str(BUNDLED_FOLDER))
    session.panel._model.reload()
    session.panel._services.catalog.licences.acknowledge(session.panel.state.model)
    said = run()
    assert said[-1] == "Test passed"
    assert len(session.dialogs.shown) == 6, session.dialogs.shown
    assert session.panel.state.parameters is not None and session.result is None
    assert session.context.nodes("vtkMRMLScalarVolumeNode") == []


@pytest.mark.usefixtures("no_torch")
def test_says_what_was_skipped(run: Callable[[], list[str]]) -> None:
    assert run()[-1] == "Test passed; detections were skipped: PyTorch is not installed."


@pytest.mark.usefixtures("no_torch")
class TestWithoutTorch:
    """Faults that it finds without a detection"""

    def test_a_dialog_that_does_not_open(self, run: Callable[[], list[str]], monkeypatch: pytest.MonkeyPatch) -> None:
        from AnoFPDMSegmentLib.panel.calibrate_dialog import CalibrateDialog

        monkeypatch.setattr(CalibrateDialog, "ask", lambda self: None)
        with pytest.raises(AssertionError, match="calibrateButton: 0 dialogs"):
            run()

    def test_a_selection_that_is_lost(self, run: Callable[[], list[str]], monkeypatch: pytest.MonkeyPatch) -> None:
        from AnoFPDMSegmentLib.panel.panel import Panel

        leave = Panel.exit

        def forgetful(self: Any) -> None:
            self.state.parameters.inputVolume1 = None
            leave(self)

        monkeypatch.setattr(Panel, "exit", forgetful)
        with pytest.raises(AssertionError, match="Another input is selected"):
            run()


class TestFaults:
    """Of results, with a quick detection"""

    @pytest.fixture(autouse=True)
    def quick(self, monkeypatch: pytest.MonkeyPatch) -> None:
        from made_results import LARGE

        from anofpdm.app.model_catalog.licence_record import LicenceRecord
        from AnoFPDMSegment import AnoFPDMSegmentLogic
        from AnoFPDMSegmentLib.self_test import session as steps

        # What is found is made up, so it is not compared; and a licence that was not agreed to leaves it to scripts.
        monkeypatch.setattr(AnoFPDMSegmentLogic, "detect", lambda self, volume: _add_result(volume, LARGE))
        monkeypatch.setattr(LicenceRecord, "needed", lambda self, model: True)
        monkeypatch.setattr(steps, "LEAST_DICE", -1.0)

    def test_none(self, run: Callable[[], list[str]]) -> None:
        assert run()[-1] == "Test passed"

    def test_a_background_that_stays(self, run: Callable[[], list[str]], monkeypatch: pytest.MonkeyPatch) -> None:
        from AnoFPDMSegmentLib.mrml import slice_views

        show = slice_views.showInSliceViews
        monkeypatch.setattr(slice_views, "showInSliceViews", lambda context, image, *rest: show(context, None, *rest))
        with pytest.raises(AssertionError, match="Background of Red: None"):
            run()

    def test_an_outline_that_stays(self, run: Callable[[], list[str]], monkeypatch: pytest.MonkeyPatch) -> None:
        from AnoFPDMSegmentLib.mrml.result_display import ResultDisplay

        choose = ResultDisplay.choose

        def forgetful(self: Any, result: Any) -> None:
            choose(self, result)
            for node in self._context.nodes("vtkMRMLSegmentationNode"):
                node.SetDisplayVisibility(True)

        monkeypatch.setattr(ResultDisplay, "choose", forgetful)
        with pytest.raises(AssertionError, match=r"Whether the outline of .* is visible: True, not False"):
            run()

    def test_a_picture_that_does_not_follow(
        self, run: Callable[[], list[str]], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        from AnoFPDMSegmentLib.mrml.result import Result

        monkeypatch.setattr(Result, "preview", lambda self, settings: None)
        with pytest.raises(AssertionError, match="The heatmap was drawn"):
            run()


def _add_result(node: Any, ball: Any) -> None:
    """A made-up detection on the grid of a volume."""
    from evidence_makers import make_case

    from anofpdm.results.detection import build_detection
    from AnoFPDMSegmentLib.mrml.input_volumes import worldGeometry
    from AnoFPDMSegmentLib.mrml.result import Result
    from AnoFPDMSegmentLib.mrml.scene_context import SceneContext

    Result.create(SceneContext.ofApplication(), node, build_detection(make_case(worldGeometry(node), [ball])))
