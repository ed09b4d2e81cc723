"""Draws the README's picture of the panel after a detection in the bundled sample, as the tests render it.

`python Testing/slicer/panel/panel_picture.py [FILE] [--model NAME]`; needs slicer-core and PySide6.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).resolve().parents[3]
for folder in ("AnoFPDMSegment", "Testing/slicer", "Testing/slicer/standin"):
    sys.path.insert(0, str(REPOSITORY / folder))

PANEL = REPOSITORY / "Resources" / "Screenshots" / "panel.png"
LAYOUT = REPOSITORY / "AnoFPDMSegment" / "Resources" / "UI" / "AnoFPDMSegment.ui"
LAYOUT_KEY = "Layout"
WIDTH_PX, HEIGHT_PX = 430, 650
PACE = (12.0, 28)
"""Seconds and slices of the run as the picture tells them."""


def draw(path: Path, model: str = "") -> None:
    """Detect with a model of the list or the default one, choose the finding, and write what the panel shows."""
    import pytest
    import qt_install
    import slicer_install
    from bundled_sample import BUNDLED_SAMPLE
    from panel_session import opened_module

    with tempfile.TemporaryDirectory() as user, pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_DATA_HOME", user)
        patch.delenv("ANOFPDM_MODELS", raising=False)
        application = qt_install.install()
        slicer_install.install()
        with opened_module(application, patch) as session:
            session.panel._model.reload(model)
            session.load(BUNDLED_SAMPLE)
            if session.panel._services.catalog.licences.needed(session.panel.state.model):
                session.dialogs.answer("non-commercial licence", "Yes")
            session.detect()
            ui = session.ui
            # The same picture on every computer.
            session.panel._detection.remember(session.panel._detection.planned(), seconds=PACE[0], slices=PACE[1])
            if ui.findingsTable.rowCount:
                session.click_cell(ui.findingsTable, 0, 1)
            path.parent.mkdir(parents=True, exist_ok=True)
            picture = _grab(session).toImage()
            picture.setText(LAYOUT_KEY, layout_digest())
            picture.save(str(path))


def layout_digest() -> str:
    """Of the file that the panel is laid out by; the picture carries it, so that a test sees when it is out of date."""
    return hashlib.sha256(LAYOUT.read_bytes().replace(b"\r\n", b"\n")).hexdigest()


def _grab(session: Any) -> Any:
    """What is in sight: *Advanced* stays closed."""
    from qt_proxy import unwrap

    panel, last = unwrap(session.panel.widget), unwrap(session.ui.advancedSection)
    session.window.resize(WIDTH_PX, HEIGHT_PX)
    session.pump()
    shown = panel.rect()
    shown.setBottom(last.geometry().bottom() + 4)
    return panel.grab(shown)


def main() -> None:
    """Of the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", nargs="?", type=Path, default=PANEL)
    parser.add_argument("--model", default="", help="name in the list of models; left out: the default one")
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    options = parser.parse_args()
    draw(options.file, options.model)


if __name__ == "__main__":
    main()
