"""Draws the README's pictures of a result: slice views with heatmap and outline, and the surface in 3-D.

Detects in the bundled synthetic sample and shows the result as Slicer does: its own slice logics reslice and blend, its
own displayable managers draw outline and surface. Run with `make pictures`; needs slicer-core and EGL.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import Any

import numpy as np
import slicer
import vtk
from bundled_sample import BUNDLED_SAMPLE

from AnoFPDMSegmentLib.mrml import slice_views
from AnoFPDMSegmentLib.mrml.headless import SLICE_VIEWS, addSliceView, headlessScene
from AnoFPDMSegmentLib.mrml.png import pngBytes
from AnoFPDMSegmentLib.mrml.result import Result
from AnoFPDMSegmentLib.mrml.scene_context import SceneContext
from AnoFPDMSegmentLib.mrml.segmentation_node import showSurface

REPOSITORY = Path(__file__).resolve().parents[2]
SLICES, SURFACE = "slice_views.png", "surface.png"
OPACITY = 0.6
SIDE_PX = 480
SIDE_MM = 220.0
SURFACE_PX = (960, 640)
NO_GRAPHICS = 3
_SLICE_MANAGERS = ("vtkMRMLSegmentationsDisplayableManager2D",)
_3D_MANAGERS = (
    "vtkMRMLModelDisplayableManager",
    "vtkMRMLSegmentationsDisplayableManager3D",
    "vtkMRMLCameraDisplayableManager",
    "vtkMRMLViewDisplayableManager",
)


class Window:
    """A render window without a screen, in which displayable managers draw what a view node shows."""

    def __init__(self, factory: Any, managers: tuple[str, ...], context: SceneContext, size: tuple[int, int]) -> None:
        self._window = vtk.vtkRenderWindow()
        self._window.SetOffScreenRendering(True)
        self._window.SetMultiSamples(8)
        self._window.SetSize(*size)
        self.renderer = vtk.vtkRenderer()
        self._window.AddRenderer(self.renderer)
        self._interactor = vtk.vtkRenderWindowInteractor()
        self._interactor.SetRenderWindow(self._window)
        factory.SetMRMLApplicationLogic(context.applicationLogic)
        for manager in managers:
            if not factory.IsDisplayableManagerRegistered(manager):
                factory.RegisterDisplayableManager(manager)
        self._group = factory.InstantiateDisplayableManagers(self.renderer)

    def show(self, view: Any) -> None:
        self._group.SetMRMLDisplayableNode(view)

    def picture(self) -> np.ndarray:
        """[h, w, 3], row 0 on top."""
        from vtk.util.numpy_support import vtk_to_numpy

        self._window.Render()
        grab = vtk.vtkWindowToImageFilter()
        grab.SetInput(self._window)
        grab.ReadFrontBufferOff()
        grab.Update()
        image = grab.GetOutput()
        width, height, _ = image.GetDimensions()
        return np.array(vtk_to_numpy(image.GetPointData().GetScalars()).reshape(height, width, -1)[::-1, :, :3])


def slice_picture(context: SceneContext, logic: Any) -> np.ndarray:
    """What a slice view shows: image and heatmap blended by its logic, the outline over them."""
    node = logic.GetSliceNode()
    factory = slicer.vtkMRMLSliceViewDisplayableManagerFactory.GetInstance()
    window = Window(factory, _SLICE_MANAGERS, context, node.GetDimensions()[:2])
    window.show(node)
    logic.UpdatePipeline()
    mapper = vtk.vtkImageMapper()
    mapper.SetInputConnection(logic.GetImageDataConnection())
    mapper.SetColorWindow(255)
    mapper.SetColorLevel(127.5)
    blended = vtk.vtkActor2D()
    blended.SetMapper(mapper)
    blended.GetProperty().SetDisplayLocationToBackground()
    window.renderer.AddViewProp(blended)
    return window.picture()


def surface_picture(context: SceneContext, result: Result, logics: list[Any]) -> np.ndarray:
    """The closed surface in the corner of three slices, seen from the patient's right, front and above."""
    showSurface(result.segmentationNode, True)
    (finding,) = result.detection.components[:1]
    center = np.array(finding.centroid_ras_mm)
    behind = np.subtract(center, (14, 20, finding.longest_diameter_mm / 3))
    for logic in logics:
        logic.GetSliceNode().JumpSlice(*behind)
        logic.GetSliceNode().SetSliceVisible(True)
        logic.GetSliceCompositeNode().SetForegroundVolumeID(None)
    view = context.addNode("vtkMRMLViewNode", "3D")
    view.SetBoxVisible(False)
    view.SetAxisLabelsVisible(False)
    factory = slicer.vtkMRMLThreeDViewDisplayableManagerFactory.GetInstance()
    window = Window(factory, _3D_MANAGERS, context, SURFACE_PX)
    window.show(view)
    camera = window.renderer.GetActiveCamera()
    camera.SetFocalPoint(*np.subtract(center, (10, 10, 0)))
    camera.SetPosition(*np.add(center, (330, 330, 220)))
    camera.SetViewUp(0, 0, 1)
    camera.SetViewAngle(24)
    window.renderer.ResetCameraClippingRange()
    return window.picture()


def detected(evidence: Path | None) -> Any:
    """What is found in the bundled sample: from the evidence of an earlier run, if there is one."""
    from anofpdm import Detector, build_detection
    from anofpdm.results.case_storage import load_evidence

    return (
        Detector.from_model().detect(BUNDLED_SAMPLE) if evidence is None else build_detection(load_evidence(evidence))
    )


def draw(folder: Path, evidence: Path | None) -> None:
    """Write both pictures."""
    detection = detected(evidence)
    with headlessScene() as context:
        volume = context.moduleLogic("Volumes").AddArchetypeVolume(str(BUNDLED_SAMPLE), "sample")
        result = Result.create(context, volume, detection)
        logics = [addSliceView(context, name) for name in SLICE_VIEWS]
        for logic in logics:
            logic.GetSliceNode().SetDimensions(SIDE_PX, SIDE_PX, 1)
            logic.GetSliceNode().SetFieldOfView(SIDE_MM, SIDE_MM, 1)
        result.show(OPACITY)
        result.centreOn(1)
        middle = result.frame.toWorld(result.heatmapNode, tuple(result.case.geometry.center * [-1, -1, 1]))
        for logic in logics:
            keep_in_plane(logic.GetSliceNode(), middle)
        pictures = [slice_picture(context, logic) for logic in logics]
        slice_views.showInSliceViews(context, volume, result.healthyPredictionNode, 1.0)
        pictures.append(slice_picture(context, logics[0]))
        folder.mkdir(parents=True, exist_ok=True)
        (folder / SLICES).write_bytes(pngBytes(beside(pictures)))
        (folder / SURFACE).write_bytes(pngBytes(surface_picture(context, result, logics)))


def keep_in_plane(node: Any, middle: tuple[float, float, float]) -> None:
    """Center the view on the head, in the slice it shows."""
    offset = node.GetSliceOffset()
    node.JumpSliceByCentering(*middle)
    node.SetSliceOffset(offset)


def beside(pictures: list[np.ndarray]) -> np.ndarray:
    gap = np.full((pictures[0].shape[0], 6, 3), 255, np.uint8)
    parts = [part for picture in pictures for part in (picture, gap)]
    return np.ascontiguousarray(np.concatenate(parts[:-1], axis=1))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else "")
    parser.add_argument("--output", type=Path, default=REPOSITORY / "Resources" / "Screenshots")
    parser.add_argument("--evidence", type=Path, help="of a detection in the sample, so that none is run")
    options = parser.parse_args()
    # Threads that spin while they wait slow a busy machine down several times.
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    # Read when the first window is made.
    os.environ.setdefault("VTK_DEFAULT_OPENGL_WINDOW", "vtkEGLRenderWindow")
    if vtk.vtkRenderWindow().GetClassName() != "vtkEGLRenderWindow":
        print("There is no EGL here, so nothing can be drawn: install libegl1 and libegl-mesa0.", file=sys.stderr)
        return NO_GRAPHICS
    draw(options.output, options.evidence)
    print(f"Drawn: {options.output / SLICES}, {options.output / SURFACE}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
