"""Every name that the stand-ins `qt` and `ctk` and the widgets in `slicer` offer: those of Resources/slicer-facts.md.

Whatever is not listed there raises, so that the panel cannot lean on names that exist only in PySide.
"""

from __future__ import annotations

from facts_page import names

QT_NAMES, CTK_NAMES, SLICER_NAMES = names("qt"), names("ctk"), names("slicer")
