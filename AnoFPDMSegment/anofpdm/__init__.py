"""AnoFPDM: anomaly detection in brain MRI with the forward process of diffusion models.

>>> from anofpdm import Detector
>>> detection = Detector.from_model().detect("flair.nii.gz")
>>> detection.write("results")
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .detection import Detection, build_detection
    from .detector import Detector, DetectorOptions
    from .selection.settings import SelectionSettings
    from .thresholds.settings import MinimumSize, Threshold

__version__ = "0.1.0"

_HOMES = {
    "Detection": "detection",
    "Detector": "detector",
    "DetectorOptions": "detector",
    "MinimumSize": "thresholds.settings",
    "SelectionSettings": "selection.settings",
    "Threshold": "thresholds.settings",
    "build_detection": "detection",
}

__all__ = [
    "Detection",
    "Detector",
    "DetectorOptions",
    "MinimumSize",
    "SelectionSettings",
    "Threshold",
    "__version__",
    "build_detection",
]


def __getattr__(name: str) -> Any:
    # Loaded on first use: `import anofpdm` must stay fast and free of torch.
    if name not in _HOMES:
        raise AttributeError(f"module 'anofpdm' has no attribute '{name}'")
    import importlib

    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
