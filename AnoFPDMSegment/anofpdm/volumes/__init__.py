"""Volumes in patient space: reading, the model's stack of slices, resampling there and back."""
