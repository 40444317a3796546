"""The steps of a network's forward pass, read off an ``nn.Module`` without computing anything."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from inspect import signature
from typing import Any

from torch import Tensor, fx, nn
from torch.fx.proxy import GraphAppendingTracer, Proxy
from torch.nn import functional

from explorer.errors import ExplorerError
from explorer.networks.operators import INDEX, OPERATORS, SIZE, Operator


@dataclass(frozen=True, eq=False)
class Step:
    """One node of the graph that gives something.

    Attributes:
        name: of its value, unique in the graph.
        layer: module name, if it is a layer; else empty.
        parameter: name of the tensor, if it is a bare parameter or buffer; else empty.
        target: the class of the layer or bare tensor, the function, or the tensor method's name.
        operator: its entry in the list.
        inputs: names of the values it reads, in order; one that is read twice is there twice.
        node: the fx node.
    """

    name: str
    layer: str
    parameter: str
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


CONTAINERS = (nn.Sequential, nn.ModuleList, nn.ModuleDict)


def traced(model: nn.Module) -> NetworkGraph:
    """The forward pass as steps, each looked up in the list of operators.

    ``torch.fx.symbolic_trace`` patches ``nn.Module.__call__`` for the whole process while it runs, so a
    forward pass of another visitor at that moment fails. Here a copy of the module tree with recorders for
    layers is called instead, which touches nothing that others see.

    Raises:
        ExplorerError: it uses something that is not in the list, or cannot be read without an image.
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
    _tidy(graph)
    nodes = [node for node in graph.nodes if node.op not in ("placeholder", "output")]
    return NetworkGraph(graph, "image", tuple(_step(node, model) for node in nodes), logits.node.name)


class _Recorder(nn.Module):
    """Stands in for a layer while its network is read: notes the call instead of computing."""

    def __init__(self, layer: nn.Module, record: Callable[..., Proxy]) -> None:
        super().__init__()
        self.layer, self.record = (layer,), record  # in a tuple, so that it is no module of this one

    def forward(self, *inputs: Proxy, **settings: Any) -> Proxy:
        return self.record(inputs, settings)

    def __getattr__(self, name: str) -> Any:
        """A setting of the layer, as ``self.fc.in_features``; its weights are not for use outside of it."""
        value = getattr(self.__dict__["layer"][0], name)
        if isinstance(value, Tensor):
            raise ValueError(f"{name} of a layer is read on its own")
        return value


class _Tensors(dict[str, Any]):
    """The bare parameters of a module while its network is read: each is a node of the graph where it is used."""

    def __init__(
        self, tensors: Mapping[str, Tensor | None], prefix: str, tracer: GraphAppendingTracer
    ) -> None:
        super().__init__(tensors)
        self.prefix, self.tracer = prefix, tracer

    def __getitem__(self, name: str) -> Any:
        if super().__getitem__(name) is None:
            return None
        return self.tracer.create_proxy("get_attr", self.prefix + name, (), {})


def _mirror(model: nn.Module, tracer: GraphAppendingTracer) -> nn.Module:
    """A copy of the module tree that shares everything but the layers, which are recorders.

    It is in eval mode, whatever the original is in: a forward pass may ask for ``self.training``.
    """
    # A layer that is registered under two names is one layer: the first name stands for it.
    names = {id(module): name for name, module in model.named_modules()}

    def mirrored(module: nn.Module) -> nn.Module:
        name = names[id(module)]
        own_forward = not type(module).__module__.startswith("torch.nn.") or isinstance(module, CONTAINERS)
        if type(module) in OPERATORS or not own_forward:
            return _Recorder(module, partial(tracer.create_proxy, "call_module", name))
        mirror = object.__new__(type(module))
        children = {key: child and mirrored(child) for key, child in module._modules.items()}
        prefix = f"{name}." if name else ""
        # The dictionaries are replaced, not changed: the original's must stay as they are.
        mirror.__dict__ = module.__dict__ | {
            "_modules": children,
            "_parameters": _Tensors(module._parameters, prefix, tracer),
            "_buffers": _Tensors(module._buffers, prefix, tracer),
            "training": False,
        }
        return mirror

    return mirrored(model)


def _tidy(graph: fx.Graph) -> None:
    """One way to say a thing: ``x.shape`` as ``x.size()``, bare tensors where they are read, no unread numbers."""
    for node in list(graph.nodes):
        if node.op == "call_function" and node.target is getattr and node.args[1] == "shape":
            node.op, node.target, node.args = "call_method", "size", node.args[:1]
    for node in reversed(list(graph.nodes)):
        # Of ``b, c, _, _ = x.size()`` two are not used.
        takes_part = node.op in ("call_function", "call_method") and OPERATORS.get(node.target) in (
            INDEX,
            SIZE,
        )
        if not node.users and (takes_part or node.op == "get_attr"):
            graph.erase_node(node)
        elif node.op == "get_attr":
            min(node.users).prepend(node)


def _step(node: fx.Node, model: nn.Module) -> Step:
    layer, parameter = (str(node.target) if node.op == op else "" for op in ("call_module", "get_attr"))
    target = type(model.get_submodule(layer)) if layer else node.target
    if parameter:
        target = nn.Parameter if parameter in dict(model.named_parameters()) else nn.Buffer
    if target not in OPERATORS:
        raise ExplorerError(f"{type(model).__name__} uses {_said(target, layer)}.")
    return Step(node.name, layer, parameter, target, OPERATORS[target], _read(node, model), node)


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


_OF_A_LAYER = {functional.conv2d: "Conv2d", functional.linear: "Linear", functional.batch_norm: "BatchNorm2d"}


def _said(target: Any, layer: str) -> str:
    name = str(getattr(target, "__name__", target))  # a tensor's method is its name
    if target in _OF_A_LAYER:
        return f"{name} with weights of its own, which the explorer does not know; write it as nn.{_OF_A_LAYER[target]}"
    return f"{name}{f' ({layer})' if layer else ''}, which the explorer does not know"


def arguments(step: Step) -> dict[str, Any]:
    """The settings of a function by name, as far as the list of operators names them."""
    names = step.operator.arguments
    return dict(zip(names, step.node.args[1:], strict=False)) | dict(step.node.kwargs)


def settings_of(step: Step, model: nn.Module) -> Any:
    """Where the settings of a step are: its layer, or its arguments by name."""
    return model.get_submodule(step.layer) if step.layer else arguments(step)


def image_colours(model: nn.Module, graph: NetworkGraph) -> int:
    """How many colours the images have: as many as the first convolution reads, or 3."""
    layers = (model.get_submodule(step.layer) for step in graph.steps if step.layer)
    return next((layer.in_channels for layer in layers if isinstance(layer, nn.Conv2d)), 3)
