"""A network as a graph of layers and functions, read off an ``nn.Module``; everything else is derived from it.

Two rules make up what this package knows of wiring: ``OPERATORS``, the short list of layers and functions
that may occur, with what each does to channels and to the sides of an image; and the graph itself, which
says what reads what. Nothing here computes with weights.
"""

import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from inspect import signature
from typing import Any, Literal, cast
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, fx, nn
from torch.fx.proxy import GraphAppendingTracer, Proxy
from torch.nn import functional

from explorer.errors import ExplorerError

Sides = tuple[int, int]
"""Height and width in pixels; (1, 1) for a vector."""

Channels = Literal["convolution", "linear", "norm", "same", "join", "concat", "flatten"]
"""What an operator does to channels.

``convolution`` and ``linear`` make new ones (a depthwise convolution carries its own through), ``norm`` has
an entry for each, ``same`` leaves them as they are, ``join`` adds or multiplies them one by one, ``concat``
lays them after each other, ``flatten`` makes each of them H x W entries of a vector.
"""


@dataclass(frozen=True, eq=False)
class Operator:
    """One entry of the list of operators: what it does to channels, and to an image's sides.

    ``sides`` takes the operator's settings (a layer, or the arguments of a function by name) and the sides
    that go in. ``keeps_zero`` is whether a channel of zeros leaves it as zeros.
    """

    channels: Channels
    sides: Callable[[Any, Sides], Sides] = lambda _, sides: sides
    keeps_zero: bool = True


def _setting(settings: Any, name: str, default: Any = None) -> Any:
    """A setting of a layer or of a function's named arguments."""
    if isinstance(settings, Mapping):
        return settings.get(name, default)
    return getattr(settings, name, default)


def _pair(value: int | tuple[int, ...]) -> tuple[int, ...]:
    return (value, value) if isinstance(value, int) else tuple(value)


def _window(settings: Any, sides: Sides) -> Sides:
    """Sides after a convolution or pooling window. Source: the shape formulas of ``nn.Conv2d`` and ``nn.MaxPool2d``."""
    kernels = _pair(_setting(settings, "kernel_size"))
    strides = _pair(_setting(settings, "stride") or kernels)  # a pooling without stride steps by its kernel
    paddings = _setting(settings, "padding", 0)
    if paddings == "same":
        return sides
    dilations, up = _pair(_setting(settings, "dilation", 1)), _setting(settings, "ceil_mode", False)
    sizes = []
    for side, kernel, stride, padding, dilation in zip(
        sides, kernels, strides, _pair(0 if paddings == "valid" else paddings), dilations, strict=True
    ):
        free = side + 2 * padding - dilation * (kernel - 1) - 1
        size = (-(-free // stride) if up else free // stride) + 1
        if up and (size - 1) * stride >= side + padding:
            size -= 1  # a window rounded up may not begin in the padding on the right
        sizes.append(size)
    return sizes[0], sizes[1]


def _adaptive(settings: Any, sides: Sides) -> Sides:
    wanted = _pair(_setting(settings, "output_size"))
    return tuple(old if new is None else new for old, new in zip(sides, wanted, strict=True))  # type: ignore[return-value]


def _point(_: Any, __: Sides) -> Sides:
    return 1, 1


CONVOLUTION = Operator("convolution", _window)
LINEAR = Operator("linear")
NORM = Operator("norm")
SAME = Operator("same")
SIGMOID = Operator("same", keeps_zero=False)  # it makes one half of zero
SUM = Operator("join")
PRODUCT = Operator("join")
POOL = Operator("same", _window)
ADAPTIVE = Operator("same", _adaptive)
MEAN = Operator("same", _point)
FLATTEN = Operator("flatten", _point)
CONCAT = Operator("concat")

OPERATORS: dict[Any, Operator] = {
    nn.Conv2d: CONVOLUTION,
    nn.Linear: LINEAR,
    nn.BatchNorm2d: NORM,
    nn.Flatten: FLATTEN,
    **dict.fromkeys((nn.MaxPool2d, nn.AvgPool2d), POOL),
    **dict.fromkeys((nn.AdaptiveAvgPool2d, nn.AdaptiveMaxPool2d), ADAPTIVE),
    **dict.fromkeys(
        (nn.ReLU, nn.ReLU6, nn.LeakyReLU, nn.ELU, nn.GELU, nn.SiLU, nn.Tanh, nn.Hardtanh, nn.Hardswish), SAME
    ),
    **dict.fromkeys((nn.Identity, nn.Dropout, nn.Dropout2d), SAME),
    **dict.fromkeys((nn.Sigmoid, nn.Hardsigmoid, torch.sigmoid, "sigmoid", functional.hardsigmoid), SIGMOID),
    **dict.fromkeys((functional.max_pool2d, torch.max_pool2d, functional.avg_pool2d), POOL),
    functional.adaptive_avg_pool2d: ADAPTIVE,
    **dict.fromkeys((torch.relu, functional.relu, functional.relu6, functional.leaky_relu, "relu"), SAME),
    **dict.fromkeys((functional.hardswish, functional.silu, functional.gelu, functional.dropout), SAME),
    "contiguous": SAME,
    **dict.fromkeys((operator.add, operator.iadd, torch.add, "add", "add_"), SUM),
    **dict.fromkeys((operator.mul, operator.imul, torch.mul, "mul", "mul_"), PRODUCT),
    torch.cat: CONCAT,
    **dict.fromkeys((torch.flatten, "flatten"), FLATTEN),
    **dict.fromkeys((torch.mean, "mean"), MEAN),
}
"""Every layer (by class), function (itself) and tensor method (by name) that a network may be made of."""


def keeps_shape(target: Any) -> bool:
    """Whether a layer's class or a function is in the list, reads one value and gives one of the same shape."""
    entry = OPERATORS.get(target)
    return entry is not None and entry.channels in ("norm", "same") and entry.sides is Operator.sides


@dataclass(frozen=True, eq=False)
class Step:
    """One node of the graph that computes something.

    Attributes:
        name: of its value, unique in the graph.
        layer: module name, if it is a layer; else empty.
        target: the layer's class, the function, or the tensor method's name.
        operator: its entry in the list.
        inputs: names of the values it reads, in order; one that is read twice is there twice.
        node: the fx node.
    """

    name: str
    layer: str
    target: Any
    operator: Operator
    inputs: tuple[str, ...]
    node: fx.Node


@dataclass(frozen=True, eq=False)
class NetworkGraph:
    """The graph of a network with one image input and one output of logits.

    Attributes:
        graph: the torch.fx graph.
        image: name of the input's value.
        steps: what is computed, in order.
        logits: name of the value that is the output.
    """

    graph: fx.Graph
    image: str
    steps: tuple[Step, ...]
    logits: str

    def readers(self, value: str) -> tuple[Step, ...]:
        """The steps that read a value."""
        return tuple(step for step in self.steps if value in step.inputs)


_graphs: WeakKeyDictionary[nn.Module, NetworkGraph] = WeakKeyDictionary()


def graph_of(model: nn.Module) -> NetworkGraph:
    """The graph of a network, read once per module object.

    The wiring of a module must not change after it was read; its weights and widths may.

    Raises:
        ExplorerError: it uses a layer or function that is not in ``OPERATORS``, or its forward pass cannot be
            read without an image; the message names it.
    """
    graph = _graphs.get(model)
    if graph is None:
        graph = _graphs[model] = _checked(_trace(model), model)
    return graph


CONTAINERS = (nn.Sequential, nn.ModuleList, nn.ModuleDict)


class _Recorder(nn.Module):
    """Stands in for a layer while its network is read: notes the call instead of computing."""

    def __init__(self, record: Callable[..., Proxy]) -> None:
        super().__init__()
        self.record = record

    def forward(self, *inputs: Proxy, **settings: Any) -> Proxy:
        return self.record(inputs, settings)


def _trace(model: nn.Module) -> fx.Graph:
    """The forward pass as a graph, its layers as nodes.

    ``torch.fx.symbolic_trace`` patches ``nn.Module.__call__`` for the whole process while it runs, so a
    forward pass of another visitor at that moment fails. Here a copy of the module tree with recorders for
    layers is called instead, which touches nothing that others see.
    """
    needed = [each for each in signature(model.forward).parameters.values() if each.default is each.empty]
    needed = [each for each in needed if each.kind not in (each.VAR_POSITIONAL, each.VAR_KEYWORD)]
    if len(needed) > 1:
        raise ExplorerError(
            f"{type(model).__name__} must take one batch of images, not {len(needed)} inputs."
        )
    if type(model) in OPERATORS:
        raise ExplorerError(f"{type(model).__name__} is a single layer, not a network.")
    graph = fx.Graph()
    tracer = GraphAppendingTracer(graph)
    image = Proxy(graph.placeholder("image"), tracer)
    try:
        logits = _mirror(model, tracer)(image)
    # A forward pass that is called with a stand-in for the image can raise anything.
    except Exception as error:
        raise ExplorerError(
            f"{type(model).__name__} cannot be read as a graph: its forward pass depends on the image or uses "
            f"weights outside of layers ({str(error).partition(chr(10))[0].rstrip('.')})."
        ) from error
    if not isinstance(logits, Proxy):
        raise ExplorerError(f"{type(model).__name__} must give one tensor of logits.")
    graph.output(logits.node)
    return graph


def _mirror(model: nn.Module, tracer: GraphAppendingTracer) -> nn.Module:
    """A copy of the module tree that shares everything but the layers, which are recorders.

    It is in eval mode, whatever the original is in: a forward pass may ask for ``self.training``.
    """
    # A layer that is registered under two names is one layer: the first name stands for it.
    names = {id(module): name for name, module in model.named_modules()}

    def mirrored(module: nn.Module) -> nn.Module:
        own_forward = not type(module).__module__.startswith("torch.nn.") or isinstance(module, CONTAINERS)
        if type(module) in OPERATORS or not own_forward:
            return _Recorder(partial(tracer.create_proxy, "call_module", names[id(module)]))
        mirror = object.__new__(type(module))
        children = {key: child and mirrored(child) for key, child in module._modules.items()}
        # The dictionary of children is replaced, not changed: the original's must stay as it is.
        mirror.__dict__ = module.__dict__ | {"_modules": children, "training": False}
        return mirror

    return mirrored(model)


def _checked(graph: fx.Graph, model: nn.Module) -> NetworkGraph:
    """The graph's nodes as steps, each looked up in the list of operators."""
    steps: list[Step] = []
    vectors: set[str] = set()
    for node in graph.nodes:
        if node.op in ("placeholder", "output"):
            continue
        layer = str(node.target) if node.op == "call_module" else ""
        target = type(model.get_submodule(layer)) if layer else node.target
        if target not in OPERATORS:
            raise ExplorerError(
                f"{type(model).__name__} uses {_said(target)}{f' ({layer})' if layer else ''}, which the explorer does "
                "not know."
            )
        step = Step(node.name, layer, target, OPERATORS[target], _read(node, model), node)
        refusal = _refusal(step, model.get_submodule(layer) if layer else arguments(step), vectors)
        if refusal:
            raise ExplorerError(f"{type(model).__name__} cannot be read as a graph: {refusal}.")
        steps.append(step)
    result = next(node for node in graph.nodes if node.op == "output").args[0]
    return NetworkGraph(graph, "image", tuple(steps), cast(fx.Node, result).name)


def _read(node: fx.Node, model: nn.Module) -> tuple[str, ...]:
    """Names of the values that a node reads; ``all_input_nodes`` would name one that is read twice only once."""
    names: list[str] = []

    def note(part: Any) -> None:
        if isinstance(part, fx.Node):
            names.append(part.name)
        elif isinstance(part, Tensor):
            raise ExplorerError(
                f"{type(model).__name__} cannot be read as a graph: {node.name} uses weights outside of layers."
            )

    fx.node.map_aggregate((node.args, node.kwargs), note)
    return tuple(names)


def _refusal(step: Step, settings: Any, vectors: set[str]) -> str | None:
    """What is wrong with a step's axes, if anything; notes in ``vectors`` whether its value is one.

    Only axis 1 may hold channels: a mean over it, say, runs without an error but leaves none to follow.
    """
    vector, kind = not vectors.isdisjoint(step.inputs), step.operator.channels
    axes = 2 if vector else 4
    if kind == "concat" and (vector or _setting(settings, "dim", 0) % axes != 1):
        return f"{step.name} concatenates something else than the channels of images"
    if kind == "flatten" and (
        _setting(settings, "start_dim", 0),
        _setting(settings, "end_dim", -1) % axes,
    ) != (
        1,
        axes - 1,
    ):
        return f"{step.name} must flatten from axis 1 to the last"
    if step.operator is MEAN:
        mean_axes = _setting(settings, "dim", ())
        if vector or {axis % 4 for axis in _pair(mean_axes)} != {2, 3}:
            return f"{step.name} must be a mean over height and width, axes 2 and 3"
    if kind in ("convolution", "linear", "norm") and vector != (kind == "linear"):
        return f"{step.name} reads {'a vector' if vector else 'an image, which has to be flattened first'}"
    if vector or kind == "flatten" or (step.operator is MEAN and not _setting(settings, "keepdim", False)):
        vectors.add(step.name)
    return None


def _said(target: Any) -> str:
    return str(getattr(target, "__name__", target))  # a tensor's method is its name


def image_channels(model: nn.Module) -> int:
    """How many colours the images have that a network reads: 3, unless its first convolution says otherwise."""
    graph = graph_of(model)
    layers = (model.get_submodule(step.layer) for step in graph.readers(graph.image) if step.layer)
    return next((layer.in_channels for layer in layers if isinstance(layer, nn.Conv2d)), 3)


def sides(model: nn.Module, size: int) -> dict[str, Sides]:
    """Height and width of every value of the graph for an image of ``size`` x ``size`` pixels, by its name.

    Raises:
        ExplorerError: the image is too small: nothing would be left of it.
    """
    graph = graph_of(model)
    result = {graph.image: (size, size)}
    for step in graph.steps:
        settings = model.get_submodule(step.layer) if step.layer else arguments(step)
        # Values that are added or multiplied may be single pixels that are spread over the image.
        before = (max(side) for side in zip(*(result[name] for name in step.inputs), strict=True))
        after = step.operator.sides(settings, cast(Sides, tuple(before)))
        if min(after) < 1:
            raise ExplorerError(
                f"An image of {size} pixels is too small: nothing is left of it at {step.name}."
            )
        result[step.name] = after
    return result


_WINDOW = ("kernel_size", "stride", "padding", "dilation", "ceil_mode")
_POSITIONS: dict[Any, tuple[str, ...]] = {
    **dict.fromkeys((functional.max_pool2d, torch.max_pool2d), _WINDOW),
    functional.avg_pool2d: ("kernel_size", "stride", "padding", "ceil_mode"),
    functional.adaptive_avg_pool2d: ("output_size",),
    torch.cat: ("dim",),
    **dict.fromkeys((torch.flatten, "flatten"), ("start_dim", "end_dim")),
    **dict.fromkeys((torch.mean, "mean"), ("dim", "keepdim")),
}


def arguments(step: Step) -> dict[str, Any]:
    """The settings of a function by name, for those that have to do with the axes of an image."""
    names = _POSITIONS.get(step.target, ())
    return dict(zip(names, step.node.args[1:], strict=False)) | dict(step.node.kwargs)
