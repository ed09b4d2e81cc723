"""Every name that the stand-ins `qt` and `ctk` and the widgets in `slicer` offer, with the upstream file it stands for.

Whatever is not listed raises, so that the panel cannot lean on names that exist only in PySide.
"""

from __future__ import annotations

_CORE = "qtbase/src/corelib/"
_GUI = "qtbase/src/gui/"
_WIDGETS = "qtbase/src/widgets/"

QT_NAMES: dict[str, str] = {
    "QFile": _CORE + "io/qfile.h",
    "QSettings": _CORE + "io/qsettings.h",
    "QUrl": _CORE + "io/qurl.h",
    "QObject": _CORE + "kernel/qobject.h",
    "QTimer": _CORE + "kernel/qtimer.h",
    "QSize": _CORE + "tools/qsize.h",
    "Qt": _CORE + "global/qnamespace.h",
    "QIcon": _GUI + "image/qicon.h",
    "QPixmap": _GUI + "image/qpixmap.h",
    "QColor": _GUI + "painting/qcolor.h",
    "QBrush": _GUI + "painting/qbrush.h",
    "QDesktopServices": _GUI + "util/qdesktopservices.h",
    "QCursor": _GUI + "kernel/qcursor.h",
    "QAbstractItemView": _WIDGETS + "itemviews/qabstractitemview.h",
    "QHeaderView": _WIDGETS + "itemviews/qheaderview.h",
    "QTableWidget": _WIDGETS + "itemviews/qtablewidget.h",
    "QTableWidgetItem": _WIDGETS + "itemviews/qtablewidget.h",
    "QApplication": _WIDGETS + "kernel/qapplication.h",
    "QVBoxLayout": _WIDGETS + "kernel/qboxlayout.h",
    "QHBoxLayout": _WIDGETS + "kernel/qboxlayout.h",
    "QFormLayout": _WIDGETS + "kernel/qformlayout.h",
    "QWidget": _WIDGETS + "kernel/qwidget.h",
    "QDialog": _WIDGETS + "dialogs/qdialog.h",
    "QFileDialog": _WIDGETS + "dialogs/qfiledialog.h",
    "QMessageBox": _WIDGETS + "dialogs/qmessagebox.h",
    "QAction": _GUI + "kernel/qaction.h",
    "QMenu": _WIDGETS + "widgets/qmenu.h",
    "QCheckBox": _WIDGETS + "widgets/qcheckbox.h",
    "QComboBox": _WIDGETS + "widgets/qcombobox.h",
    "QDialogButtonBox": _WIDGETS + "widgets/qdialogbuttonbox.h",
    "QDoubleSpinBox": _WIDGETS + "widgets/qspinbox.h",
    "QLabel": _WIDGETS + "widgets/qlabel.h",
    "QLineEdit": _WIDGETS + "widgets/qlineedit.h",
    "QPlainTextEdit": _WIDGETS + "widgets/qplaintextedit.h",
    "QProgressBar": _WIDGETS + "widgets/qprogressbar.h",
    "QPushButton": _WIDGETS + "widgets/qpushbutton.h",
    "QSlider": _WIDGETS + "widgets/qslider.h",
    "QSpinBox": _WIDGETS + "widgets/qspinbox.h",
    "QTextBrowser": _WIDGETS + "widgets/qtextbrowser.h",
    "QTextEdit": _WIDGETS + "widgets/qtextedit.h",
    "QToolButton": _WIDGETS + "widgets/qtoolbutton.h",
    "QUiLoader": "qttools/src/uitools/quiloader.h (Slicer: Base/QTGUI/qSlicerUiLoader.h)",
}

CTK_NAMES: dict[str, str] = {
    "ctkCollapsibleButton": "CTK/Libs/Widgets/ctkCollapsibleButton.h",
    "ctkCollapsibleGroupBox": "CTK/Libs/Widgets/ctkCollapsibleGroupBox.h",
    "ctkColorPickerButton": "CTK/Libs/Widgets/ctkColorPickerButton.h",
    "ctkDirectoryButton": "CTK/Libs/Widgets/ctkDirectoryButton.h",
    "ctkMessageBox": "CTK/Libs/Widgets/ctkMessageBox.h",
    "ctkSliderWidget": "CTK/Libs/Widgets/ctkSliderWidget.h",
}

SLICER_NAMES: dict[str, str] = {
    "qMRMLColorTableComboBox": "Slicer/Libs/MRML/Widgets/qMRMLColorTableComboBox.h",
    "qMRMLNodeComboBox": "Slicer/Libs/MRML/Widgets/qMRMLNodeComboBox.h",
    "qMRMLPlotView": "Slicer/Libs/MRML/Widgets/qMRMLPlotView.h",
    "qMRMLPlotWidget": "Slicer/Libs/MRML/Widgets/qMRMLPlotWidget.h",
    "qMRMLWidget": "Slicer/Libs/MRML/Widgets/qMRMLWidget.h",
    "qSlicerDICOMExportDialog": "Slicer/Modules/Scripted/DICOMLib/Widgets/qSlicerDICOMExportDialog.h",
    "modules": "Slicer/Base/Python/slicer/__init__.py, Slicer/Base/QTCore/qSlicerModuleFactoryManager.h",
    "app": "Slicer/Base/QTCore/qSlicerCoreApplication.h, Slicer/Base/QTGUI/qSlicerApplication.h",
}
