"""What a first run needs in Slicer's Python: PyTorch and safetensors."""
