"""Tables of the panel."""

from __future__ import annotations

from typing import Any

import qt

from .widgets import quiet


def prepareTable(table: Any, columns: list[tuple[str, str]], widest: int) -> None:
    """Columns with their titles and what they mean; column `widest` takes the room that is left."""
    table.setColumnCount(len(columns))
    for number, (title, meaning) in enumerate(columns):
        item = qt.QTableWidgetItem(title)
        item.setToolTip(meaning)
        table.setHorizontalHeaderItem(number, item)
    # Not ResizeToContents, which measures all cells again whenever one is set.
    table.horizontalHeader().setSectionResizeMode(widest, qt.QHeaderView.Stretch)
    table.setSelectionBehavior(qt.QAbstractItemView.SelectRows)
    table.setSelectionMode(qt.QAbstractItemView.SingleSelection)
    table.verticalHeader().setDefaultSectionSize(22)
    table.verticalHeader().hide()
    # A long text is cut off with dots, and is whole where the mouse rests on it.
    table.setWordWrap(False)


def fillTable(table: Any, rows: list[list[Any]]) -> None:
    """New cells, with nobody being told."""
    with quiet(table):
        table.setRowCount(len(rows))
        for row, items in enumerate(rows):
            for column, item in enumerate(items):
                table.setItem(row, column, item)
        _fitColumns(table)


def _fitColumns(table: Any) -> None:
    """As wide as their contents; what is left goes to the column that takes it."""
    header = table.horizontalHeader()
    stretched = [n for n in range(table.columnCount) if header.sectionResizeMode(n) == qt.QHeaderView.Stretch]
    table.resizeColumnsToContents()
    for number in stretched:
        # It was made as narrow as the others, and Qt leaves it so until its mode changes.
        header.setSectionResizeMode(number, qt.QHeaderView.Interactive)
        header.setSectionResizeMode(number, qt.QHeaderView.Stretch)


def cell(text: str) -> Any:
    """A cell that can be chosen but not changed."""
    item = qt.QTableWidgetItem(text)
    item.setToolTip(text)
    item.setFlags(qt.Qt.ItemIsEnabled | qt.Qt.ItemIsSelectable)
    return item
