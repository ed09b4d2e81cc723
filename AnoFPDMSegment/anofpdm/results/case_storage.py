"""`evidence.npz`: a `CaseEvidence` on disk. Plain arrays and one JSON text; nothing is unpickled."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np

from ..core.array_archive import ArrayArchive, DamagedArchiveError, misshapen, missing, open_arrays
from ..core.errors import EvidenceError
from ..core.json_text import LARGEST_JSON_BYTES, parse_json
from ..core.records import record_from_dict, record_to_dict, shown
from ..gate.opinion import GateOpinion
from ..methods.registry import FIRST_METHOD, find_method
from ..volumes.geometry import VolumeGeometry
from ..volumes.stack_grid import StackGrid
from .case import CaseEvidence, ModelIdentity, RunRecord

EVIDENCE_SCHEMA = 3
SCHEMA_WITHOUT_METHOD = 2
"""Of version 0.1, which knew one method."""
EVIDENCE_FILE = "evidence.npz"
_MAGIC = "anofpdm-evidence"
_PREFIX = "evidence_"
_RECORD = "record"
_WIDEST_VALUE = 8
"""Bytes of the widest number."""
LARGEST_PICTURE_PX = 1024


def save_evidence(path: Path, case: CaseEvidence) -> None:
    """Write a case to an .npz file; the same case gives the same bytes. Raises OSError."""
    record, arrays = take_apart(case)
    text = np.frombuffer(json.dumps(record).encode(), dtype=np.uint8)
    # Float maps hardly compress, and deflating them would cost more time than the network's fast preset.
    with path.open("wb") as stream:
        np.savez(stream, **arrays, record=text)


def take_apart(case: CaseEvidence) -> tuple[dict[str, Any], dict[str, Any]]:
    """A case as a record that JSON can hold, and named arrays: what `put_together` reads."""
    method = find_method(case.method)
    record = {
        "format": _MAGIC,
        "schema": EVIDENCE_SCHEMA,
        "method": case.method,
        "evidence": method.evidence_record(case.evidence),
        "geometry": case.geometry.to_dict(),
        "grid": case.grid.to_dict(),
        "not_examined_reason": list(case.not_examined_reason),
        "skull_stripped": case.skull_stripped,
        "warnings": list(case.warnings),
        "model": record_to_dict(case.model),
        "calibration": None if case.calibration is None else record_to_dict(case.calibration),
        "run": {
            **record_to_dict(case.run),
            "files": dict(case.run.files),
            "software": dict(case.run.software),
        },
        "settings": record_to_dict(case.settings),
        "request": case.request,
        "side_known": case.side_known,
        "gate": None if case.gate is None else record_to_dict(case.gate),
        "forced": case.forced,
    }
    arrays: dict[str, Any] = {_PREFIX + name: value for name, value in method.evidence_arrays(case.evidence).items()}
    masks = {"head": case.head, "interior": case.interior}
    arrays |= {name: np.packbits(mask) for name, mask in masks.items()}
    arrays |= {"examined": case.examined, "level": case.level, "display": case.display}
    return record, arrays


def load_evidence(path: Path) -> CaseEvidence:
    """Read a case. Raises EvidenceError with a sentence for a missing, cut-off or foreign file."""
    try:
        with open_arrays(path) as archive:
            if _RECORD not in archive.names:
                raise EvidenceError(f"{path} was not written by anofpdm detect; name the output folder of a detection.")
            record = parse_json(archive.read(_RECORD, LARGEST_JSON_BYTES).tobytes())
            return _put_together(record, _read_arrays(archive, record))
    except EvidenceError:
        raise
    except (FileNotFoundError, NotADirectoryError) as error:
        raise EvidenceError(f"There is no evidence at {path}; name the output folder of anofpdm detect.") from error
    except PermissionError as error:
        raise EvidenceError(f"The evidence {path} may not be read; check its permissions.") from error
    except MemoryError as error:
        raise EvidenceError(f"The evidence {path} does not fit into memory; close other programs.") from error
    except Exception as error:  # what a damaged record says may be wrong in any place
        raise EvidenceError(f"The evidence {path} is damaged or foreign; detect again to make a new one.") from error


def put_together(record: dict[str, Any], arrays: dict[str, np.ndarray]) -> CaseEvidence:
    """The case that `take_apart` took apart. Raises EvidenceError if they are damaged or do not fit one another."""
    try:
        return _put_together(record, arrays)
    except (EvidenceError, MemoryError):
        raise
    except Exception as error:  # what a damaged record says may be wrong in any place
        raise EvidenceError("The evidence is damaged or foreign; detect again to make a new one.") from error


def _read_arrays(archive: ArrayArchive, record: dict[str, Any]) -> dict[str, np.ndarray]:
    """The arrays of the case, each only if it is as large as the record and those before it ask for.

    Raises EvidenceError, DamagedArchiveError and what a damaged record does.
    """
    record = _present(record)
    method = find_method(record["method"])
    width, height, count = StackGrid.from_dict(record["grid"]).size
    packed = ((width * height * count + 7) // 8,)
    arrays = {"examined": _of_shape(archive, "examined", (count,))}
    slices, channels = int(np.count_nonzero(arrays["examined"])), len(record["model"]["used"])
    shapes: dict[str, tuple[int, ...]] = {"head": packed, "interior": packed, "level": (count,)}
    for name, shape in method.evidence_shapes(record["evidence"], slices, channels, height, width).items():
        if _PREFIX + name not in archive.names:
            raise missing(name)
        shapes[_PREFIX + name] = shape
    sides, _ = archive.kind("display")
    if len(sides) != 3 or sides[0] != count or max(sides[1:]) > LARGEST_PICTURE_PX:
        raise DamagedArchiveError("pictures of an impossible size")
    shapes["display"] = sides
    return arrays | {name: _of_shape(archive, name, shape) for name, shape in shapes.items()}


def _of_shape(archive: ArrayArchive, name: str, expected: tuple[int, ...]) -> np.ndarray:
    shape, dtype = archive.kind(name)
    if dtype.hasobject:
        raise DamagedArchiveError(f"{name} is pickled")
    if shape != expected:
        raise misshapen(name.removeprefix(_PREFIX), shape, expected)
    return archive.read(name, math.prod(expected) * _WIDEST_VALUE)


def _present(record: dict[str, Any]) -> dict[str, Any]:
    """The record in the present schema."""
    if record["format"] != _MAGIC:
        raise ValueError("foreign file")
    if record["schema"] == SCHEMA_WITHOUT_METHOD:
        rest = {name: value for name, value in record.items() if name != "operating_point"}
        evidence = {"operating_point": record["operating_point"]}
        return {**rest, "schema": EVIDENCE_SCHEMA, "method": FIRST_METHOD, "evidence": evidence}
    if record["schema"] != EVIDENCE_SCHEMA:
        raise EvidenceError(
            f"The evidence has schema {shown(record['schema'])} and this version reads {EVIDENCE_SCHEMA}; detect again."
        )
    return record


def _put_together(record: dict[str, Any], arrays: dict[str, np.ndarray]) -> CaseEvidence:
    record = _present(record)
    method = find_method(record["method"])
    maps = {name.removeprefix(_PREFIX): array for name, array in arrays.items() if name.startswith(_PREFIX)}
    grid = StackGrid.from_dict(record["grid"])
    width, height, count = grid.size
    calibration = record["calibration"]
    run = record["run"]
    pairs = {name: list(run[name].items()) for name in ("files", "software")}
    return CaseEvidence(
        method=method.name,
        evidence=method.evidence_from(record["evidence"], maps),
        geometry=VolumeGeometry.from_dict(record["geometry"]),
        grid=grid,
        examined=_typed(arrays["examined"], np.bool_),
        not_examined_reason=tuple(str(reason) for reason in record["not_examined_reason"]),
        head=_unpack(arrays["head"], (count, height, width)),
        interior=_unpack(arrays["interior"], (count, height, width)),
        level=_typed(arrays["level"], np.float32),
        display=_typed(arrays["display"], np.uint8),
        skull_stripped=bool(record["skull_stripped"]),
        warnings=tuple(str(warning) for warning in record["warnings"]),
        model=record_from_dict(ModelIdentity, record["model"], "model"),
        calibration=None
        if calibration is None
        else record_from_dict(method.calibration_type, calibration, "calibration"),
        run=record_from_dict(RunRecord, {**run, **pairs}, "run"),
        settings=record_from_dict(method.settings_type, record["settings"], "settings"),
        request=None if record["request"] is None else str(record["request"]),
        # Version 0.1.0 wrote no such entry.
        side_known=bool(record.get("side_known", True)),
        gate=_gate(record.get("gate")),
        forced=bool(record.get("forced", False)),
    )


def _gate(values: Any) -> GateOpinion | None:
    return None if values is None else record_from_dict(GateOpinion, values, "gate")


def _typed(array: np.ndarray, dtype: Any) -> np.ndarray:
    if array.dtype != dtype:
        raise ValueError(f"{array.dtype} values where {dtype} is needed")
    return array


def _unpack(bits: np.ndarray, shape: tuple[int, int, int]) -> np.ndarray:
    count = int(np.prod(shape))
    if bits.dtype != np.uint8 or bits.shape != ((count + 7) // 8,):
        raise ValueError("a mask of another size")
    return np.unpackbits(bits, count=count).reshape(shape).astype(bool)
