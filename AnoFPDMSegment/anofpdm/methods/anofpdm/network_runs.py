"""Runs of the shared network over slices, kept so that variants and resumed runs do not repeat them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from ...core.arrays import FloatArray, IntArray
from ...core.device import ChosenDevice, choose_device
from ...core.errors import ModelError
from ...core.precision import Precision
from ...core.progress import CancelToken
from ...core.records import record_to_dict
from ...diffusion.denoisers import NetworkPredictor
from ...diffusion.schedule import NoiseSchedule
from ...diffusion.slices import BatchCompute, Batching, SlicePredictor, compute_in_batches
from ...evaluation.chunk_store import Arrays, ChunkStore
from ...evaluation.evaluation_run import EvaluationRun, Report
from ...evaluation.method_output import Cost
from ...evaluation.slices import LabelledSlices
from ...store.model_folder import ModelFolder
from ...store.network_weights import load_network
from .accumulate import GuidedNetwork, accumulate_slices
from .evidence import Evidence, broken_array, build_evidence, evidence_arrays
from .forward_process import network_evaluations
from .model_config import DiffusionConfig, diffusion_config
from .operating_point import OperatingPoint


class NetworkRuns:
    """One model on one device."""

    def __init__(
        self,
        folder: ModelFolder,
        device: ChosenDevice,
        store: ChunkStore,
        *,
        data_key: str,
        seed: int = 0,
        batch_size: int | None = None,
        report: Report | None = None,
        cancel: CancelToken | None = None,
    ) -> None:
        """`data_key`: identifies the slice cache that rows count in."""
        self.config: DiffusionConfig = diffusion_config(folder)
        self.weights_sha256 = folder.weights_sha256
        self.device = device
        self._predictors = {"float32": NetworkPredictor.prepared(load_network(folder, device.device), "float32")}
        self.schedule = NoiseSchedule.linear(self.config.schedule)
        self.store = store
        self.seed = seed
        self.batch_size = batch_size
        self.cancel = cancel or CancelToken()
        self.report = report or (lambda *_: None)
        self.key = {"weights": self.weights_sha256, "data": data_key, "seed": seed}

    def evidence(self, slices: LabelledSlices, point: OperatingPoint, what: str) -> tuple[Evidence, Cost]:
        """Evidence of the forward process at `point`, and what a slice cost. Raises ModelError if it is not finite."""
        # The direction only says how the maps are read.
        run = replace(point, direction="both")

        def compute(positions: IntArray) -> Arrays:
            evidence = accumulate_slices(
                slices.x0[positions],
                self._level(slices, positions),
                GuidedNetwork.of(self.predictor(point.precision), self.config),
                run,
                self._batching(what, positions, slices),
            )
            arrays = dict(evidence_arrays(evidence))
            self._check_finite(broken_array(arrays), point.precision)
            return arrays

        key = {**self.key, "run": "forward process", "point": record_to_dict(run)}
        arrays, seconds = self.store.arrays(key, np.asarray(slices.row), compute)
        return build_evidence(point, arrays), Cost(seconds / len(slices), network_evaluations(point))

    def _batching(self, what: str, positions: IntArray, slices: LabelledSlices) -> Batching:
        return Batching(
            self.device.device,
            self.seed,
            slices.row[positions].tolist(),
            self.batch_size,
            self._progress(what, positions, slices),
            cancel=self.cancel,
        )

    def arrays(
        self,
        slices: LabelledSlices,
        key: Mapping[str, Any],
        compute: BatchCompute,
        what: str,
        predictor: SlicePredictor | None = None,
    ) -> tuple[Arrays, float]:
        """What `compute` gives for each slice, and seconds a slice.

        `key` names all that the values depend on beyond the model; `predictor`: another network than the model's.
        Raises ModelError if a value is not finite.
        """
        precision = self.config.operating_point.precision

        def batches(positions: IntArray) -> Arrays:
            parts = compute_in_batches(
                slices.x0[positions],
                # Another network says itself whether it looks at the level.
                self._level(slices, positions) if predictor is None else slices.level[positions],
                predictor or self.predictor(precision),
                compute,
                self._batching(what, positions, slices),
            )
            arrays = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
            broken = [name for name, array in arrays.items() if not np.isfinite(array).all()]
            self._check_finite(broken[0] if broken else None, precision)
            return arrays

        arrays, seconds = self.store.arrays({**self.key, **key}, np.asarray(slices.row), batches)
        return arrays, seconds / len(slices)

    def predictor(self, precision: Precision) -> NetworkPredictor:
        """The model's network."""
        if precision not in self._predictors:
            self._predictors[precision] = self._predictors["float32"].in_precision(precision)
        return self._predictors[precision]

    def _level(self, slices: LabelledSlices, positions: IntArray) -> FloatArray | None:
        return slices.level[positions] if self.config.network.level_embedding else None

    def _progress(self, what: str, positions: IntArray, slices: LabelledSlices) -> Callable[[float], None]:
        def progress(done: float) -> None:
            self.cancel.raise_if_cancelled()
            self.report(what, float(positions[0]) + done, len(slices))

        return progress

    def _check_finite(self, broken: str | None, precision: str) -> None:
        if broken is not None:
            raise ModelError(
                f"The network's predictions are not finite numbers on {self.device.name} in {precision}; try "
                "--device cpu or another model."
            )


def network_runs(run: EvaluationRun) -> NetworkRuns:
    """Those of the measured model's network, loaded once an evaluation. Raises ModelError or SettingsError."""

    def make() -> NetworkRuns:
        return NetworkRuns(
            run.folder,
            choose_device(run.device),
            ChunkStore(run.kept_folder),
            data_key=run.cache.key,
            seed=run.seed,
            batch_size=run.batch_size,
            report=run.report,
            cancel=run.cancel,
        )

    return run.kept("network of the measured model", make)
