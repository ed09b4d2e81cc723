"""Resources/slicer-facts.md and the stand-ins say the same: names, what each offers, and where behavior is imitated."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent / "standin"))

try:
    from PySide6 import QtWidgets  # noqa: F401
except ImportError as error:
    pytest.skip(f"PySide6 cannot be used here ({error})", allow_module_level=True)

import qt_install
import slicer_install

qt_install.install()
slicer_install.install()

import facts_page  # noqa: E402 - the stand-ins are there
import qt_application  # noqa: E402
import qt_ctk  # noqa: E402
import qt_dialogs  # noqa: E402
import qt_module_widget  # noqa: E402
import qt_modules  # noqa: E402
import qt_mrml  # noqa: E402
import qt_ui_loader  # noqa: E402
import slicer_dicom  # noqa: E402
import slicer_parameter_nodes  # noqa: E402
import slicer_sample_data  # noqa: E402
import slicer_scripted_module  # noqa: E402
import slicer_torch_extension  # noqa: E402

_STANDIN = Path(__file__).parent / "standin"
_FOR_TESTS = {"opened", "onOpened", "calls", "onInstall", "onUninstall", "sources"}
"""Attributes by which the tests ask what was called, or say what is to happen."""
_MACHINERY = {"facts_page.py", "qt_install.py", "qt_names.py", "slicer_install.py", "slicer_names.py"}

_CLASSES: dict[tuple[str, str], type] = {
    **{("ctk", name): cls for name, cls in qt_ctk.WIDGETS.items()},
    **{("slicer", name): cls for name, cls in qt_ui_loader.MRML_WIDGETS.items()},
    ("slicer", "app"): qt_application.Application,
    ("slicer", "qSlicerDICOMExportDialog"): qt_application.DicomExportDialog,
    ("slicer.parameterNodeWrapper", "parameterNodeWrapper"): slicer_parameter_nodes._Wrapper,
    **{
        ("slicer.parameterNodeWrapper", name): getattr(slicer_parameter_nodes, name)
        for name in ("Choice", "Minimum", "WithinRange")
    },
    **{
        ("slicer.ScriptedLoadableModule", name): getattr(slicer_scripted_module, name)
        for name in facts_page.names("slicer.ScriptedLoadableModule")
    },
    ("SampleData", "SampleDataLogic"): slicer_sample_data.SampleDataLogic,
    ("PyTorchUtils", "PyTorchUtilsLogic"): slicer_torch_extension.PyTorchUtilsLogic,
    ("reached", "qSlicerScriptedLoadableModule"): slicer_scripted_module.ModuleParent,
    ("reached", "qSlicerAbstractCoreModule"): qt_modules._Module,
    ("reached", "qSlicerAbstractModule"): qt_module_widget.LoadedModule,
    ("reached", "qSlicerScriptedLoadableModuleWidget"): qt_module_widget.qSlicerScriptedLoadableModuleWidget,
    ("reached", "qMRMLSortFilterProxyModel"): qt_mrml.qMRMLSortFilterProxyModel,
    ("reached", "qMRMLSegmentEditorWidget"): qt_modules.SegmentEditor,
    ("reached", "QFileDialog"): qt_dialogs.QFileDialog,
    ("reached", "qSlicerDICOMExportable"): slicer_dicom.Exportable,
    **{("reached", name): plugin for name, plugin in slicer_dicom.WITH_SEGMENTATIONS.items()},
    ("slicer", "dicomDatabase"): slicer_dicom.Database,
}


# Before any test has an object of them: PySide takes a class's meta-object for deleted once it has forgotten one
# that it handed out for an object.
_OFFERED = {key: facts_page.offered(cls) for key, cls in _CLASSES.items()}


@pytest.mark.parametrize(("place", "name"), _CLASSES, ids=lambda part: part)
def test_each_class_offers_what_the_page_says(place: str, name: str) -> None:
    listed = facts_page.names(place)[name]
    assert _OFFERED[place, name] - _FOR_TESTS == listed.members
    assert listed.source


def test_every_name_with_members_is_held_against_its_class() -> None:
    listed = {(place, name) for place in facts_page.places() if place != "qt" for name in facts_page.names(place)}
    plain = {("slicer.i18n", "tr"), ("slicer.i18n", "translate"), ("slicer", "modules")}
    assert listed - plain == set(_CLASSES)


def test_modules_offer_what_the_page_says() -> None:
    modules = qt_modules.Modules(lambda name: None)
    modules.open("SegmentEditor")
    # The tests put the plugins there where Slicer has DICOM.
    offered = set(vars(modules)) - _FOR_TESTS | {"dicomPlugins"}
    assert offered == facts_page.names("slicer")["modules"].members


def test_every_behavior_has_a_source_and_a_place() -> None:
    there = {path.name for path in _STANDIN.glob("*.py")}
    named = set()
    for behavior in facts_page.behaviors():
        assert behavior.fact.endswith(".") and len(behavior.source) > 3, behavior
        assert set(behavior.files) <= there, behavior
        named |= set(behavior.files)
    assert there - _MACHINERY == named
