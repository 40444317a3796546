"""A network written down as plain values: the layers it holds and the steps of its forward pass.

The values are JSON, so that a card, a link or an archive can hold them; they may come from a stranger. Nothing in them
is executed: a layer or step can only name an entry of ``OPERATORS``, and all is checked before anything is built.
"""

import json
import operator
import re
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field
from functools import cache, cached_property, lru_cache
from inspect import signature
from types import MappingProxyType
from typing import Any, NoReturn

import torch
from torch import nn
from torch.nn import functional

from explorer.errors import ExplorerError
from explorer.networks.operators import OPERATORS

MAX_LAYERS = 4_000
MAX_STEPS = 4_000
MAX_NUMBER = 2**31
MAX_DEPTH = 4  # of lists in lists of arguments
IMAGE = "image"
PARAMETER, BUFFER, SEQUENTIAL, SECOND = "Parameter", "Buffer", "Sequential", "Second"

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,199}")
_PATH = re.compile(
    r"[A-Za-z0-9_-]{1,100}(\.[A-Za-z0-9_-]{1,100}){0,15}"
)  # torchvision has names like "block1-0"


@dataclass(frozen=True)
class LayerEntry:
    """One module or bare parameter.

    Attributes:
        name: its place in the module tree, as in the state_dict.
        type: class of a layer in ``OPERATORS``; or ``Sequential``, a container; ``Parameter`` or ``Buffer``, a bare
            tensor; or ``Second``, a layer that stands under its second name here.
        settings: arguments that build it, those that are so by default left out.
    """

    name: str
    type: str
    settings: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class StepEntry:
    """One step of the forward pass: the call of a layer, a function or a tensor method.

    Attributes:
        name: of its value.
        layer: name of the layer that is called; empty for a function.
        call: name of the function or method, as in ``calls``; empty for a layer.
        args: plain values, with ``{"value": name}`` for an earlier value, ``{"parameter": name}`` for a bare parameter
            and ``{"slice": [start, stop, step]}``.
        kwargs: the same by name.
    """

    name: str
    layer: str = ""
    call: str = ""
    args: Sequence[Any] = ()
    kwargs: Mapping[str, Any] = field(default_factory=dict)

    def references(self) -> Iterator[tuple[str, str]]:
        """What its arguments refer to, in order: ("value" or "parameter", name)."""
        pending = [*self.args, *self.kwargs.values()][::-1]
        while pending:
            argument = pending.pop()
            if isinstance(argument, list | tuple):
                pending += argument[::-1]
            elif isinstance(argument, Mapping):
                kind, named = next(iter(argument.items()))
                if kind == "slice":
                    pending += named[::-1]
                else:
                    yield kind, named


@dataclass(frozen=True)
class Program:
    """A network as it is written down.

    Attributes:
        name: of its class.
        layers: what it holds, in the order of registration.
        steps: what it computes, in order; the image is the value ``image``.
        logits: name of the value that is the output.
    """

    name: str
    layers: tuple[LayerEntry, ...]
    steps: tuple[StepEntry, ...]
    logits: str

    @cached_property
    def freed(self) -> Mapping[int, Sequence[str]]:
        """By the number of a step, the values that nothing reads after it."""
        last: dict[str, int] = {}
        for number, step in enumerate(self.steps):
            last[step.name] = number
            last |= {name: number for kind, name in step.references() if kind == "value"}
        freed: dict[int, list[str]] = {}
        for name, number in last.items():
            if name != self.logits:
                freed.setdefault(number, []).append(name)
        return freed


@cache
def layer_types() -> Mapping[str, type[nn.Module]]:
    """The layers that a network may hold, by the name of their class."""
    return {
        target.__name__: target
        for target in OPERATORS
        if isinstance(target, type) and issubclass(target, nn.Module)
    }


@cache
def calls() -> Mapping[str, Any]:
    """The functions and tensor methods that a step may call, by name: ``torch.flatten``, ``.view``."""
    return {call_name(target): target for target in OPERATORS if not isinstance(target, type)}


def call_name(target: Any) -> str:
    """A function by the name under which torch offers it; a tensor's method with a dot before it."""
    if isinstance(target, str):
        return f".{target}"
    rooms = (("functional", functional), ("torch", torch), ("operator", operator))
    return next(
        f"{room}.{name}"
        for room, module in rooms
        for name, value in vars(module).items()
        if value is target and not name.startswith("_")
    )


def refuse(reason: str) -> NoReturn:
    """Raise the one sentence for a network that cannot be built."""
    raise ExplorerError(f"The network cannot be built: {reason}.")


@lru_cache(maxsize=64)
def parse(text: str) -> Program:
    """The program that a text holds, every word of it checked.

    Raises:
        ExplorerError: it is no program; the sentence says the first thing that is wrong.
    """
    try:
        values = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ExplorerError("The network cannot be built: it is no JSON.") from error
    _check_keys(values, {"name", "layers", "steps", "logits"}, "it")
    if not isinstance(values["name"], str) or not _NAME.fullmatch(values["name"]):
        refuse("its name is none of a class")
    layers = tuple(_checked_layers(values["layers"]))
    steps = tuple(_checked_steps(values["steps"], layers))
    if values["logits"] not in [step.name for step in steps]:
        refuse("none of its steps gives the logits")
    return Program(values["name"], layers, steps, values["logits"])


def _check_keys(entry: Any, keys: Set[str], what: str) -> None:
    if not isinstance(entry, dict) or entry.keys() != keys:
        refuse(f"{what} needs {', '.join(sorted(keys))}, and nothing else")


def _check_list(entries: Any, most: int, what: str) -> None:
    if not isinstance(entries, list) or len(entries) > most:
        refuse(f"its {what} are no list of at most {most:,}")


def _checked_layers(entries: Any) -> Iterator[LayerEntry]:
    _check_list(entries, MAX_LAYERS, "layers")
    kinds: dict[str, str] = {}
    for entry in entries:
        _check_keys(entry, {"name", "type", "settings"}, "a layer")
        name, kind, settings = entry["name"], entry["type"], entry["settings"]
        _check_path(name, kinds)
        if not isinstance(settings, dict):
            refuse(f"the settings of {name} have no names")
        if not isinstance(kind, str) or (kind not in _CHECKS and kind not in layer_types()):
            refuse(f"{name} is a {kind!r:.100}, which the explorer does not know")
        _CHECKS.get(kind, _check_settings)(name, kind, settings, kinds)
        kinds[name] = kind
        yield LayerEntry(name, kind, settings)


def _check_path(name: Any, kinds: Mapping[str, str]) -> None:
    if not isinstance(name, str) or not _PATH.fullmatch(name) or name in kinds:
        refuse(f"{name!r:.100} is no name for a layer, or the second of that name")
    if any(hasattr(nn.Sequential, part) for part in name.split(".")):
        refuse(f"{name} is a name that every network has for something else")
    holders = [name[: match.start()] for match in re.finditer(r"\.", name)]
    inside = next((holder for holder in holders if kinds.get(holder, SEQUENTIAL) != SEQUENTIAL), None)
    if inside is not None or any(other.startswith(f"{name}.") for other in kinds):
        refuse(f"{name} would lie inside another layer")


def _check_settings(name: str, kind: str, settings: dict[str, Any], _: Mapping[str, str]) -> None:
    if not settings.keys() <= _settings_of(kind):
        refuse(f"{name}, a {kind}, has settings that such a layer does not take")
    _check_value(list(settings.values()), {})


@cache
def _settings_of(kind: str) -> Set[str]:
    return signature(layer_types()[kind].__init__).parameters.keys() - {"self", "device", "dtype"}


def _check_shape(name: str, _: str, settings: dict[str, Any], __: Mapping[str, str]) -> None:
    _check_keys(settings, {"shape"}, name)
    lengths = settings["shape"]
    _check_list(lengths, 4, f"lengths of {name}")
    if any(type(length) is not int or not 1 <= length <= MAX_NUMBER for length in lengths):
        refuse(f"the lengths of {name} are no whole numbers")


def _check_second(name: str, _: str, settings: dict[str, Any], kinds: Mapping[str, str]) -> None:
    _check_keys(settings, {"layer"}, name)
    if settings["layer"] not in [each for each, kind in kinds.items() if kind not in _CHECKS]:
        refuse(f"{name} is the second name of no layer")


def _check_container(name: str, _: str, settings: dict[str, Any], __: Mapping[str, str]) -> None:
    _check_keys(settings, set(), name)


_CHECKS: Mapping[str, Callable[[str, str, dict[str, Any], Mapping[str, str]], None]] = MappingProxyType(
    {PARAMETER: _check_shape, BUFFER: _check_shape, SEQUENTIAL: _check_container, SECOND: _check_second}
)
"""What may stand among the layers and is none, with what checks its settings."""


def _checked_steps(entries: Any, layers: tuple[LayerEntry, ...]) -> Iterator[StepEntry]:
    _check_list(entries, MAX_STEPS, "steps")
    called = {layer.name for layer in layers if layer.type not in _CHECKS}
    known = {
        "value": {IMAGE},
        "parameter": {layer.name for layer in layers if layer.type in (PARAMETER, BUFFER)},
    }
    for entry in entries:
        _check_keys(entry, {"name", "layer", "call", "args", "kwargs"}, "a step")
        name, layer, call, args, kwargs = (entry[key] for key in ("name", "layer", "call", "args", "kwargs"))
        if not isinstance(name, str) or not _NAME.fullmatch(name) or name in known["value"]:
            refuse(f"{name!r:.100} is no name for a value, or the second of that name")
        _check_callee(name, layer, call, called)
        if not isinstance(args, list) or not isinstance(kwargs, dict):
            refuse(f"the arguments of {name} are neither a list nor by name")
        _check_value([args, list(kwargs.values())], known)
        if call.startswith(".") and not (args and isinstance(args[0], dict) and args[0].keys() & known):
            refuse(f"{name} calls a method of nothing")
        known["value"].add(name)
        yield StepEntry(name, layer, call, args, kwargs)


def _check_callee(name: str, layer: Any, call: Any, layers: Set[str]) -> None:
    if not isinstance(layer, str) or not isinstance(call, str) or bool(layer) == bool(call):
        refuse(f"{name} must call either a layer or a function")
    if layer and layer not in layers:
        refuse(f"{name} calls {layer!r:.100}, which is no layer of it")
    if call and call not in calls():
        refuse(f"{name} calls {call!r:.100}, which the explorer does not know")


def _check_value(value: Any, known: Mapping[str, Set[str]], depth: int = 0) -> None:
    """Refuse an argument that is neither a plain value nor refers to what came before."""
    if isinstance(value, list):
        if depth > MAX_DEPTH or len(value) > MAX_STEPS:
            refuse("arguments are too many or lie too deep in each other")
        for each in value:
            _check_value(each, known, depth + 1)
    elif isinstance(value, dict):
        _check_reference(value, known, depth)
    elif isinstance(value, str) and len(value) > 200:
        refuse("a word among the arguments is too long")
    elif (
        isinstance(value, int | float) and not abs(value) <= MAX_NUMBER
    ):  # so written, it refuses NaN as well
        refuse("a number among the arguments is too large")


def _check_reference(value: dict[str, Any], known: Mapping[str, Set[str]], depth: int) -> None:
    kind, target = next(iter(value.items()), ("", None))
    if len(value) == 1 and kind == "slice" and isinstance(target, list) and len(target) == 3:
        _check_value(target, known, depth + 1)
    elif len(value) != 1 or not isinstance(target, str) or target not in known.get(kind, set()):
        refuse("an argument refers to what was not computed before it")
