"""Detecting in all loaded volumes: one after the other, each result kept, and what was left out is said."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from own_slices import write_slab
from patients import add_image


@pytest.fixture
def loaded(more_models: Path, replayed_slab: None, session: Any, tmp_path: Path) -> Any:
    """Three volumes that can be examined, one that says it is a T1, one that is empty of contrast."""
    session.panel._model.reload("one")
    slab = write_slab(tmp_path / "slab.nii.gz")
    session.slabs = [session.load(slab, name) for name in ("Rosa FLAIR", "Karl FLAIR", "Anna")]
    add_image(session.context, "Rosa T1", 90)
    flat = add_image(session.context, "flat", 90)
    flat.GetImageData().GetPointData().GetScalars().Fill(7)
    session.pump()
    return session


def everywhere(session: Any) -> None:
    """The entry of the button's menu."""
    session.pump()
    (action,) = session.ui.detectMenuButton._qt.menu().actions()
    assert action.text() == "In all loaded volumes" and session.ui.detectMenuButton.enabled
    action.trigger()
    session.pump()


def test_one_after_the_other_and_each_result_stays(loaded: Any) -> None:
    ui, said = loaded.ui, set()
    everywhere(loaded)
    assert not ui.detectMenuButton.enabled

    def over() -> bool:
        said.add(ui.runStatusLabel.text.partition(":")[0])
        return not loaded.panel.state.busy

    loaded.wait(over, "all are examined")
    assert said >= {f"Volume {n} of 3, {node.GetName()}" for n, node in enumerate(loaded.slabs, 1)}
    results = loaded.panel._results._results
    assert [each.inputNode for each in results] == loaded.slabs and ui.resultSelector.count == 3
    text = ui.runStatusLabel.text
    assert text.startswith("Done: 3 of 3 volumes were examined.")
    assert "By their names these are no FLAIR volumes: Rosa T1." in text
    assert "The volume flat has the same value everywhere" in text
    assert loaded.result is not None and ui.detectMenuButton.enabled
    loaded.choose(ui.resultSelector, "Karl")
    assert loaded.result.inputNode is loaded.slabs[1]


def test_again_replaces_each_volumes_result(loaded: Any) -> None:
    for _ in range(2):
        everywhere(loaded)
        loaded.wait_for_end()
    assert loaded.ui.resultSelector.count == 3


def test_cancelling_keeps_what_is_done(loaded: Any) -> None:
    everywhere(loaded)
    loaded.wait(lambda: len(loaded.panel._results._results) == 1, "the first is done")
    loaded.click(loaded.ui.detectButton)
    loaded.wait_for_end()
    made = len(loaded.panel._results._results)
    assert 1 <= made < 3
    assert f"Cancelled; {made} of 3 volumes were examined, their results stay." == loaded.ui.runStatusLabel.text


def test_a_volume_that_is_removed_before_its_turn_is_named(loaded: Any) -> None:
    everywhere(loaded)
    loaded.context.scene.RemoveNode(loaded.slabs[2])
    loaded.wait_for_end()
    assert "Done: 2 of 3 volumes were examined." in loaded.ui.runStatusLabel.text
    assert (
        "Volume 3 of 3, Anna: The volume was removed from the scene before its turn." in loaded.ui.runStatusLabel.text
    )


def test_it_goes_on_while_the_user_works_elsewhere(loaded: Any) -> None:
    everywhere(loaded)
    loaded.leave()
    loaded.wait_for_end()
    loaded.enter()
    assert loaded.ui.resultSelector.count == 3


def test_nothing_to_examine(more_models: Path, session: Any) -> None:
    session.panel._model.reload("one")
    add_image(session.context, "T1 MPRAGE", 90)
    session.dialogs.answer("No loaded volume can be examined by this model", "OK")
    everywhere(session)
    assert not session.panel.state.busy and np.isclose(session.ui.progressBar.value, 0)
