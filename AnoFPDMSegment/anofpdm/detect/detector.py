"""The detector: a model, ready to be applied to volumes (the Python API's entry)."""

from __future__ import annotations

import platform
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import SimpleITK as sitk

from .. import __version__
from ..core.errors import InputError, SettingsError
from ..core.progress import CancelToken, ProgressCallback, StageCallback
from ..core.records import record_to_dict
from ..gate.assess import assess
from ..gate.measures import measure
from ..gate.model_reference import calibration_sha256, load_reference
from ..gate.opinion import GateOpinion
from ..gate.reference import GateReference
from ..gate.seen_volume import seen_volume
from ..methods.method import Notice, Runner
from ..methods.registry import find_method
from ..results.case import CaseEvidence, ModelIdentity, RunRecord
from ..results.detection import Detection, build_detection
from ..store.model_config import ModelConfig
from ..store.model_folder import ModelFolder
from ..store.model_search import default_model_name, find_model
from ..volumes.array_image import ArrayGeometry, image_of_array
from ..volumes.input_config import InputConfig
from ..volumes.preparation import PreparedCase, check_modalities
from ..volumes.reading import check_noted_volume, read_noted_volume
from ..volumes.volume import Volume

Image = str | Path | sitk.Image | npt.NDArray[Any]
Numbers = Sequence[float] | npt.NDArray[Any] | None


@dataclass(frozen=True)
class DetectorOptions:
    """How a run is computed; none of it changes what the method is."""

    seed: int = 0
    batch_size: int | None = None
    """Slices a batch; None chooses by device."""
    anonymous: bool = False
    """Keep no names of files and folders, which may be a patient's."""
    forced: bool = False
    """Show what is found even if the gate is red."""

    def __post_init__(self) -> None:
        if self.batch_size is not None and not 1 <= self.batch_size <= 4096:
            raise SettingsError(f"The batch size must lie between 1 and 4096, not {self.batch_size}.")
        if not 0 <= self.seed < 2**63:
            raise SettingsError(f"The seed must lie between 0 and 2^63 - 1, not {self.seed}.")


class Detector:
    """Applies one model. Its runner comes through the constructor; `from_model` makes the usual one.

    Example:
        >>> detector = Detector.from_model()
        >>> detection = detector.detect("flair.nii.gz")
        >>> detection.write("results")
        >>> print(detection.findings["summary"])
    """

    def __init__(
        self, method: str, runner: Runner, *, reference: GateReference | None = None, notice: Notice | None = None
    ) -> None:
        """`method`: its name; `reference`: by which the gate tells whether the model knows an image, None:
        nothing does; `notice` is told about fallbacks, one sentence each."""
        self._method = find_method(method)
        self._reference = reference
        self._runner = runner
        self._notice = notice or (lambda _: None)
        if runner.device_warning:
            self._notice(runner.device_warning)

    @classmethod
    def from_model(
        cls,
        name_or_path: str | Path | None = None,
        *,
        device: str = "auto",
        calibration: str | None = None,
        preset: str | None = None,
        run: Any = None,
        notice: Notice | None = None,
    ) -> Detector:
        """Load a model by name or folder; None takes the default model.

        Args:
            device: `auto`, `cpu`, `cuda`, `cuda:1` or `mps`.
            calibration: the user's name of one; None for the model's own.
            preset: `fast`, `balanced` or `paper`, where the model is calibrated for it.
            run: a record of the model's method of what needs a rerun (for AnoFPDM its operating point); replaces that
                of preset, calibration and model.
            notice: told about fallbacks, one sentence each.

        Raises ModelError or SettingsError.
        """
        folder = find_model(name_or_path if name_or_path is not None else default_model_name())
        return cls.from_folder(folder, device=device, calibration=calibration, preset=preset, run=run, notice=notice)

    @classmethod
    def from_folder(
        cls,
        folder: ModelFolder,
        *,
        device: str = "auto",
        calibration: str | None = None,
        preset: str | None = None,
        run: Any = None,
        notice: Notice | None = None,
    ) -> Detector:
        """Load a checked model folder; arguments and errors as of `from_model`."""
        tell = notice or (lambda _: None)
        method = find_method(folder.config.method)
        runner = method.load(folder, device=device, calibration=calibration, preset=preset, run=run, notice=tell)
        return cls(method.name, runner, reference=load_reference(folder.calibration), notice=notice)

    @property
    def config(self) -> ModelConfig:
        """The model's configuration, as it is run."""
        return self._runner.config

    @property
    def device_warning(self) -> str:
        """Why it does not compute where it was asked to; empty if it does."""
        return self._runner.device_warning

    def detect(
        self,
        images: Image | Mapping[str, Image],
        settings: Any = None,
        options: DetectorOptions | None = None,
        *,
        spacing: Numbers = None,
        direction: Numbers = None,
        origin: Numbers = None,
        on_progress: ProgressCallback | None = None,
        on_stage: StageCallback | None = None,
        cancel: CancelToken | None = None,
    ) -> Detection:
        """Detect anomalies in one patient's volume.

        Args:
            images: a file, DICOM folder, SimpleITK image or array; for a model with several modalities a
                mapping from modality to image. Results return on the grid of the model's first modality.
            spacing, direction, origin: of arrays, and needed for them (the origin is (0, 0, 0) if left out). An array
                is [slice, row, column] (k, j, i), as SimpleITK.GetArrayFromImage returns it, so that one of nibabel's
                comes transposed; these are in the order i, j, k and in LPS mm, as SimpleITK's GetSpacing (3 numbers),
                GetDirection (9, row by row, or 3 x 3) and GetOrigin (3) return them.
            settings: a record of the method (for AnoFPDM `SelectionSettings`: guidance strength, thresholds, decision);
                as calibrated where left open.
            on_progress: called after every step of every batch.
            on_stage: called when reading, preparing, detecting and building begin.
            cancel: set it to end the run with Cancelled before its next evaluation of the network.

        Raises InputError, SettingsError, ResourceError or Cancelled.
        """
        self.check(settings)
        case = self.examine(
            images,
            options,
            spacing=spacing,
            direction=direction,
            origin=origin,
            on_progress=on_progress,
            on_stage=on_stage,
            cancel=cancel,
        )
        if on_stage is not None:
            on_stage("building")
        return build_detection(case, settings)

    def identity(self) -> dict[str, Any]:
        """What of the detector decides the result: for telling whether a finished case is up to date."""
        gate = None if self._reference is None else record_to_dict(self._reference)
        return {"method": self._method.name, **self._runner.identity(), "gate": gate, "version": __version__}

    def check(self, settings: Any = None) -> None:
        """Find out before the network runs whether results can be made. Raises SettingsError."""
        self._runner.check(self._method.settings_type() if settings is None else settings)

    def examine(
        self,
        images: Image | Mapping[str, Image],
        options: DetectorOptions | None = None,
        *,
        spacing: Numbers = None,
        direction: Numbers = None,
        origin: Numbers = None,
        on_progress: ProgressCallback | None = None,
        on_stage: StageCallback | None = None,
        cancel: CancelToken | None = None,
    ) -> CaseEvidence:
        """The evidence of one volume, from which `build_detection` makes results for any settings; see `detect`."""
        place = ArrayGeometry(spacing, direction, origin)
        case, prepared = self._examined(images, options, on_progress, on_stage, cancel, place)
        return case if self._reference is None else replace(case, gate=self._opinion(case, prepared))

    def examine_and_measure(
        self, images: Image | Mapping[str, Image], *, cancel: CancelToken | None = None
    ) -> tuple[CaseEvidence, dict[str, float]]:
        """The evidence, and what the gate measures of it, for making a reference. Errors as of `examine`."""
        case, prepared = self._examined(images, None, None, None, cancel, ArrayGeometry())
        return case, self._measured(case, prepared)

    def _examined(
        self,
        images: Image | Mapping[str, Image],
        options: DetectorOptions | None,
        on_progress: ProgressCallback | None,
        on_stage: StageCallback | None,
        cancel: CancelToken | None,
        place: ArrayGeometry,
    ) -> tuple[CaseEvidence, PreparedCase]:
        options = options or DetectorOptions()
        cancel = cancel or CancelToken()
        on_stage = on_stage or (lambda _: None)
        start = time.monotonic()
        on_stage("reading")
        files, volumes = read_images(images, self.config, cancel, anonymous=options.anonymous, place=place)
        found = self._runner.examine(
            volumes,
            seed=options.seed,
            batch_size=options.batch_size,
            on_stage=on_stage,
            on_progress=on_progress,
            cancel=cancel,
            notice=self._notice,
        )
        prepared = found.prepared
        told = [warning for each in volumes.values() for warning in each.warnings]
        warnings = (self.config.caution, self.device_warning, *told, *prepared.warnings, *found.warnings)
        case = CaseEvidence(
            method=self._method.name,
            evidence=found.evidence,
            geometry=prepared.geometry,
            grid=prepared.grid,
            examined=prepared.examined,
            not_examined_reason=tuple(prepared.not_examined_reason),
            head=prepared.head,
            interior=prepared.interior,
            level=prepared.level,
            display=prepared.display,
            skull_stripped=prepared.skull_stripped,
            warnings=tuple(warning for warning in warnings if warning),
            model=ModelIdentity.of(self.config, self._runner.weights_sha256),
            calibration=found.calibration,
            settings=self._method.settings_type(),
            side_known=all(each.side_known for each in volumes.values()),
            forced=options.forced,
            run=RunRecord(
                files=tuple(files.items()),
                seed=options.seed,
                device=self._runner.device_name,
                run_time_s=time.monotonic() - start,
                software=tuple(_software().items()),
                batch_size=found.batch_size,
                network_evaluations=found.network_evaluations,
            ),
        )
        return case, prepared

    def _measured(self, case: CaseEvidence, prepared: PreparedCase) -> dict[str, float]:
        seen = seen_volume(case, prepared, self._method.tissue(case))
        return measure(seen, self._method.own_measures(case))

    def _opinion(self, case: CaseEvidence, prepared: PreparedCase) -> GateOpinion:
        assert self._reference is not None
        same = calibration_sha256(case.calibration) == self._reference.calibration_sha256
        return assess(self._measured(case, prepared), self._reference, own_counts=same)


def read_images(
    images: Image | Mapping[str, Image],
    config: InputConfig,
    cancel: CancelToken,
    *,
    anonymous: bool = False,
    place: ArrayGeometry | None = None,
) -> tuple[dict[str, str], dict[str, Volume]]:
    """File names ("" for images in memory, and `anonymous` ones) and checked volumes by modality, in the model's order.

    `images` as of `Detector.detect`, `place` that of the arrays. Raises InputError, or Cancelled between the volumes.
    """
    place = place or ArrayGeometry()
    if not isinstance(images, Mapping):
        if len(config.modalities) > 1:
            names = " ".join(f"{modality}=FILE" for modality in config.modalities)
            raise InputError(f"This model needs several modalities; name each one: {names}.")
        images = {config.modalities[0]: images}
    check_modalities(images, config)
    if place.is_given and not any(isinstance(image, np.ndarray) for image in images.values()):
        raise InputError(
            "Spacing, direction and origin are those of arrays; other images have their own: leave them out."
        )
    files, volumes = {}, {}
    for modality in config.modalities:
        cancel.raise_if_cancelled()
        image = images[modality]
        if isinstance(image, np.ndarray):
            image = image_of_array(image, place, modality)
        if isinstance(image, sitk.Image):
            files[modality], volumes[modality] = "", check_noted_volume(image, modality)
        elif not isinstance(image, str | Path):
            raise InputError(
                f"The {modality} image is a {type(image).__name__}; give the path of a file or DICOM folder, a "
                "SimpleITK image, or a NumPy array with spacing and direction."
            )
        else:
            files[modality] = "" if anonymous else Path(image).name
            volumes[modality] = read_noted_volume(image, modality, cancel, anonymous=anonymous)
    return files, volumes


def _software() -> dict[str, str]:
    return {
        "anofpdm": __version__,
        "python": platform.python_version(),
        **{package: metadata.version(package) for package in ("torch", "numpy", "SimpleITK")},
    }
