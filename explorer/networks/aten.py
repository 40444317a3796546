"""The aten operators that an archive may hold, each with what it is here: a layer, or a function of ``OPERATORS``.

An operator that was computed in a module of ``torch.nn`` becomes that layer again; weights tell it by their name, what
has none by the module that the archive notes. Anything else becomes a function. What is not in ``ATEN`` is refused.
"""

from collections.abc import Callable, Mapping
from math import prod
from typing import Any

from explorer.networks.archive_file import refuse
from explorer.networks.archive_graph import Node, Value
from explorer.networks.program import layer_types
from explorer.networks.translation import BATCH, Translation

MAX_WINDOW = 1_024
Rule = Callable[[Translation, Node], Any]
"""Notes the steps for a node and says what its value is; a list of values where the node gives several."""


def _pairs(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Settings of which the same number along height and width is said once."""
    result = {}
    for key, value in settings.items():
        for number in value if isinstance(value, list) else [value]:
            if type(number) is int and abs(number) > MAX_WINDOW:
                refuse(f"a {key} of {number} is more than {MAX_WINDOW:,}")
        same = isinstance(value, list) and len(value) == 2 and value[0] == value[1]
        result[key] = value[0] if same else value
    return result


def _source(node: Node) -> Any:
    """The value that an operator works on: its first argument."""
    return node.args.get("self", node.args.get("input"))


def _module(node: Node, kinds: tuple[str, ...]) -> str | None:
    """Which of some layers of ``torch.nn`` a node was computed in."""
    if not node.stack or not node.stack[-1].kind.startswith("torch.nn.modules.") or not node.stack[-1].path:
        return None
    kind = node.stack[-1].kind.rpartition(".")[2]
    return kind if kind in kinds else None


def _layer_or_call(*kinds: str, call: str = "", takes: tuple[str, ...] = ()) -> Rule:
    """A layer of one of these kinds, or a function; both take the same settings by name."""

    def rule(to: Translation, node: Node) -> Any:
        value = to.read(_source(node))
        settings = _pairs({key: node.args[key] for key in takes if key in node.args})
        kind = _module(node, kinds)
        if kind is not None:
            return to.layer(node.stack[-1].path, kind, settings, value)
        if not call:
            refuse(f"it uses {node.target!r} outside of a layer, which the explorer does not know")
        return to.call(call, [value], settings)

    return rule


def _hardtanh(to: Translation, node: Node) -> Any:
    low, high = node.args.get("min_val", -1), node.args.get("max_val", 1)
    if (low, high) == (0, 6):
        return _layer_or_call("ReLU6", call="functional.relu6")(to, node)
    return _layer_or_call("Hardtanh", takes=("min_val", "max_val"))(to, node)


def _dropout(kind: str) -> Rule:
    def rule(to: Translation, node: Node) -> Any:
        value, p = to.read(_source(node)), node.args.get("p", 0.5)
        if _module(node, (kind,)):
            return to.layer(node.stack[-1].path, kind, {"p": p}, value)
        # As a function it is told with every call whether the network is being trained, and is off here.
        return to.call("functional.dropout", [value], {"p": p, "training": False})

    return rule


def _conv2d(to: Translation, node: Node) -> Any:
    name = to.owner(node, ("weight", "bias"))
    weight = to.tensor(node, "weight")
    groups = node.args.get("groups", 1)
    if (
        weight is None
        or weight[1].ndim != 4
        or not isinstance(groups, int)
        or not 1 <= groups <= len(weight[1])
    ):
        refuse(f"{name!r:.100} has weights that are none of a convolution")
    outputs, inputs, *kernel = weight[1].shape
    settings = {key: node.args[key] for key in ("stride", "padding", "dilation") if key in node.args}
    settings = {
        "in_channels": inputs * groups,
        "out_channels": outputs,
        **_pairs({"kernel_size": kernel, **settings}),
        "groups": groups,
        "bias": node.args.get("bias") is not None,
    }
    return to.layer(name, "Conv2d", settings, to.read(node.args.get("input")))


def _linear(to: Translation, node: Node) -> Any:
    name = to.owner(node, ("weight", "bias"))
    weight = to.tensor(node, "weight")
    if weight is None or weight[1].ndim != 2:
        refuse(f"{name!r:.100} has weights that are none of a linear layer")
    outputs, inputs = weight[1].shape
    settings = {"in_features": inputs, "out_features": outputs, "bias": node.args.get("bias") is not None}
    return to.layer(name, "Linear", settings, to.read(node.args.get("input")))


def _batch_norm(to: Translation, node: Node) -> Any:
    name = to.owner(node, ("weight", "bias", "running_mean", "running_var"))
    mean = to.tensor(node, "running_mean")
    if mean is None or mean[1].ndim != 1:
        refuse(f"{name!r:.100} keeps no running statistics, so a batch would change what it computes")
    value = node.args.get("input")
    kind = "BatchNorm2d" if isinstance(value, Value) and len(to.sizes(value.name)) == 4 else "BatchNorm1d"
    if kind not in layer_types():
        refuse(f"{name!r:.100} is a {kind}, which the explorer does not know")
    settings = {key: node.args[key] for key in ("eps", "momentum") if key in node.args}
    affine = node.args.get("weight") is not None
    return to.layer(name, kind, {"num_features": len(mean[1]), **settings, "affine": affine}, to.read(value))


def _layer_norm(to: Translation, node: Node) -> Any:
    if "LayerNorm" not in layer_types():
        refuse("it uses 'layer_norm', which the explorer does not know")
    name = to.owner(node, ("weight", "bias"))
    settings = {key: node.args[key] for key in ("normalized_shape", "eps") if key in node.args}
    bias = node.args.get("bias") is not None
    return to.layer(name, "LayerNorm", {**settings, "bias": bias}, to.read(node.args.get("input")))


def _joined(call: str, sign: int = 1) -> Rule:
    """Two values joined one by one; ``sign`` is what the second one is taken times."""

    def rule(to: Translation, node: Node) -> Any:
        first, second = _operands(to, node)
        factor = sign * node.args.get("alpha", 1)
        if factor != 1:
            numeric = isinstance(second, int | float)
            second = factor * second if numeric else to.call("operator.mul", [second, factor])
        return to.call(call, [first, second])

    return rule


def _operands(to: Translation, node: Node) -> tuple[Any, Any]:
    """What a joining operator reads; one that is expanded for it must be expanded to the other one's shape."""
    values, result = (node.args.get("self"), node.args.get("other")), to.sizes(node.outputs[0])
    whole = [value for value in values if isinstance(value, Value) and not to.is_spread(value)]
    fits = any(to.graph.sizes.get(value.name) == result for value in whole)
    first, second = (to.read(value, spread=fits) for value in values)
    return first, second


def _divided(to: Translation, node: Node) -> Any:
    divisor = node.args.get("other")
    if not isinstance(divisor, int | float) or divisor == 0 or "rounding_mode" in node.args:
        refuse(f"it uses {node.target!r} with something else than a number")
    return to.call("operator.mul", [to.read(node.args.get("self")), 1 / divisor])


def _subtracted_from(to: Translation, node: Node) -> Any:
    negative = to.call("operator.mul", [to.read(node.args.get("self")), -1])
    return to.call("operator.add", [negative, to.read(node.args.get("other"))])


def _negative(to: Translation, node: Node) -> Any:
    return to.call("operator.mul", [to.read(node.args.get("self")), -1])


def _cat(to: Translation, node: Node) -> Any:
    values = node.args.get("tensors")
    if not isinstance(values, list):
        refuse("'cat' has no list of values")
    return to.call("torch.cat", [to.read(values), node.args.get("dim", 0)])


def _mean(to: Translation, node: Node) -> Any:
    settings = {key: node.args[key] for key in ("dim", "keepdim") if key in node.args}
    return to.call("torch.mean", [to.read(_source(node))], settings)


def _flatten(to: Translation, node: Node) -> Any:
    start, end = node.args.get("start_dim", 0), node.args.get("end_dim", -1)
    value = to.read(_source(node))
    kind = _module(node, ("Flatten",))
    if kind:
        return to.layer(node.stack[-1].path, kind, {"start_dim": start, "end_dim": end}, value)
    return to.call("torch.flatten", [value, start] if end == -1 else [value, start, end])


def _view(to: Translation, node: Node) -> Any:
    """The same numbers in another shape; the number of images is left open, whatever it was at export."""
    source = _source(node)
    if not isinstance(source, Value):
        refuse(f"{node.target!r} has no value")
    before, after = to.sizes(source.name), to.sizes(node.outputs[0])
    if before[0] != after[0] or min(before[1:], default=1) < 1 or min(after[1:], default=1) < 1:
        refuse(f"{node.outputs[0]!r:.100} has another number of images, or of pixels that is not fixed")
    if prod(before[1:]) != prod(after[1:]):
        refuse(f"{node.outputs[0]!r:.100} has another number of values than what it is made of")
    value = to.read(source)
    if before == after:
        return value
    if len(after) == 2:
        return to.call("torch.flatten", [value, 1])
    return to.call(".view" if node.target == "view" else ".reshape", [value, -1, *after[1:]])


def _size(to: Translation, node: Node) -> Any:
    if node.args.get("dim") not in (0, -len(to.sizes(node.args["self"].name))):
        return None
    return BATCH


def _same(to: Translation, node: Node) -> Any:
    return to.read(_source(node))


def _converted(to: Translation, node: Node) -> Any:
    """A conversion of type; the whole network is read as float32, so only one to that is the same."""
    if node.args.get("dtype", 7) != 7:
        refuse("it computes with another type of numbers than float32")
    return to.read(_source(node))


def _split(call: str, *takes: str) -> Rule:
    """A value cut into several along an axis."""

    def rule(to: Translation, node: Node) -> Any:
        args = [node.args[key] for key in takes if key in node.args]
        parts = to.call(call, [to.read(_source(node)), *args], {"dim": node.args.get("dim", 0)})
        return [to.call("operator.getitem", [parts, number]) for number in range(len(node.outputs))]

    return rule


def _method(call: str, *takes: str) -> Rule:
    def rule(to: Translation, node: Node) -> Any:
        return to.call(call, [to.read(_source(node)), *(node.args[key] for key in takes if key in node.args)])

    return rule


_WINDOW = ("kernel_size", "stride", "padding", "dilation", "ceil_mode")
_AVERAGE = ("kernel_size", "stride", "padding", "ceil_mode", "count_include_pad", "divisor_override")

ATEN: Mapping[str, Rule] = {
    "conv2d": _conv2d,
    "linear": _linear,
    **dict.fromkeys(("batch_norm", "_native_batch_norm_legit_no_training"), _batch_norm),
    "layer_norm": _layer_norm,
    "relu": _layer_or_call("ReLU", call="functional.relu"),
    "relu6": _layer_or_call(call="functional.relu6"),
    "hardtanh": _hardtanh,
    "leaky_relu": _layer_or_call("LeakyReLU", call="functional.leaky_relu", takes=("negative_slope",)),
    "elu": _layer_or_call("ELU", takes=("alpha",)),
    "gelu": _layer_or_call("GELU", call="functional.gelu", takes=("approximate",)),
    "silu": _layer_or_call("SiLU", call="functional.silu"),
    "tanh": _layer_or_call("Tanh"),
    "hardswish": _layer_or_call("Hardswish", call="functional.hardswish"),
    "sigmoid": _layer_or_call("Sigmoid", call="torch.sigmoid"),
    "hardsigmoid": _layer_or_call("Hardsigmoid", call="functional.hardsigmoid"),
    "dropout": _dropout("Dropout"),
    "feature_dropout": _dropout("Dropout2d"),
    "max_pool2d": _layer_or_call("MaxPool2d", call="functional.max_pool2d", takes=_WINDOW),
    "avg_pool2d": _layer_or_call("AvgPool2d", call="functional.avg_pool2d", takes=_AVERAGE),
    "adaptive_avg_pool2d": _layer_or_call(
        "AdaptiveAvgPool2d", call="functional.adaptive_avg_pool2d", takes=("output_size",)
    ),
    "adaptive_max_pool2d": _layer_or_call("AdaptiveMaxPool2d", takes=("output_size",)),
    "add": _joined("operator.add"),
    "sub": _joined("operator.add", -1),
    "rsub": _subtracted_from,
    "mul": _joined("operator.mul"),
    "div": _divided,
    "neg": _negative,
    "cat": _cat,
    "mean": _mean,
    "flatten": _flatten,
    **dict.fromkeys(("view", "reshape", "_unsafe_view"), _view),
    "sym_size": _size,
    "contiguous": _method(".contiguous"),
    "transpose": _method(".transpose", "dim0", "dim1"),
    "permute": _method(".permute", "dims"),
    "chunk": _split("torch.chunk", "chunks"),
    "split": _split("torch.split", "split_size"),
    "split_with_sizes": _split("torch.split", "split_sizes"),
    **dict.fromkeys(("clone", "detach", "alias", "lift_fresh_copy", "expand", "expand_as"), _same),
    "to": _converted,
    "_assert_tensor_metadata": lambda to, node: None,
    "sym_constrain_range_for_size": lambda to, node: None,
}
"""Every operator that is read, by its aten name; one that ends in ``_`` there changes its argument in place."""

VIEWS = frozenset(
    ("alias", "chunk", "contiguous", "detach", "dropout", "expand", "expand_as", "feature_dropout", "flatten")
) | frozenset(("permute", "reshape", "split", "split_with_sizes", "to", "transpose", "_unsafe_view", "view"))
"""Operators whose value may share the memory of what they read."""

SPREADING = frozenset(("expand", "expand_as"))
"""Operators that repeat numbers along an axis, as adding and multiplying do by themselves."""
