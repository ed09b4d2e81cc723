"""`anofpdm-scene`: a finished detection as a scene that 3D Slicer opens with everything live."""

from __future__ import annotations

import argparse
import contextlib
import sys
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from anofpdm.results.case import CaseEvidence

    from .scene_context import SceneContext

_PLACE_TOLERANCE_MM = 0.01
_OPACITY = 0.6
_VIEW_PX = 400


def run() -> None:
    """Entry of the console script."""
    sys.exit(main())


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status."""
    from anofpdm.core.errors import AnoFPDMError
    from anofpdm.core.failures import describe_failure
    from anofpdm.core.private_folder import sweep
    from anofpdm.core.reporting import complain, say
    from anofpdm.core.run_log import LOGGER
    from anofpdm.core.run_options import as_told

    options = _parser().parse_args(arguments)
    try:
        with as_told(options, sys.argv[1:] if arguments is None else arguments):
            try:
                with contextlib.suppress(OSError):
                    sweep()  # what a killed run left of a patient
                target = _target(options.output)
                note = writeScene(Path(options.result), target, Path(options.input) if options.input else None)
            except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001 - the last resort: a sentence
                message, status = describe_failure(error)
                complain(message, "anofpdm-scene")
                LOGGER.info("exit status %d", status)
                return status
            if note:
                complain(note, "Note")
            say(f"Written to {target}. Open it in 3D Slicer: drag it into the window, or File > Add Data.")
            return 0
    except (AnoFPDMError, OSError) as error:
        message, status = describe_failure(error)
        complain(message, "anofpdm-scene")
        return status


def writeScene(result: Path, target: Path, inputFile: Path | None = None) -> str:
    """Write the result folder of a detection as an .mrb scene, whole or not at all.

    inputFile: the first modality's volume; without it, the pictures kept with the result stand in for it. Returns a
    sentence that the user should know, or an empty text. Raises anofpdm's errors with a sentence.
    """
    from anofpdm.core.errors import OutputError
    from anofpdm.core.output_set import check_output_directory, recover, write_output_set
    from anofpdm.results.case_storage import EVIDENCE_FILE, load_evidence
    from anofpdm.results.detection import build_detection

    _requireSlicerCore()
    check_output_directory(target.parent)
    recover(result)
    case = load_evidence(result / EVIDENCE_FILE)
    name, voxels = _inputVoxels(case, inputFile)

    from .headless import headlessScene
    from .result import Result

    def write(path: Path) -> None:
        if not context.scene.WriteToMRB(str(path)) or not _isWhole(path):
            raise OutputError(f"{target.name} could not be written to {target.parent}; check the disk and try again.")

    with headlessScene() as context:
        inputNode = _addInput(context, name, voxels, case)
        _arrangeViews(context, Result.create(context, inputNode, build_detection(case)))
        write_output_set(target.parent, {target.name: write})
    return _noteOnInput(case, inputFile)


def _parser() -> argparse.ArgumentParser:
    from anofpdm.core.run_options import add_run_options

    parser = argparse.ArgumentParser(
        prog="anofpdm-scene",
        description="Write a result of anofpdm detect as a scene for 3D Slicer: volume, heatmap, segmentation, tables "
        "and the evidence behind the sliders of the AnoFPDM Segment module. Research use only, not for clinical "
        "diagnosis.",
    )
    parser.add_argument("result", metavar="DIR", help="output folder of anofpdm detect or adjust")
    parser.add_argument("-o", "--output", metavar="FILE", required=True, help="the scene, a name ending in .mrb")
    parser.add_argument(
        "-i",
        "--input",
        metavar="FILE",
        help="the examined volume, of a model with several modalities the first (default: the pictures kept with the "
        "result); the scene's volume is called after it, unless the result is one of detect --anonymous",
    )
    add_run_options(parser)
    return parser


def _target(text: str) -> Path:
    from anofpdm.core.errors import OutputError

    path = Path(text).absolute()
    if path.suffix.lower() != ".mrb":
        raise OutputError(f"The scene {path.name} must have a name that ends in .mrb.")
    if path.is_dir():
        raise OutputError(f"{path} is a folder; choose another name for the scene.")
    return path


def _requireSlicerCore() -> None:
    from anofpdm.core.errors import SettingsError

    try:
        import slicer
    except ImportError as error:
        raise SettingsError("Scenes need slicer-core; install it with pip install 'anofpdm[mrml]'.") from error
    if not hasattr(slicer, "vtkMRMLScene"):
        raise SettingsError(
            "The installed Python package 'slicer' is not 3D Slicer's; remove it, then pip install 'anofpdm[mrml]'."
        )


def _inputVoxels(case: CaseEvidence, inputFile: Path | None) -> tuple[str, Any]:
    """Name and voxels [k, j, i] of the volume under the heatmap."""
    import numpy as np
    import SimpleITK as sitk

    from anofpdm.core.errors import InputError
    from anofpdm.volumes.geometry import VolumeGeometry
    from anofpdm.volumes.reading import read_volume
    from anofpdm.volumes.resampling import stack_to_volume

    if inputFile is None:
        name = dict(case.run.files).get(case.model.used[0]) or case.model.used[0]
        _, height, width = case.display.shape
        stack = stack_to_volume(case.display, case.grid.with_pixels(width, height), case.geometry)
        return f"{_stem(name)} (picture)", np.rint(stack).astype(np.uint8)
    image = read_volume(inputFile, case.run.files[0][0])
    geometry = VolumeGeometry.from_image(image)
    ends = [[0, 0, 0], [n - 1 for n in geometry.size], [geometry.size[0] - 1, 0, 0]]
    if geometry.size != case.geometry.size or not np.allclose(
        geometry.to_physical(ends), case.geometry.to_physical(ends), atol=_PLACE_TOLERANCE_MM
    ):
        raise InputError(f"{inputFile} is not the volume that was examined (its grid differs); name that one.")
    # A result that carries no name (detect --anonymous) gives none to its scene.
    modality, examined = case.run.files[0]
    return _stem(inputFile.name) if examined else modality, sitk.GetArrayFromImage(image)


def _noteOnInput(case: CaseEvidence, inputFile: Path | None) -> str:
    """Another volume on the same grid, a second patient's perhaps, cannot be told from the right one by its voxels."""
    examined = Path(case.run.files[0][1]).name
    if inputFile is None or not examined or inputFile.name == examined:
        return ""
    return f"the result was made from {examined}; {inputFile.name} has the same grid and is shown in its place."


def _stem(name: str) -> str:
    for ending in (".nii.gz", ".nii", ".nrrd", ".nhdr", ".mha", ".mhd", ".dcm"):
        if name.lower().endswith(ending):
            return name[: -len(ending)]
    return name


def _addInput(context: SceneContext, name: str, voxels: Any, case: CaseEvidence) -> Any:
    from .output_frame import geometryMatrix
    from .voxels import setIJKToRAS, setVoxels

    node = context.addNode("vtkMRMLScalarVolumeNode", name)
    setVoxels(node, voxels)
    setIJKToRAS(node, geometryMatrix(case.geometry))
    node.CreateDefaultDisplayNodes()
    return node


def _arrangeViews(context: SceneContext, result: Any) -> None:
    """So that the scene opens at the largest finding, its surface in the 3-D view."""
    from .headless import SLICE_VIEWS, addSliceView
    from .segmentation_node import showSurface

    for name in SLICE_VIEWS:
        addSliceView(context, name).GetSliceNode().SetDimensions(_VIEW_PX, _VIEW_PX, 1)
    result.show(_OPACITY)
    for logic in context.applicationLogic.GetSliceLogics():
        logic.FitSliceToBackground()
    if result.detection.components:
        result.centreOn(1)
        showSurface(result.segmentationNode, True)


def _isWhole(path: Path) -> bool:
    try:
        with zipfile.ZipFile(path) as archive:
            return archive.testzip() is None and any(name.endswith(".mrml") for name in archive.namelist())
    except (OSError, zipfile.BadZipFile):
        return False


if __name__ == "__main__":
    run()
