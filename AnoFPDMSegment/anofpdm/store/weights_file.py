"""Checks of a file of weights without torch: that it is safetensors, the network's, and finite throughout.

For programs that must not load torch, such as the panel that adds a model; `weights.load_network` reads the same file
with torch and refuses the same files in the same words.
"""

from __future__ import annotations

import math
import mmap
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core.bounded_file import open_regular, require_regular
from ..core.errors import ModelError
from ..core.json_text import LARGEST_JSON_BYTES, parse_json
from ..core.plain_text import brief
from ..core.records import LONGEST_SHOWN
from ..methods.registry import find_method
from ..network.parameter_shapes import Shape
from .model_config import ModelConfig
from .model_folder import ModelFolder

STORED_AS = ("float32", "float16", "bfloat16")
"""The types that weights are stored as."""
_TYPES = {"F32": ("float32", 4), "F16": ("float16", 2), "BF16": ("bfloat16", 2)}
_OTHER_TYPES = {"F64": "float64", "I64": "int64", "I32": "int32", "I16": "int16", "I8": "int8", "U8": "uint8"}
_EXPONENTS = {"float32": (np.uint32, 0x7F800000), "float16": (np.uint16, 0x7C00), "bfloat16": (np.uint16, 0x7F80)}
"""Integers of the same width, and the bits that are all set in what is not a finite number."""


def check_weights_file(folder: ModelFolder) -> None:
    """Raise ModelError unless the model's weights are exactly its network's parameters, all of them finite."""
    path = folder.weights
    try:
        with open_regular(path) as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
            tensors, data = _read_header(content)
            check_fit(
                {name: _shape(name, entry) for name, entry in tensors.items()},
                find_method(folder.config.method).parameter_shapes(folder.config),
            )
            for name, entry in tensors.items():
                _check_values(name, entry, content, data)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
        raise _unreadable(path, brief(error)) from error


def largest_weights(config: ModelConfig) -> int:
    """Bytes that the file of this model's weights may have."""
    shapes = find_method(config.method).parameter_shapes(config)
    parameters = sum(math.prod(shape) for shape in shapes.values())
    return parameters * max(width for _, width in _TYPES.values()) + LARGEST_JSON_BYTES + 8


def check_header_length(path: Path) -> None:
    """Raise ModelError unless the header ends within the file and is no longer than that of any network."""
    try:
        size = require_regular(path)
        with path.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
    except OSError as error:
        raise _unreadable(path, error.strerror) from error
    if size < 8 or length > min(LARGEST_JSON_BYTES, size - 8):
        raise _unreadable(path, "its header is cut off")


def _unreadable(path: Path, reason: object) -> ModelError:
    return ModelError(f"The weights {path} cannot be read ({reason}); install the model again.")


def check_fit(shapes: Mapping[str, Shape], wanted: Mapping[str, Shape]) -> None:
    """Raise ModelError unless exactly the network's parameters `wanted` are there, in their shapes."""
    missing, unexpected = sorted(wanted.keys() - shapes.keys()), sorted(shapes.keys() - wanted.keys())
    if missing:
        raise ModelError(
            f"The weights do not fit the network's configuration: {len(missing)} tensors are missing, "
            f"the first is {missing[0][:LONGEST_SHOWN]}."
        )
    if unexpected:
        raise ModelError(
            f"The weights do not fit the network's configuration: {len(unexpected)} tensors have no place in it, "
            f"the first is {unexpected[0][:LONGEST_SHOWN]}."
        )
    for name, shape in wanted.items():
        if shapes[name] != shape:
            raise ModelError(
                f"The weights do not fit the network's configuration: {name} has shape {list(shapes[name])} "
                f"instead of {list(shape)}."
            )


def refuse_type(name: str, found: str) -> ModelError:
    """A tensor of a type that weights are not stored as."""
    return ModelError(f"The weights hold {name} as {found} instead of {', '.join(STORED_AS)}.")


def refuse_values(name: str) -> ModelError:
    """A tensor with a value that is not a finite number."""
    return ModelError(f"The weights are damaged: {name} holds values that are not finite numbers.")


def _read_header(content: mmap.mmap) -> tuple[dict[str, Any], int]:
    """The tensors by name, and where their bytes begin. Raises ValueError and the like for what is no such file."""
    length = int.from_bytes(content[:8], "little")
    if len(content) < 8 or length > min(LARGEST_JSON_BYTES, len(content) - 8):
        raise ValueError("its header is cut off")
    header = parse_json(content[8 : 8 + length])
    header.pop("__metadata__", None)
    begin = 0
    for name, entry in sorted(header.items(), key=lambda item: item[1]["data_offsets"]):
        first, end = entry["data_offsets"]
        if first != begin or end < first:
            raise ValueError(f"{name[:LONGEST_SHOWN]} is not where its header says")
        begin = end
    if 8 + length + begin != len(content):
        raise ValueError("it is cut off, or longer than its header says")
    return header, 8 + length


def _shape(name: str, entry: dict[str, Any]) -> Shape:
    shape = entry["shape"]
    if not isinstance(shape, list) or not all(type(side) is int and side >= 0 for side in shape):
        raise ValueError(f"{name[:LONGEST_SHOWN]} has no shape")
    return tuple(shape)


def _check_values(name: str, entry: dict[str, Any], content: mmap.mmap, data: int) -> None:
    if entry["dtype"] not in _TYPES:
        raise refuse_type(name, f"torch.{_OTHER_TYPES.get(entry['dtype'], entry['dtype'])}"[:LONGEST_SHOWN])
    kind, width = _TYPES[entry["dtype"]]
    first, end = entry["data_offsets"]
    if end - first != width * int(np.prod(entry["shape"], dtype=object)):
        raise ValueError(f"{name} has another size than its shape says")
    integer, exponent = _EXPONENTS[kind]
    # A copy, so that nothing of the map is held when it is closed.
    bits: NDArray[Any] = np.frombuffer(content[data + first : data + end], dtype=integer)
    if ((bits & integer(exponent)) == exponent).any():
        raise refuse_values(name)
