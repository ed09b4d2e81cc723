"""A picture as the bytes of a PNG file."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL import Image

_LEVEL = 3
"""Of 1 to 9. For gray slices with a heatmap, files are 2 percent larger than at the usual 6, in a third of the time."""


def png_bytes(image: Image.Image) -> bytes:
    """The same picture gives the same bytes."""
    stream = io.BytesIO()
    image.save(stream, "PNG", compress_level=_LEVEL)
    return stream.getvalue()
