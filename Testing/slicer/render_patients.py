"""Draws two patients' results in turn as Slicer's own views show them, to be looked at.

`python Testing/slicer/render_patients.py FOLDER`; needs slicer-core and EGL. One picture a moment, three views each.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import Any

import numpy as np
from patients import LEFT, RIGHT, add_image, add_result, add_views, look_at, step_to
from render_pictures import NO_GRAPHICS, beside, slice_picture

from AnoFPDMSegmentLib.mrml.headless import headlessScene
from AnoFPDMSegmentLib.mrml.png import pngBytes
from AnoFPDMSegmentLib.mrml.result_display import ResultDisplay

MOMENTS = ("first", "second", "first again", "another image", "back", "another time point")
GRAY = {"first": 60, "second": 130, "first again": 60, "another image": 130, "back": 60, "another time point": 90}
"""Of the image that is to be seen."""


def moments(context: Any) -> dict[str, list[np.ndarray]]:
    """[view][h, w, 3] of each moment."""
    views = add_views(context)
    first, second = add_image(context, "first", 60), add_image(context, "second", 130)
    display = ResultDisplay(context, lambda: None)
    display.watch()
    one, two = add_result(context, first, LEFT), add_result(context, second, RIGHT)

    def show(result: Any) -> None:
        display.choose(result)
        display.show()

    actions = (
        lambda: show(one),
        lambda: show(two),
        lambda: show(one),
        lambda: look_at(context, second),
        lambda: look_at(context, first),
        lambda: step_to(first, 90),
    )
    drawn = {}
    for name, action in zip(MOMENTS, actions, strict=True):
        action()
        drawn[name] = [slice_picture(context, view) for view in views]
    display.unwatch()
    return drawn


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else "")
    parser.add_argument("folder", type=Path)
    options = parser.parse_args()
    # Read when the first window is made.
    os.environ.setdefault("VTK_DEFAULT_OPENGL_WINDOW", "vtkEGLRenderWindow")
    import vtk

    if vtk.vtkRenderWindow().GetClassName() != "vtkEGLRenderWindow":
        print("There is no EGL here, so nothing can be drawn: install libegl1 and libegl-mesa0.", file=sys.stderr)
        return NO_GRAPHICS
    options.folder.mkdir(parents=True, exist_ok=True)
    with headlessScene() as context:
        for name, pictures in moments(context).items():
            (options.folder / f"{name}.png").write_bytes(pngBytes(beside(pictures)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
