"""What to calibrate on, and what to call the calibration."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import qt
import slicer.util
from slicer.i18n import tr as _

if TYPE_CHECKING:
    from anofpdm.app.model_catalog.catalog_model import CatalogModel

SPLITS = ("val", "train", "test")


@dataclass(frozen=True)
class CalibrationRequest:
    """The user's answers."""

    manifest: Path
    name: str
    split: str


class CalibrateDialog:
    """Asks in a window of its own; OK can be pressed once table and name are usable."""

    def __init__(self, model: CatalogModel, problemOfName: Callable[[str], str]) -> None:
        """`problemOfName` says in a sentence why calibrations cannot be called so; empty if they can."""
        self._model = model
        self._problemOfName = problemOfName
        self._dialog = qt.QDialog(slicer.util.mainWindow())
        self._dialog.windowTitle = _("Calibrate on my data")
        self._dialog.minimumWidth = 460
        layout = qt.QVBoxLayout(self._dialog)
        text = qt.QLabel(
            _(
                "Thresholds and scaling of {model} are found anew from slices of yours. The table "
                "has one row a slice with its label healthy or unhealthy; no outlines are needed. This takes much "
                "longer than a detection."
            ).format(model=model.title)
        )
        text.wordWrap = True
        layout.addWidget(text)
        form = qt.QFormLayout()
        layout.addLayout(form)
        self._table = qt.QLineEdit()
        self._table.objectName = "manifestEdit"
        browse = qt.QPushButton(_("Browse..."))
        browse.objectName = "browseButton"
        row = qt.QHBoxLayout()
        row.addWidget(self._table)
        row.addWidget(browse)
        form.addRow(_("Table (.csv):"), row)
        self._split = qt.QComboBox()
        for split in SPLITS:
            self._split.addItem(split)
        self._split.toolTip = _("Rows of this split are used.")
        form.addRow(_("Split:"), self._split)
        self._name = qt.QLineEdit()
        self._name.objectName = "nameEdit"
        self._name.toolTip = _("What the calibration is called in the list.")
        form.addRow(_("Name:"), self._name)
        self._problem = qt.QLabel()
        self._problem.objectName = "problemLabel"
        self._problem.wordWrap = True
        # Not in the form: labels that wrap squash its other rows.
        layout.addWidget(self._problem)
        self._buttons = qt.QDialogButtonBox()
        # Not to the constructor: in Slicer flags put together are a plain int, which it takes for an orientation.
        self._buttons.setStandardButtons(qt.QDialogButtonBox.Ok | qt.QDialogButtonBox.Cancel)
        layout.addWidget(self._buttons)
        browse.connect("clicked()", self._browse)
        self._table.connect("textChanged(QString)", self._check)
        self._name.connect("textChanged(QString)", self._check)
        self._buttons.connect("accepted()", self._dialog.accept)
        self._buttons.connect("rejected()", self._dialog.reject)
        self._check()

    def ask(self) -> CalibrationRequest | None:
        """The answers; None if the user cancels."""
        accepted = self._dialog.exec_()
        request = CalibrationRequest(Path(self._table.text), self._name.text.strip(), self._split.currentText)
        self._dialog.deleteLater()
        return request if accepted else None

    def _browse(self) -> None:
        path = qt.QFileDialog.getOpenFileName(self._dialog, _("Table of slices"), "", _("Tables (*.csv)"))
        if path:
            self._table.text = path
            if not self._name.text:
                self._name.text = Path(path).stem

    def _check(self) -> None:
        problem = ""
        name = self._name.text.strip()
        if not self._table.text:
            problem = _("Choose the table of your slices.")
        elif not Path(self._table.text).is_file():
            problem = _("There is no such table.")
        elif not name:
            problem = _("Name the calibration.")
        else:
            problem = self._problemOfName(name)
            if not problem and name in self._model.calibrations:
                self._problem.text = _("The calibration of this name is replaced.")
                self._buttons.button(qt.QDialogButtonBox.Ok).enabled = True
                return
        self._problem.text = problem
        self._buttons.button(qt.QDialogButtonBox.Ok).enabled = not problem
