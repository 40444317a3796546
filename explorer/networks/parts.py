"""The parts of a network for people: stem, blocks and head, read off its modules in the order of its graph."""

from collections import Counter
from collections.abc import Mapping, Sequence

from torch import nn

from explorer.networks.flow import depthwise_layers
from explorer.networks.graph import NetworkGraph, graph_of
from explorer.networks.groups import channel_groups

STEM, HEAD = "stem", "head"


def parts_of(model: nn.Module) -> dict[str, str]:
    """The part that each layer belongs to: ``stem``, ``block 1``, ``block 2``, ..., ``head``.

    The blocks are the modules with convolutions inside; those that run side by side, as a shortcut does, are one block.
    The stem is what comes before the first of them, the head what comes after the last, and a layer between two
    belongs to the one before it. If one module holds more than half of the layers with weights, the blocks are those
    inside it. A plain chain of layers has no blocks: each convolution or linear layer then begins a part, which has
    its name.

    >>> from explorer.networks.studentnet import StudentSpec
    >>> list(dict.fromkeys(parts_of(StudentSpec().build()).values()))
    ['stem', 'block 1', 'block 2', 'block 3', 'block 4', 'head']
    """
    graph = graph_of(model)
    kinds = {step.layer: step.operator.channels for step in graph.steps if step.layer}
    weighted = [layer for layer, kind in kinds.items() if kind in ("convolution", "linear")]
    inside = ""
    while True:
        sizes = Counter(_unit(layer, inside) for layer in weighted if layer.startswith(inside))
        unit, count = sizes.most_common(1)[0] if sizes else ("", 0)
        if unit in kinds or 2 * count <= len(weighted):
            break
        inside = f"{unit}."
    units = dict.fromkeys(
        _unit(layer, inside)
        for layer in kinds
        if kinds[layer] == "convolution" and layer.startswith(inside) and _unit(layer, inside) != layer
    )
    if not units:
        return _by_layer(kinds, set(weighted))
    titles = _numbered(graph, {layer: _unit(layer, inside) for layer in kinds}, list(units))
    last, parts, part = titles[list(units)[-1]], {}, STEM
    closed = False
    for layer in kinds:
        unit = _unit(layer, inside) if layer.startswith(inside) else layer
        if unit in titles:
            part = titles[unit]
            closed = part == last
        elif closed:
            part = HEAD
        parts[layer] = part
    return parts


def _unit(layer: str, inside: str) -> str:
    """The module just below ``inside`` that a layer lies in, or is."""
    return inside + layer.removeprefix(inside).partition(".")[0]


def _numbered(graph: NetworkGraph, unit_of: Mapping[str, str], units: Sequence[str]) -> dict[str, str]:
    """The block that each unit belongs to: a unit that reads nothing of the block before it is part of that block."""
    # Of every value, and of every unit: the units that what it is computed from lies in.
    behind: dict[str, set[str]] = {graph.image: set()}
    reads: dict[str, set[str]] = {unit: set() for unit in units}
    for step in graph.steps:
        before, unit = set[str]().union(*(behind[name] for name in step.inputs)), unit_of.get(step.layer, "")
        if unit in reads:
            reads[unit] |= before
        behind[step.name] = before | {unit}
    blocks: list[set[str]] = []
    for unit in units:
        if blocks and blocks[-1].isdisjoint(reads[unit]):
            blocks[-1].add(unit)
        else:
            blocks.append({unit})
    return {unit: f"block {number}" for number, block in enumerate(blocks, start=1) for unit in block}


def _by_layer(kinds: Mapping[str, str], weighted: set[str]) -> dict[str, str]:
    """Parts of a plain chain: each begins at a convolution or linear layer."""
    parts, part = {}, next(iter(kinds), "")
    for layer in kinds:
        part = layer if layer in weighted else part
        parts[layer] = part
    return parts


def group_titles(model: nn.Module) -> dict[str, str]:
    """Where each channel group is made, for people, by its key: its part, and the layer where a part makes several.

    >>> from explorer.networks.resnet import ResNetSpec
    >>> list(group_titles(ResNetSpec().build()).values())[:3]
    ['stem', 'block 1, layer1.0.conv1', 'block 1, layer1.1.conv1']
    """
    parts = parts_of(model)
    titles = {group.key: parts[group.producers[0]] for group in channel_groups(model)}
    often = Counter(titles.values())
    return {key: f"{part}, {key}" if often[part] > 1 else part for key, part in titles.items()}


def layers_in_words(model: nn.Module) -> str:
    """How many layers of each class with weights a network runs, in the order in which they come.

    >>> from explorer.networks.studentnet import StudentSpec
    >>> layers_in_words(StudentSpec().build())
    '9 Conv2d (4 of them depthwise), 9 BatchNorm2d and 1 Linear'
    """
    layers = dict.fromkeys(step.layer for step in graph_of(model).steps if step.layer)
    modules = [model.get_submodule(layer) for layer in layers]
    counts = Counter(type(each).__name__ for each in modules if list(each.parameters()))
    depthwise = len(depthwise_layers(model).intersection(layers))
    said = [
        f"{count} {kind}" + (f" ({depthwise} of them depthwise)" if kind == "Conv2d" and depthwise else "")
        for kind, count in counts.items()
    ]
    return " and ".join(filter(None, (", ".join(said[:-1]), *said[-1:])))
