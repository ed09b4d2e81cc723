"""In what a network computes. Torch-free."""

from __future__ import annotations

from typing import Literal

Precision = Literal["float32", "bfloat16"]
