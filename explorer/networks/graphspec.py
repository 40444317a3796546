"""Any network as a spec: written down from its graph, and built again from what is written.

A network that no builder knows, the user's own, becomes a ``GraphSpec``; everything that takes the spec of a StudentNet
takes it as well.
"""

import json
import operator
from collections.abc import Iterator, Mapping, Set
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from typing import Any, ClassVar, cast

import torch
from torch import Tensor, fx, nn
from torch.nn import functional

from explorer.errors import ExplorerError
from explorer.networks.builders import Builder, NetworkSpec, checked_classes, checked_int
from explorer.networks.flow import Place
from explorer.networks.graph import CONTAINERS, Step, graph_of
from explorer.networks.groups import channel_groups, class_count, class_layers
from explorer.networks.program import (
    BUFFER,
    IMAGE,
    PARAMETER,
    SECOND,
    SEQUENTIAL,
    LayerEntry,
    Program,
    StepEntry,
    call_name,
    calls,
    layer_types,
    parse,
    refuse,
)
from explorer.networks.resize import with_widths
from explorer.networks.settings import layer_settings
from explorer.networks.trace import arguments

# What a layer calls its outputs.
_OUTPUTS = {
    "Conv2d": "out_channels",
    "Linear": "out_features",
    "BatchNorm2d": "num_features",
    "BatchNorm1d": "num_features",
}
MAX_NUMBERS = 64_000_000
MAX_CHANNELS = 8_192  # in one group


@dataclass(frozen=True)
class GraphSpec:
    """Everything that defines one network of no known kind.

    Attributes:
        text: its program as canonical JSON.
        widths: of its channel groups, in the order of its graph; empty if they are those of the program.

    Raises:
        ExplorerError: the text is no program that can be built.
    """

    kind: ClassVar[str] = "graph"

    text: str
    widths: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        base, widths = _base_widths(self.text), tuple(self.widths)
        if widths and len(widths) != len(base):
            raise ExplorerError(f"{self.name} has {len(base)} widths, not {len(widths)}.")
        for title, width in zip(_group_titles(self.text), widths, strict=False):
            checked_int(width, 1, MAX_CHANNELS, f"{title} must have between 1 and {MAX_CHANNELS:,} channels")
        # A frozen class only allows it so. The program's own widths need not be said, so that one network is one spec.
        object.__setattr__(self, "widths", () if widths == base else widths)

    @property
    def program(self) -> Program:
        """The layers and steps, at the widths that they were read with."""
        return parse(self.text)

    @property
    def name(self) -> str:
        """Class name of the network that it was read from."""
        return self.program.name

    @property
    def classes(self) -> int:
        """Number of logits."""
        return class_count(_wiring(self.text))

    @property
    def channels(self) -> tuple[int, ...]:
        """The widths of its channel groups, in the order of its graph."""
        return self.widths or _base_widths(self.text)

    def with_channels(self, channels: tuple[int, ...]) -> "GraphSpec":
        """The same with other widths."""
        return replace(self, widths=tuple(channels))

    def with_classes(self, classes: int) -> "GraphSpec":
        """The same for another number of classes.

        Raises:
            ExplorerError: the number is not allowed, or the logits are made by more than a layer's outputs.
        """
        if checked_classes(classes) == self.classes:
            return self
        values, layers = json.loads(self.text), class_layers(_wiring(self.text))
        for entry in values["layers"]:
            if entry["name"] in layers and entry["type"] in _OUTPUTS:
                entry["settings"][_OUTPUTS[entry["type"]]] = classes
        other = GraphSpec(_canonical(values), self.widths)
        if other.classes != classes:
            raise ExplorerError(
                f"The number of classes of {self.name} cannot be changed: no layer alone makes its logits."
            )
        return other

    def build(self) -> nn.Module:
        """The network with fresh weights, its modules named as in the original."""
        if self.widths:
            wiring = _wiring(
                self.text
            )  # its groups are known: following every channel again takes far longer
            keys = (group.key for group in channel_groups(wiring))
            model = _with_numbers(with_widths(wiring, dict(zip(keys, self.widths, strict=True))))
        else:
            model = GraphNetwork(self.program)
        model.spec = self  # type: ignore[assignment]  # a plain attribute, which nn.Module allows but does not type
        return model

    def to_dict(self) -> dict[str, Any]:
        """The program as plain values for JSON, and the widths where they are others."""
        values: dict[str, Any] = json.loads(self.text)
        return values | ({"widths": list(self.widths)} if self.widths else {})

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "GraphSpec":
        """The spec that ``to_dict`` wrote.

        Raises:
            ExplorerError: these are no such values.
        """
        widths = values.get("widths", ())
        if not isinstance(widths, list | tuple):
            refuse("its widths are no list")
        return cls(
            _canonical({key: value for key, value in values.items() if key != "widths"}), tuple(widths)
        )


def spec_of(model: nn.Module) -> NetworkSpec:
    """What defines a network: the spec that it carries, or one read off its graph.

    Raises:
        ExplorerError: it cannot be read as a graph.
    """
    spec: NetworkSpec | None = getattr(model, "spec", None)
    if spec is not None:
        return spec
    graph = graph_of(model)
    norms = {step.name: norm for step in graph.steps if (norm := _layer_norm(model, step))}
    layers = tuple(_layer_entries(model, set(norms.values())))
    steps = tuple(_step_entry(step, norms.get(step.name, "")) for step in graph.steps if not step.parameter)
    return GraphSpec(_canonical(asdict(Program(type(model).__name__, layers, steps, graph.logits))))


def _step_entry(step: Step, norm: str) -> StepEntry:
    if norm:
        return StepEntry(step.name, norm, "", [_plain(step.node.args[0], step.name)])
    return StepEntry(
        step.name,
        step.layer,
        "" if step.layer else call_name(step.target),
        [_plain(each, step.name) for each in step.node.args],
        {key: _plain(value, step.name) for key, value in step.node.kwargs.items()},
    )


def _layer_norm(model: nn.Module, step: Step) -> str:
    """Name of the LayerNorm that a step computes with its function: one whose own code moves axes before and after."""
    if step.target is not functional.layer_norm:
        return ""
    given = arguments(step)
    weight, bias = (given.get(key) for key in ("weight", "bias"))
    if not isinstance(weight, fx.Node) or not isinstance(bias, fx.Node):
        return ""
    holder = str(weight.target).rpartition(".")[0]
    norm = model.get_submodule(holder)
    same = [str(each.target) for each in (weight, bias)] == [f"{holder}.weight", f"{holder}.bias"]
    return holder if same and isinstance(norm, nn.LayerNorm) and norm.eps == given.get("eps", 1e-5) else ""


def _layer_entries(model: nn.Module, norms: Set[str]) -> Iterator[LayerEntry]:
    """The modules and bare parameters of a network in the order in which they are registered.

    ``norms`` are the LayerNorms with code of their own, of which their function is left.
    """
    first: dict[int, str] = {}
    types, stored = layer_types(), model.state_dict().keys()
    for name, module in model.named_modules(remove_duplicate=False):
        known = first.setdefault(id(module), name)
        if known != name:
            # What lies inside a container with two names is found under both.
            if not name.startswith(tuple(f"{holder}." for holder in first.values() if holder)):
                yield LayerEntry(name, SECOND, {"layer": known})
        elif types.get(type(module).__name__) is type(module):
            yield LayerEntry(name, type(module).__name__, layer_settings(module, name))
        elif name in norms:
            norm = cast(nn.LayerNorm, module)
            yield LayerEntry(
                name, "LayerNorm", {"normalized_shape": list(norm.normalized_shape), "eps": norm.eps}
            )
        elif isinstance(module, nn.Sequential) and name:
            yield LayerEntry(name, SEQUENTIAL)
        elif type(module).__module__.startswith("torch.nn.") and not isinstance(module, CONTAINERS):
            if module.state_dict():
                raise ExplorerError(f"{name} is a {type(module).__name__}, which the explorer does not know.")
        else:
            yield from (entry for entry in _bare_entries(module, name) if entry.name in stored)


def _bare_entries(module: nn.Module, name: str) -> Iterator[LayerEntry]:
    """The bare parameters and buffers of a module."""
    for key, tensor in (*module.named_parameters(recurse=False), *module.named_buffers(recurse=False)):
        kind = PARAMETER if isinstance(tensor, nn.Parameter) else BUFFER
        yield LayerEntry(f"{name}.{key}".removeprefix("."), kind, {"shape": list(tensor.shape)})


def _plain(value: Any, step: str) -> Any:
    """An argument of a step as a plain value."""
    if isinstance(value, fx.Node):
        return {"parameter": str(value.target)} if value.op == "get_attr" else {"value": value.name}
    if isinstance(value, slice):
        return {"slice": [_plain(each, step) for each in (value.start, value.stop, value.step)]}
    if isinstance(value, list | tuple):
        return [_plain(each, step) for each in value]
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise ExplorerError(
        f"{step} has a {type(value).__name__} among its arguments, which cannot be written down."
    )


class Holder(nn.Module):
    """Holds layers by their names."""


class GraphNetwork(nn.Module):
    """A network that runs the steps of a program.

    Input (N, 3, H, W) float, output (N, classes) logits.
    """

    def __init__(self, program: Program) -> None:
        super().__init__()
        self.program = program
        for entry in program.layers:
            _add(self, entry)

    def forward(self, image: Tensor) -> Tensor:
        """Logits (N, classes) of images (N, 3, H, W)."""
        values: dict[str, Any] = {IMAGE: image}
        freed = self.program.freed
        for number, step in enumerate(self.program.steps):
            args = [_resolved(each, values, self) for each in step.args]
            kwargs = {key: _resolved(value, values, self) for key, value in step.kwargs.items()}
            values[step.name] = _callee(step, self, args)(*args, **kwargs)
            for name in freed.get(number, ()):
                del values[name]  # batches are large: what nothing reads any more is freed
        logits: Tensor = values[self.program.logits]
        return logits

    def rewrite(self, numbers: Mapping[Place, int]) -> None:
        """Let the numbers of channels that stand in the steps be others."""
        steps = {step.name: step for step in self.program.steps}
        for (name, argument, number), value in numbers.items():
            args = list(steps[name].args)
            change = _with_end if steps[name].call == "operator.getitem" else _with_number
            args[argument] = change(args[argument], number, value)
            steps[name] = replace(steps[name], args=tuple(args))
        self.program = replace(self.program, steps=tuple(steps.values()))


def _with_number(argument: Any, number: int, value: Any) -> Any:
    """An argument that is a number, or a list of which one is, with another in its place."""
    return [*argument[:number], value, *argument[number + 1 :]] if isinstance(argument, list) else value


def _with_end(index: Any, number: int, value: int) -> Any:
    """An index of which one key, a slice, has another start or stop."""
    keys = index if isinstance(index, list) else [index]
    key, end = divmod(number, 2)
    return _with_number(keys, key, {"slice": _with_number(keys[key]["slice"], end, value)})


def _callee(step: StepEntry, network: nn.Module, args: list[Any]) -> Any:
    """What a step calls; of a tensor's method the bound one, and its ``self`` is taken from the arguments."""
    if step.layer:
        return network.get_submodule(step.layer)
    if step.call.startswith("."):
        return getattr(args.pop(0), step.call[1:])
    if step.call == "operator.getitem" and isinstance(args[1], list):
        args[1] = tuple(args[1])  # to torch, a list is no index of several axes
    return calls()[step.call]


def _resolved(argument: Any, values: Mapping[str, Any], network: nn.Module) -> Any:
    """An argument with the values and parameters that it refers to."""
    if isinstance(argument, list | tuple):
        return [_resolved(each, values, network) for each in argument]
    if isinstance(argument, Mapping):
        kind, name = next(iter(argument.items()))
        if kind == "slice":
            return slice(*_resolved(name, values, network))
        return values[name] if kind == "value" else operator.attrgetter(name)(network)
    return argument


def _add(network: nn.Module, entry: LayerEntry) -> None:
    """Put a layer, container or parameter into the module tree, with the holders above it."""
    path, _, key = entry.name.rpartition(".")
    holder = network
    for name in path.split(".") if path else ():
        if name not in holder._modules:
            holder.add_module(name, Holder())
        holder = cast(nn.Module, holder._modules[name])
    if entry.type == BUFFER:
        holder.register_buffer(key, torch.ones(*entry.settings["shape"]))
    elif entry.type == PARAMETER:
        # A bare parameter is a scale in every network known here: it begins at one.
        holder.register_parameter(key, nn.Parameter(torch.ones(*entry.settings["shape"])))
    elif entry.type == SECOND:
        holder.add_module(key, network.get_submodule(entry.settings["layer"]))
    elif entry.type == SEQUENTIAL:
        holder.add_module(key, nn.Sequential())
    else:
        holder.add_module(key, layer_types()[entry.type](**entry.settings))


def _with_numbers(model: nn.Module) -> nn.Module:
    """A network on the meta device with fresh weights, on the device on which modules are built now."""
    device = torch.empty(0).device
    if device.type == "meta":
        return model
    model.to_empty(device=device)
    for module in model.modules():
        if callable(reset := getattr(module, "reset_parameters", None)):
            reset()
        else:
            for parameter in module.parameters(recurse=False):
                nn.init.ones_(parameter)
    return model


def _canonical(values: Mapping[str, Any]) -> str:
    """Plain values as text, the same for the same values."""
    try:
        return json.dumps(values, sort_keys=True, allow_nan=False, separators=(",", ":"))
    except (TypeError, ValueError, RecursionError) as error:
        raise ExplorerError(f"The network cannot be written down: {error}.") from error


@lru_cache(maxsize=64)
def _wiring(text: str) -> nn.Module:
    """The network of a program without numbers, built once: only read it. What cannot be built is refused here."""
    program = parse(text)
    try:
        with torch.device("meta"):
            model = GraphNetwork(program)
    # The settings of a layer are a stranger's; torch refuses them with whatever its constructors raise.
    except Exception as error:
        refuse(str(error).partition("\n")[0].rstrip(".") or type(error).__name__)
    # With the buffers, which a BatchNorm has even where it has no parameters.
    total = sum(tensor.numel() for tensor in model.state_dict().values())
    if total > MAX_NUMBERS:
        refuse(f"it has {total:,} numbers among its weights, and at most {MAX_NUMBERS:,} are taken")
    channel_groups(model)  # refuses what is wired wrongly
    return model


def _base_widths(text: str) -> tuple[int, ...]:
    return tuple(group.width for group in channel_groups(_wiring(text)))


def _group_titles(text: str) -> tuple[str, ...]:
    return tuple(group.title for group in channel_groups(_wiring(text)))


BUILDER = Builder(GraphSpec.kind, "network", "student", lambda values, _classes: GraphSpec.from_dict(values))
