"""The list of operators: every layer, function and tensor method that a network may be made of.

For each it says what the operator does to channels and to the sides of an image. ``flow`` follows values through a
graph by these entries; what is not in the list is refused.
"""

import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import nn
from torch.nn import functional

Sides = tuple[int, int]
"""Height and width in pixels; (1, 1) for a vector."""
SomeSides = tuple[int | None, int | None]
"""The same, None for a side that depends on the size of the image."""

Channels = Literal[
    "convolution",
    "linear",
    "norm",
    "slope",
    "layer norm",
    "parameter",
    "same",
    "logits",
    "join",
    "concat",
    "reduce",
    "flatten",
    "reshape",
    "expand",
    "squeeze",
    "unsqueeze",
    "permute",
    "transpose",
    "shuffle",
    "chunk",
    "split",
    "index",
    "size",
    "number",
]
"""What an operator does to channels.

``convolution`` and ``linear`` make new ones (a depthwise convolution carries its own through), ``norm`` and
``slope`` (PReLU) have an entry for each, ``layer norm`` has one too and mixes them, a ``parameter`` is a bare tensor of
weights, ``same`` leaves them as they are, ``logits`` may only come last, ``join`` adds or multiplies them one by one,
``concat`` lays them after each other, ``reduce`` takes axes of pixels together. The others move axes: ``flatten`` to
``shuffle`` keep every entry, ``chunk``, ``split`` and ``index`` take parts. ``size`` gives the lengths of the axes,
with which ``number`` computes.
"""


@dataclass(frozen=True, eq=False)
class Operator:
    """One entry of the list of operators.

    Attributes:
        channels: what it does to channels.
        sides: of an image after it, from its settings (a layer, or the arguments of a function by name) and the sides
            before; None if it leaves them, or moves axes.
        keeps_zero: whether a channel of zeros leaves it as zeros, at these settings.
        arguments: names of a function's positional arguments after the first, as far as they matter here.
    """

    channels: Channels
    sides: Callable[[Any, SomeSides], SomeSides] | None = None
    keeps_zero: Callable[[Any], bool] = lambda _: True
    arguments: tuple[str, ...] = ()


def setting(settings: Any, name: str, default: Any = None) -> Any:
    """A setting of a layer or of a function's named arguments."""
    if isinstance(settings, Mapping):
        return settings.get(name, default)
    return getattr(settings, name, default)


def _pair(value: Any) -> tuple[Any, ...]:
    return tuple(value) if isinstance(value, tuple | list) else (value, value)


def _window(settings: Any, sides: SomeSides) -> SomeSides:
    """Sides after a convolution or pooling window. Source: the shape formulas of ``nn.Conv2d`` and ``nn.MaxPool2d``."""
    kernels = _pair(setting(settings, "kernel_size"))
    strides = _pair(setting(settings, "stride") or kernels)  # a pooling without stride steps by its kernel
    paddings = setting(settings, "padding", 0)
    if paddings == "same":
        return sides
    dilations, up = _pair(setting(settings, "dilation", 1)), setting(settings, "ceil_mode", False)
    sizes: list[int | None] = []
    for side, kernel, stride, padding, dilation in zip(
        sides, kernels, strides, _pair(0 if paddings == "valid" else paddings), dilations, strict=True
    ):
        if side is None:
            sizes.append(None)
            continue
        free = side + 2 * padding - dilation * (kernel - 1) - 1
        size = (-(-free // stride) if up else free // stride) + 1
        if up and (size - 1) * stride >= side + padding:
            size -= 1  # a window rounded up may not begin in the padding on the right
        sizes.append(size)
    return sizes[0], sizes[1]


def _adaptive(settings: Any, sides: SomeSides) -> SomeSides:
    wanted = _pair(setting(settings, "output_size"))
    return tuple(old if new is None else new for old, new in zip(sides, wanted, strict=True))  # type: ignore[return-value]


def _padded(settings: Any, sides: SomeSides) -> SomeSides:
    """Padding is told from the last axis to the first: left, right, top, bottom."""
    left, right, top, bottom = (*setting(settings, "padding", setting(settings, "pad")), 0, 0)[:4]
    height, width = sides
    return height and height + top + bottom, width and width + left + right


def _resized(settings: Any, sides: SomeSides) -> SomeSides:
    """Sides after ``interpolate``: those asked for, or each by its factor, rounded down."""
    size = setting(settings, "size")
    if size is not None:
        return _pair(size)[0], _pair(size)[1]
    factors = _pair(setting(settings, "scale_factor"))
    return tuple(side and int(side * factor) for side, factor in zip(sides, factors, strict=True))  # type: ignore[return-value]


def _never(_: Any) -> bool:
    return False


def _around_zero(settings: Any) -> bool:
    """Whether zero lies within the limits of ``Hardtanh`` or ``clamp``."""
    low, high = (
        setting(settings, f"{end}_val", setting(settings, end, default))
        for end, default in (("min", -1), ("max", 1))
    )
    return (low is None or low <= 0) and (high is None or high >= 0)


_WINDOW = ("kernel_size", "stride", "padding", "dilation", "ceil_mode")
_AVERAGE_WINDOW = ("kernel_size", "stride", "padding", "ceil_mode")
_INTERPOLATE = ("size", "scale_factor", "mode")

CONVOLUTION = Operator("convolution", _window)
LINEAR = Operator("linear")
NORM = Operator("norm")
SLOPE = Operator("slope")
LAYER_NORM = Operator("layer norm", arguments=("normalized_shape", "weight", "bias", "eps"))
PARAMETER = Operator("parameter")
SAME = Operator("same")
SIGMOID = Operator("same", keeps_zero=_never)  # it makes one half of zero
CLAMP = Operator("same", keeps_zero=_around_zero, arguments=("min", "max"))
LOGITS = Operator("logits", keeps_zero=_never, arguments=("dim",))
SUM = Operator("join")
PRODUCT = Operator("join")
QUOTIENT = Operator("join")
MAX_POOL = Operator("same", _window, arguments=_WINDOW)
AVERAGE_POOL = Operator("same", _window, arguments=_AVERAGE_WINDOW)
ADAPTIVE = Operator("same", _adaptive, arguments=("output_size",))
PAD = Operator("same", _padded, lambda settings: not setting(settings, "value"), ("pad", "mode", "value"))
RESIZE = Operator("same", _resized, arguments=_INTERPOLATE)
REDUCE = Operator("reduce", arguments=("dim", "keepdim"))
FLATTEN = Operator("flatten", arguments=("start_dim", "end_dim"))
CONCAT = Operator("concat", arguments=("dim",))
RESHAPE = Operator("reshape")
EXPAND = Operator("expand")
SQUEEZE, UNSQUEEZE = Operator("squeeze", arguments=("dim",)), Operator("unsqueeze", arguments=("dim",))
PERMUTE, TRANSPOSE = Operator("permute"), Operator("transpose", arguments=("dim0", "dim1"))
SHUFFLE = Operator("shuffle", arguments=("groups",))
CHUNK = Operator("chunk", arguments=("chunks", "dim"))
SPLIT = Operator("split", arguments=("split_size", "dim"))
INDEX = Operator("index")
SIZE = Operator("size", arguments=("dim",))
NUMBER = Operator("number")

OPERATORS: dict[Any, Operator] = {
    nn.Conv2d: CONVOLUTION,
    nn.Linear: LINEAR,
    **dict.fromkeys((nn.BatchNorm2d, nn.BatchNorm1d), NORM),
    nn.PReLU: SLOPE,
    **dict.fromkeys((nn.LayerNorm, functional.layer_norm), LAYER_NORM),
    **dict.fromkeys((nn.Parameter, nn.Buffer), PARAMETER),
    **dict.fromkeys((nn.MaxPool2d, functional.max_pool2d, torch.max_pool2d), MAX_POOL),
    **dict.fromkeys((nn.AvgPool2d, functional.avg_pool2d), AVERAGE_POOL),
    **dict.fromkeys(
        (
            nn.AdaptiveAvgPool2d,
            nn.AdaptiveMaxPool2d,
            functional.adaptive_avg_pool2d,
            functional.adaptive_max_pool2d,
        ),
        ADAPTIVE,
    ),
    **dict.fromkeys((nn.ZeroPad2d, functional.pad), PAD),
    **dict.fromkeys((nn.Upsample, functional.interpolate), RESIZE),
    **dict.fromkeys((nn.ReLU, nn.ReLU6, nn.LeakyReLU, nn.ELU, nn.CELU, nn.SELU, nn.GELU, nn.SiLU), SAME),
    **dict.fromkeys((nn.Mish, nn.Tanh, nn.Hardswish, nn.Softsign), SAME),
    **dict.fromkeys((nn.Identity, nn.Dropout, nn.Dropout2d), SAME),
    **dict.fromkeys((torch.relu, torch.relu_, functional.relu, functional.relu6, "relu", "relu_"), SAME),
    **dict.fromkeys((functional.leaky_relu, functional.elu, functional.celu, functional.selu), SAME),
    **dict.fromkeys((functional.hardswish, functional.silu, functional.gelu, functional.mish), SAME),
    **dict.fromkeys((torch.tanh, functional.tanh, "tanh", functional.softsign), SAME),
    **dict.fromkeys((torch.abs, "abs", torch.neg, operator.neg, "neg", torch.square, "square"), SAME),
    **dict.fromkeys((functional.dropout, functional.dropout2d), SAME),
    **dict.fromkeys(("contiguous", "clone", torch.clone), SAME),
    **dict.fromkeys((nn.Hardtanh, functional.hardtanh, torch.clamp, "clamp"), CLAMP),
    **dict.fromkeys((nn.Sigmoid, torch.sigmoid, functional.sigmoid, "sigmoid"), SIGMOID),
    **dict.fromkeys((nn.Hardsigmoid, functional.hardsigmoid, nn.Softplus, functional.softplus), SIGMOID),
    **dict.fromkeys((nn.LogSoftmax, functional.log_softmax, torch.log_softmax, "log_softmax"), LOGITS),
    **dict.fromkeys((operator.add, operator.iadd, torch.add, "add", "add_"), SUM),
    **dict.fromkeys((operator.sub, operator.isub, torch.sub, "sub", "sub_"), SUM),
    **dict.fromkeys((operator.mul, operator.imul, torch.mul, "mul", "mul_"), PRODUCT),
    **dict.fromkeys((operator.truediv, torch.div, "div", "div_"), QUOTIENT),
    **dict.fromkeys((torch.cat, torch.concat), CONCAT),
    **dict.fromkeys((torch.mean, "mean", torch.sum, "sum", torch.amax, "amax"), REDUCE),
    **dict.fromkeys((nn.Flatten, torch.flatten, "flatten"), FLATTEN),
    **dict.fromkeys(("view", "reshape", torch.reshape), RESHAPE),
    **dict.fromkeys(("expand", "expand_as"), EXPAND),
    **dict.fromkeys((torch.squeeze, "squeeze"), SQUEEZE),
    **dict.fromkeys((torch.unsqueeze, "unsqueeze"), UNSQUEEZE),
    **dict.fromkeys((torch.permute, "permute"), PERMUTE),
    **dict.fromkeys((torch.transpose, "transpose"), TRANSPOSE),
    **dict.fromkeys((nn.ChannelShuffle, functional.channel_shuffle), SHUFFLE),
    **dict.fromkeys((torch.chunk, "chunk"), CHUNK),
    **dict.fromkeys((torch.split, "split"), SPLIT),
    operator.getitem: INDEX,
    "size": SIZE,
    operator.floordiv: NUMBER,
}
"""Every layer (by class), function (itself) and tensor method (by name) that a network may be made of."""


def keeps_shape(target: Any) -> bool:
    """Whether a layer's class or a function is in the list, reads one value and gives one of the same shape."""
    entry = OPERATORS.get(target)
    return entry is not None and entry.channels in _SHAPE_KEPT and entry.sides is None


_SHAPE_KEPT = ("norm", "slope", "layer norm", "same", "logits")
