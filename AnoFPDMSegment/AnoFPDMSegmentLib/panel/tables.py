"""Tables of the panel."""

from __future__ import annotations

from typing import Any

import qt


def prepareTable(table: Any, columns: list[tuple[str, str]], widest: int) -> None:
    """Columns with their titles and what they mean; column `widest` takes the room that is left."""
    table.setColumnCount(len(columns))
    for number, (title, meaning) in enumerate(columns):
        item = qt.QTableWidgetItem(title)
        item.setToolTip(meaning)
        table.setHorizontalHeaderItem(number, item)
    header = table.horizontalHeader()
    header.setSectionResizeMode(qt.QHeaderView.ResizeToContents)
    header.setSectionResizeMode(widest, qt.QHeaderView.Stretch)
    table.verticalHeader().setDefaultSectionSize(22)


def cell(text: str) -> Any:
    """A cell that can be chosen but not changed."""
    item = qt.QTableWidgetItem(text)
    item.setFlags(qt.Qt.ItemIsEnabled | qt.Qt.ItemIsSelectable)
    return item
