"""The detector: a model, ready to be applied to volumes (the Python API's entry)."""

from __future__ import annotations

import dataclasses
import platform
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK as sitk

from . import __version__
from .calibration import Calibration, calibration_for
from .configuration import ModelConfig, OperatingPoint, record_to_dict
from .detection import Detection, build_detection
from .diffusion.device import ChosenDevice
from .diffusion.forward_process import network_evaluations
from .diffusion.schedule import NoiseSchedule, jump_targets, visited_levels
from .diffusion.slices import SlicePredictor, accumulate_slices, batch_size_for, smaller_batch
from .errors import InputError, SettingsError
from .evidence.case import CaseEvidence, ModelIdentity, RunRecord
from .evidence.maps import Evidence, require_finite
from .progress import CancelToken, ProgressCallback, ProgressClock, StageCallback
from .ready_network import fastest_point, ready_predictor
from .selection.select import resolve
from .selection.settings import MinimumSize, SelectionSettings
from .store.model_folder import ModelFolder
from .store.model_search import default_model_name, find_model
from .store.user_calibrations import calibrations_of, usual_point
from .volumes.geometry import VolumeGeometry
from .volumes.preparation import PreparedCase, check_modalities, prepare_case
from .volumes.reading import check_noted_volume, read_noted_volume
from .volumes.volume import Volume

Image = str | Path | sitk.Image
Notice = Callable[[str], None]


@dataclass(frozen=True)
class DetectorOptions:
    """How a run is computed; none of it changes what the method is."""

    seed: int = 0
    batch_size: int | None = None
    """Slices a batch; None chooses by device."""
    anonymous: bool = False
    """Keep no names of files and folders, which may be a patient's."""

    def __post_init__(self) -> None:
        if self.batch_size is not None and not 1 <= self.batch_size <= 4096:
            raise SettingsError(f"The batch size must lie between 1 and 4096, not {self.batch_size}.")
        if not 0 <= self.seed < 2**63:
            raise SettingsError(f"The seed must lie between 0 and 2^63 - 1, not {self.seed}.")


class Detector:
    """Applies one model. Collaborators come through the constructor; `from_model` makes the usual ones.

    Example:
        >>> detector = Detector.from_model()
        >>> detection = detector.detect("flair.nii.gz")
        >>> detection.write("results")
        >>> print(detection.findings["summary"])
    """

    def __init__(
        self,
        config: ModelConfig,
        predictor: SlicePredictor,
        device: ChosenDevice,
        *,
        weights_sha256: str,
        calibrations: list[Calibration] | None = None,
        notice: Notice | None = None,
    ) -> None:
        self.config = config
        self.device = device
        self._predictor = predictor
        self._weights_sha256 = weights_sha256
        self._calibrations = calibrations or []
        self._notice = notice or (lambda _: None)
        if device.warning:
            self._notice(device.warning)

    @classmethod
    def from_model(
        cls,
        name_or_path: str | Path | None = None,
        *,
        device: str = "auto",
        calibration: str | None = None,
        preset: str | None = None,
        point: OperatingPoint | None = None,
        notice: Notice | None = None,
    ) -> Detector:
        """Load a model by name or folder; None takes the default model.

        Args:
            device: `auto`, `cpu`, `cuda`, `cuda:1` or `mps`.
            calibration: the user's name of one; None for the model's own.
            preset: `fast`, `balanced` or `paper`, where the model is calibrated for it.
            point: replaces the operating point of preset, calibration and model, whose precision is the one that the
                device computes fastest in where the model is calibrated for it.
            notice: told about fallbacks, one sentence each.

        Raises ModelError or SettingsError.
        """
        folder = find_model(name_or_path if name_or_path is not None else default_model_name())
        calibrations = calibrations_of(folder, calibration)
        if point is None:
            usual = usual_point(folder, calibrations, preset)
            point = fastest_point(usual, calibrations, folder.weights_sha256, device)
        return cls.from_folder(folder, device=device, calibrations=calibrations, point=point, notice=notice)

    @classmethod
    def from_folder(
        cls,
        folder: ModelFolder,
        *,
        device: str = "auto",
        calibrations: Sequence[Calibration] | None = None,
        point: OperatingPoint | None = None,
        notice: Notice | None = None,
    ) -> Detector:
        """Load a checked model folder. `calibrations` replace its own. Raises ModelError or SettingsError."""
        config = folder.require_purpose().config
        if point is not None:
            if point.last > config.schedule.steps:
                levels = f"{config.schedule.steps} noise levels"
                raise SettingsError(f"The range {point.first}..{point.last} goes beyond the model's {levels}.")
            config = dataclasses.replace(config, operating_point=point)
        predictor, chosen = ready_predictor(folder, device, config)
        return cls(
            config,
            predictor,
            chosen,
            weights_sha256=folder.weights_sha256,
            calibrations=list(calibrations_of(folder) if calibrations is None else calibrations),
            notice=notice,
        )

    def detect(
        self,
        images: Image | Mapping[str, Image],
        settings: SelectionSettings | None = None,
        options: DetectorOptions | None = None,
        *,
        on_progress: ProgressCallback | None = None,
        on_stage: StageCallback | None = None,
        cancel: CancelToken | None = None,
    ) -> Detection:
        """Detect anomalies in one patient's volume.

        Args:
            images: a file, DICOM folder or SimpleITK image; for a model with several modalities a
                mapping from modality to image. Results return on the grid of the model's first modality.
            settings: guidance strength, thresholds, decision; as calibrated where left open.
            on_progress: called after every step of every batch.
            on_stage: called when reading, preparing, detecting and building begin.
            cancel: set it to end the run with Cancelled before its next evaluation of the network.

        Raises InputError, SettingsError, ResourceError or Cancelled.
        """
        self.check(settings)
        case = self.examine(images, options, on_progress=on_progress, on_stage=on_stage, cancel=cancel)
        if on_stage is not None:
            on_stage("building")
        return build_detection(case, settings or SelectionSettings())

    def identity(self) -> dict[str, Any]:
        """What of the detector decides the result: for telling whether a finished case is up to date."""
        return {
            "weights": self._weights_sha256,
            "config": record_to_dict(self.config),
            "calibrations": [record_to_dict(calibration) for calibration in self._calibrations],
            "version": __version__,
        }

    def check(self, settings: SelectionSettings | None = None) -> None:
        """Find out before the network runs whether results can be made. Raises SettingsError."""
        point = self.config.operating_point
        calibration, _ = calibration_for(self._calibrations, point, self._weights_sha256)
        minimum_size = MinimumSize(pixels=self.config.minimum_size_px)
        resolve(point, len(self.config.used), settings or SelectionSettings(), calibration, minimum_size)
        if point.mode == "reference":
            jump_targets(visited_levels(point), NoiseSchedule.linear(self.config.schedule))

    def examine(
        self,
        images: Image | Mapping[str, Image],
        options: DetectorOptions | None = None,
        *,
        on_progress: ProgressCallback | None = None,
        on_stage: StageCallback | None = None,
        cancel: CancelToken | None = None,
    ) -> CaseEvidence:
        """The evidence of one volume, from which `build_detection` makes results for any settings."""
        options = options or DetectorOptions()
        cancel = cancel or CancelToken()
        on_stage = on_stage or (lambda _: None)
        start = time.monotonic()
        on_stage("reading")
        files, volumes = read_images(images, self.config, cancel, anonymous=options.anonymous)
        on_stage("preparing")
        prepared = prepare_case({name: each.image for name, each in volumes.items()}, self.config, cancel=cancel)
        told = [warning for each in volumes.values() for warning in each.warnings]
        on_stage("detecting")
        point = self.config.operating_point
        calibration, _ = calibration_for(self._calibrations, point, self._weights_sha256)
        evidence, batch = self._run(prepared, options, on_progress, cancel)
        return CaseEvidence(
            evidence=evidence,
            geometry=prepared.geometry,
            grid=prepared.grid,
            examined=prepared.examined,
            not_examined_reason=tuple(prepared.not_examined_reason),
            head=prepared.head,
            interior=prepared.interior,
            level=prepared.level,
            display=prepared.display,
            skull_stripped=prepared.skull_stripped,
            warnings=tuple(
                warning for warning in (self.config.caution, self.device.warning, *told, *prepared.warnings) if warning
            ),
            model=self._model_identity(),
            calibration=calibration,
            side_known=all(each.side_known for each in volumes.values()),
            run=RunRecord(
                files=tuple(files.items()),
                seed=options.seed,
                device=self.device.name,
                run_time_s=time.monotonic() - start,
                software=tuple(_software().items()),
                batch_size=batch,
                network_evaluations=network_evaluations(point),
            ),
        )

    def _run(
        self,
        prepared: PreparedCase,
        options: DetectorOptions,
        on_progress: ProgressCallback | None,
        cancel: CancelToken,
    ) -> tuple[Evidence, int]:
        clock = ProgressClock(len(prepared.x0), on_progress, afterwards_s=_results_s(prepared.geometry))
        sizes = [batch_size_for(self.device.device, options.batch_size, self._predictor)]
        furthest = 0.0

        def report(done: float) -> None:
            nonlocal furthest
            cancel.raise_if_cancelled()
            furthest = max(furthest, done)  # a batch begun again after memory ran out
            clock.report(furthest)

        def smaller(size: int) -> None:
            sizes.append(size)
            self._notice(smaller_batch(size))

        report(0.0)
        evidence = accumulate_slices(
            prepared.x0,
            prepared.level[prepared.examined] if self.config.network.level_embedding else None,
            self._predictor,
            NoiseSchedule.linear(self.config.schedule),
            self.config.operating_point,
            used_channels=self.config.used_channels,
            healthy_label=self.config.healthy_label,
            device=self.device.device,
            seed=options.seed,
            slice_numbers=[int(i) for i in np.flatnonzero(prepared.examined)],
            batch_size=options.batch_size,
            on_progress=report,
            on_smaller_batch=smaller,
            cancel=cancel,
        )
        require_finite(evidence, self.device.name)
        return evidence, sizes[-1]

    def _model_identity(self) -> ModelIdentity:
        config = self.config
        return ModelIdentity(
            name=config.name,
            version=config.version,
            title=config.title,
            licence=config.licence,
            citation=config.citation,
            weights_sha256=self._weights_sha256,
            used=config.used,
            minimum_size_px=config.minimum_size_px,
        )


def read_images(
    images: Image | Mapping[str, Image], config: ModelConfig, cancel: CancelToken, *, anonymous: bool = False
) -> tuple[dict[str, str], dict[str, Volume]]:
    """File names ("" for images in memory, and `anonymous` ones) and checked volumes by modality, in the model's order.

    `images` as of `Detector.detect`. Raises InputError, or Cancelled between the volumes.
    """
    if not isinstance(images, Mapping):
        if len(config.modalities) > 1:
            names = " ".join(f"{modality}=FILE" for modality in config.modalities)
            raise InputError(f"This model needs several modalities; name each one: {names}.")
        images = {config.modalities[0]: images}
    check_modalities(images, config)
    files, volumes = {}, {}
    for modality in config.modalities:
        cancel.raise_if_cancelled()
        image = images[modality]
        if isinstance(image, sitk.Image):
            files[modality], volumes[modality] = "", check_noted_volume(image, modality)
        else:
            files[modality] = "" if anonymous else Path(image).name
            volumes[modality] = read_noted_volume(image, modality, cancel, anonymous=anonymous)
    return files, volumes


def _results_s(geometry: VolumeGeometry) -> float:
    """About how long results on this grid take to be built and written, as measured on a plain processor."""
    return 0.2 + 1.5e-7 * float(np.prod(geometry.size))


def _software() -> dict[str, str]:
    return {
        "anofpdm": __version__,
        "python": platform.python_version(),
        **{package: metadata.version(package) for package in ("torch", "numpy", "SimpleITK")},
    }
