"""Inputs: a selector for each modality of the model, and what is missing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import vtk
from slicer.i18n import tr as _

from ..mrml.input_volumes import RESULT_ATTRIBUTE, checkImage, checkPlace, exportVolume, guessInputs, inputSets
from ..mrml.observers import Observers
from ..parameters import MOST_INPUTS
from .result_names import inputsPlace
from .services import PanelServices
from .state import PanelState
from .widgets import Later


class InputsSection:
    """Keeps the selectors in step with the model, and says what is wrong with what is selected."""

    def __init__(self, ui: Any, services: PanelServices, state: PanelState) -> None:
        self._services = services
        self._state = state
        self._labels = [getattr(ui, f"inputLabel{n}") for n in range(1, MOST_INPUTS + 1)]
        self._selectors = [getattr(ui, f"inputVolume{n}") for n in range(1, MOST_INPUTS + 1)]
        self._place = ui.inputsPlaceLabel
        self._status = ui.inputsStatusLabel
        self._checked: dict[tuple[str, str, int], str] = {}
        """What was found wrong with an image, by the ID and the name of its node and the time of its last change."""
        self._selected: list[Any] = [None] * MOST_INPUTS
        """As of the last check."""
        self._observers = Observers()
        self._changed = Later(self.check)
        self._loaded = Later(self.guess)
        # Once the volume is complete: the signal comes when its node is made.
        ui.inputVolume1.connect("nodeAdded(vtkMRMLNode*)", lambda node: self._loaded.ask())
        state.modelChanged.connect(self._showModel)
        state.parametersChanged.connect(self.check)
        state.readinessChanged.connect(self._showObstacles)

    def inputs(self) -> dict[str, Any]:
        """The selected volume nodes by modality; None where nothing is selected."""
        model = self._state.model
        names = model.inputs if model is not None else ()
        return {name: selector.currentNode() for name, selector in zip(names, self._selectors, strict=False)}

    def everywhere(self) -> tuple[list[dict[str, Any]], list[str]]:
        """Sets of volumes in the scene that the model can examine, and why others are left out, a sentence each."""
        model = self._state.model
        sets, leftOut = inputSets(self._services.context, model.inputs if model is not None else ())
        sound = []
        for nodes in sets:
            problems = [problem for problem in map(self._problem, nodes.values()) if problem]
            leftOut += problems[:1]
            if not problems:
                sound.append(nodes)
        return sound, leftOut

    def guess(self) -> None:
        """Fill empty selectors where names in the scene make it obvious."""
        self.hideOurs()
        if self._state.parameters is None or self._state.model is None:
            return
        found = guessInputs(self._services.context, self._state.model.inputs)
        chosen = [node for node in self.inputs().values() if node is not None]
        for number, (name, node) in enumerate(self.inputs().items(), 1):
            guessed = found.get(name)
            if node is None and guessed is not None and guessed not in chosen:
                self._setParameter(number, guessed)
        self.check()

    def check(self) -> None:
        """Find out again what is wrong, and keep an eye on what is selected."""
        self._clearReplaced()
        self._watch()
        self._place.text = inputsPlace(self._services.context, self.inputs())
        self._place.visible = bool(self._place.text)
        problems = self._problems()
        self._state.setInputProblems(problems)

    def _showObstacles(self) -> None:
        """Everything that is missing, not of the volumes alone: the button's tooltip is easily missed."""
        obstacles = self._state.obstacles() if self._state.parameters is not None else []
        self._status.text = "\n".join(obstacles)
        self._status.visible = bool(obstacles)

    def hideOurs(self) -> None:
        """What detections made is not offered; IDs are others in every scene."""
        volumes = self._services.context.nodes("vtkMRMLScalarVolumeNode")
        ours = [node.GetID() for node in volumes if node.GetAttribute(RESULT_ATTRIBUTE)]
        for selector in self._selectors:
            offered = selector.sortFilterProxyModel()
            if list(offered.hiddenNodeIDs) != ours:
                offered.hiddenNodeIDs = ours

    def restore(self) -> None:
        """Select again what a scene that was added has nothing in place of."""
        for number, node in enumerate(self._selected, 1):
            if self._parameter(number) is None and self._isThere(node):
                self._setParameter(number, node)

    def unwatch(self) -> None:
        """Follow the volumes no longer: the panel is hidden, or the scene is being closed."""
        self._observers.clear()
        self._changed.forget()

    def _clearReplaced(self) -> None:
        """A selector whose volume is removed takes any other one, which the user has not chosen."""
        if self._state.parameters is None:
            return
        before, self._selected = self._selected, [selector.currentNode() for selector in self._selectors]
        replaced = [
            number
            for number, (old, new) in enumerate(zip(before, self._selected, strict=True), 1)
            if old is not None and new is not None and new is not old and not self._isThere(old)
        ]
        for number in replaced:
            self._selected[number - 1] = None
            self._setParameter(number, None)
        if replaced:
            self.guess()

    def _isThere(self, node: Any) -> bool:
        return node is not None and bool(self._services.context.scene.IsNodePresent(node))

    def _parameter(self, number: int) -> Any:
        return self._state.parameters.getValue(f"inputVolume{number}")

    def _setParameter(self, number: int, node: Any) -> None:
        self._state.parameters.setValue(f"inputVolume{number}", node)

    def _watch(self) -> None:
        """Voxels and transforms of the selected volumes may change, by scripts and other modules."""
        nodes = [node for node in dict.fromkeys(self.inputs().values()) if node is not None]
        if self._state.parameters is None or nodes == self._observers.targets:
            return
        self.unwatch()
        for node in nodes:
            for event in (vtk.vtkCommand.ModifiedEvent, node.TransformModifiedEvent, node.ImageDataModifiedEvent):
                self._observers.add(node, event, self._changed.ask)

    def _showModel(self) -> None:
        names = self._state.model.modalities if self._state.model is not None else ()
        for number, (label, selector) in enumerate(zip(self._labels, self._selectors, strict=True)):
            shown = number < len(names)
            label.visible = shown
            selector.visible = shown
            if shown:
                label.text = f"{names[number]}:"
                selector.toolTip = _("The {modality} volume of the patient.").format(modality=names[number])
        self.guess()

    def _problems(self) -> list[str]:
        problems = []
        seen: dict[str, str] = {}
        for name, node in self.inputs().items():
            shown = name.upper()
            if node is None:
                problems.append(_("{modality}: select a volume.").format(modality=shown))
                continue
            if node.GetID() in seen:
                text = _("{modality}: the same volume is selected for {other}; select another.")
                problems.append(text.format(modality=shown, other=seen[node.GetID()]))
            seen[node.GetID()] = shown
            sentence = self._problem(node)
            if sentence:
                problems.append(f"{shown}: {sentence}")
        return problems

    def _problem(self, node: Any) -> str:
        image = node.GetImageData()
        key = (node.GetID(), node.GetName(), image.GetMTime() if image is not None else 0)
        if key not in self._checked:
            ok, sentence = checkImage(node)
            self._checked = {**{k: v for k, v in self._checked.items() if k[0] != key[0]}, key: "" if ok else sentence}
        return self._checked[key] or checkPlace(node)[1]


def writers(inputs: Mapping[str, Any]) -> dict[str, Callable[[Path], object]]:
    """What writes each input to a file, in the world's coordinates."""
    return {name: lambda path, node=node: exportVolume(node, path) for name, node in inputs.items()}
