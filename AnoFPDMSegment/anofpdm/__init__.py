"""AnoFPDM: anomaly detection in brain MRI with the forward process of diffusion models.

>>> from anofpdm import Detector
>>> detection = Detector.from_model().detect("flair.nii.gz")
>>> detection.write("results")
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .detect.detector import Detector, DetectorOptions
    from .methods.anofpdm.settings import SelectionSettings
    from .results.detection import Detection, build_detection
    from .thresholds.settings import MinimumSize, Threshold

__version__ = "0.1.0"

_HOMES = {
    "Detection": "results.detection",
    "Detector": "detect.detector",
    "DetectorOptions": "detect.detector",
    "MinimumSize": "thresholds.settings",
    "SelectionSettings": "methods.anofpdm.settings",
    "Threshold": "thresholds.settings",
    "build_detection": "results.detection",
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
