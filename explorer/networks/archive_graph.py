"""The graph of a ``torch.export`` archive as plain, checked structures: what reads what, and with which arguments.

Everything in it is a stranger's. Each word is checked for its type here, so that what comes later reads names and
numbers only. Source of the format: ``torch/_export/serde/schema.py``.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from explorer.networks.archive_file import DTYPES, pick, refuse, size_of

MAX_NODES = 4_000
MAX_LIST = 64  # entries of one argument; a DenseNet-201 lays 33 values after each other
_BATCH = -1
_TARGET = re.compile(r"torch\.ops\.aten\.([a-z0-9_]{1,60})\.[A-Za-z0-9_]{1,40}")
_FLOATS = {number for number, dtype in DTYPES.items() if dtype.is_floating_point}


class Value(NamedTuple):
    """A value of the graph, by its name."""

    name: str


class Module(NamedTuple):
    """A module that a node was computed in: its place in the module tree and its class, with the class's module."""

    path: str
    kind: str


@dataclass(frozen=True)
class Node:
    """One call of an aten operator.

    Attributes:
        target: name of the operator, without its overload; one that ends in ``_`` changes its first argument.
        args: by the names of the operator's schema; those that are so by default are not there.
        outputs: names of its values.
        several: whether they come as one list.
        stack: the modules that it was computed in, the innermost one last.
    """

    target: str
    args: Mapping[str, Any]
    outputs: tuple[str, ...]
    several: bool
    stack: tuple[Module, ...]


@dataclass(frozen=True)
class ArchiveGraph:
    """The graph of an archive.

    Attributes:
        image: name of the input.
        logits: name of the output.
        weights: names of the weights, buffers and constants, by those of their values.
        buffers: those of the weights' values that are none of a parameter.
        nodes: what is computed, in order.
        sizes: lengths of the axes of each value; -1 for one that is not fixed.
    """

    image: str
    logits: str
    weights: Mapping[str, str]
    buffers: frozenset[str]
    nodes: tuple[Node, ...]
    sizes: Mapping[str, tuple[int, ...]]


def read_graph(program: Mapping[str, Any]) -> ArchiveGraph:
    """The graph in an exported program.

    Raises:
        ExplorerError: it is none of a network with one image and one output; the sentence says why.
    """
    module = pick(program, "graph_module", dict, "the program")
    graph, signature = (pick(module, key, dict, "the program") for key in ("graph", "signature"))
    weights, buffers, images = _inputs(pick(signature, "input_specs", list, "the signature"))
    if len(images) != 1:
        refuse(f"it takes {len(images)} inputs, and one batch of images is needed")
    metas = pick(graph, "tensor_values", dict, "the graph")
    sizes = {name: _axes(meta, name) for name, meta in metas.items()}
    image = metas.get(images[0])
    if image is None or len(sizes[images[0]]) != 4 or image.get("dtype") not in _FLOATS:
        refuse("its input is no batch of images")
    entries = pick(graph, "nodes", list, "the graph")
    if len(entries) > MAX_NODES:
        refuse(f"its graph has {len(entries):,} steps, and at most {MAX_NODES:,} are taken")
    nodes = tuple(_node(entry) for entry in entries)
    logits = _output(pick(signature, "output_specs", list, "the signature"), buffers, weights)
    return ArchiveGraph(images[0], logits, weights, frozenset(buffers), nodes, sizes)


def _one(union: Any, where: str) -> tuple[str, Any]:
    """The kind and the value of a union, ``{kind: value}``."""
    if not isinstance(union, dict) or len(union) != 1:
        refuse(f"{where} is not of one kind")
    return next(iter(union.items()))


def _inputs(specs: list[Any]) -> tuple[dict[str, str], set[str], list[str]]:
    """Names of the weights by those of their values, which of these are buffers, and the inputs of the user's."""
    weights: dict[str, str] = {}
    buffers: set[str] = set()
    images: list[str] = []
    names = {
        "parameter": "parameter_name",
        "buffer": "buffer_name",
        "tensor_constant": "tensor_constant_name",
    }
    for spec in specs:
        kind, entry = _one(spec, "an input")
        argument = pick(entry, "arg", dict, "an input") if isinstance(entry, dict) and "arg" in entry else {}
        if kind == "user_input":
            what, tensor = _one(argument, "an input")
            images.append(pick(tensor, "name", str, "an input") if what == "as_tensor" else what)
        elif kind in names:
            value = pick(argument, "name", str, "a weight")
            if value in weights:
                refuse(f"two weights have the value {value!r:.100}")
            weights[value] = pick(entry, names[kind], str, "a weight")
            if kind != "parameter":
                buffers.add(value)
        else:
            refuse(f"it has an input of the kind {kind!r:.100}")
    return weights, buffers, images


def _output(specs: list[Any], buffers: set[str], weights: Mapping[str, str]) -> str:
    """Name of the only output."""
    outputs = []
    for spec in specs:
        kind, entry = _one(spec, "an output")
        if kind == "user_output":
            what, tensor = _one(pick(entry, "arg", dict, "an output"), "an output")
            outputs.append(pick(tensor, "name", str, "an output") if what == "as_tensor" else "")
        elif (
            kind != "buffer_mutation"
        ):  # BatchNorm's statistics, which a network in eval mode leaves as they are
            refuse(f"it has an output of the kind {kind!r:.100}")
    if len(outputs) != 1 or not outputs[0]:
        refuse(f"it gives {len(outputs)} outputs, and one tensor of logits is needed")
    return outputs[0]


def _axes(meta: Any, name: str) -> tuple[int, ...]:
    where = f"the value {name!r:.100}"
    sizes = pick(meta, "sizes", list, where)[:9]
    pick(meta, "dtype", int, where)
    return tuple(
        _BATCH if isinstance(size, dict) and "as_expr" in size else size_of(size, where) for size in sizes
    )


def _node(entry: Any) -> Node:
    target = pick(entry, "target", str, "a step")
    known = _TARGET.fullmatch(target)
    if known is None:
        refuse(f"it uses {target!r:.100}, which is no aten operator")
    args: dict[str, Any] = {}
    for argument in pick(entry, "inputs", list, target)[:MAX_LIST]:
        args[pick(argument, "name", str, target)] = _argument(pick(argument, "arg", dict, target), known[1])
    outputs = [_one(output, f"an output of {target}") for output in pick(entry, "outputs", list, target)]
    several = len(outputs) == 1 and outputs[0][0] == "as_tensors"
    names = outputs[0][1] if several else [value for _, value in outputs]
    if not isinstance(names, list):
        refuse(f"the outputs of {target} are no list")
    return Node(known[1], args, tuple(_output_name(name, target) for name in names), several, _stack(entry))


def _output_name(output: Any, target: str) -> str:
    """Name of an output: a tensor's, or of a size."""
    key = "as_name" if isinstance(output, dict) and "as_name" in output else "name"
    return pick(output, key, str, f"an output of {target}")


_NUMBERS: Mapping[str, Any] = {
    "as_int": int,
    "as_float": float,
    "as_bool": bool,
    "as_string": str,
    "as_scalar_type": int,
    "as_memory_format": int,
    "as_layout": int,
    "as_device": dict,
}
_LISTS: Mapping[str, str] = {
    "as_ints": "as_int",
    "as_floats": "as_float",
    "as_bools": "as_bool",
    "as_tensors": "as_tensor",
    "as_sym_ints": "as_sym_int",
}


def _argument(argument: Any, target: str) -> Any:
    """An argument of a node: plain values, lists of them, and ``Value``."""
    kind, value = _one(argument, f"an argument of {target}")
    if kind == "as_none":
        return None
    if kind in _LISTS:
        if not isinstance(value, list) or len(value) > MAX_LIST:
            refuse(f"an argument of {target} is no list of at most {MAX_LIST}")
        return [_argument({_LISTS[kind]: each}, target) for each in value]
    if kind in ("as_tensor", "as_sym_int") and isinstance(value, dict):
        if isinstance(value.get("as_int"), int):
            return _argument({"as_int": value["as_int"]}, target)
        return Value(
            pick(value, "name" if kind == "as_tensor" else "as_name", str, f"an argument of {target}")
        )
    wanted = _NUMBERS.get(kind)
    if wanted is None:
        refuse(f"{target} has an argument of the kind {kind!r:.100}, which the explorer does not know")
    # A whole number may stand for another one, but a truth value for none.
    if not isinstance(value, int | float if wanted is float else wanted) or isinstance(value, bool) is not (
        wanted is bool
    ):
        refuse(f"an argument of {target} is not of its type")
    if isinstance(value, int | float) and not abs(value) < 2**63:  # so written, it refuses NaN as well
        refuse(f"an argument of {target} is too large a number")
    return value


def _stack(entry: Mapping[str, Any]) -> tuple[Module, ...]:
    """The modules that a node was computed in; none where the archive does not say."""
    metadata = entry.get("metadata")
    text = metadata.get("nn_module_stack") if isinstance(metadata, dict) else None
    return tuple(_modules(text)) if isinstance(text, str) else ()


def _modules(text: str) -> Iterator[Module]:
    for part in text.split(";")[:32]:
        match part.split(","):
            # What torch's own hooks note between modules is none of the network's.
            case [_, path, kind] if "_empty_nn_module_stack" not in kind:
                # A module that is called again is called by its path with the number of the call.
                yield Module(path.partition("@")[0], kind)
