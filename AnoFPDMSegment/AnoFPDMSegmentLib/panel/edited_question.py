"""What becomes of a segmentation that was edited by hand, once settings would rewrite it."""

from __future__ import annotations

from typing import Any

import qt
import slicer.util
from slicer.i18n import tr as _

from ..mrml.edits import EditedChoice


class EditedQuestion:
    """Asks once for each edited segmentation that is to stay the result's."""

    def __init__(self) -> None:
        self._kept = ""

    def forget(self) -> None:
        """Ask again."""
        self._kept = ""

    def ask(self, segmentationNode: Any) -> EditedChoice:
        """The user's choice; closing the question keeps the edits."""
        if segmentationNode.GetID() == self._kept:
            return EditedChoice.KEEP
        box = qt.QMessageBox(slicer.util.mainWindow())
        box.icon = qt.QMessageBox.Question
        box.windowTitle = _("Edited segmentation")
        box.text = _(
            "The segmentation was edited by hand. Write the new outline into another segmentation, keep the edited "
            "one as it is (heatmap and table alone follow the settings), or discard the edits?"
        )
        new = box.addButton(_("Another segmentation"), qt.QMessageBox.AcceptRole)
        keep = box.addButton(_("Keep the edited one"), qt.QMessageBox.RejectRole)
        discard = box.addButton(_("Discard the edits"), qt.QMessageBox.DestructiveRole)
        box.setDefaultButton(new)
        box.setEscapeButton(keep)
        box.exec_()
        clicked = box.clickedButton()
        box.deleteLater()
        if clicked == new:
            return EditedChoice.NEW
        if clicked == discard:
            return EditedChoice.DISCARD
        self._kept = segmentationNode.GetID()
        return EditedChoice.KEEP
