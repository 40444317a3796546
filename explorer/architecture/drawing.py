"""A network as blocks to scale: how tall and how wide each is drawn, in closed form, for a hand that drags its widths.

A block is as tall as it has channels and as wide as one of them costs, so its area is what it costs. Both follow from
the formulas of ``explorer.networks.cost``; what is sent to the browser is these formulas, so that the drawing, and the
verdict, follow the hand without asking the server.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

from torch import nn

from explorer.architecture.fit import most_channels
from explorer.networks import (
    NetworkSpec,
    channel_groups,
    cost_model_of_spec,
    group_titles,
    parts_of,
    wiring_of,
)
from explorer.networks.cost import MAX_PARAMETERS, Cost, LayerFormula
from explorer.networks.groups import AxisLength

Quantity = Literal["parameters", "multiply-adds"]
QUANTITIES: tuple[Quantity, ...] = ("parameters", "multiply-adds")


@dataclass(frozen=True)
class DrawnLayer:
    """One layer of a block.

    Attributes:
        kind: its class; empty for a bare parameter, which is no layer and is never the heaviest.
        formula: what it costs at any widths.
    """

    kind: str
    formula: LayerFormula


@dataclass(frozen=True)
class Block:
    """A convolution or linear layer with the norms right behind it; or norms that stand alone.

    Attributes:
        part: of the network that it lies in: stem, block 1, ...
        channels: how many it gives: its height.
        layers: what it is made of, in the order of the graph.
    """

    part: str
    channels: AxisLength
    layers: tuple[DrawnLayer, ...]

    def cost(self, widths: Sequence[int]) -> Cost:
        """What its layers cost together, at these widths of the groups in order: its area."""
        costs = [layer.formula.cost(widths) for layer in self.layers]
        return Cost(sum(cost.params for cost in costs), sum(cost.mult_adds for cost in costs))


@dataclass(frozen=True)
class Drawing:
    """A network at one input size, at any widths.

    Attributes:
        groups: titles of the channel groups, whose widths can be dragged.
        grips: for each group the number of the block that it is dragged at: the one that makes its channels.
        most: the largest width of each.
        blocks: in the order of the graph.
        unused: parameters of layers that the forward pass never comes to.
    """

    groups: tuple[str, ...]
    grips: tuple[int, ...]
    most: int
    blocks: tuple[Block, ...]
    unused: int

    def plain(self) -> dict[str, Any]:
        """Plain values for the browser: an axis is ``[constant, [[group, entries], ...]]``."""
        return {
            "groups": [
                {"title": title, "block": block} for title, block in zip(self.groups, self.grips, strict=True)
            ],
            "most": self.most,
            "mostParameters": MAX_PARAMETERS,
            "unused": self.unused,
            "blocks": [
                {
                    "part": block.part,
                    "channels": _axis(block.channels),
                    "layers": [_layer(layer) for layer in block.layers],
                }
                for block in self.blocks
            ],
        }


def _layer(layer: DrawnLayer) -> dict[str, Any]:
    formula = layer.formula
    return {
        "name": formula.layer,
        "kind": layer.kind,
        "weight": [_axis(axis) for axis in formula.axes],
        "bias": [_axis(axis) for axis in formula.bias],
        "uses": formula.uses,
    }


def _axis(axis: AxisLength) -> list[Any]:
    return [axis.constant, [list(entry) for entry in axis.entries]]


def drawing(spec: NetworkSpec, size: int = 224) -> Drawing:
    """The drawing of networks of the kind of ``spec`` for one image of ``size`` x ``size`` pixels, at any widths.

    Raises:
        ExplorerError: the image is too small for the network.

    >>> from explorer.networks import StudentSpec
    >>> drawn = drawing(StudentSpec())
    >>> drawn.groups
    ('stem', 'block 1', 'block 2', 'block 3', 'block 4')
    >>> [layer.formula.layer for layer in drawn.blocks[0].layers]
    ['conv1', 'bn1']
    """
    wiring, model = wiring_of(spec), cost_model_of_spec(spec, size)
    layout = _layout(wiring)
    blocks: list[Block] = []
    for formula in model.layers:
        part, kind, axis = layout[formula.layer]
        channels, layer = formula.axes[axis], DrawnLayer(kind, formula)
        last = blocks[-1] if blocks else None
        if last and not formula.multiplies and (last.part, last.channels) == (part, channels):
            blocks[-1] = Block(part, channels, (*last.layers, layer))
        else:
            blocks.append(Block(part, channels, (layer,)))
    made = {layer.formula.layer: number for number, block in enumerate(blocks) for layer in block.layers}
    titles = group_titles(wiring)
    return Drawing(
        tuple(titles.values()),
        tuple(made[key.partition("#")[0]] for key in titles),
        most_channels(spec),
        tuple(blocks),
        model.unused,
    )


@lru_cache(maxsize=64)
def _layout(wiring: nn.Module) -> Mapping[str, tuple[str, str, int]]:
    """For each layer or bare parameter with weights: its part, its class, the axis on which the channels lie it gives.

    Where no group says which axis that is, the channels are given, as classes are, and torch puts them first.
    """
    parts, modules = parts_of(wiring), dict(wiring.named_modules())
    given = {
        member.layer: member.axis
        for group in channel_groups(wiring)
        for member in group.members
        if member.role != "input channel"
    }
    names = [*parts, *(name for name, _ in wiring.named_parameters())]
    return {
        name: (
            parts.get(name, ""),
            type(modules[name]).__name__ if name in modules else "",
            given.get(name, 0),
        )
        for name in names
    }
