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
    return _layer_or_call("Hardtanh", call="functional.hardtanh", takes=("min_val", "max_val"))(to, node)


def _dropout(kind: str, call: str) -> Rule:
    def rule(to: Translation, node: Node) -> Any:
        value, p = to.read(_source(node)), node.args.get("p", 0.5)
        if _module(node, (kind,)):
            return to.layer(node.stack[-1].path, kind, {"p": p}, value)
        # As a function it is told with every call whether the network is being trained, and is off here.
        return to.call(call, [value], {"p": p, "training": False})

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
    source = node.args.get("input")
    if isinstance(source, Value) and source.name in to.padded:
        source, padding, mode = to.padded[source.name]
        settings |= {"padding": padding, "padding_mode": mode}
    settings = {
        "in_channels": inputs * groups,
        "out_channels": outputs,
        **_pairs({"kernel_size": kernel, **settings}),
        "groups": groups,
        "bias": node.args.get("bias") is not None,
    }
    return to.layer(name, "Conv2d", settings, to.read(source))


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


def _prelu(to: Translation, node: Node) -> Any:
    name = to.owner(node, ("weight",))
    weight = to.tensor(node, "weight")
    slopes = 1 if weight is None else weight[1].numel()
    return to.layer(name, "PReLU", {"num_parameters": slopes}, to.read(_source(node)))


def _pad(to: Translation, node: Node) -> Any:
    """Padding of its own, or the first half of a convolution that pads with something else than zeros."""
    value, pad, mode = to.read(_source(node)), node.args.get("pad"), node.args.get("mode", "constant")
    if not isinstance(pad, list) or len(pad) != 4 or any(type(each) is not int for each in pad):
        refuse("it pads something else than height and width")
    if mode == "constant":
        filled = node.args.get("value") or 0
        if not filled and _module(node, ("ZeroPad2d",)):
            return to.layer(node.stack[-1].path, "ZeroPad2d", {"padding": pad}, value)
        return to.call("functional.pad", [value, pad], {"value": filled} if filled else {})
    left, right, top, bottom = pad
    if not _module(node, ("Conv2d",)) or left != right or top != bottom:
        refuse(f"it pads in the mode {mode!r:.40} outside of a convolution")
    to.padded[node.outputs[0]] = (_source(node), [top, left], mode)
    return value


def _joined(call: str) -> Rule:
    """Two values joined one by one; the second one may be taken times ``alpha``."""

    def rule(to: Translation, node: Node) -> Any:
        first, second = _operands(to, node)
        alpha = node.args.get("alpha", 1)
        if "rounding_mode" in node.args:
            refuse(f"it uses {node.target!r} with rounding, which the explorer does not know")
        return to.call(call, [first, second if alpha == 1 else to.call("operator.mul", [second, alpha])])

    return rule


def _operands(to: Translation, node: Node) -> tuple[Any, Any]:
    """What a joining operator reads; one that is expanded for it must be expanded to the other one's shape."""
    values, result = (node.args.get("self"), node.args.get("other")), to.sizes(node.outputs[0])
    whole = [value for value in values if isinstance(value, Value) and not to.is_spread(value)]
    fits = any(to.graph.sizes.get(value.name) == result for value in whole)
    first, second = (to.read(value, spread=fits) for value in values)
    return first, second


def _subtracted_from(to: Translation, node: Node) -> Any:
    first, second = _operands(to, node)
    if "alpha" in node.args:
        refuse("it uses 'rsub' with a factor, which the explorer does not know")
    return to.call("operator.sub", [second, first])


def _cat(to: Translation, node: Node) -> Any:
    values = node.args.get("tensors")
    if not isinstance(values, list):
        refuse("'cat' has no list of values")
    return to.call("torch.cat", [to.read(values), node.args.get("dim", 0)])


def _reduced(to: Translation, node: Node) -> Any:
    settings = {key: node.args[key] for key in ("dim", "keepdim") if key in node.args}
    return to.call(f"torch.{node.target}", [to.read(_source(node))], settings)


def _flatten(to: Translation, node: Node) -> Any:
    start, end = node.args.get("start_dim", 0), node.args.get("end_dim", -1)
    value = to.read(_source(node))
    kind = _module(node, ("Flatten",))
    if kind:
        return to.layer(node.stack[-1].path, kind, {"start_dim": start, "end_dim": end}, value)
    return to.call("torch.flatten", [value, start] if end == -1 else [value, start, end])


def _view(to: Translation, node: Node) -> Any:
    """The same numbers in another shape, said so that it holds for any number and size of images.

    The archive may have them as numbers. Axes that stay as they are, from the first and from the last on, are asked for
    at each call instead; of those between them the longest takes what is left.
    """
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
    first = _common(before, after)
    last = _common(before[first:][::-1], after[first:][::-1])
    lengths: list[Any] = list(after)
    longest = max(range(first, len(after) - last), key=lambda axis: after[axis], default=0)
    if lengths[longest] > 1:
        lengths[longest] = -1
    for axis in (*range(first), *range(len(after) - last, len(after))):
        there = axis if axis < first else axis + len(before) - len(after)
        lengths[axis] = to.call(".size", [value, there])
    return to.call(".view" if node.target == "view" else ".reshape", [value, *lengths])


def _common(one: tuple[int, ...], other: tuple[int, ...]) -> int:
    """How many entries two sequences begin with alike."""
    return next(
        (n for n, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other))
    )


def _size(to: Translation, node: Node) -> Any:
    """The length of an axis: views ask for it anew, so that only that of the images is noted."""
    source = _source(node)
    if not isinstance(source, Value):
        refuse("'sym_size' has no value")
    return BATCH if node.args.get("dim") in (0, -len(to.sizes(source.name))) else None


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


def _slice(to: Translation, node: Node) -> Any:
    """A part of an axis: what lies before and behind it is cut off."""
    source, axis = _source(node), node.args.get("dim", 0)
    if not isinstance(source, Value) or type(axis) is not int:
        refuse("'slice' has no value")
    sizes = to.sizes(source.name)
    length = sizes[axis] if -len(sizes) <= axis < len(sizes) else -1
    start, end = node.args.get("start") or 0, node.args.get("end", length)
    if length < 0 and start == 0 and isinstance(end, int) and end >= _END:
        return to.read(source)
    if length < 0 or node.args.get("step", 1) != 1 or type(start) is not int or type(end) is not int:
        refuse(f"{node.outputs[0]!r:.100} takes every few entries of an axis, or one that is not fixed")
    start, end, _ = slice(start, end).indices(length)
    if (start, end) == (0, length):
        return to.read(source)
    if axis % len(sizes) == 0 or end <= start:
        refuse(f"{node.outputs[0]!r:.100} takes some of the images, or nothing")
    parts = [part for part in (start, end - start, length - end) if part]
    cut = to.call("torch.split", [to.read(source), parts], {"dim": axis})
    return to.call("operator.getitem", [cut, int(start > 0)])


def _method(call: str, *takes: str) -> Rule:
    def rule(to: Translation, node: Node) -> Any:
        return to.call(call, [to.read(_source(node)), *(node.args[key] for key in takes if key in node.args)])

    return rule


_END = 2**63 - 1  # what the archive writes for "to the end"
_WINDOW = ("kernel_size", "stride", "padding", "dilation", "ceil_mode")
_AVERAGE = ("kernel_size", "stride", "padding", "ceil_mode", "count_include_pad", "divisor_override")

ATEN: Mapping[str, Rule] = {
    "conv2d": _conv2d,
    "linear": _linear,
    **dict.fromkeys(("batch_norm", "_native_batch_norm_legit_no_training"), _batch_norm),
    "layer_norm": _layer_norm,
    "prelu": _prelu,
    "relu": _layer_or_call("ReLU", call="functional.relu"),
    "relu6": _layer_or_call(call="functional.relu6"),
    "hardtanh": _hardtanh,
    "clamp": _layer_or_call(call="torch.clamp", takes=("min", "max")),
    "leaky_relu": _layer_or_call("LeakyReLU", call="functional.leaky_relu", takes=("negative_slope",)),
    "elu": _layer_or_call("ELU", call="functional.elu", takes=("alpha",)),
    "celu": _layer_or_call("CELU", call="functional.celu", takes=("alpha",)),
    "selu": _layer_or_call("SELU", call="functional.selu"),
    "gelu": _layer_or_call("GELU", call="functional.gelu", takes=("approximate",)),
    "silu": _layer_or_call("SiLU", call="functional.silu"),
    "mish": _layer_or_call("Mish", call="functional.mish"),
    "tanh": _layer_or_call("Tanh", call="torch.tanh"),
    "softplus": _layer_or_call("Softplus", call="functional.softplus", takes=("beta", "threshold")),
    "hardswish": _layer_or_call("Hardswish", call="functional.hardswish"),
    "sigmoid": _layer_or_call("Sigmoid", call="torch.sigmoid"),
    "hardsigmoid": _layer_or_call("Hardsigmoid", call="functional.hardsigmoid"),
    "log_softmax": _layer_or_call("LogSoftmax", call="functional.log_softmax", takes=("dim",)),
    **dict.fromkeys(("abs", "neg", "square"), lambda to, node: _method(f"torch.{node.target}")(to, node)),
    "dropout": _dropout("Dropout", "functional.dropout"),
    "feature_dropout": _dropout("Dropout2d", "functional.dropout2d"),
    "max_pool2d": _layer_or_call("MaxPool2d", call="functional.max_pool2d", takes=_WINDOW),
    "avg_pool2d": _layer_or_call("AvgPool2d", call="functional.avg_pool2d", takes=_AVERAGE),
    "adaptive_avg_pool2d": _layer_or_call(
        "AdaptiveAvgPool2d", call="functional.adaptive_avg_pool2d", takes=("output_size",)
    ),
    "adaptive_max_pool2d": _layer_or_call(
        "AdaptiveMaxPool2d", call="functional.adaptive_max_pool2d", takes=("output_size",)
    ),
    "pad": _pad,
    "add": _joined("operator.add"),
    "sub": _joined("operator.sub"),
    "rsub": _subtracted_from,
    "mul": _joined("operator.mul"),
    "div": _joined("operator.truediv"),
    "cat": _cat,
    **dict.fromkeys(("mean", "sum", "amax"), _reduced),
    "flatten": _flatten,
    **dict.fromkeys(("view", "reshape", "_unsafe_view", "squeeze", "unsqueeze", "unflatten"), _view),
    "sym_size": _size,
    "contiguous": _method(".contiguous"),
    "transpose": _method("torch.transpose", "dim0", "dim1"),
    "permute": _method("torch.permute", "dims"),
    "channel_shuffle": _layer_or_call("ChannelShuffle", call="functional.channel_shuffle", takes=("groups",)),
    "chunk": _split("torch.chunk", "chunks"),
    "split": _split("torch.split", "split_size"),
    "split_with_sizes": _split("torch.split", "split_sizes"),
    "slice": _slice,
    **dict.fromkeys(("clone", "detach", "alias", "lift_fresh_copy", "expand", "expand_as"), _same),
    "to": _converted,
    **dict.fromkeys(("_assert_tensor_metadata", "sym_constrain_range_for_size"), lambda to, node: None),
}
"""Every operator that is read, by its aten name; one that ends in ``_`` there changes its argument in place."""

VIEWS = frozenset(
    ("alias", "chunk", "contiguous", "detach", "dropout", "expand", "expand_as", "feature_dropout", "flatten")
) | frozenset(("permute", "reshape", "split", "split_with_sizes", "to", "transpose", "_unsafe_view", "view"))
"""Operators whose value may share the memory of what they read."""

SPREADING = frozenset(("expand", "expand_as"))
"""Operators that repeat numbers along an axis, as adding and multiplying do by themselves."""
