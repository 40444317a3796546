"""What a state_dict does not tell of its network, and what was therefore assumed."""

from collections.abc import Iterable, Iterator

from torch import nn

from explorer.networks.builders import builder_of
from explorer.networks.graph import NetworkGraph, Step, graph_of
from explorer.networks.graphspec import spec_of
from explorer.networks.operators import AVERAGE_POOL, CLAMP, MAX_POOL, SAME, SIGMOID

NAMED = 6  # layers that are told by name
SILENT = ("Identity", "Dropout", "Dropout2d", "dropout", "dropout2d", "contiguous", "clone")  # no activations


def way_out(source: str) -> str:
    """What to do with weights that do not tell their network, as a part of a sentence."""
    return f"export it with `python -m explorer network export FILE.py:CLASS --checkpoint {source}`"


def assumed(model: nn.Module, source: str) -> str:
    """What was assumed of a network that was recognised by its names and shapes, in two sentences.

    Args:
        model: as it was opened.
        source: the file's name.
    """
    graph, spec = graph_of(model), spec_of(model)
    name = getattr(spec, "name", builder_of(spec.kind).title)
    parts = (
        f"activations: {_listed(_activations(graph, model)) or 'none'}",
        f"strides: {_strides(graph, model)}",
        f"pooling: {_listed(_poolings(graph, model)) or 'none'}",
    )
    return (
        f"Its names and shapes are those of {name}. What they do not tell is assumed: {'; '.join(parts)}. If yours has "
        f"others, its answers here are wrong: to be sure, {way_out(source)}."
    )


def _listed(names: Iterable[str]) -> str:
    """The names, each once, and how many more there are."""
    once = list(dict.fromkeys(names))
    more = [f"{len(once) - NAMED:,} more"] if len(once) > NAMED else []
    return ", ".join([*once[:NAMED], *more])


def _called(step: Step, model: nn.Module) -> nn.Module | None:
    return model.get_submodule(step.layer) if step.layer else None


def _name(step: Step) -> str:
    return str(getattr(step.target, "__name__", step.target))


def _activations(graph: NetworkGraph, model: nn.Module) -> Iterator[str]:
    for step in graph.steps:
        if step.operator in (SAME, SIGMOID, CLAMP) and _name(step) not in SILENT:
            slope = getattr(_called(step, model), "negative_slope", None)
            yield _name(step) if slope is None else f"{_name(step)}({slope:g})"


def _strides(graph: NetworkGraph, model: nn.Module) -> str:
    places: dict[tuple[int, ...], list[str]] = {}
    for step in graph.steps:
        layer = _called(step, model)
        if isinstance(layer, nn.Conv2d) and layer.stride != (1, 1):
            places.setdefault(layer.stride, []).append(step.layer)
    told = [f"{stride[0]} at {_listed(layers)}" for stride, layers in places.items()]
    return ", ".join([*told, "else 1"]) if told else "1"


def _poolings(graph: NetworkGraph, model: nn.Module) -> Iterator[str]:
    for step in graph.steps:
        if step.operator in (MAX_POOL, AVERAGE_POOL):
            layer = _called(step, model)
            size, stride = (getattr(layer, key, None) for key in ("kernel_size", "stride"))
            yield _name(step) if size is None else f"{_name(step)} of {size} with stride {stride}"
