"""Reports as the module exports them, made without Slicer."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
from PIL import Image

from anofpdm.app.report import Reported, report_page
from anofpdm.results.detection import Detection


def png(picture: np.ndarray) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(picture).save(stream, "PNG", compress_level=0)
    return stream.getvalue()


def page_of(detection: Detection, card: str = "", **changes: Any) -> str:
    """The report of a detection of which every finding is accepted."""
    values: dict[str, Any] = {
        "case": detection.case,
        "detection": detection,
        "name": "head anomaly",
        "accepted": [True] * len(detection.components),
        "outline": detection.mask,
        "segmentation": "The segmentation measures 1.00 mL.",
        "changed": False,
    }
    return report_page(Reported(**{**values, **changes}), png, card)
