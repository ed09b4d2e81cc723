"""Maps and scalars of one forward process, for every guidance strength w (method section 5).

Shapes: N slices, S visited steps, C used channels, B guidance strengths of a bank.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np

from ...core.array_archive import misshapen, missing
from ...core.arrays import FloatArray, IntArray
from ...core.errors import EvidenceError, ModelError, SettingsError
from .operating_point import Direction, OperatingPoint


@dataclass(frozen=True)
class QuadraticEvidence:
    """Evidence without the clamp: continuous in w.

    With R_t = UGP_t - x0 (UGP from the null label) and D_t = x0_hat(eps_h) - x0_hat(eps_null):
    HGP_t - x0 = R_t + (1 + w) D_t, hence SAM_t = R^2 + 2 (1 + w) R D + (1 + w)^2 D^2.
    """

    point: OperatingPoint
    x0: FloatArray
    """[N, C, H, W], the used channels."""
    mean_rr: FloatArray
    """[N, C, H, W]: R_t^2 averaged over the visited steps up to t_e; likewise `mean_rd`, `mean_dd`."""
    mean_rd: FloatArray
    mean_dd: FloatArray
    residual_end: FloatArray
    """[N, C, H, W]: R at t_e."""
    difference_end: FloatArray
    """[N, C, H, W]: D at t_e."""
    rr: FloatArray
    """[N, S, C]: mean over the pixels of R_t^2; likewise `rd`, `dd`."""
    rd: FloatArray
    dd: FloatArray
    end_index: IntArray
    """[N, C]: t_e as an index into the visited steps; the same for every w."""

    def __post_init__(self) -> None:
        _check_shapes(self)

    def __len__(self) -> int:
        return len(self.x0)

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """(N, C, H, W)."""
        n, c, h, w = self.x0.shape
        return n, c, h, w

    def subset(self, slices: Sequence[int] | np.ndarray | slice) -> QuadraticEvidence:
        """The evidence of some slices."""
        return _subset(self, slices)

    def _gain(self, w: float) -> float:
        # The public code compares with the healthy prediction, so its divergence scales with w (method 4.1).
        return 1.0 + w if self.point.mode == "paper" else w

    def aam(self, w: float) -> FloatArray:
        """Aggregated anomaly map [N, C, H, W]: mean of SAM_t over the visited steps up to t_e."""
        g = np.float32(1.0 + w)
        return self._one_sided(np.asarray(self.mean_rr + 2 * g * self.mean_rd + g * g * self.mean_dd), w)

    def last_sam(self, w: float) -> FloatArray:
        """SAM at t_e alone [N, C, H, W]."""
        return self._one_sided(np.square(self.residual_end + np.float32(1.0 + w) * self.difference_end), w)

    def _one_sided(self, maps: FloatArray, w: float) -> FloatArray:
        if self.point.direction == "both":
            return maps
        return in_direction(maps, self.x0, self.healthy_prediction(w), self.point.direction)

    def healthy_prediction(self, w: float) -> FloatArray:
        """HGP at t_e [N, C, H, W]."""
        return np.asarray(self.x0 + self.residual_end + np.float32(1.0 + w) * self.difference_end)

    def divergence(self, w: float) -> FloatArray:
        """M_t [N, S, C]: mean over the pixels of (HGP - UGP)^2."""
        return np.asarray(np.float32(self._gain(w) ** 2) * self.dd)

    def mse_healthy(self, w: float) -> FloatArray:
        """MSE^h_t [N, S, C]: mean over the pixels of (HGP - x0)^2."""
        g = np.float32(1.0 + w)
        return np.asarray(self.rr + 2 * g * self.rd + g * g * self.dd)

    def mse_unguided(self) -> FloatArray:
        """MSE^u_t [N, S, C]: mean over the pixels of (UGP - x0)^2."""
        if self.point.mode == "paper":
            return self.rr
        return np.asarray(self.rr + 2 * self.rd + self.dd)

    def end(self, w: float) -> IntArray:
        """t_e [N, C] as an index into the visited steps."""
        return self.end_index


@dataclass(frozen=True)
class BankEvidence:
    """Evidence with the clamp: only the guidance strengths of the bank, each with its own t_e."""

    point: OperatingPoint
    x0: FloatArray
    """[N, C, H, W], the used channels."""
    aam_bank: FloatArray
    """[N, B, C, H, W]."""
    guided_end: FloatArray
    """[N, B, C, H, W]: HGP at t_e."""
    divergence_bank: FloatArray
    """[N, B, S, C]: M_t."""
    mse_healthy_bank: FloatArray
    """[N, B, S, C]: MSE^h_t."""
    mse_unguided_steps: FloatArray
    """[N, S, C]: MSE^u_t."""
    end_index_bank: IntArray
    """[N, B, C]: t_e as an index into the visited steps."""

    def __post_init__(self) -> None:
        _check_shapes(self)

    def __len__(self) -> int:
        return len(self.x0)

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """(N, C, H, W)."""
        n, c, h, w = self.x0.shape
        return n, c, h, w

    def subset(self, slices: Sequence[int] | np.ndarray | slice) -> BankEvidence:
        """The evidence of some slices."""
        return _subset(self, slices)

    def _row(self, w: float) -> int:
        return _bank_row(self.point.guidance_bank, w)

    def aam(self, w: float) -> FloatArray:
        """Aggregated anomaly map [N, C, H, W]."""
        return in_direction(
            np.asarray(self.aam_bank[:, self._row(w)]), self.x0, self.healthy_prediction(w), self.point.direction
        )

    def last_sam(self, w: float) -> FloatArray:
        """SAM at t_e alone [N, C, H, W]."""
        healthy = self.healthy_prediction(w)
        return in_direction(np.square(healthy - self.x0), self.x0, healthy, self.point.direction)

    def healthy_prediction(self, w: float) -> FloatArray:
        """HGP at t_e [N, C, H, W]."""
        return np.asarray(self.guided_end[:, self._row(w)])

    def divergence(self, w: float) -> FloatArray:
        """M_t [N, S, C]."""
        return np.asarray(self.divergence_bank[:, self._row(w)])

    def mse_healthy(self, w: float) -> FloatArray:
        """MSE^h_t [N, S, C]."""
        return np.asarray(self.mse_healthy_bank[:, self._row(w)])

    def mse_unguided(self) -> FloatArray:
        """MSE^u_t [N, S, C]."""
        return self.mse_unguided_steps

    def end(self, w: float) -> IntArray:
        """t_e [N, C] as an index into the visited steps."""
        return np.asarray(self.end_index_bank[:, self._row(w)])


Evidence = QuadraticEvidence | BankEvidence


def in_direction(maps: FloatArray, x0: FloatArray, healthy: FloatArray, direction: Direction) -> FloatArray:
    """Maps [N, C, H, W], 0 where the slice is not brighter (or darker) than the healthy prediction, as asked."""
    if direction == "both":
        return maps
    kept = x0 > healthy if direction == "brighter" else x0 < healthy
    return np.where(kept, maps, np.float32(0))


def check_guidance(point: OperatingPoint, w: float) -> None:
    """Raises SettingsError unless evidence computed at `point` can answer for guidance strength `w`."""
    if not 0 <= w <= 1000:
        raise SettingsError(f"The guidance strength must lie between 0 and 1000, not {w:g}.")
    if point.clamp:
        _bank_row(point.guidance_bank, w)


def _bank_row(bank: tuple[float, ...], w: float) -> int:
    for row, strength in enumerate(bank):
        if abs(strength - w) <= 1e-6 * max(1.0, strength):
            return row
    choices = ", ".join(f"{strength:g}" for strength in bank)
    raise SettingsError(
        f"With the clamp only the guidance strengths {choices} are computed; choose one of these or detect again "
        f"with a --guidance-bank that holds {w:g}."
    )


def evidence_arrays(evidence: Evidence) -> dict[str, np.ndarray]:
    """The arrays of an evidence by field name."""
    fields = dataclasses.fields(evidence)
    return {f.name: getattr(evidence, f.name) for f in fields if f.name != "point"}


def broken_array(arrays: Mapping[str, np.ndarray]) -> str | None:
    """The name of an array that holds values which are not finite, if any.

    Only means may be NaN: the public code's mean over no step at all is (method section 4).
    """
    for name, array in arrays.items():
        may_be_nan = name.startswith(("mean_", "aam_"))
        if np.isinf(array).any() if may_be_nan else not np.isfinite(array).all():
            return name
    return None


def require_finite(evidence: Evidence, device: str) -> None:
    """Raises ModelError if the network's predictions, made on `device`, were not finite numbers.

    Comparisons with NaN are false: without this the slices would pass for healthy.
    """
    if broken_array(evidence_arrays(evidence)):
        raise ModelError(
            f"The network's predictions are not finite numbers on {device} in {evidence.point.precision}; "
            "try --precision float32, --device cpu or another model."
        )


def build_evidence(point: OperatingPoint, arrays: dict[str, np.ndarray]) -> Evidence:
    """Evidence of the kind that `point` implies. Raises EvidenceError if arrays are missing or misshapen."""
    kind = _kind(point)
    lacking = sorted(set(_names(kind)) - set(arrays))
    if lacking:
        raise missing(lacking[0])
    return kind(point=point, **{name: arrays[name] for name in _names(kind)})


def join_evidence(parts: Sequence[Evidence]) -> Evidence:
    """Evidence of consecutive batches of slices as one."""
    arrays = [evidence_arrays(part) for part in parts]
    return build_evidence(parts[0].point, {name: np.concatenate([a[name] for a in arrays]) for name in arrays[0]})


EvidenceKind = TypeVar("EvidenceKind", QuadraticEvidence, BankEvidence)


def _subset(evidence: EvidenceKind, slices: Any) -> EvidenceKind:
    arrays = {name: value[slices] for name, value in evidence_arrays(evidence).items()}
    return dataclasses.replace(evidence, **arrays)


def evidence_shapes(
    point: OperatingPoint, slices: int, channels: int, height: int, width: int
) -> dict[str, tuple[int, ...]]:
    """The shape of each array of an evidence of this kind, by field name."""
    n, c, s, b = slices, channels, point.steps, len(point.guidance_bank)
    maps, curves = (n, c, height, width), (n, s, c)
    shapes: dict[str, tuple[int, ...]] = {
        **dict.fromkeys(["x0", "mean_rr", "mean_rd", "mean_dd", "residual_end", "difference_end"], maps),
        **dict.fromkeys(["rr", "rd", "dd", "mse_unguided_steps"], curves),
        **dict.fromkeys(["aam_bank", "guided_end"], (n, b, c, height, width)),
        **dict.fromkeys(["divergence_bank", "mse_healthy_bank"], (n, b, s, c)),
        "end_index": (n, c),
        "end_index_bank": (n, b, c),
    }
    return {name: shapes[name] for name in _names(_kind(point))}


def _kind(point: OperatingPoint) -> type[QuadraticEvidence] | type[BankEvidence]:
    return BankEvidence if point.clamp else QuadraticEvidence


def _names(kind: type[QuadraticEvidence] | type[BankEvidence]) -> list[str]:
    return [f.name for f in dataclasses.fields(kind) if f.name != "point"]


def _check_shapes(evidence: Any) -> None:
    arrays = evidence_arrays(evidence)
    x0 = arrays["x0"]
    if x0.ndim != 4:
        raise EvidenceError("The evidence's slices do not have the shape [N, C, H, W]; detect again.")
    steps = evidence.point.steps
    for name, expected in evidence_shapes(evidence.point, *x0.shape).items():
        array = arrays[name]
        if array.shape != expected:
            raise misshapen(name, array.shape, expected)
        if not np.issubdtype(array.dtype, np.integer if name.startswith("end_index") else np.floating):
            raise EvidenceError(f"The evidence's '{name}' holds {array.dtype} values; detect again.")
        if name.startswith("end_index") and array.size and not (array.min() >= 0 and array.max() < steps):
            raise EvidenceError(f"The evidence's '{name}' points outside the {steps} visited steps; detect again.")
