"""Draws the README's picture of the panel after a detection in the bundled sample, as the tests render it.

`python Testing/slicer/panel/panel_picture.py [FILE] [--model NAME] [--evidence FILE]`; needs slicer-core and PySide6.
"""

from __future__ import annotations

import argparse
import hashlib
import json
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
TEXTS_KEY = "Texts"
WIDTH_PX, HEIGHT_PX = 430, 650
PACE = (12.0, 28)
"""Seconds and slices of the run as the picture tells them."""


def draw(path: Path, model: str = "", evidence: Path | None = None) -> None:
    """Detect with a model of the list or the default one, choose the finding, and write what the panel shows.

    `evidence`: of an earlier detection in the sample, which then is not computed again.
    """
    import pytest
    import qt_install
    import slicer_install
    from bundled_sample import BUNDLED_SAMPLE
    from panel_session import opened_module
    from quick_worker import write_interpreter

    with tempfile.TemporaryDirectory() as user, pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_DATA_HOME", user)
        if evidence is not None:
            write_interpreter(Path(user), evidence.absolute())
            patch.setenv("PATH", f"{user}{os.pathsep}{os.environ['PATH']}")
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
            picture.setText(TEXTS_KEY, json.dumps(_texts(session)))
            picture.save(str(path))


def layout_digest() -> str:
    """Of the file that the panel is laid out by; the picture carries it, so that a test sees when it is out of date."""
    return hashlib.sha256(LAYOUT.read_bytes().replace(b"\r\n", b"\n")).hexdigest()


def _texts(session: Any) -> list[str]:
    """Whatever is written in the picture, which carries it, so that a test sees which words have changed."""
    from PySide6.QtCore import QPoint
    from PySide6.QtWidgets import QWidget
    from qt_proxy import unwrap

    panel, shown, table = unwrap(session.panel.widget), _shown(session), unwrap(session.ui.findingsTable)
    found: list[str] = []
    for widget in panel.findChildren(QWidget):
        if not widget.isVisible() or not shown.contains(widget.mapTo(panel, QPoint(0, 0))):
            continue
        for name in ("text", "title", "currentText"):
            value = getattr(widget, name, None)
            said = value() if callable(value) else ""
            found += [said] if isinstance(said, str) and said else []
    found += [table.horizontalHeaderItem(column).text() for column in range(table.columnCount())]
    found += [text for row in session.cells(session.ui.findingsTable) for text in row if text]
    return found


def _shown(session: Any) -> Any:
    """What is in sight of the panel: *Advanced* stays closed."""
    from qt_proxy import unwrap

    session.window.resize(WIDTH_PX, HEIGHT_PX)
    session.pump()
    shown = unwrap(session.panel.widget).rect()
    shown.setBottom(unwrap(session.ui.advancedSection).geometry().bottom() + 4)
    return shown


def _grab(session: Any) -> Any:
    from qt_proxy import unwrap

    return unwrap(session.panel.widget).grab(_shown(session))


def main() -> None:
    """Of the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", nargs="?", type=Path, default=PANEL)
    parser.add_argument("--model", default="", help="name in the list of models; left out: the default one")
    parser.add_argument("--evidence", type=Path, help="of a detection in the sample, so that none is run")
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    options = parser.parse_args()
    draw(options.file, options.model, options.evidence)


if __name__ == "__main__":
    main()
