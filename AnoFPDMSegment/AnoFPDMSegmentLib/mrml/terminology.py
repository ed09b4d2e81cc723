"""What a finding may be called: the module's own terminology, offered wherever Slicer lets a segment be named."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .scene_context import SceneContext

TERMINOLOGY_FILE = Path(__file__).resolve().parents[2] / "Resources" / "AnoFPDMSegment.term.json"
TERMINOLOGY_NAME = "AnoFPDM findings"


def terminologyEntry(context: SceneContext) -> str:
    """The entry of a new segment, in Slicer's serialized form.

    In our own terminology, which is loaded at first use; where that is not possible (no Terminologies module, or only
    the Python package installed) in DICOM's, with the same codes.
    """
    from anofpdm.results.segmentation import TERMINOLOGY_ENTRY

    logic = context.moduleLogic("Terminologies")
    if logic is None or not TERMINOLOGY_FILE.is_file():
        return TERMINOLOGY_ENTRY
    if not logic.IsTerminologyContextLoaded(TERMINOLOGY_NAME):
        logic.LoadTerminologyFromFile(str(TERMINOLOGY_FILE))
    if not logic.IsTerminologyContextLoaded(TERMINOLOGY_NAME):
        return TERMINOLOGY_ENTRY
    return "~".join([TERMINOLOGY_NAME, *TERMINOLOGY_ENTRY.split("~")[1:]])
