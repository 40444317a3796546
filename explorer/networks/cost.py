"""What a network costs in closed form, derived from its graph.

Every axis of every weight is as long as its channel groups make it (``axis_lengths``), so the parameters of a layer are
a product of lengths, and its multiply-adds those times the pixels that it computes. The wiring is read once;
what the network costs at any other widths is then arithmetic with a few whole numbers.

Counting follows torchinfo: a convolution takes its parameters, biases included, times the pixels of its output; every
other layer takes its parameters once, a linear layer too that is applied to each pixel; functions take nothing. It is
the one definition of multiply-adds in the explorer (``COUNTED`` says it for people).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import prod
from operator import attrgetter
from typing import cast

from torch import Tensor, nn

from explorer.errors import ExplorerError
from explorer.networks.axes import Value
from explorer.networks.builders import NetworkSpec, wiring_of
from explorer.networks.graph import Step, graph_of, values_at
from explorer.networks.groups import AxisLength, axis_lengths, channel_groups, weight_of

COUNTED = (
    "Multiply-adds for one image as torchinfo counts them: a convolution's parameters times the pixels of its output, "
    "every other layer's parameters once. Other tools leave out biases and BatchNorm, or count two operations for each."
)
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
    """The cost of one layer, or of one bare parameter, as a function of the widths.

    Attributes:
        layer: module name, or the name of the parameter.
        axes: lengths of the axes of its weight.
        bias: lengths of the axes of its bias; none if it has none.
        uses: how often its parameters count for one image, all calls together.
        multiplies: whether its weight is one of a convolution or of a linear layer.
    """

    layer: str
    axes: tuple[AxisLength, ...]
    bias: tuple[AxisLength, ...]
    uses: int
    multiplies: bool

    def weights(self, widths: Sequence[int]) -> int:
        """Entries of its weight, at these widths of the groups in order."""
        return prod(axis.at(widths) for axis in self.axes)

    def cost(self, widths: Sequence[int]) -> Cost:
        """Its parameters and multiply-adds, at these widths of the groups in order."""
        biases = prod(axis.at(widths) for axis in self.bias) if self.bias else 0
        params = self.weights(widths) + biases
        return Cost(params, params * self.uses)


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
        return {each.layer: each.weights(ordered) for each in self.layers if each.multiplies}

    def _ordered(self, widths: Widths) -> Sequence[int]:
        ordered = [widths[key] for key in self.groups] if isinstance(widths, Mapping) else widths
        if len(ordered) != len(self.groups) or len(widths) != len(self.groups):
            raise ValueError(f"{len(self.groups)} widths are needed, one for each group, not {len(widths)}")
        return ordered


def cost_model(model: nn.Module, size: int | None) -> CostModel:
    """The cost of a network for one image of ``size`` x ``size`` pixels, at any widths.

    Without a size only its parameters are right: a network may take images of a single size, which need not be known.

    Raises:
        ExplorerError: it cannot be read as a graph, or the image does not fit it.
    """
    values, lengths = {} if size is None else values_at(model, size), axis_lengths(model)
    uses: dict[str, int] = {}
    multiplying: set[str] = set()
    for step in graph_of(model).steps:
        layer, kind = step.layer or step.parameter, step.operator.channels
        if (
            kind in _WEIGHTED
            and layer
            and step.target is not nn.Buffer
            and weight_of(model, layer) is not None
        ):
            area = _area(values.get(step.name), kind)
            # A layer that is used twice has its parameters once, but computes twice.
            uses[layer] = uses.get(layer, 0) + _uses(model, step, area)
            if kind in ("convolution", "linear"):
                multiplying.add(layer)
    formulas = []
    for layer, often in uses.items():
        shape = cast(Tensor, weight_of(model, layer)).shape
        axes = tuple(lengths.get((layer, axis), AxisLength(length, ())) for axis, length in enumerate(shape))
        bias = getattr(attrgetter(layer)(model), "bias", None)
        biases = () if bias is None else axes[: bias.ndim]
        formulas.append(LayerFormula(layer, axes, biases, often, layer in multiplying))
    unused = sum(
        parameter.numel()
        for name, parameter in model.named_parameters()
        if name not in uses and name.rpartition(".")[0] not in uses
    )
    return CostModel(tuple(group.key for group in channel_groups(model)), tuple(formulas), unused)


_WEIGHTED = ("convolution", "linear", "norm", "slope", "layer norm", "parameter")


def _area(value: Value | None, kind: str) -> int:
    """For how many pixels of one image a layer computes the value that it gives."""
    if value is None or kind not in ("convolution", "linear"):
        return 1
    lengths = value.lengths()
    return prod(cast(Sequence[int], lengths[2:] if kind == "convolution" else lengths[1:-1]))


def _uses(model: nn.Module, step: Step, area: int) -> int:
    """How often torchinfo counts the parameters of a step."""
    if not step.parameter:
        return area if step.operator.channels == "convolution" else 1
    # Those of a module with a forward pass of its own count if it holds no others, under the usual names.
    holder, _, key = step.parameter.rpartition(".")
    module = model.get_submodule(holder)
    called = type(module).forward is not nn.Module.forward and not list(module.children())
    return int(called and key in ("weight", "bias"))


def cost_of_network(model: nn.Module, size: int) -> Cost:
    """What a network costs for one image of ``size`` x ``size`` pixels; masked weights count in full."""
    return cost_model(model, size).cost([group.width for group in channel_groups(model)])


def cost_model_of_spec(spec: NetworkSpec, size: int | None) -> CostModel:
    """The cost of networks of the kind of ``spec``, at any widths; read off their graph once for each kind and size."""
    return _cost_model_of_wiring(wiring_of(spec), size)


_cost_model_of_wiring = lru_cache(maxsize=256)(cost_model)


def check_size(spec: NetworkSpec) -> None:
    """Refuse a network that is too large to be built here: its widths may be a stranger's.

    Raises:
        ExplorerError: it has more than ``MAX_PARAMETERS`` parameters.
    """
    params = params_of(spec)
    if params > MAX_PARAMETERS:
        raise ExplorerError(
            f"This network has {params:,} parameters, and at most {MAX_PARAMETERS:,} can be built here: take fewer "
            "channels."
        )


def params_of(spec: NetworkSpec) -> int:
    """How many parameters the network of ``spec`` has, whatever images it takes.

    >>> from explorer.networks.studentnet import StudentSpec
    >>> params_of(StudentSpec())
    99060
    """
    return cost_model_of_spec(spec, None).cost(spec.channels).params


def cost_of(spec: NetworkSpec, size: int = 224) -> Cost:
    """What the network of ``spec`` costs for one image of ``size`` x ``size`` pixels.

    >>> from explorer.networks.studentnet import StudentSpec
    >>> cost_of(StudentSpec())
    Cost(params=99060, mult_adds=148073268)
    """
    return cost_model_of_spec(spec, size).cost(spec.channels)
