"""Dialogs that a user would answer: the test answers them beforehand, and an unexpected one raises."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from PySide6.QtWidgets import QMessageBox
from qt_layout_rules import check_wrapped_labels


@dataclass
class _Answer:
    containing: str
    response: Any


class UnexpectedDialog(AssertionError):
    """A dialog that the test did not foresee."""


class Dialogs:
    """Answers are used up in the order they were given."""

    def __init__(self) -> None:
        self._answers: list[_Answer] = []
        self.shown: list[str] = []
        """The texts of all dialogs so far."""
        self.live = False
        """Whether they are opened as in the application, for whoever closes them from a timer."""

    def answer(self, containing: str, response: Any) -> None:
        """Answer the next dialog.

        Args:
            containing: what its text must hold.
            response: the button of a message box such as "Yes"; the path or paths of a file dialog; a function
                that uses another dialog and returns its result.
        """
        self._answers.append(_Answer(containing, response))

    def reset(self) -> list[str]:
        """Forget everything; returns the texts of answers that no dialog used."""
        unused = [answer.containing for answer in self._answers]
        self._answers, self.shown, self.live = [], [], False
        return unused

    def run(self, dialog: Any) -> Any:
        """What `exec_` of a dialog comes to."""
        target = dialog._qt
        if self.live:
            self.shown.append(target.text() if isinstance(target, QMessageBox) else target.windowTitle())
            return target.exec()
        if isinstance(target, QMessageBox):
            return _press(target, self._take(target.text()))
        check_wrapped_labels(target)
        respond: Callable[[Any], Any] = self._take(target.windowTitle())
        target.show()
        try:
            return respond(dialog)
        finally:
            target.hide()

    def path(self, kind: str, title: str) -> Any:
        """What a file dialog comes to; "" where the user cancels."""
        return self._take(f"{kind}: {title}")

    def _take(self, text: str) -> Any:
        self.shown.append(text)
        if not self._answers:
            raise UnexpectedDialog(f"A dialog appeared that the test did not expect: {text}")
        answer = self._answers.pop(0)
        if answer.containing not in text:
            raise UnexpectedDialog(f"A dialog says '{text}' where one about '{answer.containing}' was expected.")
        return answer.response


def _press(box: QMessageBox, answer: str) -> Any:
    """Press a button by its text or by the name it has in Qt; returns what `exec` would."""
    for button in box.buttons():
        standard = box.standardButton(button)
        if answer in (button.text(), standard.name):
            button.click()
            return standard
    raise UnexpectedDialog(f"The box '{box.text()}' has no button '{answer}'.")


DIALOGS = Dialogs()


class QFileDialog:
    """The static functions of QFileDialog, which in PythonQt return the path alone."""

    @staticmethod
    def getOpenFileName(parent: Any, title: str, folder: str = "", patterns: str = "") -> str:  # noqa: N802
        return str(DIALOGS.path("getOpenFileName", title))

    @staticmethod
    def getSaveFileName(parent: Any, title: str, folder: str = "", patterns: str = "") -> str:  # noqa: N802
        return str(DIALOGS.path("getSaveFileName", title))

    @staticmethod
    def getExistingDirectory(parent: Any, title: str, folder: str = "") -> str:  # noqa: N802
        return str(DIALOGS.path("getExistingDirectory", title))
