"""A network cut into pieces that run one after the other, each handing on a single value.

It can be cut wherever everything that comes later needs only one of the values computed so far. A ResNet's blocks
come out of that, since inside a block two values are under way, and each convolution of a chain.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from operator import attrgetter
from typing import Any

from torch import Tensor, fx, nn

from explorer.networks.graph import NetworkGraph, Step, graph_of

# What moves or takes apart axes may give a view of the same memory.
_VIEWS = (
    "flatten",
    "reshape",
    "expand",
    "squeeze",
    "unsqueeze",
    "permute",
    "transpose",
    "chunk",
    "split",
    "index",
)


@dataclass(frozen=True, eq=False)
class Piece:
    """Consecutive steps of a network that read one value of what came before.

    Attributes:
        model: the network; its weights are read when the piece runs.
        steps: what is computed, in order.
        reads: name of the value that comes in.
        gives: name of the value that goes out.
    """

    model: nn.Module
    steps: tuple[Step, ...]
    reads: str
    gives: str

    @property
    def layers(self) -> tuple[str, ...]:
        """Module names of the layers in it, in the order of the graph."""
        return tuple(dict.fromkeys(step.layer for step in self.steps if step.layer))

    def run(self, x: Tensor) -> Tensor:
        """The piece's output for its input, which stays as it is; in eval mode of the network."""
        # A layer that works in place would change the input, which the caller may want to pass in again.
        values = {self.reads: x.clone() if self._may_write() else x}
        last_reader = {name: step for step in self.steps for name in step.inputs}
        for step in self.steps:
            values[step.name] = computed(self.model, step, values)
            for name in step.inputs:
                if last_reader[name] is step and name != self.gives:
                    values.pop(name, None)  # batches are large: what nothing reads any more is freed
        return values[self.gives]

    def _may_write(self) -> bool:
        """Whether a step may work in place on the input or on a view of it."""
        views = {self.reads}
        for step in self.steps:
            if step.inputs[:1] and step.inputs[0] in views:
                if step.operator.channels in ("same", "join"):
                    return True
                if step.operator.channels in _VIEWS:
                    views.add(step.name)
        return False


def computed(model: nn.Module, step: Step, values: Mapping[str, Any]) -> Any:
    """What a step computes from the values before it, by their names."""
    args, kwargs = fx.node.map_arg((step.node.args, step.node.kwargs), lambda node: values[node.name])
    if step.layer:
        return model.get_submodule(step.layer)(*args, **kwargs)
    if step.parameter:
        return attrgetter(step.parameter)(model)
    if isinstance(step.target, str):
        return getattr(args[0], step.target)(*args[1:], **kwargs)
    return step.target(*args, **kwargs)


def pieces(model: nn.Module) -> tuple[Piece, ...]:
    """The network in the smallest pieces that each hold a convolution or linear layer, from input to output.

    Run one after the other in eval mode, they compute what ``model`` computes, to the last bit.

    Raises:
        ExplorerError: the network cannot be read as a graph.
    """
    graph = graph_of(model)
    cut: list[tuple[list[Step], str, str]] = []
    for steps, reads, gives in _cuts(graph):
        # What has no weights to prune goes with the piece before it, at the beginning with the one after it.
        if cut and not (_has_weights(steps) and _has_weights(cut[-1][0])):
            before, first, _ = cut.pop()
            steps, reads = before + steps, first
        cut.append((steps, reads, gives))
    return tuple(Piece(model, tuple(steps), reads, gives) for steps, reads, gives in cut)


def _cuts(graph: NetworkGraph) -> Iterator[tuple[list[Step], str, str]]:
    """The graph's steps between any two neighbouring places where one value crosses, with the values there."""
    last_read = {name: number for number, step in enumerate(graph.steps) for name in step.inputs}
    last_read[graph.logits] = len(graph.steps)
    alive, steps, reads = {graph.image}, list[Step](), graph.image
    for number, step in enumerate(graph.steps):
        steps.append(step)
        alive = {name for name in (*alive, step.name) if last_read.get(name, -1) > number}
        if len(alive) == 1:
            gives = next(iter(alive))
            yield steps, reads, gives
            steps, reads = [], gives


def _has_weights(steps: list[Step]) -> bool:
    return any(step.operator.channels in ("convolution", "linear") for step in steps)
