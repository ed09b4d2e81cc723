"""Base/Python/slicer/parameterNodeWrapper: typed access to a parameter node, and its connection to widgets.

Values are kept in a real vtkMRMLScriptedModuleNode in the form upstream keeps them in: text, and node references.
"""

from __future__ import annotations

import typing
import weakref
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import slicer
import slicer.util
import vtk
from slicer_widget_connectors import Connector, connector_for

SLICER_PARAMETER_NAME = "SlicerParameterName"


@dataclass(frozen=True)
class WithinRange:
    """parameterNodeWrapper/validators.py"""

    minimum: float
    maximum: float

    def validate(self, value: Any) -> None:
        if not self.minimum <= value <= self.maximum:
            raise ValueError(f"Value must be within range [{self.minimum}, {self.maximum}], is {value}")


@dataclass(frozen=True)
class Minimum:
    """parameterNodeWrapper/validators.py"""

    minimum: float

    def validate(self, value: Any) -> None:
        if value < self.minimum:
            raise ValueError(f"Value must not be below {self.minimum}, is {value}")


@dataclass(frozen=True)
class Choice:
    """parameterNodeWrapper/validators.py"""

    choices: list[Any]

    def validate(self, value: Any) -> None:
        if value not in self.choices:
            raise ValueError(f"Value is {value}, but must be one of {self.choices}")


@dataclass(frozen=True)
class _Parameter:
    """parameterNodeWrapper/serializers.py"""

    name: str
    hint: Any
    kind: type
    checks: tuple[Any, ...]
    default: Any

    @property
    def isNode(self) -> bool:  # noqa: N802
        return issubclass(self.kind, slicer.vtkMRMLNode)

    def write(self, node: Any, value: Any) -> None:
        allowed = (int, float) if self.kind is float else (self.kind,)
        if value is None and not self.isNode:
            raise ValueError("Value must not be None")
        if value is not None and not isinstance(value, allowed):
            raise TypeError(f"Value of {self.name} must be of type {self.kind}, is {value!r}")
        for check in self.checks:
            check.validate(value)
        if self.isNode:
            node.SetParameter(self.name, "")
            node.SetNodeReferenceID(self.name, value.GetID() if value is not None else None)
        else:
            node.SetParameter(self.name, str(value))

    def read(self, node: Any) -> Any:
        # A closed scene empties its singleton nodes: the default comes back.
        if not node.HasParameter(self.name):
            self.write(node, self.default)
        if self.isNode:
            return node.GetNodeReference(self.name)
        text = node.GetParameter(self.name)
        return text == "True" if self.kind is bool else self.kind(text)


def _parameters_of(cls: type) -> dict[str, _Parameter]:
    found = {}
    for name, hint in typing.get_type_hints(cls, include_extras=True).items():
        kind, checks = hint, ()
        if typing.get_origin(hint) is typing.Annotated:
            kind, *annotations = typing.get_args(hint)
            checks = tuple(annotations)
        if kind not in (str, int, float, bool) and not (
            isinstance(kind, type) and issubclass(kind, slicer.vtkMRMLNode)
        ):
            raise TypeError(f"The stand-in does not know parameters of type {kind}.")
        empty = {str: "", int: 0, float: 0.0, bool: False}.get(kind)
        found[name] = _Parameter(name, hint, kind, checks, getattr(cls, name, empty))
    return found


class _Cached:
    """parameterNodeWrapper/wrapper.py: _CachedParameterWrapper; it observes the node for as long as it lives."""

    def __init__(self, parameter: _Parameter, node: Any) -> None:
        self.parameter = parameter
        self.node = node
        self._value = parameter.read(node)
        self._writing = False
        reference = weakref.ref(self)
        self._tag = node.AddObserver(vtk.vtkCommand.ModifiedEvent, lambda *_: reference()._modified())

    def __del__(self) -> None:
        self.node.RemoveObserver(self._tag)

    def _modified(self) -> None:
        if not self._writing:
            self._value = self.parameter.read(self.node)

    def read(self) -> Any:
        return self._value

    def write(self, value: Any) -> None:
        self._writing = True
        try:
            with slicer.util.NodeModify(self.node):
                self.parameter.write(self.node, value)
                self._value = self.parameter.read(self.node)
        finally:
            self._writing = False


class _Wrapper:
    """parameterNodeWrapper/wrapper.py; setting a public name that is no parameter raises."""

    allParameters: ClassVar[dict[str, _Parameter]] = {}  # noqa: N815
    parameterNode: Any  # noqa: N815

    def __init__(self, parameterNode: Any) -> None:  # noqa: N803
        self.__dict__["parameterNode"] = parameterNode
        self._guis: dict[int, dict[str, Connector]] = {}
        self._updating = False
        self._tag = 0
        self._cached: dict[str, _Cached] = {}
        for parameter in self.allParameters.values():
            if not parameterNode.HasParameter(parameter.name):
                parameter.write(parameterNode, parameter.default)
            self._cached[parameter.name] = _Cached(parameter, parameterNode)

    def __setattr__(self, name: str, value: Any) -> None:
        if name.startswith("_"):
            self.__dict__[name] = value
        else:
            self.setValue(name, value)

    def getValue(self, name: str) -> Any:  # noqa: N802
        self._parameter(name)
        return self._cached[name].read()

    def setValue(self, name: str, value: Any) -> None:  # noqa: N802
        self._parameter(name)
        self._cached[name].write(value)

    def default(self, name: str) -> Any:
        raise NotImplementedError("the stand-in does not tell defaults")

    def connectGui(self, gui: Any) -> None:  # noqa: N802
        """All widgets inside `gui` that have the property SlicerParameterName. As upstream, it returns no tag."""
        import qt

        widgets = {w.property(SLICER_PARAMETER_NAME): w for w in gui.findChildren(qt.QWidget)}
        self.connectParametersToGui({name: widget for name, widget in widgets.items() if name})

    def connectParametersToGui(self, mapping: dict[str, Any]) -> int:  # noqa: N802
        connectors = {name: connector_for(widget, self._parameter(name)) for name, widget in mapping.items()}
        tag = self._tag
        self._tag = tag + 1
        self._guis[tag] = connectors
        for name, connector in connectors.items():
            connector.write(self.getValue(name))
            connector.connect(self._taker(name, connector))
        self.AddObserver(vtk.vtkCommand.ModifiedEvent, lambda *_: self._show())
        return tag

    def disconnectGui(self, tag: int) -> None:  # noqa: N802
        """As up to Slicer 5.10, the observer that `connectParametersToGui` added stays."""
        for connector in self._guis.pop(tag, {}).values():
            connector.disconnect()

    def AddObserver(self, event: Any, callback: Callable[..., None], priority: float = 0.0) -> int:  # noqa: N802
        return int(self.parameterNode.AddObserver(event, callback, priority))

    def RemoveObserver(self, tag: int) -> None:  # noqa: N802
        self.parameterNode.RemoveObserver(tag)

    def StartModify(self) -> int:  # noqa: N802
        return int(self.parameterNode.StartModify())

    def EndModify(self, wasModified: int) -> int:  # noqa: N802, N803
        return int(self.parameterNode.EndModify(wasModified))

    def Modified(self) -> None:  # noqa: N802
        self.parameterNode.Modified()

    def _parameter(self, name: str) -> _Parameter:
        if name not in self.allParameters:
            raise ValueError(f"Cannot find a parameter with the name {name}; there are {sorted(self.allParameters)}.")
        return self.allParameters[name]

    def _taker(self, name: str, connector: Connector) -> Callable[..., None]:
        def take(*_: Any) -> None:
            with slicer.util.NodeModify(self):
                if not self._updating:
                    self.setValue(name, connector.read())

        return take

    def _show(self) -> None:
        if self._updating:
            return
        self._updating = True
        try:
            with slicer.util.NodeModify(self):
                for connectors in self._guis.values():
                    for name, connector in connectors.items():
                        connector.write(self.getValue(name))
        finally:
            self._updating = False


def parameterNodeWrapper(cls: type) -> type:  # noqa: N802
    """parameterNodeWrapper/wrapper.py: the class decorator, used without brackets."""
    parameters = _parameters_of(cls)
    reserved = {name for name in dir(_Wrapper) if not name.startswith("__")}
    if clash := reserved & set(parameters):
        raise ValueError(f"Cannot use reserved name '{clash.pop()}' in a parameterNodeWrapper")
    body: dict[str, Any] = {"allParameters": parameters, "__doc__": cls.__doc__, "__module__": cls.__module__}
    for name in parameters:
        body[name] = property(lambda self, name=name: self.getValue(name))
    return type(cls.__name__, (_Wrapper,), body)
