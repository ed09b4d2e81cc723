"""The constructors of Qt's classes, in the order of PythonQt's wrappers; classes that are not listed cannot be made.

Read in the generated wrappers (generated_cpp_511) of commontk/PythonQt, branch patched-10: the types alone.
`?` marks a parameter with a default. Of each class those constructors are left out whose types no stand-in offers.
"""

from __future__ import annotations

CONSTRUCTORS: dict[str, tuple[tuple[str, ...], ...]] = {
    "QAction": (("QObject?",), ("QIcon", "str", "QObject?"), ("str", "QObject?")),
    "QBrush": (
        (),
        ("Qt.BrushStyle",),
        ("Qt.GlobalColor", "QPixmap"),
        ("QBrush",),
        ("QColor", "Qt.BrushStyle?"),
        ("QColor", "QPixmap"),
        ("QPixmap",),
    ),
    "QCheckBox": (("QWidget?",), ("str", "QWidget?")),
    "QColor": ((), ("Qt.GlobalColor",), ("QColor",), ("str",), ("int", "int", "int", "int?"), ("uint",)),
    "QComboBox": (("QWidget?",),),
    "QCursor": ((), ("Qt.CursorShape",), ("QCursor",), ("QPixmap", "int?", "int?")),
    "QDialog": (("QWidget?", "Qt.WindowFlags?"),),
    "QDialogButtonBox": (
        ("QDialogButtonBox.StandardButtons", "QWidget?"),
        ("QDialogButtonBox.StandardButtons", "Qt.Orientation", "QWidget?"),
        ("QWidget?",),
        ("Qt.Orientation", "QWidget?"),
    ),
    "QDoubleSpinBox": (("QWidget?",),),
    "QFile": ((), ("QObject",), ("str",), ("str", "QObject")),
    "QFormLayout": (("QWidget?",),),
    "QHBoxLayout": ((), ("QWidget",)),
    "QIcon": ((), ("QIcon",), ("QPixmap",), ("str",)),
    "QLabel": (("QWidget?", "Qt.WindowFlags?"), ("str", "QWidget?", "Qt.WindowFlags?")),
    "QLineEdit": (("QWidget?",), ("str", "QWidget?")),
    "QMenu": (("QWidget?",), ("str", "QWidget?")),
    "QMessageBox": (
        ("QMessageBox.Icon", "str", "str", "QMessageBox.StandardButtons?", "QWidget?", "Qt.WindowFlags?"),
        ("QWidget?",),
    ),
    "QObject": (("QObject?",),),
    "QPixmap": ((), ("QPixmap",), ("QSize",), ("str",), ("int", "int")),
    "QPlainTextEdit": (("QWidget?",), ("str", "QWidget?")),
    "QProgressBar": (("QWidget?",),),
    "QPushButton": (("QWidget?",), ("QIcon", "str", "QWidget?"), ("str", "QWidget?")),
    "QSettings": (
        ("QObject?",),
        ("str", "QSettings.Format", "QObject?"),
        ("str", "str?", "QObject?"),
    ),
    "QSize": ((), ("int", "int"), ("QSize",)),
    "QSlider": (("QWidget?",), ("Qt.Orientation", "QWidget?")),
    "QSpinBox": (("QWidget?",),),
    "QTableWidget": (("QWidget?",), ("int", "int", "QWidget?")),
    "QTableWidgetItem": (("QIcon", "str", "int?"), ("str", "int?"), ("int?",)),
    "QTextBrowser": (("QWidget?",),),
    "QTextEdit": (("QWidget?",), ("str", "QWidget?")),
    "QTimer": (("QObject?",),),
    "QToolButton": (("QWidget?",),),
    "QUrl": ((), ("str", "QUrl.ParsingMode?"), ("QUrl",)),
    "QVBoxLayout": ((), ("QWidget",)),
    "QWidget": (("QWidget?", "Qt.WindowFlags?"),),
}

FLAGS = {
    "QDialogButtonBox.StandardButtons": "QDialogButtonBox.StandardButton",
    "QMessageBox.StandardButtons": "QMessageBox.StandardButton",
    "Qt.WindowFlags": "Qt.WindowType",
}
"""The enumeration whose numbers a type of flags holds."""


def in_order(constructors: tuple[tuple[str, ...], ...], count: int) -> list[tuple[str, ...]]:
    """The parameters of those that take `count` arguments, in the order in which PythonQt tries them.

    Each default makes another constructor with one parameter less. Each is put behind the very first one, so all but
    that are tried last to first (src/PythonQtClassInfo.cpp, addConstructor).
    """
    made: list[tuple[str, ...]] = []
    for parameters in constructors:
        fewest = sum(not name.endswith("?") for name in parameters)
        made += [parameters[:length] for length in range(len(parameters), fewest - 1, -1)]
    tried = [*made[:1], *reversed(made[1:])]
    return [tuple(name.rstrip("?") for name in parameters) for parameters in tried if len(parameters) == count]
