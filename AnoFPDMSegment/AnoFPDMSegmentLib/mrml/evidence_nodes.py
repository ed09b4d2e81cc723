"""The evidence in the scene: maps as hidden volumes, the rest as one text, so that a saved scene reopens live.

Each map of each channel is a volume of its own with the place of the model's stack of slices. Everything else is
JSON; its arrays are base64 of plain little-endian numbers.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from .output_frame import OutputFrame
from .voxels import setIJKToRAS, setVoxels, voxelsOf

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from anofpdm.results.case import CaseEvidence

    from .scene_context import SceneContext

VOLUME_ROLE = "evidence"
RECORD_ROLE = "evidenceRecord"
_MAP_ATTRIBUTE = "AnoFPDM.EvidenceMap"
_DISPLAY = "display"
_SETTINGS = "settings"
_FORCED = "forced"


def storeEvidence(context: SceneContext, name: str, case: CaseEvidence, frame: OutputFrame, owner: Any) -> None:
    """Add the case's nodes to the scene, referenced by `owner`."""
    from anofpdm.results.case_storage import take_apart

    record, arrays = take_apart(case)
    volumes: dict[str, list[int]] = {}
    for key in [key for key, array in arrays.items() if _isMap(key, array, case)]:
        array = arrays.pop(key)
        volumes[key] = list(array.shape)
        for number, stack in enumerate(_stacks(array, case)):
            node = context.addNode("vtkMRMLScalarVolumeNode", f"{name} {key} {number}", hidden=True)
            setIJKToRAS(node, frame.placed(case.grid.with_pixels(stack.shape[2], stack.shape[1])))
            setVoxels(node, stack)
            node.SetAttribute(_MAP_ATTRIBUTE, f"{key} {number}")
            owner.AddNodeReferenceID(VOLUME_ROLE, node.GetID())
    content = {
        "record": record,
        "volumes": volumes,
        "arrays": {key: _encoded(array) for key, array in arrays.items()},
    }
    text = context.addNode("vtkMRMLTextNode", f"{name} record", hidden=True)
    text.SetText(json.dumps(content))
    owner.SetNodeReferenceID(RECORD_ROLE, text.GetID())
    storeSettings(owner, case.settings)


def loadEvidence(owner: Any) -> CaseEvidence:
    """The case whose nodes `owner` references. Raises anofpdm's EvidenceError if they are incomplete or damaged."""
    from anofpdm.core.errors import EvidenceError
    from anofpdm.core.json_text import parse_json
    from anofpdm.results.case_storage import put_together

    text = owner.GetNodeReference(RECORD_ROLE)
    if text is None:
        raise EvidenceError("The scene does not hold the evidence of this result; detect again.")
    try:
        content = parse_json(text.GetText())
        arrays = {key: _decoded(entry) for key, entry in content["arrays"].items()}
        stacks = _voxelsByMap(owner)
        examined = arrays["examined"]
        for key, shape in content["volumes"].items():
            count = 1 if key == _DISPLAY else int(np.prod(shape[1:-2]))
            arrays[key] = _joined(key, [stacks[f"{key} {number}"] for number in range(count)], tuple(shape), examined)
        changed = {"settings": parse_json(owner.GetParameter(_SETTINGS))}
        if owner.GetParameter(_FORCED):
            changed["forced"] = True
        return put_together({**content["record"], **changed}, arrays)
    except EvidenceError:
        raise
    except MemoryError as error:
        raise EvidenceError("The evidence in the scene does not fit into memory; close other programs.") from error
    except Exception as error:  # what a damaged scene says may be wrong in any place
        raise EvidenceError("The evidence in the scene is damaged or incomplete; detect again.") from error


def storeSettings(owner: Any, settings: Any) -> None:
    """Note the settings in use, so that a reopened scene shows what was saved."""
    from anofpdm.core.records import record_to_dict

    owner.SetParameter(_SETTINGS, json.dumps(record_to_dict(settings)))


def storeForced(owner: Any) -> None:
    """Note that the user wants to see what the gate withholds."""
    owner.SetParameter(_FORCED, "1")


def evidenceNodes(owner: Any) -> list[Any]:
    """The hidden nodes of a result."""
    nodes = [owner.GetNthNodeReference(VOLUME_ROLE, n) for n in range(owner.GetNumberOfNodeReferences(VOLUME_ROLE))]
    return [node for node in [*nodes, owner.GetNodeReference(RECORD_ROLE)] if node]


def _voxelsByMap(owner: Any) -> dict[str, NDArray[Any]]:
    found = {}
    for node in evidenceNodes(owner):
        if node.IsA("vtkMRMLVolumeNode") and node.GetImageData():
            found[node.GetAttribute(_MAP_ATTRIBUTE)] = voxelsOf(node.GetImageData())
    return found


def _isMap(key: str, array: NDArray[Any], case: CaseEvidence) -> bool:
    """[N, ..., H, W] of the examined slices, or the pictures [S, h, w]; curves end in steps and channels."""
    return key == _DISPLAY or (array.ndim >= 4 and array.shape[-2:] == case.grid.array_shape[1:])


def _stacks(array: NDArray[Any], case: CaseEvidence) -> Iterator[NDArray[Any]]:
    """Whole stacks [S, H, W], one for each channel (and guidance strength); 0 in slices that were not examined."""
    if array.ndim == 3:
        yield array
        return
    flat = array.reshape(len(array), -1, *array.shape[-2:])
    for number in range(flat.shape[1]):
        stack = np.zeros((len(case.examined), *array.shape[-2:]), dtype=array.dtype)
        stack[case.examined] = flat[:, number]
        yield stack


def _joined(key: str, stacks: list[NDArray[Any]], shape: tuple[int, ...], examined: NDArray[np.bool_]) -> NDArray[Any]:
    """What `_stacks` took apart."""
    if key == _DISPLAY:
        return stacks[0].reshape(shape)
    return np.stack([stack[examined] for stack in stacks], axis=1).reshape(shape)


def _encoded(array: NDArray[Any]) -> dict[str, Any]:
    plain = np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("<"))
    data = base64.b64encode(plain.tobytes()).decode("ascii")
    return {"dtype": plain.dtype.str, "shape": list(plain.shape), "data": data}


def _decoded(entry: dict[str, Any]) -> NDArray[Any]:
    dtype = np.dtype(entry["dtype"])
    if dtype.kind not in "biuf":
        raise ValueError(f"{dtype} is no plain number")
    values = np.frombuffer(base64.b64decode(entry["data"], validate=True), dtype=dtype)
    return values.reshape(entry["shape"]).astype(dtype.newbyteorder("="))
