"""Opening a ``torch.export`` archive, a ``.pt2`` file, as a network; nothing in it is executed.

The archive holds a graph of aten operators. ``explorer.networks.aten`` says for each what it is here: a layer, whose
name is the user's own, or a function. Out of that comes a ``GraphSpec`` like any other, which is built and takes the
weights.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from explorer.errors import ExplorerError
from explorer.networks.archive_file import read_archive, refuse
from explorer.networks.archive_graph import ArchiveGraph, Node, Value, read_graph
from explorer.networks.aten import ATEN, SPREADING, VIEWS
from explorer.networks.graphspec import GraphSpec
from explorer.networks.program import PARAMETER, SEQUENTIAL, LayerEntry, Program, StepEntry
from explorer.networks.translation import Translation

_SEQUENTIAL = "torch.nn.modules.container.Sequential"


@dataclass(frozen=True, eq=False)
class OpenedArchive:
    """A network that was read from an archive.

    Attributes:
        model: in eval mode, float32; it carries its spec.
        dtype: of the weights as they are stored.
        input_size: side of the image that it was exported with, in pixels; None if that was not square, or not fixed.
        notices: what is good to know of it, in sentences.
    """

    model: nn.Module
    dtype: str
    input_size: int | None
    notices: tuple[str, ...] = ()


def open_pt2(path: Path) -> nn.Module:
    """The network in a ``.pt2`` file that ``torch.export.save`` wrote, in eval mode, float32, with its weights.

    Raises:
        ExplorerError: it cannot be opened; the sentence names the operator or the reason.
    """
    return open_archive(path).model


def open_archive(path: Path) -> OpenedArchive:
    """As ``open_pt2``, with what else the archive says."""
    try:
        archive = read_archive(path)
        graph = read_graph(archive.program)
        spec = _spec(graph, archive.tensors)
        model = _loaded(spec, archive.tensors)
    except ExplorerError as error:
        raise ExplorerError(f"{path.name}: {error}") from error
    sides = set(graph.sizes[graph.image][2:])
    side, notices = sides.pop() if len(sides) == 1 else 0, tuple(_notices(graph, spec.program))
    return OpenedArchive(model, archive.dtype, side if side > 0 else None, notices)


def _notices(graph: ArchiveGraph, program: Program) -> Iterator[str]:
    """What is good to know of an archive."""
    if any(node.args.get("training") or node.args.get("train") for node in graph.nodes):
        yield (
            "It was exported in train mode: its BatchNorm and dropout work here as in eval mode, which may be another "
            "network than was meant."
        )
    used = {name for step in program.steps for _, name in step.references()}
    idle = [entry.name for entry in program.layers if entry.type == PARAMETER and entry.name not in used]
    if idle:
        yield f"Nothing computes with {len(idle)} of its parameters ({idle[0]} first); they are counted all the same."


def _spec(graph: ArchiveGraph, tensors: Mapping[str, Tensor]) -> GraphSpec:
    """The network that an archive's graph describes."""
    to = Translation(graph, tensors)
    for node in graph.nodes:
        _translate(to, node)
    logits = to.read(Value(graph.logits))
    if not isinstance(logits, dict) or "value" not in logits:
        refuse("its output is not computed from the image")
    steps = _needed(to.steps, logits["value"])
    layers = {step.layer for step in steps} | {name for step in steps for _, name in step.references()}
    kept = [entry for name, entry in to.layers.items() if name in layers]
    entries = _in_order([*kept, *_unused(kept, to)], graph)
    name = next((module.kind.rpartition(".")[2] for node in graph.nodes for module in node.stack[:1]), "")
    return GraphSpec.from_dict(
        {
            "name": name if name.isidentifier() and name.isascii() else "Network",
            "layers": [asdict(entry) for entry in entries],
            "steps": [asdict(step) for step in steps],
            "logits": logits["value"],
        }
    )


def _translate(to: Translation, node: Node) -> None:
    """Note what a node is here."""
    operator = node.target.removesuffix("_")
    in_place = operator != node.target
    rule = ATEN.get(operator)
    if rule is None:
        refuse(f"it uses {operator!r}, which the explorer does not know")
    source = node.args.get("self", node.args.get("input"))
    if in_place and isinstance(source, Value) and source.name in to.graph.weights:
        # In train mode BatchNorm counts its batches.
        if not to.graph.weights[source.name].endswith(".num_batches_tracked"):
            refuse(f"it changes {to.graph.weights[source.name]!r:.100} while it computes")
        return
    value = rule(to, node)
    if not node.outputs:
        return
    shared = source.name if operator in VIEWS and isinstance(source, Value) else ""
    if in_place and isinstance(source, Value):
        to.change(source.name, value)
        shared = source.name
    values = value if node.several else [value]
    if not isinstance(values, list) or (len(values) != len(node.outputs) and node.several):
        refuse(f"{operator!r} has another number of outputs than it gives")
    for output, each in zip(node.outputs, values, strict=False):
        to.set(output, each, shared, spread=operator in SPREADING)


def _needed(steps: Sequence[StepEntry], logits: str) -> list[StepEntry]:
    """The steps that the logits depend on: a network may compute more than it gives."""
    needed, kept = {logits}, []
    for step in reversed(steps):
        if step.name in needed:
            kept.append(step)
            needed |= {name for kind, name in step.references() if kind == "value"}
    return kept[::-1]


def _unused(layers: Sequence[LayerEntry], to: Translation) -> Iterator[LayerEntry]:
    """Parameters that nothing computes with: they are counted, so they are kept, each by itself."""
    names = {entry.name for entry in layers}
    for value, weight in to.graph.weights.items():
        if value not in to.graph.buffers and weight not in names and weight.rpartition(".")[0] not in names:
            yield LayerEntry(weight, PARAMETER, {"shape": list(_tensor(weight, to.tensors).shape)})


def _tensor(name: str, tensors: Mapping[str, Tensor]) -> Tensor:
    if name not in tensors:
        refuse(f"the weight {name!r:.100} is missing")
    return tensors[name]


def _in_order(layers: Sequence[LayerEntry], graph: ArchiveGraph) -> list[LayerEntry]:
    """The layers in the order of registration, as far as it can be told, with the containers that hold them.

    The archive lists the weights in that order; a layer without any comes after the one that was called before it.
    """
    places: dict[str, int] = {}
    for number, weight in enumerate(graph.weights.values()):
        places.setdefault(weight, number)
        places.setdefault(weight.rpartition(".")[0], number)
    last = -1
    for entry in layers:
        last = places.setdefault(entry.name, last)
    containers = {
        module.path
        for node in graph.nodes
        for module in node.stack
        if module.kind == _SEQUENTIAL and module.path
    }
    ordered: dict[str, LayerEntry] = {}
    for entry in sorted(layers, key=lambda each: places[each.name]):
        for dot in re.finditer(r"\.", entry.name):
            holder = entry.name[: dot.start()]
            if holder in containers:
                ordered.setdefault(holder, LayerEntry(holder, SEQUENTIAL))
        ordered[entry.name] = entry
    return list(ordered.values())


def _loaded(spec: GraphSpec, tensors: Mapping[str, Tensor]) -> nn.Module:
    """The network of a spec with the archive's weights, in eval mode."""
    with torch.device("meta"):  # it is given its weights, and needs no others before
        model = spec.build()
    state = {}
    for key, tensor in model.state_dict().items():
        counts = key.endswith(".num_batches_tracked") and key not in tensors
        state[key] = torch.zeros_like(tensor, device="cpu") if counts else _tensor(key, tensors)
        if state[key].shape != tensor.shape or state[key].dtype != tensor.dtype:
            refuse(f"the weight {key!r:.100} has not the shape that its layer needs")
    model.load_state_dict(state, assign=True)
    return model.eval()
