"""Every name that the stand-ins of Slicer's Python modules offer: those of Resources/slicer-facts.md.

Whatever is not listed there is not there: importing it or asking for it raises.
"""

from __future__ import annotations

from facts_page import Name, names

_MODULES = (
    "slicer.i18n",
    "slicer.ScriptedLoadableModule",
    "slicer.parameterNodeWrapper",
    "SampleData",
    "PyTorchUtils",
)

NAMES: dict[str, dict[str, Name]] = {module: names(module) for module in _MODULES}
