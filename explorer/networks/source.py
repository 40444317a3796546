"""A network as a self-contained file of Python, written from its modules and its graph.

The modules are written as they are nested, so that the state_dict keeps its names. The forward pass is written from the
graph: a line for each step, or for each ``nn.Sequential`` that is run from its first layer to its last.
"""

import operator
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from inspect import signature
from itertools import chain, count, pairwise
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from explorer.networks.builders import NetworkSpec, describe
from explorer.networks.counts import parameter_count
from explorer.networks.graph import NetworkGraph, Step, graph_of
from explorer.networks.groups import class_count
from explorer.networks.program import call_name
from explorer.networks.source_modules import HOLDER, ModuleTree
from explorer.networks.source_text import Text, text_of

_FILE = '''"""{title}, {classes} classes: {params:,} parameters."""

{imports}
{holder}

class {name}({base}):
    def __init__(self):
        super().__init__()
{layers}

    def forward(self, x):
{forward}


def get_student_model():
    return {name}()


if __name__ == "__main__":
    model = get_student_model()
    total = sum(parameter.numel() for parameter in model.parameters())
    print(f"{{total:,}} parameters")
    assert total == {params}
'''

_IMPORTS = (
    ("OrderedDict(", "from collections import OrderedDict\n\n"),
    ("torch.", "import torch\n"),
    ("", "from torch import nn\n"),
    ("functional.", "from torch.nn import functional\n"),
)
"""What must be in the code for an import to be needed."""


def source_code(model: nn.Module, class_name: str = "StudentNet") -> str:
    """Python source of a class that is built and computes as ``model`` does, and of ``get_student_model()``.

    It needs nothing but torch and takes the state_dict of ``model``. Run as a program, it asserts that it has the
    parameters that its first line says.

    Raises:
        ExplorerError: the network cannot be read as a graph, or something in it cannot be written as code.
    """
    graph, tree = graph_of(model), ModuleTree(model)
    layers, forward = (
        "\n".join(line for statement in statements for line in statement.lines(8))
        for statements in (tree.statements, _forward(graph, tree))
    )
    return _FILE.format(
        title=describe(model),
        classes=class_count(model),
        params=parameter_count(model),
        imports="".join(line for use, line in _IMPORTS if use in layers + forward).rstrip(),
        holder=HOLDER if "Layers(" in layers else "",
        name=class_name,
        base="nn.Sequential" if tree.is_sequence else "nn.Module",
        layers=layers,
        forward=forward,
    )


def source_of_spec(spec: NetworkSpec) -> str:
    """The same of the network that a spec builds; its weights are not drawn, which takes longer than writing it."""
    with torch.device("meta"):
        return source_code(spec.build())


@dataclass(frozen=True)
class _Line:
    """One line of the forward pass.

    Attributes:
        step: what it computes first.
        path: of the layer or Sequential that it calls; empty for a function.
        output: name of the value that it makes.
    """

    step: Step
    path: str
    output: str


def _lines(graph: NetworkGraph, tree: ModuleTree) -> Iterator[_Line]:
    """The steps in order, those that run a Sequential through taken together."""
    position, steps = 0, [step for step in graph.steps if not step.parameter]
    while position < len(steps):
        step = steps[position]
        runs = {
            name: len(layers)
            for name, layers in tree.sequences.items()
            if layers and _is_run(graph, steps[position : position + len(layers)], layers)
        }
        # The longest from here on; of those that run through the same layers, the outermost.
        name = max(runs, key=lambda each: (runs[each], -each.count(".")), default=step.layer)
        position += runs.get(name, 1)
        yield _Line(step, tree.paths[name] if name else "", steps[position - 1].name)


def _is_run(graph: NetworkGraph, steps: Sequence[Step], layers: tuple[str, ...]) -> bool:
    """Whether these steps are just these layers, each reading what the one before hands to nothing else."""
    return tuple(step.layer for step in steps) == layers and all(
        after.inputs == (before.name,)
        and graph.readers(before.name) == (after,)
        and before.name != graph.logits
        for before, after in pairwise(steps)
    )


def _forward(graph: NetworkGraph, tree: ModuleTree) -> Iterator[Text]:
    """The statements of the forward pass.

    A value goes into the variable of one that is not needed any more, so there is a second variable only where two
    values are under way at once.
    """
    lines = list(_lines(graph, tree))
    bare = {step.name: tree.bare(step.parameter) for step in graph.steps if step.parameter}
    last_read = {
        value: number for number, line in enumerate(lines) for value in line.step.inputs if value not in bare
    }
    last_read[graph.logits] = len(lines)
    variables = {graph.image: "x"}
    for number, line in enumerate(lines):
        text = _computed(line, variables | bare)
        if line.output == graph.logits and number == len(lines) - 1:
            yield text.put("return ")
            return
        free = [
            variables.pop(value)
            for value in dict.fromkeys(line.step.inputs)
            if last_read.get(value) == number
        ]
        variable = "x" if "x" in free else next(iter(free), None) or _unused(variables)
        yield text.put(f"{variable} = ")
        if line.output in last_read:
            variables[line.output] = variable
    yield Text(f"return {variables[graph.logits]}")


def _unused(variables: Mapping[str, str]) -> str:
    names = chain(("x", "branch"), (f"branch{number}" for number in count(2)))
    return next(name for name in names if name not in variables.values())


_SIGNS = {
    operator.add: "+",
    operator.sub: "-",
    operator.mul: "*",
    operator.truediv: "/",
    operator.floordiv: "//",
}
_METHODS = {operator.iadd: "add_", operator.isub: "sub_", operator.imul: "mul_"}


def _computed(line: _Line, variables: Mapping[str, str]) -> Text:
    """The expression that a line computes."""
    target = line.step.target
    args = tuple(text_of(each, variables) for each in line.step.node.args)
    settings = _settings(line.step).items()
    items = args + tuple(text_of(value, variables).put(f"{key}=") for key, value in settings)
    if line.path:
        return Text(f"{line.path}(", items, ")")
    if target in _SIGNS:
        return Text(f"{args[0]} {_SIGNS[target]} {args[1]}")
    if target is operator.neg:
        return Text(f"-{args[0]}")
    if target is operator.getitem:
        return Text(f"{args[0]}[{_index(line.step.node.args[1], variables)}]")
    if isinstance(target, str) or target in _METHODS:
        return Text(f"{args[0]}.{_METHODS.get(target, target)}(", items[1:], ")")
    return Text(f"{call_name(target)}(", items, ")")


def _index(key: Any, variables: Mapping[str, str]) -> str:
    """What stands between the brackets of an index."""
    if isinstance(key, tuple):
        return ", ".join(_index(each, variables) for each in key)
    if isinstance(key, slice):
        ends = (key.start, key.stop) if key.step is None else (key.start, key.stop, key.step)
        return ":".join("" if end is None else str(text_of(end, variables)) for end in ends)
    return "..." if key is ... else str(text_of(key, variables))


def _settings(step: Step) -> dict[str, Any]:
    """The named arguments of a call that are not the function's defaults."""
    settings: dict[str, Any] = dict(step.node.kwargs)
    if step.target in (functional.dropout, functional.dropout2d) and not settings.get("training", True):
        # The graph was read in eval mode, but the code is for training as well.
        settings["training"] = Text("self.training")
    # ``max_pool2d`` only hands its arguments on; the defaults are those of ``_max_pool2d``.
    function = getattr(functional, f"_{getattr(step.target, '__name__', '')}", step.target)
    try:
        defaults = signature(function).parameters
    except (TypeError, ValueError):  # a tensor method, a function written in C
        return settings
    return {
        key: value for key, value in settings.items() if key not in defaults or defaults[key].default != value
    }
