"""The forward pass of a network as a short list of steps, each simple enough for a few lines of JavaScript.

A page runs one image at a time, of a side that never changes, so the length of every axis is known beforehand. Then
all that moves axes is a matter of places; whatever pools, pads or resizes is a weighted sum along rows and along
columns, or a maximum; and what counts axes is a number. What is left are the thirteen kinds of steps of
``interpreter.js``.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import Tensor, fx, nn
from torch.nn import functional

from explorer.errors import ExplorerError
from explorer.networks.graph import Step, graph_of, image_channels
from explorer.networks.operators import setting
from explorer.networks.pieces import computed
from explorer.networks.trace import arguments, settings_of
from explorer.onefile.tensors import TensorStore


@dataclass(frozen=True)
class Written:
    """A forward pass for ``interpreter.js``.

    Attributes:
        steps: plain values: kind, numbers of the values that are read and of the one that is made, settings.
        image: the shape of the input (1, C, H, W).
        logits: the number of the value that is the output.
    """

    steps: tuple[Mapping[str, Any], ...]
    image: tuple[int, ...]
    logits: int


def written(model: nn.Module, side: int, store: TensorStore) -> Written:
    """The forward pass of ``model`` in eval mode on one image of ``side`` pixels; its weights go into ``store``.

    Raises:
        ExplorerError: the network cannot be read as a graph, or uses a setting that the page cannot compute with.
    """
    writer = _Writer(model, side, store)
    with torch.no_grad():
        writer.run()
    logits = writer.numbers[graph_of(model).logits]
    return Written(tuple(writer.steps), (1, image_channels(model), side, side), logits)


@dataclass(frozen=True, eq=False)
class Separable:
    """An affine function of images that weighs rows and columns on their own.

    Attributes:
        rows: for each row of the output the rows that it reads, each with its weight: place, weight, ...
        columns: likewise.
        constant: what it gives for an image of zeros, (1, 1, H, W).
    """

    rows: list[list[float]]
    columns: list[list[float]]
    constant: Tensor


def separable(run: Callable[[Tensor], Tensor], sides: Sequence[int]) -> Separable:
    """Such a function, found by running it on images of these sides in which one row or column is one.

    >>> separable(lambda image: functional.avg_pool2d(image, (2, 1)), (2, 1)).rows
    [[0, 0.5, 1, 0.5]]
    """
    constant, whole = run(torch.zeros(1, 1, *sides)), run(torch.ones(1, 1, *sides))
    linear = (whole - constant)[0, 0]
    y, x = divmod(int(linear.abs().argmax()), linear.shape[1])
    rows, columns = _probes(sides)
    # The weight of an entry is that of its row times that of its column; a probe sees the one times the sum of the
    # other, and both sums together are what an image of ones gives: by that one of the tables has to be divided.
    down = (run(rows)[0, :, :, x] - constant[0, 0, :, x]).T / linear[y, x]
    across = (run(columns)[0, :, y] - constant[0, 0, y]).T
    return Separable(_weights(down), _weights(across), constant)


_MAPS: dict[Any, tuple[str, tuple[tuple[str, Any], ...]]] = {
    **dict.fromkeys((nn.ReLU, torch.relu, torch.relu_, functional.relu, "relu", "relu_"), ("relu", ())),
    **dict.fromkeys((nn.LeakyReLU, functional.leaky_relu), ("leaky", (("negative_slope", 0.01),))),
    **dict.fromkeys((nn.ELU, functional.elu), ("elu", (("alpha", 1.0),))),
    **dict.fromkeys((nn.CELU, functional.celu), ("celu", (("alpha", 1.0),))),
    **dict.fromkeys((nn.SELU, functional.selu), ("selu", ())),
    **dict.fromkeys((nn.GELU, functional.gelu), ("gelu", (("approximate", "none"),))),
    **dict.fromkeys((nn.SiLU, functional.silu), ("silu", ())),
    **dict.fromkeys((nn.Mish, functional.mish), ("mish", ())),
    **dict.fromkeys((nn.Tanh, torch.tanh, functional.tanh, "tanh"), ("tanh", ())),
    **dict.fromkeys((nn.Sigmoid, torch.sigmoid, functional.sigmoid, "sigmoid"), ("sigmoid", ())),
    **dict.fromkeys((nn.Hardsigmoid, functional.hardsigmoid), ("hardsigmoid", ())),
    **dict.fromkeys((nn.Hardswish, functional.hardswish), ("hardswish", ())),
    **dict.fromkeys((nn.Softsign, functional.softsign), ("softsign", ())),
    **dict.fromkeys((nn.Softplus, functional.softplus), ("softplus", (("beta", 1.0), ("threshold", 20.0)))),
    **dict.fromkeys((nn.Hardtanh, functional.hardtanh), ("clip", (("min_val", -1.0), ("max_val", 1.0)))),
    **dict.fromkeys((torch.clamp, "clamp"), ("clip", (("min", None), ("max", None)))),
    **dict.fromkeys((torch.abs, "abs"), ("abs", ())),
    **dict.fromkeys((torch.square, "square"), ("square", ())),
}
"""What works number by number: its name in ``interpreter.js``, and its settings with their defaults."""

_JOINS = {
    "add": ("add", "iadd", "add_"),
    "subtract": ("sub", "isub", "sub_"),
    "multiply": ("mul", "imul", "mul_"),
    "divide": ("truediv", "div", "div_"),
}
_REDUCED = {"mean": "mean", "sum": "sum", "amax": "most"}


class _Writer:
    """Runs a network once on an image of zeros and writes down what it does. Methods are named as in ``operators``."""

    def __init__(self, model: nn.Module, side: int, store: TensorStore) -> None:
        self.model, self.side, self.store = model, side, store
        self.steps: list[dict[str, Any]] = []
        self.values: dict[str, Any] = {}  # by name in the graph: tensors, or what is no tensor
        self.numbers: dict[str, Any] = {}  # by name: the number of the value in the page; of several, a tuple
        self.count = 0

    def run(self) -> None:
        graph = graph_of(self.model)
        self.values[graph.image] = torch.zeros(1, image_channels(self.model), self.side, self.side)
        self.numbers[graph.image] = self._new()
        last_read = {name: number for number, step in enumerate(graph.steps) for name in step.inputs}
        for number, step in enumerate(graph.steps):
            versions = {name: _version(self.values[name]) for name in step.inputs}
            self.values[step.name] = computed(self.model, step, self.values)
            made = self._step(step)
            if made is not None:
                self.numbers[step.name] = made
            for name, version in versions.items():
                if _version(self.values[name]) != version:
                    alive = {other for other, last in last_read.items() if last > number}
                    self._written_over(name, made, alive)

    def _written_over(self, name: str, made: Any, alive: Iterable[str]) -> None:
        """A step has worked in place: who reads its input afterwards, under whatever name, reads its output."""
        changed = self.values[name]
        for other in alive:
            value = self.values.get(other)
            if isinstance(value, Tensor) and _overlap(value, changed):
                if (value.shape, value.data_ptr()) != (changed.shape, changed.data_ptr()):
                    raise ExplorerError(
                        f"{other} changes where {name} is changed in place, which the page cannot compute."
                    )
                self.numbers[other] = made

    def _step(self, step: Step) -> Any:
        """Write a step; the number of the value that it makes, None if that is no value of the page."""
        kind = step.operator.channels
        if step.target in (nn.Identity, nn.Dropout, nn.Dropout2d, functional.dropout, functional.dropout2d):
            return self.numbers[step.inputs[0]]
        if not _holds_tensors(self.values[step.name]):
            return None  # the length of an axis, or what was computed with some
        if kind == "same" and step.operator.sides is not None:
            return self._windows(step)
        return _WRITERS[kind](self, step)

    def _new(self) -> int:
        self.count += 1
        return self.count - 1

    def _emit(self, kind: str, reads: Iterable[Any], shape: Iterable[int], **settings: Any) -> int:
        number = self._new()
        self.steps.append(
            {"kind": kind, "reads": list(reads), "makes": number, "shape": list(shape), **settings}
        )
        return number

    def _shape(self, step: Step) -> list[int]:
        return list(self.values[step.name].shape)

    def _read(self, step: Step) -> int:
        return cast(int, self.numbers[step.inputs[0]])

    def _input(self, step: Step) -> Tensor:
        return cast(Tensor, self.values[step.inputs[0]])

    def _layer(self, step: Step) -> Any:
        return self.model.get_submodule(step.layer)

    def _refuse(self, step: Step, why: str) -> ExplorerError:
        return ExplorerError(f"{step.layer or step.name} {why}, which the page cannot compute.")

    def _weights(self, step: Step) -> dict[str, int]:
        """The weight and the bias of a layer, stored."""
        layer = self._layer(step)
        return {
            name: self.store.add(f"{step.layer}.{name}", tensor)
            for name in ("weight", "bias")
            if (tensor := getattr(layer, name)) is not None
        }

    def _convolution(self, step: Step) -> int:
        layer = self._layer(step)
        read, sides = self._read(step), self._input(step).shape[2:]
        # left, right, top, bottom, also where the layer only says "same".
        left, right, top, bottom = layer._reversed_padding_repeated_twice
        if layer.padding_mode != "zeros":
            padded = functional.pad(self._input(step), (left, right, top, bottom), mode=layer.padding_mode)

            def pad(x: Tensor) -> Tensor:
                return functional.pad(x, (left, right, top, bottom), mode=layer.padding_mode)

            read = self._along_sides(read, sides, pad, padded.shape)
            left, right, top, bottom, sides = 0, 0, 0, 0, padded.shape[2:]
        return self._emit(
            "convolution",
            [read],
            self._shape(step),
            sides=list(sides),
            padding=[top, bottom, left, right],
            stride=list(layer.stride),
            dilation=list(layer.dilation),
            groups=layer.groups,
            **self._weights(step),
        )

    def _linear(self, step: Step) -> int:
        return self._emit("linear", [self._read(step)], self._shape(step), **self._weights(step))

    def _norm(self, step: Step) -> int:
        layer = self._layer(step)
        if layer.running_mean is None:
            raise self._refuse(step, "has no running statistics")
        # In float64: the page then multiplies once, by a number that is rounded once.
        scale = (layer.running_var.double() + layer.eps).rsqrt()
        scale = scale if layer.weight is None else scale * layer.weight.double()
        shift = -layer.running_mean.double() * scale
        shift = shift if layer.bias is None else shift + layer.bias.double()
        return self._emit(
            "affine",
            [self._read(step)],
            self._shape(step),
            scale=self.store.add(f"{step.layer} scale", scale.float()),
            shift=self.store.add(f"{step.layer} shift", shift.float()),
        )

    def _slope(self, step: Step) -> int:
        weight = self.store.add(f"{step.layer}.weight", self._layer(step).weight)
        return self._emit("slope", [self._read(step)], self._shape(step), weight=weight)

    def _layer_norm(self, step: Step) -> int:
        settings = settings_of(step, self.model)
        tensors = {}
        for name in ("weight", "bias"):
            value = setting(settings, name)
            tensor = self.values[value.name] if isinstance(value, fx.Node) else value
            if tensor is not None:
                tensors[name] = self.store.add(f"{step.name} {name}", tensor)
        shape = setting(settings, "normalized_shape")
        axes = len(shape) if isinstance(shape, tuple | list) else 1
        eps = setting(settings, "eps", 1e-5)
        return self._emit("layer norm", [self._read(step)], self._shape(step), axes=axes, eps=eps, **tensors)

    def _parameter(self, step: Step) -> int:
        value = self.values[step.name]
        return self._emit("constant", [], value.shape, value=self.store.add(step.parameter, value))

    def _same(self, step: Step) -> int:
        if step.target in ("contiguous", "clone", torch.clone):
            # The same numbers in memory of their own: nothing that is changed in place later changes them.
            return self._read(step)
        if _name(step) == "neg":
            return self._emit(
                "join", [-1.0, self._read(step)], self._shape(step), by="multiply", constant=[0]
            )
        target, settings = step.target, settings_of(step, self.model)
        if target in (nn.ReLU6, functional.relu6):
            return self._map(step, "clip", [0.0, 6.0])
        name, named = _MAPS[target]
        if not step.layer:
            given = step.node.args[1:]
            settings = {key: value for (key, _), value in zip(named, given, strict=False)} | step.node.kwargs
        return self._map(step, name, [setting(settings, key, default) for key, default in named])

    def _map(self, step: Step, name: str, settings: list[Any]) -> int:
        return self._emit("map", [self._read(step)], self._shape(step), name=name, settings=settings)

    def _join(self, step: Step) -> int:
        by = next(each for each, names in _JOINS.items() if _name(step) in names)
        reads: list[Any] = []
        constant: list[int] = []
        for place, argument in enumerate(step.node.args[:2]):
            value: Any = self.values[argument.name] if isinstance(argument, fx.Node) else argument
            if isinstance(argument, fx.Node) and isinstance(value, Tensor):
                reads.append(self.numbers[argument.name])
            else:
                constant.append(place)
                reads.append(float(value))
        settings = {"alpha": step.node.kwargs["alpha"]} if "alpha" in step.node.kwargs else {}
        if step.node.kwargs.keys() - {"alpha"}:
            raise self._refuse(step, "has settings")
        return self._emit("join", reads, self._shape(step), by=by, constant=constant, **settings)

    def _concat(self, step: Step) -> int:
        values = cast(list[fx.Node], step.node.args[0] if step.node.args else step.node.kwargs["tensors"])
        axis = arguments(step).get("dim", 0) % len(self._shape(step))
        return self._emit(
            "concat", [self.numbers[each.name] for each in values], self._shape(step), axis=axis
        )

    def _reduce(self, step: Step) -> int:
        x, settings = self._input(step), arguments(step)
        given = settings.get("dim")
        axes = range(x.dim()) if given is None else given if isinstance(given, list | tuple) else [given]
        chosen = sorted(axis % x.dim() for axis in axes)
        return self._emit(
            "reduce",
            [self._read(step)],
            self._shape(step),
            by=_REDUCED[_name(step)],
            axes=chosen,
            of=list(x.shape),
        )

    def _logits(self, step: Step) -> int:
        axis = setting(settings_of(step, self.model), "dim")
        return self._emit(
            "log softmax", [self._read(step)], self._shape(step), axis=axis % len(self._shape(step))
        )

    def _moved(self, step: Step) -> Any:
        """What only moves, repeats or leaves out entries: run on their places, it says where each comes from."""
        x = self.values[step.inputs[0]]
        if not isinstance(x, Tensor):
            return self.numbers[step.inputs[0]][step.node.args[1]]  # one of several parts
        places = torch.arange(x.numel()).reshape(x.shape)
        moved = computed(self.model, step, self.values | {step.inputs[0]: places})
        if isinstance(moved, tuple | list):
            return tuple(self._place(step, each, places) for each in moved)
        return self._place(step, moved, places)

    def _place(self, step: Step, moved: Tensor, places: Tensor) -> int:
        read = [self._read(step)]
        if (
            moved.data_ptr() == places.data_ptr()
            and moved.is_contiguous()
            and moved.numel() == places.numel()
        ):
            return self._emit("reshape", read, moved.shape)
        if moved.untyped_storage().data_ptr() == places.untyped_storage().data_ptr():
            where = {"strides": list(moved.stride()), "offset": moved.storage_offset()}
            return self._emit("places", read, moved.shape, **where)
        taken = self.store.add(f"{step.name} places {self.count}", moved)
        return self._emit("places", read, moved.shape, taken=taken)

    def _windows(self, step: Step) -> int:
        """What pools, pads or resizes: it treats all channels alike, rows and columns on their own."""
        x = self._input(step)
        shape = self._shape(step)
        if x.dim() != 4:
            raise self._refuse(step, "reads no image")

        def run(image: Tensor) -> Tensor:
            return cast(Tensor, computed(self.model, step, self.values | {step.inputs[0]: image}))

        if "maxpool" not in _name(step).lower().replace("_", ""):
            return self._along_sides(self._read(step), x.shape[2:], run, shape)
        rows, columns = _probes(x.shape[2:])
        # One where the window holds the row: all rows but one are zero.
        inside = [run(rows)[0].amax(2).T > 0, run(columns)[0].amax(1).T > 0]
        tables = [[torch.nonzero(row).flatten().tolist() for row in table] for table in inside]
        return self._emit(
            "most", [self._read(step)], shape, sides=list(x.shape[2:]), rows=tables[0], columns=tables[1]
        )

    def _along_sides(
        self, read: int, sides: Sequence[int], run: Callable[[Tensor], Tensor], shape: Iterable[int]
    ) -> int:
        """An affine function of images of which rows and columns are weighted on their own, as their weights."""
        found = separable(run, sides)
        made = self._emit(
            "weighted", [read], shape, sides=list(sides), rows=found.rows, columns=found.columns
        )
        constant = found.constant
        if not constant.any():
            return made
        around = self._emit("constant", [], constant.shape, value=self.store.add(f"around {made}", constant))
        return self._emit("join", [made, around], shape, by="add", constant=[])


_WRITERS: dict[str, Callable[[_Writer, Step], Any]] = {
    "convolution": _Writer._convolution,
    "linear": _Writer._linear,
    "norm": _Writer._norm,
    "slope": _Writer._slope,
    "layer norm": _Writer._layer_norm,
    "parameter": _Writer._parameter,
    "same": _Writer._same,
    "logits": _Writer._logits,
    "join": _Writer._join,
    "concat": _Writer._concat,
    "reduce": _Writer._reduce,
    **dict.fromkeys(
        ("flatten", "reshape", "expand", "squeeze", "unsqueeze", "permute", "transpose", "shuffle"),
        _Writer._moved,
    ),
    **dict.fromkeys(("chunk", "split", "index"), _Writer._moved),
}


def _name(step: Step) -> str:
    return step.target if isinstance(step.target, str) else str(step.target.__name__)


def _version(value: Any) -> int:
    return value._version if isinstance(value, Tensor) else 0


def _holds_tensors(value: Any) -> bool:
    return isinstance(value[0] if isinstance(value, tuple | list) and value else value, Tensor)


def _overlap(one: Tensor, other: Tensor) -> bool:
    """Whether two tensors share memory, if both lie there in one piece."""
    ends = [(each.data_ptr(), each.data_ptr() + each.numel() * each.element_size()) for each in (one, other)]
    return max(start for start, _ in ends) < min(end for _, end in ends)


def _probes(sides: Iterable[int]) -> tuple[Tensor, Tensor]:
    """Images in which one row is one (1, H, H, W), and in which one column is (1, W, H, W)."""
    height, width = sides
    rows = torch.eye(height)[:, :, None].expand(-1, -1, width)
    columns = torch.eye(width)[:, None, :].expand(-1, height, -1)
    return rows[None].contiguous(), columns[None].contiguous()


def _weights(table: Tensor) -> list[list[float]]:
    """Of each row of a table (outputs, inputs) where it is not zero, and what stands there: place, weight, ..."""
    return [
        [number for place in torch.nonzero(row).flatten().tolist() for number in (place, float(row[place]))]
        for row in table
    ]
