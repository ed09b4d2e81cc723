"""What Slicer's Qt lays out badly and the Qt of the tests does not: here it raises."""

from __future__ import annotations

from PySide6.QtWidgets import QFormLayout, QLabel, QLayout, QSizePolicy, QWidget
from qt_ctk import ctkCollapsibleButton, ctkCollapsibleGroupBox


class BadLayout(AssertionError):
    """Rows would be squashed in Slicer."""


def check_wrapped_labels(widget: QWidget) -> None:
    """Of all labels inside that wrap their words; see Resources/slicer-facts.md on rows that are squashed."""
    forms = widget.findChildren(QFormLayout)
    for label in widget.findChildren(QLabel):
        if not label.wordWrap():
            continue
        if any(_holds(form, label) for form in forms):
            raise BadLayout(f"{_name(label)} wraps its words inside a form, whose other rows are squashed.")
        inside = _parents(label, widget)
        collapsible = any(isinstance(parent, ctkCollapsibleButton | ctkCollapsibleGroupBox) for parent in inside)
        if collapsible and label.sizePolicy().verticalPolicy() != QSizePolicy.Policy.Minimum:
            raise BadLayout(f"{_name(label)} wraps its words and may shrink: give it the vertical policy Minimum.")


def _name(label: QLabel) -> str:
    return label.objectName() or f"The label '{label.text()[:40]}'"


def _parents(label: QLabel, last: QWidget) -> list[QWidget]:
    found, parent = [], label.parentWidget()
    while parent is not None:
        found.append(parent)
        parent = parent.parentWidget() if parent is not last else None
    return found


def _holds(layout: QLayout, label: QLabel) -> bool:
    """Whether the label lies in the layout, or inside what lies in it."""
    for index in range(layout.count()):
        item = layout.itemAt(index)
        widget, inner = item.widget(), item.layout()
        if widget is not None and (widget is label or widget.isAncestorOf(label)):
            return True
        if inner is not None and _holds(inner, label):
            return True
    return False
