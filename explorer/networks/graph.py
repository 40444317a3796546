"""A network as a graph of layers and functions, read off an ``nn.Module``; everything else is derived from it.

Two rules make up what this package knows of wiring: ``OPERATORS``, the list of layers and functions that may occur,
with what each does to channels and to the sides of an image; and the graph itself, which says what reads what.
Nothing here computes with weights.
"""

from weakref import WeakKeyDictionary

from torch import nn

from explorer.networks.axes import Value
from explorer.networks.flow import flow_of, followed
from explorer.networks.operators import OPERATORS, Sides
from explorer.networks.trace import CONTAINERS, NetworkGraph, Step, image_colours, traced

__all__ = ["CONTAINERS", "OPERATORS", "NetworkGraph", "Step", "graph_of", "image_channels", "sides"]

_graphs: WeakKeyDictionary[nn.Module, NetworkGraph] = WeakKeyDictionary()


def graph_of(model: nn.Module) -> NetworkGraph:
    """The graph of a network, read once per module object.

    The wiring of a module must not change after it was read; its weights and widths may.

    Raises:
        ExplorerError: it uses a layer or function that is not in ``OPERATORS``, its forward pass cannot be
            read without an image, or its values cannot be followed; the message names it.
    """
    graph = _graphs.get(model)
    if graph is None:
        graph = traced(model)
        flow_of(model, graph)  # refuses what is used in a way that cannot be followed
        _graphs[model] = graph
    return graph


def image_channels(model: nn.Module) -> int:
    """How many colours the images have that a network reads: 3, unless its first convolution says otherwise."""
    return image_colours(model, graph_of(model))


def values_at(model: nn.Module, size: int) -> dict[str, Value]:
    """Every image and vector of the graph, by name, for an input of ``size`` x ``size`` pixels.

    Raises:
        ExplorerError: the image is too small, so that nothing would be left of it, or the network is made for others.
    """
    values = followed(model, graph_of(model), size).values
    return {name: value for name, value in values.items() if isinstance(value, Value)}


def sides(model: nn.Module, size: int) -> dict[str, Sides]:
    """Height and width of every image and vector of the graph for an input of ``size`` x ``size`` pixels, by its name.

    A vector has (1, 1), one that was flattened too.

    Raises:
        ExplorerError: as ``values_at``.
    """
    return {name: value.image_sides for name, value in values_at(model, size).items()}
