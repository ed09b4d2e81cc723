"""What the worker needs beyond what Slicer brings along (numpy, SimpleITK)."""

TORCH = ">=2.4"
SAFETENSORS = ">=0.4"
