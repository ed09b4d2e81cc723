"""Every name that the stand-ins of Slicer's Python modules offer, with the upstream file each stands for.

Whatever is not listed is not there: importing it or asking for it raises.
"""

from __future__ import annotations

_PYTHON = "Slicer/Base/Python/slicer/"
_MODULE = _PYTHON + "ScriptedLoadableModule.py"
_WRAPPER = _PYTHON + "parameterNodeWrapper/"

NAMES: dict[str, dict[str, str]] = {
    "slicer.i18n": {"tr": _PYTHON + "i18n.py", "translate": _PYTHON + "i18n.py"},
    "slicer.ScriptedLoadableModule": {
        "ScriptedLoadableModule": _MODULE,
        "ScriptedLoadableModuleWidget": _MODULE,
        "ScriptedLoadableModuleLogic": _MODULE,
        "ScriptedLoadableModuleTest": _MODULE,
    },
    "slicer.parameterNodeWrapper": {
        "parameterNodeWrapper": _WRAPPER + "wrapper.py",
        "Choice": _WRAPPER + "validators.py",
        "Minimum": _WRAPPER + "validators.py",
        "WithinRange": _WRAPPER + "validators.py",
    },
    "SampleData": {"SampleDataLogic": "Slicer/Modules/Scripted/SampleData/SampleData.py"},
    "PyTorchUtils": {"PyTorchUtilsLogic": "SlicerPyTorch/PyTorchUtils/PyTorchUtils.py"},
}
