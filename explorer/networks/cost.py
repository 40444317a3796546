"""What a network costs in closed form, derived from its graph.

Every axis of every weight is as long as its channel groups make it (``axis_lengths``), so the parameters of a layer are
a product of lengths, and its multiply-adds those times the pixels that it computes. The wiring is read once;
what the network costs at any other widths is then arithmetic with a few whole numbers.

Counting follows torchinfo: a convolution takes its parameters, biases included, times the pixels of its output; a
linear layer or BatchNorm takes its parameters once; functions without parameters take nothing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import prod
from typing import Literal, cast

from torch import Tensor, nn

from explorer.errors import ExplorerError
from explorer.networks.builders import NetworkSpec, wiring_of
from explorer.networks.graph import graph_of, sides
from explorer.networks.groups import AxisLength, axis_lengths, channel_groups

MAX_PARAMETERS = 64_000_000  # 256 MB in float32

Widths = Mapping[str, int] | Sequence[int]
"""Channels of every group: by its key, or in the order of the groups."""


@dataclass(frozen=True)
class Cost:
    """Parameters, and multiply-adds for one image."""

    params: int
    mult_adds: int


@dataclass(frozen=True)
class LayerFormula:
    """The cost of one layer as a function of the widths.

    Attributes:
        layer: module name.
        kind: what it does to channels.
        outputs: length of axis 0 of its weight.
        inputs: length of axis 1; 1 if there is none.
        area: entries of a kernel, 1 if there is none.
        bias: whether there is one for each output.
        pixels: how often its parameters are used for one image, all calls together.
    """

    layer: str
    kind: Literal["convolution", "linear", "norm"]
    outputs: AxisLength
    inputs: AxisLength
    area: int
    bias: bool
    pixels: int

    def weights(self, widths: Sequence[int]) -> int:
        """Entries of its weight, at these widths of the groups in order."""
        return self.outputs.at(widths) * self.inputs.at(widths) * self.area

    def cost(self, widths: Sequence[int]) -> Cost:
        """Its parameters and multiply-adds, at these widths of the groups in order."""
        params = self.weights(widths) + self.bias * self.outputs.at(widths)
        return Cost(params, params * self.pixels)


@dataclass(frozen=True)
class CostModel:
    """The cost of a network at one input size as a function of its widths.

    Attributes:
        groups: keys of its channel groups, in order.
        layers: every layer that has parameters, in the order of the graph.
        unused: parameters of layers that the forward pass never comes to.
    """

    groups: tuple[str, ...]
    layers: tuple[LayerFormula, ...]
    unused: int

    def cost(self, widths: Widths) -> Cost:
        """The whole network's cost with these widths."""
        costs = self.layer_costs(widths).values()
        return Cost(sum(cost.params for cost in costs) + self.unused, sum(cost.mult_adds for cost in costs))

    def layer_costs(self, widths: Widths) -> dict[str, Cost]:
        """The cost of each layer with these widths, by module name."""
        ordered = self._ordered(widths)
        return {formula.layer: formula.cost(ordered) for formula in self.layers}

    def layer_weights(self, widths: Widths) -> dict[str, int]:
        """Entries of the weight of each convolution and linear layer, without biases, by module name."""
        ordered = self._ordered(widths)
        return {each.layer: each.weights(ordered) for each in self.layers if each.kind != "norm"}

    def product_mult_adds(self, widths: Widths) -> int:
        """Multiply-adds by the other usual count, torch's: of convolutions and linear layers, without biases."""
        ordered = self._ordered(widths)
        return sum(each.weights(ordered) * each.pixels for each in self.layers if each.kind != "norm")

    def _ordered(self, widths: Widths) -> Sequence[int]:
        ordered = [widths[key] for key in self.groups] if isinstance(widths, Mapping) else widths
        if len(ordered) != len(self.groups) or len(widths) != len(self.groups):
            raise ValueError(f"{len(self.groups)} widths are needed, one for each group, not {len(widths)}")
        return ordered


def cost_model(model: nn.Module, size: int) -> CostModel:
    """The cost of a network for one image of ``size`` x ``size`` pixels, at any widths.

    Raises:
        ExplorerError: it cannot be read as a graph, or the image is too small for it.
    """
    shapes, lengths = sides(model, size), axis_lengths(model)
    kinds: dict[str, Literal["convolution", "linear", "norm"]] = {}
    pixels: dict[str, int] = {}
    for step in graph_of(model).steps:
        kind = step.operator.channels
        if kind in ("convolution", "linear", "norm"):
            kinds[step.layer] = kind
            # A layer that is used twice has its parameters once, but computes twice.
            often = prod(shapes[step.name]) if kind == "convolution" else 1
            pixels[step.layer] = pixels.get(step.layer, 0) + often
    formulas = []
    for layer, kind in kinds.items():
        module = model.get_submodule(layer)
        weight = cast(Tensor | None, module.weight)
        if weight is None:  # a BatchNorm that is not affine
            continue
        outputs, inputs = (
            lengths.get((layer, axis), AxisLength(length, ()))
            for axis, length in enumerate((*weight.shape, 1)[:2])  # a BatchNorm has no second axis
        )
        area, bias = prod(weight.shape[2:]), module.bias is not None
        formulas.append(LayerFormula(layer, kind, outputs, inputs, area, bias, pixels[layer]))
    unused = sum(
        parameter.numel()
        for name, parameter in model.named_parameters()
        if name.rpartition(".")[0] not in kinds
    )
    return CostModel(tuple(group.key for group in channel_groups(model)), tuple(formulas), unused)


def cost_model_of_spec(spec: NetworkSpec, size: int) -> CostModel:
    """The cost of networks of the kind of ``spec``, at any widths; read off their graph once for each kind and size."""
    return _cost_model_of_wiring(wiring_of(spec), size)


_cost_model_of_wiring = lru_cache(maxsize=256)(cost_model)


def check_size(spec: NetworkSpec) -> None:
    """Refuse a network that is too large to be built here: its widths may be a stranger's.

    Raises:
        ExplorerError: it has more than ``MAX_PARAMETERS`` parameters.
    """
    params = cost_of(spec).params
    if params > MAX_PARAMETERS:
        raise ExplorerError(
            f"This network has {params:,} parameters, and at most {MAX_PARAMETERS:,} can be built here: take fewer "
            "channels."
        )


def cost_of(spec: NetworkSpec, size: int = 224) -> Cost:
    """What the network of ``spec`` costs for one image of ``size`` x ``size`` pixels.

    >>> from explorer.networks.studentnet import StudentSpec
    >>> cost_of(StudentSpec())
    Cost(params=99060, mult_adds=148073268)
    """
    return cost_model_of_spec(spec, size).cost(spec.channels)
