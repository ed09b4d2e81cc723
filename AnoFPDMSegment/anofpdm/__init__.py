"""AnoFPDM: anomaly detection in brain MRI with the forward process of diffusion models."""

__version__ = "0.1.0"
