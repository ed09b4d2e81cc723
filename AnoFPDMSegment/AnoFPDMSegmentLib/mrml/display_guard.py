"""Nothing of ours is drawn over an image it was not made from.

A heatmap over another image is taken out of the view; an outline or surface is left to the views that it belongs to.
Both come back with their image.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from . import slice_views
from .examined_inputs import isMarked, wasMadeFrom

if TYPE_CHECKING:
    from .scene_context import SceneContext

_OWN_VIEWS = "AnoFPDM.ViewsBefore"
_NO_VIEW = "AnoFPDM.NoView"
"""No view has it: an empty list would mean all of them."""


class DisplayGuard:
    """Looks at the slice views of a scene; `enforce` it whenever one of them, or an image in it, has changed."""

    def __init__(self, context: SceneContext) -> None:
        self._context = context
        self._waiting: dict[str, tuple[str, float]] = {}
        """Composite node: the foreground that waits for its image, and its opacity."""

    def expect(self, composite: Any, foreground: Any, opacity: float) -> None:
        """Show a foreground in a view as soon as its image is there; None: nothing."""
        self._waiting.pop(composite.GetID(), None)
        if foreground is not None:
            self._waiting[composite.GetID()] = (foreground.GetID(), opacity)

    def enforce(self) -> None:
        """Bring the views in order; does nothing where they are."""
        views = slice_views.slicePairs(self._context)
        for _, composite in views:
            self._checkForeground(composite)
        for node in self._context.nodes("vtkMRMLSegmentationNode"):
            if isMarked(node) and node.GetDisplayNode() is not None:
                self._checkOutline(node, views)

    def _checkForeground(self, composite: Any) -> None:
        foreground, image = self._volume(composite.GetForegroundVolumeID()), slice_views.imageIn(composite)
        if foreground is not None and isMarked(foreground):
            if image is not None and not wasMadeFrom(foreground, image):
                self.expect(composite, foreground, composite.GetForegroundOpacity())
                composite.SetForegroundVolumeID(None)
            else:
                self._waiting.pop(composite.GetID(), None)
        elif foreground is not None:
            self._waiting.pop(composite.GetID(), None)
        elif composite.GetID() in self._waiting and image is not None:
            self._bringBack(composite, image)

    def _bringBack(self, composite: Any, image: Any) -> None:
        identity, opacity = self._waiting[composite.GetID()]
        waiting = self._volume(identity)
        if waiting is None:
            del self._waiting[composite.GetID()]
        elif wasMadeFrom(waiting, image):
            del self._waiting[composite.GetID()]
            composite.SetForegroundOpacity(opacity)
            composite.SetForegroundVolumeID(identity)

    def _checkOutline(self, node: Any, views: list[tuple[Any, Any]]) -> None:
        display = node.GetDisplayNode()
        foreign = [view for view, composite in views if not _fits(node, composite)]
        before = display.GetAttribute(_OWN_VIEWS)
        if not foreign:
            if before is not None:
                _setViews(display, before.split())
                display.RemoveAttribute(_OWN_VIEWS)
            return
        if before is None:
            before = " ".join(display.GetViewNodeIDs())
            display.SetAttribute(_OWN_VIEWS, before)
        allowed = [view.GetID() for view, composite in views if _fits(node, composite)]
        shown = [composite for _, composite in slice_views.shownPairs(self._context)]
        if any(_fits(node, composite) for composite in shown):
            allowed += [view.GetID() for view in self._context.nodes("vtkMRMLViewNode")]
        own = before.split()
        _setViews(display, [each for each in allowed if not own or each in own] or [_NO_VIEW])

    def _volume(self, identity: str | None) -> Any:
        return self._context.scene.GetNodeByID(identity) if identity else None


def _fits(node: Any, composite: Any) -> bool:
    image = slice_views.imageIn(composite)
    return image is None or wasMadeFrom(node, image)


def _setViews(display: Any, identities: list[str]) -> None:
    if list(display.GetViewNodeIDs()) != identities:
        display.SetViewNodeIDs(identities)
